package rebuild_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/recoverability"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// tampered makes a branch of what is on the export branch and what change does to
// its files.
func (c *carrier) tampered(t *testing.T, branch string, change func(file func(string) string)) {
	t.Helper()
	tree := filepath.Join(t.TempDir(), "tree")
	c.to.Git("worktree", "add", "-q", "-b", branch, tree, c.target.Branch)
	change(func(name string) string { return filepath.Join(tree, filepath.FromSlash(name)) })
	c.to.Git("-C", tree, "add", "-A")
	c.to.Git("-C", tree, "commit", "-q", "-m", "Export", "-m", "Cluster: place")
	c.to.Git("worktree", "remove", "--force", tree)
}

func rewrite(t *testing.T, file string, change func([]byte) []byte) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err == nil {
		changed := change(raw)
		if bytes.Equal(raw, changed) {
			t.Fatalf("%s is as it was", file)
		}
		err = os.WriteFile(file, changed, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func replaced(old, by string) func([]byte) []byte {
	return func(raw []byte) []byte { return bytes.Replace(raw, []byte(old), []byte(by), 1) }
}

// from is a request to carry over from a branch.
func (c *carrier) from(branch string) func(*rebuild.Request) {
	return func(req *rebuild.Request) {
		over := *req.CarryOver
		over.Target.Branch = branch
		req.CarryOver = &over
	}
}

// hostile: whoever can write to the branch brings nothing onto a cluster that the
// export did not have, and what is left out is told.
func (c *carrier) hostile(t *testing.T) {
	const web, owned, robot = "live/shop/secret/web-tls.yaml", "live/shop/secret/owned-tls.yaml", "live/shop/secret/ours-tls.yaml"
	for name, x := range map[string]struct {
		change func(file func(string) string)
		want   string
	}{
		"a value that was not sealed": {func(file func(string) string) {
			rewrite(t, file(web), replaced("type: kubernetes.io/tls", "type: Opaque"))
		}, "cannot be decrypted"},
		"another object beside it": {func(file func(string) string) {
			rewrite(t, file(web), func(raw []byte) []byte {
				return append(raw, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: beside, namespace: shop}\n"...)
			})
		}, "does not hold that Secret alone"},
	} {
		t.Run(name, func(t *testing.T) {
			branch := "hostile-" + strings.ReplaceAll(name, " ", "-")
			c.tampered(t, branch, x.change)
			issuer := c.by(t, byIssuer)
			if issuer.has(tlsPath) {
				issuer.delete(tlsPath)
			}
			_, _, err := c.try(t, c.from(branch))
			if outcomeOf(err) != run.Refused || !strings.Contains(err.Error(), "web-tls") || !strings.Contains(err.Error(), x.want) {
				t.Errorf("got %v", err)
			}
			if issuer.has(tlsPath) || issuer.has(configMapPath("beside")) {
				t.Error("it was made all the same")
			}
		})
	}
	c.tampered(t, "hostile-files", func(file func(string) string) {
		rewrite(t, file(web), replaced("name: web-tls", "name: evil-tls"))
		rewrite(t, file(owned), func(raw []byte) []byte { return append(raw, "# "+strings.Repeat("x", 5<<20)...) })
		if err := os.Remove(file(robot)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/etc/passwd", file(robot)); err != nil {
			t.Fatal(err)
		}
		rewrite(t, file("report.json"), func(raw []byte) []byte {
			var report map[string]any
			if err := json.Unmarshal(raw, &report); err != nil {
				t.Fatal(err)
			}
			report["notExported"] = []any{map[string]any{"object": map[string]any{"kind": "Secret", "namespace": "shop", "name": "gap-tls"}, "reason": "looks\x1b[2J encrypted"}}
			raw, err := json.Marshal(report)
			if err != nil {
				t.Fatal(err)
			}
			return raw
		})
	})
	issuer := c.by(t, byIssuer)
	issuer.delete(shopPath + "/secrets/owned-tls")
	report, _, err := c.try(t, c.from("hostile-files"))
	if err != nil || !report.Verified {
		t.Fatalf("%v: %s", err, words(t, report))
	}
	for _, want := range []string{
		web + " of the export is left out: it does not hold the Secret that its path names",
		owned + " of the export is left out: it is no file of a Secret", robot + " of the export is left out: it is no file of a Secret",
		"shop/gap-tls: the export could not write it, so that it is missing or of an earlier export: looks",
	} {
		if notes := strings.Join(report.CarryNotes, "\n"); !strings.Contains(notes, want) {
			t.Errorf("%q is not among the notes:\n%s", want, notes)
		}
	}
	for _, name := range []string{"web-tls", "evil-tls", "owned-tls"} {
		if issuer.has(shopPath + "/secrets/" + name) {
			t.Errorf("%s came from the branch", name)
		}
	}
	if _, _, err := c.try(t, nil); err != nil || !issuer.has(tlsPath) {
		t.Errorf("from the right branch again: %v", err)
	}
}

// declaredInDrift: Secrets that are carried over are no surprise in a comparison,
// and safe as soon as the branch has them encrypted.
func (c *carrier) declaredInDrift(t *testing.T) {
	secrets := func(d *rebuild.Drift) (findings []string) {
		for _, f := range d.Recoverability.Findings {
			if f.Category == recoverability.Secrets {
				findings = append(findings, f.Object.Name+": "+f.Do)
			}
		}
		return findings
	}
	d := c.compare(t, nil)
	var carried []string
	for _, id := range d.Carried {
		carried = append(carried, id.Namespace+"/"+id.Name)
	}
	if want := []string{"kube-system/sealed-secrets-key9", "shop/owned-tls", "shop/web-tls"}; !slices.Equal(carried, want) || !d.Clean() {
		t.Errorf("carried over: %v, and %s", carried, d.Verdict())
	}
	if makers := words(t, d.Recoverability.Makers); len(secrets(d)) > 0 || !strings.Contains(makers, `"carried over from branch rekindle/place"`) {
		t.Errorf("they are not safe: %v, %s", secrets(d), makers)
	}
	for form, raw := range forms(t, d) {
		want := map[string]string{"text": "Besides: carried over: 3 Secrets", "markdown": "3 Secrets carried over"}[form]
		if !strings.Contains(string(raw), want) {
			t.Errorf("%s does not tell:\n%s", form, raw)
		}
	}
	undeclared := c.compare(t, func(req *rebuild.DriftRequest) { req.CarryOver = nil })
	if len(undeclared.Carried) == 0 || undeclared.Counts.Unexpected > 0 || len(secrets(undeclared)) == 0 {
		t.Errorf("without carryOver, those that came are called %s, and what would be lost is %v", undeclared.Verdict(), secrets(undeclared))
	}

	issuer := c.by(t, byIssuer)
	issuer.post(shopPath+"/secrets", "apiVersion: v1\nkind: Secret\nmetadata: {name: new-tls, namespace: shop}\nstringData: {a: carried-beside-5}")
	d = c.compare(t, nil)
	if found := secrets(d); len(d.Carried) != 4 || !d.Clean() || len(found) != 1 || !strings.Contains(found[0], "new-tls: export the cluster") {
		t.Errorf("one that no export has: %s, %v", d.Verdict(), found)
	}
	if report := c.verify(t); !report.Verified || len(report.Drift.Carried) != 4 {
		t.Errorf("verify: %s", words(t, report))
	}
	issuer.delete(shopPath + "/secrets/new-tls")

	gone := c.compare(t, func(req *rebuild.DriftRequest) {
		over := *req.CarryOver
		over.Target.Repo += "-gone"
		req.CarryOver = &over
	})
	if notes := strings.Join(gone.Notes, "\n"); !gone.Clean() || len(secrets(gone)) == 0 || !strings.Contains(notes, "which Secrets branch rekindle/place has to be carried over is not known") {
		t.Errorf("the branch cannot be read: %s, %v, notes %s", gone.Verdict(), secrets(gone), notes)
	}
}

// What was carried onto a borrowed cluster goes with what restores made there, and
// what somebody else made of the same name pattern stays.
func TestCarriedOntoABorrowedClusterGoesWithUs(t *testing.T) {
	g := newGuest(t)
	e := &exporter{place: g.place, env: map[string]string{}, caches: t.TempDir()}
	e.to = gitserver.Repo(t).Mirror(t.TempDir(), "live.git")
	e.target = rebuild.ExportTarget{Repo: e.to.Dir, Branch: "rekindle/place", Push: true}
	e.equip(e.Engine, e.caches)
	identity := newIdentity(t)
	e.env[sops.EnvKey] = identity.String()
	g.commit(t, shop, settings("own", "1", ""))
	g.verified(t)
	issuer := g.by(t, byIssuer)
	issuer.post(shopPath+"/secrets", "apiVersion: v1\nkind: Secret\nmetadata: {name: web-tls, namespace: shop}\nstringData: {a: b}")
	issuer.post("/api/v1/namespaces/default/secrets", "apiVersion: v1\nkind: Secret\nmetadata: {name: theirs-tls, namespace: default}\nstringData: {a: b}")
	e.export(t, sealedFor(identity))
	issuer.delete(tlsPath)
	g.req.CarryOver = &rebuild.CarryOver{Of: g.req.Cluster, Target: e.target, Rules: []capture.Rule{{Name: "*-tls"}}}
	report, _, err := g.try(t, nil)
	if err != nil || len(report.Carried) != 1 || report.Carried[0].ID != (object.ID{Kind: "Secret", Namespace: "shop", Name: "web-tls"}) {
		t.Fatalf("%v: %s", err, words(t, report))
	}
	if err := g.leave(t, nil, nil); err != nil {
		t.Fatal(err)
	}
	if issuer.has(tlsPath) || issuer.has(shopPath) {
		t.Error("what was carried over is still there, or its namespace")
	}
	if !issuer.has("/api/v1/namespaces/default/secrets/theirs-tls") {
		t.Error("a Secret of somebody else went, too")
	}
}
