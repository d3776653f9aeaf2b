package rebuild_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// helmRecord is what Helm keeps of a release where people tell it to use
// ConfigMaps.
func helmRecord(release string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sh.helm.release.v1.till.v1, namespace: shop, labels: {owner: helm}}\ndata: {release: " + release + "}\n"
}

// TestNoSecretReachesGit has Secrets in all the ways in which they can differ,
// adopts and exports, and looks for their values in every object of both
// repositories, in the journal and in what is printed.
func TestNoSecretReachesGit(t *testing.T) {
	e := newExporter(t)
	a := &adopter{place: e.place}
	const plain = "apiVersion: v1\nkind: Secret\nmetadata: {name: %, namespace: shop, labels: {app: db}}\nstringData: {password: in-git-%}\n"
	e.repo.Write("secrets.yaml", strings.ReplaceAll(plain, "%", "db")+"---\n"+strings.ReplaceAll(plain, "%", "gone")+"---\n"+helmRecord("in-git-helm")+
		"---\n"+settings("beside", "1", ""))
	e.commit(t, shop, podinfo)
	e.verified(t)
	a.people = e.by(t, "kubectl-edit")
	const data = `{"stringData":{"password":"live-changed-1","more":"live-added-2"},"metadata":{"labels":{"by":"hand"},"annotations":{"note":"live-note-3"}}}`
	a.people.patch(shopPath+"/secrets/db", data)
	a.people.delete(shopPath + "/secrets/gone")
	a.people.post(shopPath+"/secrets", strings.ReplaceAll(strings.ReplaceAll(plain, "%", "new"), "in-git-new", "live-new-4"))
	a.people.patch(shopPath+"/configmaps/sh.helm.release.v1.till.v1", `{"data":{"release":"live-helm-5"}}`)
	a.people.post(shopPath+"/configmaps", strings.ReplaceAll(helmRecord("live-helm-6"), "v1.till.v1", "v1.till.v2"))
	a.people.patch(configMapPath("beside"), `{"data":{"value":"2"}}`)
	a.people.post(shopPath+"/configmaps", `apiVersion: v1
kind: ConfigMap
metadata:
  name: applied
  namespace: shop
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"data":{"password":"live-applied-7"}}'}
data: {a: b}
`)
	var printed strings.Builder
	for _, branch := range []string{"", "adopt/all"} {
		m, err := a.adopt(t, branch, nil, nil)
		if outcomeOf(err) != run.Unverified {
			t.Fatalf("got %v", err)
		}
		printed.WriteString(err.Error() + words(t, m))
		adopted := map[string]bool{}
		for _, x := range m.Adopted {
			adopted[x.ID.String()+" "+x.Path] = true
		}
		for _, want := range []string{"Secret shop/db metadata.labels.by", "Secret shop/gone ", "ConfigMap shop/beside data.value", "ConfigMap shop/applied "} {
			if !adopted[want] {
				t.Errorf("%q is not adopted: %s", want, words(t, m))
			}
		}
		for _, r := range m.Refused {
			if !strings.Contains(r.Reason, "plain values") {
				t.Errorf("refused for another reason: %s", r)
			}
		}
	}
	m, err := a.adopt(t, "adopt/part", only("Secret", "ConfigMap/sh.helm*"), nil)
	printed.WriteString(words(t, err) + words(t, m))
	printed.WriteString(words(t, e.export(t, func(req *rebuild.DriftRequest) { req.Times = true })))
	printed.WriteString(words(t, e.export(t, sealedFor(newIdentity(t)))))
	if a.repo.Git("show", "adopt/all:secrets.yaml") == a.repo.Git("show", "main:secrets.yaml") {
		t.Error("nothing of the file was adopted")
	}
	all := []string{"live-changed-1", "live-added-2", "live-note-3", "live-new-4", "live-helm-5", "live-helm-6", "live-applied-7"}
	everywhere := map[string]string{
		"what is printed": printed.String(), "the journal": e.journaled(t), "the repository": a.repo.Git("cat-file", "--batch-all-objects", "--batch"),
		"report and patches": e.to.Git("grep", "-h", "", e.target.Branch, "--", "README.md", "report.json", "patches"),
		"the live objects":   e.to.Git("grep", "-h", "", e.target.Branch, e.target.Branch+"~1", "--", "live"),
	}
	for where, text := range everywhere {
		for _, secret := range all {
			if where == "the live objects" && secret == "live-helm-5" {
				continue // git declares that record itself
			}
			for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))[:12]} {
				if strings.Contains(text, form) {
					t.Errorf("%s is in %s", secret, where)
				}
			}
		}
		if strings.Contains(text, "in-git-") && where != "the repository" {
			t.Errorf("what git has is shown in %s", where)
		}
	}
	if !strings.Contains(everywhere["the repository"], "by: hand") || !strings.Contains(everywhere["report and patches"], "beside") {
		t.Error("this search finds nothing")
	}
}
