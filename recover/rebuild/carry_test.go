package rebuild_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"log/slog"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/export"
)

const (
	tlsPath  = shopPath + "/secrets/web-tls"
	keyPath  = "/api/v1/namespaces/kube-system/secrets/sealed-secrets-key9"
	byIssuer = "cert-manager-certificates-issuing"
)

// carrier is a cluster whose certificates and sealing keys are carried over.
type carrier struct {
	*exporter
	key     string // of age
	log     bytes.Buffer
	printed strings.Builder
	were    map[string]*unstructured.Unstructured // the Secrets, before the cluster went
}

// Certificates and sealing keys outlive the night, encrypted. The cases share a
// cluster and come one after the other.
func TestCarryOver(t *testing.T) {
	c := &carrier{exporter: newExporter(t)}
	c.Log = slog.New(slog.NewTextHandler(&c.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	identity := newIdentity(t)
	c.key = identity.String()
	c.req.CarryOver = &rebuild.CarryOver{Of: c.req.Cluster, Target: c.target, Rules: []capture.Rule{
		{Namespace: "{shop,extra}", Name: "*-tls"},
		{Labels: "sealedsecrets.bitnami.com/sealed-secrets-key=active"},
		{Name: "misspelt"},
	}}
	c.commit(t, shop, settings("color", "red", ""), webDeployment)
	if notes := words(t, c.verified(t).CarryNotes); !strings.Contains(notes, "no export of cluster place on branch rekindle/place yet") {
		t.Errorf("before the first export: %s", notes)
	}
	c.issued(t)
	c.export(t, sealedFor(identity))
	digests := c.target
	digests.Branch = "digests"
	c.export(t, func(req *rebuild.DriftRequest) { req.Export = &digests })
	if err := c.Delete(t.Context(), rebuild.DeleteRequest{Cluster: "place", Provider: "local", Confirm: "place"}, nil); err != nil {
		t.Fatal(err)
	}
	c.commit(t, shop, settings("color", "red", ""), webDeployment, "apiVersion: v1\nkind: Secret\nmetadata: {name: ours-tls, namespace: shop}\nstringData: {a: of-the-commit}\n")
	t.Run("refuses what it cannot do before anything is made", c.refusals)
	c.env[sops.EnvKey] = c.key
	t.Run("brings them back, before what could issue them", c.bringsBack)
	delete(c.env, sops.EnvKey)
	t.Run("leaves them alone once they are there", c.leavesAlone)
	c.env[sops.EnvKey] = c.key
	t.Run("brings only what is missing, in place", c.inPlace)
	t.Run("counts them neither as missing nor as unexpected", c.declaredInDrift)
	t.Run("brings nothing that a tampered branch has", c.hostile)
	t.Run("keeps what they hold to itself", c.keepsToItself)
}

// issued makes the Secrets that controllers would.
func (c *carrier) issued(t *testing.T) {
	issuer := c.by(t, byIssuer)
	owner := string(issuer.get(configMapPath("color")).GetUID())
	certificate := base64.StdEncoding.EncodeToString(expired(t))
	for _, manifest := range []string{
		"metadata: {name: web-tls, namespace: shop, labels: {controller.cert-manager.io/fao: \"true\"}, annotations: {cert-manager.io/issuer-name: letsencrypt, note: carried-note-1}}\n" +
			"type: kubernetes.io/tls\ndata: {tls.crt: " + certificate + ", tls.key: " + base64.StdEncoding.EncodeToString([]byte("carried-key-2")) + "}",
		"metadata: {name: owned-tls, namespace: shop, ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: color, uid: " + owner + ", controller: true}]}\nstringData: {a: carried-owned-3}",
		"metadata: {name: ours-tls, namespace: shop}\nstringData: {a: carried-ours-4}",
		"metadata: {name: beside, namespace: shop}\nstringData: {a: carried-beside-5}",
		"metadata: {name: robot-tls, namespace: shop, annotations: {kubernetes.io/service-account.name: default}}\ntype: kubernetes.io/service-account-token",
		"metadata: {name: sealed-secrets-key9, namespace: kube-system, labels: {sealedsecrets.bitnami.com/sealed-secrets-key: active}}\nimmutable: true\nstringData: {tls.key: carried-sealing-6}",
	} {
		namespace := "shop"
		if strings.Contains(manifest, "kube-system") {
			namespace = "kube-system"
		}
		issuer.post("/api/v1/namespaces/"+namespace+"/secrets", "apiVersion: v1\nkind: Secret\n"+manifest)
	}
	issuer.post("/api/v1/namespaces", "apiVersion: v1\nkind: Namespace\nmetadata: {name: extra}")
	issuer.post("/api/v1/namespaces/extra/secrets", "apiVersion: v1\nkind: Secret\nmetadata: {name: lost-tls, namespace: extra}\nstringData: {a: carried-extra-7}")
	c.were = map[string]*unstructured.Unstructured{}
	for _, path := range []string{tlsPath, keyPath, shopPath + "/secrets/owned-tls"} {
		c.were[path] = issuer.get(path)
	}
}

// expired is a certificate of yesterday, in PEM.
func expired(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Date(2001, 2, 3, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func (c *carrier) refusals(t *testing.T) {
	tree := strings.TrimSpace(c.to.Git("rev-parse", c.target.Branch+"^{tree}"))
	c.to.Git("branch", "foreign", strings.TrimSpace(c.to.Git("commit-tree", tree, "-m", "Export of place", "-m", "Cluster: other")))
	for name, x := range map[string]struct {
		branch, key string
		want        []string
	}{
		"no key":                   {c.target.Branch, "", []string{"kube-system/sealed-secrets-key9 is to be carried over", "is encrypted for the age recipients age1"}},
		"the key of somebody else": {c.target.Branch, newIdentity(t).String(), []string{"is encrypted for the age recipients age1"}},
		"digests alone":            {"digests", c.key, []string{"sealed-secrets-key9", "holds digests alone"}},
		"an export of another":     {"foreign", c.key, []string{`is an export of the cluster "other", not of "place"`}},
	} {
		t.Run(name, func(t *testing.T) {
			c.env[sops.EnvKey] = x.key
			over := *c.req.CarryOver
			over.Target.Branch = x.branch
			_, _, err := c.try(t, func(req *rebuild.Request) { req.CarryOver = &over })
			if outcomeOf(err) != run.Refused {
				t.Fatalf("got %v", err)
			}
			for _, want := range x.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
			var hint interface{ Hint() string }
			if name != "an export of another" && (!errors.As(err, &hint) || !strings.Contains(hint.Hint(), "take it out of carryOver")) {
				t.Errorf("nothing is said of what to do: %v", err)
			}
			c.printed.WriteString(err.Error())
		})
	}
	if _, err := c.local.Find(t.Context(), c.req.Cluster); !errors.Is(err, providers.ErrNotFound) {
		t.Errorf("a cluster was made: %v", err)
	}
}

// bringsBack: the run is cut off after one came, or more, and takes the same export when it is
// resumed, although there is a newer one.
func (c *carrier) bringsBack(t *testing.T) {
	from := c.tip()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun, err := c.Restore(ctx, c.req, nil, func(ev run.Event) {
		if ev.Type == "object.carried" {
			cancel()
		}
	})
	if outcomeOf(err) != run.Interrupted || begun == nil || len(begun.Carried) == 0 {
		t.Fatalf("cut off: %v: %s", err, words(t, begun))
	}
	tree := strings.TrimSpace(c.to.Git("rev-parse", from+"^{tree}"))
	c.to.Git("update-ref", "refs/heads/"+c.target.Branch, strings.TrimSpace(c.to.Git("commit-tree", tree, "-p", from, "-m", "Export", "-m", "Cluster: place")))
	report, err := c.Resume(t.Context(), begun.Run, nil, nil)
	if err != nil || !report.Verified {
		t.Fatalf("resumed: %v: %s", err, words(t, report))
	}
	c.printed.WriteString(words(t, report))
	issuer := c.by(t, byIssuer)
	last := 0
	for path, was := range c.were {
		is := issuer.get(path)
		annotations := is.GetAnnotations()
		if annotations["rekindle.io/carried-over"] != from {
			t.Errorf("%s does not say where it comes from: %v", path, annotations)
		}
		if diff := cmp.Diff(object.Canonical(was), object.Canonical(is)); diff != "" {
			t.Errorf("%s is another:\n%s", path, diff)
		}
		if len(is.GetOwnerReferences()) > 0 || is.GetLabels()["applyset.kubernetes.io/part-of"] != "" {
			t.Errorf("%s has an owner, or is the inventory's: %s", path, words(t, is.Object["metadata"]))
		}
		last = max(last, version(t, is))
	}
	if first := version(t, issuer.get(configMapPath("color"))); first < last {
		t.Errorf("a ConfigMap was there (%d) before the Secrets (%d)", first, last)
	}
	var carried []string
	for _, one := range report.Carried {
		carried = append(carried, one.ID.Name)
		if one.From.Commit != from || !strings.HasPrefix(one.From.Made, "carried over from ") || one.From.File != export.Path(one.ID) {
			t.Errorf("%s comes from %s (%+v)", one.ID, one.From, one.From)
		}
	}
	if diff := cmp.Diff([]string{"sealed-secrets-key9", "owned-tls", "web-tls"}, carried); diff != "" {
		t.Error(diff)
	}
	for _, want := range []string{
		"shop/ours-tls: the commit has it", "extra/lost-tls: it is not carried over: the commit has no namespace extra",
		"shop/web-tls: its certificate has expired on 2001-02-03", "shop/robot-tls: it is not carried over: it is a token", "name=misspelt",
	} {
		if notes := words(t, slices.Concat(begun.CarryNotes, report.CarryNotes)); !strings.Contains(notes, want) {
			t.Errorf("%q is not among the notes: %s", want, notes)
		}
	}
	if data, _, _ := unstructured.NestedString(issuer.get(shopPath+"/secrets/ours-tls").Object, "data", "a"); data != base64.StdEncoding.EncodeToString([]byte("of-the-commit")) {
		t.Error("the commit has not won")
	}
	if issuer.has(shopPath + "/secrets/beside") {
		t.Error("a Secret came that nobody named")
	}
	p, err := c.Plan(t.Context(), rebuild.Request{Source: c.req.Source})
	if err != nil || p.Plan.Fingerprint != report.Fingerprint || report.Live == "" {
		t.Errorf("the fingerprint is not the commit's: %v", err)
	}
}

func version(t *testing.T, u *unstructured.Unstructured) int {
	t.Helper()
	n, err := strconv.Atoi(u.GetResourceVersion())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// versions of the carried Secrets.
func (c *carrier) versions(t *testing.T) map[string]string {
	t.Helper()
	have := map[string]string{}
	issuer := c.by(t, byIssuer)
	for path := range c.were {
		have[path] = issuer.get(path).GetResourceVersion()
	}
	return have
}

func (c *carrier) leavesAlone(t *testing.T) {
	before := c.versions(t)
	for name, change := range map[string]func(*rebuild.Request){
		"as it was":         nil,
		"pruned":            func(req *rebuild.Request) { req.Prune = true },
		"without carryOver": func(req *rebuild.Request) { req.Prune, req.CarryOver = true, nil },
	} {
		report, asked, err := c.try(t, change)
		if err != nil || len(report.Pruned)+len(report.Kept) > 0 {
			t.Errorf("%s: %v: %s", name, err, words(t, report))
		}
		for _, a := range asked {
			t.Errorf("%s: somebody was asked: %s", name, words(t, a))
		}
		if len(report.Carried) > 0 {
			t.Errorf("%s: carried over: %s", name, words(t, report.Carried))
		}
	}
	if after := c.versions(t); !maps.Equal(before, after) {
		t.Errorf("the Secrets were written to: %v, %v", before, after)
	}
	if report := c.verify(t); !report.Verified {
		t.Errorf("verify: %s", words(t, report))
	}
	tip := c.tip()
	recipient := c.to.Git("grep", "-h", "-o", "age1[0-9a-z]*", c.target.Branch, "--", "live/shop/secret/web-tls.yaml")
	c.export(t, func(req *rebuild.DriftRequest) { req.Export.Recipients = []string{strings.Fields(recipient)[0]} })
	if changed := c.to.Git("diff", "--name-only", tip, c.target.Branch, "--", export.Path(object.ID{Kind: "Secret", Namespace: "shop", Name: "web-tls"})); changed != "" {
		t.Errorf("what was carried over is exported as another: %s", changed)
	}
}

func (c *carrier) inPlace(t *testing.T) {
	issuer := c.by(t, byIssuer)
	before := c.versions(t)
	issuer.delete(tlsPath)
	issuer.patch(shopPath+"/secrets/owned-tls", `{"stringData":{"a":"carried-newer-8"}}`)
	changed := issuer.get(shopPath + "/secrets/owned-tls").GetResourceVersion()
	report, asked, err := c.try(t, nil)
	if err != nil {
		t.Fatalf("%v: %s", err, words(t, report))
	}
	c.printed.WriteString(words(t, report) + words(t, asked))
	if len(asked) != 1 || len(asked[0].Drift.Missing) != 1 || asked[0].Drift.Missing[0].ID.Name != "web-tls" || len(asked[0].Drift.Changed) > 0 {
		t.Errorf("asked: %s", words(t, asked))
	}
	after := c.versions(t)
	if after[keyPath] != before[keyPath] || after[shopPath+"/secrets/owned-tls"] != changed {
		t.Errorf("what was there was written to: %v, %v", before, after)
	}
	if diff := cmp.Diff(object.Canonical(c.were[tlsPath]), object.Canonical(issuer.get(tlsPath))); diff != "" {
		t.Error(diff)
	}
}

func (c *carrier) keepsToItself(t *testing.T) {
	where := map[string]string{"the journal": c.journaled(t), "the log": c.log.String(), "what is printed": c.printed.String(),
		"the branches": c.to.Git("cat-file", "--batch-all-objects", "--batch")}
	for place, text := range where {
		for _, plain := range []string{"note-1", "key-2", "owned-3", "ours-4", "beside-5", "sealing-6", "extra-7", "newer-8"} {
			plain = "carried-" + plain
			for _, form := range []string{plain, base64.StdEncoding.EncodeToString([]byte(plain))[:14]} {
				if strings.Contains(text, form) {
					t.Errorf("%s is in %s", plain, place)
				}
			}
		}
		if strings.Contains(text, "AGE-SECRET") {
			t.Errorf("a key is in %s", place)
		}
	}
	if !strings.Contains(where["the journal"], "web-tls") || !strings.Contains(where["what is printed"], "web-tls") {
		t.Error("this search finds nothing")
	}
}
