package rebuild_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/export"
	"github.com/rekindle-io/rekindle/snapshot/show"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// exporter is a place whose cluster is exported to a repository, and the folders
// of the machine that does so.
type exporter struct {
	*place
	// to is the bare repository behind target.
	to     *gitserver.Repository
	target rebuild.ExportTarget
	env    map[string]string
	caches string
}

func newExporter(t *testing.T) *exporter {
	t.Helper()
	e := &exporter{place: newPlace(t), env: map[string]string{}, caches: t.TempDir()}
	e.to = gitserver.Repo(t).Mirror(t.TempDir(), "live.git")
	e.target = rebuild.ExportTarget{Repo: e.to.Dir, Branch: "rekindle/place", Push: true}
	e.equip(e.Engine, e.caches)
	return e
}

// equip gives an engine what exports need.
func (e *exporter) equip(engine *rebuild.Engine, caches string) {
	key := bytes.Repeat([]byte{7}, sops.KeySize)
	getenv := func(name string) string {
		if v, ok := e.env[name]; ok {
			return v
		}
		return os.Getenv(name)
	}
	engine.ExportDir = filepath.Join(caches, "exports")
	engine.SealKey = func(string) ([]byte, error) { return key, nil }
	engine.Source.Getenv = getenv
	engine.Secrets = &sops.Opener{Getenv: getenv}
}

// another is an exporter with folders of its own, that no lease keeps from
// working at the same time.
func (e *exporter) another(t *testing.T) *rebuild.Engine {
	t.Helper()
	state := t.TempDir()
	store, err := run.OpenStore(state, run.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	engine := *e.Engine
	engine.Executor = &run.Executor{Journal: e.store, Leases: store.Leases(), Now: time.Now, Chance: rand.Reader}
	e.equip(&engine, state)
	return &engine
}

func (e *exporter) request(change func(*rebuild.DriftRequest)) rebuild.DriftRequest {
	target := e.target
	req := rebuild.DriftRequest{Request: e.req, Export: &target, Times: true}
	if change != nil {
		change(&req)
	}
	return req
}

func (e *exporter) export(t *testing.T, change func(*rebuild.DriftRequest)) *rebuild.Drift {
	t.Helper()
	d, err := e.Drift(t.Context(), e.request(change), nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// refused is an export that must not go well, and leave the branch as it is.
func (e *exporter) refused(t *testing.T, change func(*rebuild.DriftRequest)) error {
	t.Helper()
	before := e.tip()
	d, err := e.Drift(t.Context(), e.request(change), nil)
	if err == nil {
		t.Fatal("it was exported")
	}
	var ended *run.EndError
	if errors.As(err, &ended) && ended.Ending == run.Refused && (d == nil || d.Counts.Compared == 0 || d.Pushed) {
		t.Errorf("a refused export has no report: %s", words(t, d))
	}
	if after := e.tip(); after != before {
		t.Errorf("the branch moved from %s to %s", before, after)
	}
	return err
}

func (e *exporter) tip() string {
	sha, _ := e.to.Try("rev-parse", "--verify", "-q", "refs/heads/"+e.target.Branch) // "" when there is none
	return sha
}

func (e *exporter) file(name string) string { return e.to.Git("show", e.target.Branch+":"+name) }

// outcomeOf is how the run of an error ended.
func outcomeOf(err error) run.Outcome {
	var o interface{ Outcome() run.Outcome }
	if errors.As(err, &o) {
		return o.Outcome()
	}
	return ""
}

// What a cluster holds gets onto a branch, and nothing else does. The cases share
// a cluster and come one after the other.
func TestExport(t *testing.T) {
	e := newExporter(t)
	e.commit(t, shop, settings("color", "red", ""), webDeployment, dbSecret)
	e.verified(t)
	t.Run("the live state is written, and again only when it changed", e.writes)
	t.Run("over http and ssh", e.overServers)
	t.Run("a commit that could not be pushed waits", e.waits)
	t.Run("two exporters at once", e.race)
	t.Run("a branch of others is left alone", e.foreign)
	t.Run("what would destroy a good export is refused", e.destruction)
	t.Run("a branch that is gone", e.branchGone)
	t.Run("bad recipients", e.badRecipients)
	t.Run("encrypted, and back on a fresh cluster", e.backAgain)
	t.Run("nothing of a Secret is anywhere", e.noPlainText)
	t.Run("a cluster that is gone", e.gone)
}

func (e *exporter) writes(t *testing.T) {
	e.by(t, "kubectl-edit").patch(configMapPath("color"), `{"data":{"value":"green"}}`)
	e.by(t, "kubectl-create").post(shopPath+"/configmaps", settings("extra", "1", ""))
	first := e.export(t, nil)
	if !first.Pushed || first.Export.Waiting || first.Export.Commit != e.tip() || first.Run == "" {
		t.Fatalf("%s", words(t, first.Export))
	}
	if f := e.found(t, first.Run); f.Counts != first.Counts || f.Score == nil || f.Score.Score != first.Recoverability.Score ||
		f.Branch == nil || *f.Branch != (rebuild.BranchState{Name: e.target.Branch, Commit: e.tip(), Pushed: true}) {
		t.Errorf("the journal says %s", words(t, f))
	}
	names := strings.Fields(e.to.Git("ls-tree", "-r", "--name-only", e.target.Branch))
	want := strings.Fields(`README.md live/_cluster/namespace/shop.yaml live/shop/config-map/color.yaml live/shop/config-map/extra.yaml
		live/shop/deployment.apps/web.yaml live/shop/secret/db.yaml patches/shop/config-map/color.yaml report.json`)
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("the branch has %s", names)
	}
	if have := e.file("live/shop/config-map/color.yaml"); !strings.Contains(have, "value: green") || strings.Contains(have, "rekindle.io") {
		t.Errorf("the live ConfigMap is\n%s", have)
	}
	if have := e.file("patches/shop/config-map/color.yaml"); have != "data:\n  value: green" {
		t.Errorf("the patch is\n%s", have)
	}
	if have := e.file("live/shop/secret/db.yaml"); !strings.Contains(have, "password: hmac-sha256:") {
		t.Errorf("the Secret is\n%s", have)
	}
	for key, value := range map[string]string{"Cluster": "place", "Source-Commit": e.repo.Git("rev-parse", "HEAD"), "Drift": "changed=1 missing=0 unexpected=1 unknown=0", "Fingerprint": first.Fingerprint} {
		if have := strings.TrimSpace(e.to.Git("log", "-1", "--format=%(trailers:key="+key+",valueonly)", e.target.Branch)); have != value {
			t.Errorf("trailer %s is %q, want %q", key, have, value)
		}
	}
	page := e.file("README.md")
	for _, part := range []string{"kubectl-edit", "--at rekindle/place --path live", "--exclude '*/secret/*'"} {
		if !strings.Contains(page, part) {
			t.Errorf("README.md has no %q:\n%s", part, page)
		}
	}
	for _, name := range []string{"README.md", "report.json"} {
		if strings.Contains(e.file(name), e.repo.Dir) {
			t.Errorf("%s names a folder of this machine", name)
		}
	}
	e.writesOnlyChanges(t, first.Export.Commit)
}

func (e *exporter) writesOnlyChanges(t *testing.T, first string) {
	again := e.export(t, func(req *rebuild.DriftRequest) { req.Source.Revision = "HEAD" })
	if !again.Export.Unchanged || again.Pushed || e.tip() != first {
		t.Errorf("nothing changed, and yet: %s", words(t, again.Export))
	}
	other, err := e.another(t).Drift(t.Context(), e.request(nil), nil)
	if err != nil || !other.Export.Unchanged || e.tip() != first {
		t.Errorf("another exporter: %v, %s", err, e.to.Git("diff", first, e.target.Branch))
	}
	e.by(t, "kubectl").patch(shopPath+"/secrets/db", `{"stringData":{"password":"nougat-99"}}`)
	e.export(t, nil)
	if n := e.to.Git("rev-list", "--count", e.target.Branch); n != "2" {
		t.Errorf("%s commits for two states", n)
	}
	if names := e.to.Git("diff", "--name-only", first, e.target.Branch, "--", "live"); names != "live/shop/secret/db.yaml" {
		t.Errorf("a password changed, and these files: %s", names)
	}
}

func (e *exporter) overServers(t *testing.T) {
	web := gitserver.ServeHTTP(t, filepath.Dir(e.to.Dir))
	e.to.Git("config", "http.receivepack", "true")
	web.RequireAuth("robot", "s3cret-token")
	shell := gitserver.ServeSSH(t, filepath.Dir(e.to.Dir))
	e.env["REKINDLE_SSH_KEY"], e.env["REKINDLE_SSH_KNOWN_HOSTS"] = shell.ClientKey, shell.KnownHosts
	basic := strings.Replace(web.URL, "://", "://robot:s3cret-token@", 1)
	for i, url := range []string{basic + "/live.git", shell.URL("live.git")} {
		to := func(req *rebuild.DriftRequest) { req.Export.Repo = url }
		if d := e.export(t, to); !d.Export.Unchanged {
			t.Errorf("%s: the branch is not seen: %s", url, words(t, d.Export))
		}
		e.by(t, "kubectl").patch(configMapPath("color"), fmt.Sprintf(`{"data":{"value":"blue-%d"}}`, i))
		if d := e.export(t, to); !d.Pushed || d.Export.Commit != e.tip() {
			t.Errorf("%s: %s", url, words(t, d.Export))
		}
	}
	err := e.refused(t, func(req *rebuild.DriftRequest) {
		req.Export.Repo = strings.Replace(basic, "s3cret", "wr0ng", 1) + "/live.git"
	})
	if !errors.Is(err, source.ErrAuth) || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("a wrong password: %v", err)
	}
	if strings.Contains(e.journaled(t), "s3cret-token") || strings.Contains(e.file("README.md"), "s3cret-token") {
		t.Error("the token is in the journal or in the export")
	}
}

func (e *exporter) waits(t *testing.T) {
	web := gitserver.ServeHTTP(t, filepath.Dir(e.to.Dir))
	guard := filepath.Join(e.to.Git("rev-parse", "--absolute-git-dir"), "hooks", "pre-receive")
	if err := os.WriteFile(guard, []byte("#!/bin/sh\necho 'protected: ask Ada' >&2; exit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	overHTTP := func(req *rebuild.DriftRequest) { req.Export.Repo = web.URL + "/live.git" }
	e.by(t, "kubectl").patch(configMapPath("color"), `{"data":{"value":"waiting"}}`)
	err := e.refused(t, overHTTP)
	var push *export.PushError
	if !errors.As(err, &push) || !strings.Contains(err.Error(), "ask Ada") {
		t.Fatalf("a protected branch: %v", err)
	}
	if err := os.Remove(guard); err != nil {
		t.Fatal(err)
	}
	if d := e.export(t, overHTTP); !d.Pushed || !d.Export.Unchanged || e.tip() != push.Commit {
		t.Errorf("the commit that waited, %s, was not pushed: %s", push.Commit, words(t, d.Export))
	}
	e.by(t, "kubectl").patch(configMapPath("color"), `{"data":{"value":"here"}}`)
	before := e.tip()
	d := e.export(t, func(req *rebuild.DriftRequest) { req.Export.Push = false })
	if !d.Export.Waiting || d.Pushed || e.tip() != before {
		t.Errorf("without push: %s", words(t, d.Export))
	}
	if d := e.export(t, nil); !d.Pushed || e.tip() == before {
		t.Errorf("with push: %s", words(t, d.Export))
	}
}

func (e *exporter) race(t *testing.T) {
	engines := []*rebuild.Engine{e.Engine, e.another(t), e.another(t)}
	before := e.tip()
	e.by(t, "kubectl").patch(configMapPath("color"), `{"data":{"value":"racing"}}`)
	var wg sync.WaitGroup
	for _, engine := range engines {
		wg.Go(func() {
			if d, err := engine.Drift(t.Context(), e.request(nil), nil); err != nil || d.Export.Waiting {
				t.Errorf("an exporter among several: %v", err)
			}
		})
	}
	wg.Wait()
	if parents := e.to.Git("rev-list", "--parents", before+".."+e.target.Branch); strings.Count(parents, "\n") != 0 {
		t.Errorf("one state, and these commits:\n%s", parents)
	}
	e.to.Git("fsck", "--strict", "--full")
	if have := e.file("live/shop/config-map/color.yaml"); !strings.Contains(have, "racing") {
		t.Errorf("the branch has\n%s", have)
	}
}

func (e *exporter) foreign(t *testing.T) {
	e.to.Git("hash-object", "-t", "tree", "-w", "/dev/null")
	e.to.Git("branch", "theirs", e.to.Git("commit-tree", "-m", "mine alone", "4b825dc642cb6eb9a060e54bf8d69288fbee4904"))
	e.to.Git("branch", "of-another", e.to.Git("commit-tree", "-m", "Export\n\nCluster: another", "4b825dc642cb6eb9a060e54bf8d69288fbee4904"))
	for branch, word := range map[string]string{"theirs": "mine alone", "of-another": "another"} {
		was := e.to.Git("rev-parse", branch)
		for _, force := range []bool{false, true} { // force is for our own branch
			_, err := e.Drift(t.Context(), e.request(func(req *rebuild.DriftRequest) { req.Export.Branch, req.Export.Force = branch, force }), nil)
			if !errors.Is(err, export.ErrRefused) || outcomeOf(err) != run.Refused || !strings.Contains(err.Error(), word) {
				t.Errorf("branch %s, force %v: %v", branch, force, err)
			}
		}
		if is := e.to.Git("rev-parse", branch); is != was {
			t.Errorf("branch %s was moved", branch)
		}
	}
}

// branchGone: an export branch that somebody deleted is not begun anew in silence.
func (e *exporter) branchGone(t *testing.T) {
	e.export(t, nil)
	was := e.tip()
	e.to.Git("update-ref", "-d", "refs/heads/"+e.target.Branch)
	err := e.refused(t, nil)
	var lost *export.LostBranchError
	var hint interface{ Hint() string }
	if !errors.As(err, &lost) || lost.Commit != was || outcomeOf(err) != run.Refused || !errors.As(err, &hint) || !strings.Contains(hint.Hint(), "--force") {
		t.Errorf("the branch is gone: %v", err)
	}
	e.to.Git("update-ref", "refs/heads/"+e.target.Branch, was)
	if d := e.export(t, nil); !d.Export.Unchanged {
		t.Errorf("it is back: %s", words(t, d.Export))
	}
	e.to.Git("update-ref", "-d", "refs/heads/"+e.target.Branch)
	if d := e.export(t, func(req *rebuild.DriftRequest) { req.Export.Force = true }); !d.Pushed || e.tip() == was {
		t.Errorf("forced: %s", words(t, d.Export))
	}
	e.export(t, nil)
}

func (e *exporter) destruction(t *testing.T) {
	for i := range 12 {
		e.by(t, "kubectl-create").post(shopPath+"/configmaps", settings(fmt.Sprintf("many-%d", i), "1", ""))
	}
	e.export(t, nil)
	few := func(req *rebuild.DriftRequest) { req.Exclude = []capture.Rule{{Kind: "ConfigMap"}} }
	err := e.refused(t, few)
	var mass *export.MassDeletionError
	if !errors.As(err, &mass) || outcomeOf(err) != run.Refused {
		t.Errorf("most of the files would go: %v", err)
	}
	forced := e.export(t, func(req *rebuild.DriftRequest) { few(req); req.Export.Force = true })
	if forced.Export.Deleted < 14 || !forced.Pushed {
		t.Errorf("forced: %s", words(t, forced.Export))
	}
	good := e.repo.Git("show", "HEAD:all.yaml")
	e.commit(t, good, impossible)
	if _, _, err := e.try(t, nil); err == nil {
		t.Fatal("the restore of what cannot be was verified")
	}
	err = e.refused(t, nil)
	if outcomeOf(err) != run.Refused || !strings.Contains(err.Error(), "last restore") {
		t.Errorf("after a restore that brought not all: %v", err)
	}
	if d := e.export(t, func(req *rebuild.DriftRequest) { req.Export.Force = true }); !d.Pushed || d.Counts.Missing != 1 {
		t.Errorf("forced: %s", words(t, d.Counts))
	}
	e.commit(t, good)
	if _, _, err := e.try(t, nil); outcomeOf(err) != run.Unverified { // there is something unexpected
		t.Errorf("the restore of all that can be: %v", err)
	}
	e.export(t, nil)
}

func (e *exporter) badRecipients(t *testing.T) {
	for _, recipient := range []string{"age1nonsense", "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ", ""} {
		err := e.refused(t, func(req *rebuild.DriftRequest) { req.Export.Recipients = []string{recipient} })
		if !strings.Contains(err.Error(), "recipient") || strings.Contains(err.Error(), "KEY-1QQ") {
			t.Errorf("%q: %v", recipient, err)
		}
	}
}

// again is a restore of the export onto another cluster.
func (e *exporter) again(revision string, exclude ...string) rebuild.Request {
	return rebuild.Request{Cluster: "again", Provider: "local", Wait: time.Minute,
		Source: rebuild.Source{Repo: e.to.Dir, Revision: revision, Path: "live", Exclude: exclude}}
}

func (e *exporter) backAgain(t *testing.T) {
	e.by(t, "kubectl").patch(shopPath+"/secrets/db", `{"stringData":{"password":"hunter-2222"},"metadata":{"annotations":{"api-token":"hunter-4444"}}}`)
	e.by(t, "kubectl-edit").patch(configMapPath("color"), `{"data":{"value":"drifted"}}`)
	digests := e.export(t, nil)

	_, err := e.Restore(t.Context(), e.again(e.target.Branch), (&agree{}).consent, nil)
	if err == nil || !strings.Contains(err.Error(), "live/shop/secret/db.yaml:1") || !strings.Contains(err.Error(), "exclude") {
		t.Errorf("a restore of digests: %v", err)
	}
	e.againstDigests(t)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	sealing := func(req *rebuild.DriftRequest) { req.Export.Recipients = []string{key.Recipient().String()} }
	if d := e.export(t, sealing); !d.Pushed || !strings.Contains(e.file("live/shop/secret/db.yaml"), "password: ENC[AES256_GCM") {
		t.Fatalf("encrypted: %s", words(t, d.Export))
	}
	if d := e.export(t, sealing); !d.Export.Unchanged {
		t.Errorf("encrypted once more: %s", words(t, d.Export))
	}
	e.env[sops.EnvKey] = key.String()
	defer delete(e.env, sops.EnvKey)
	report, err := e.Restore(t.Context(), e.again(e.target.Branch), (&agree{}).consent, nil)
	if err != nil || !report.Verified {
		t.Fatalf("the restore of the export: %v: %s", err, words(t, report))
	}
	fresh := &place{bench: e.bench, req: rebuild.Request{Cluster: "again"}}
	hand := fresh.by(t, "test")
	if have := words(t, hand.get(configMapPath("color")).Object["data"]); !strings.Contains(have, "drifted") {
		t.Errorf("the drift is lost: %s", have)
	}
	if have := words(t, hand.get(shopPath + "/secrets/db").Object["data"]); !strings.Contains(have, "aHVudGVyLTIyMjI=") {
		t.Error("the password is another")
	}
	if hand.get(shopPath + "/secrets/db").GetAnnotations()["api-token"] != "hunter-4444" {
		t.Error("the annotation is another")
	}
	for _, cluster := range []string{"place", "again"} { // each is as the export says
		req := e.again(e.target.Branch)
		req.Cluster = cluster
		if d, err := e.Drift(t.Context(), rebuild.DriftRequest{Request: req}, nil); err != nil || !d.Clean() {
			t.Errorf("drift of %s against the export: %v: %s", cluster, err, words(t, d))
		}
	}
	e.sameBytes(t, digests.Export.Commit)
	e.withoutSecrets(t, digests.Export.Commit)
}

// againstDigests: digests tell whether a Secret has changed.
func (e *exporter) againstDigests(t *testing.T) {
	t.Helper()
	secret := object.ID{Kind: "Secret", Namespace: "shop", Name: "db"}
	compare := func() *rebuild.Drift {
		req := e.again(e.target.Branch)
		req.Cluster = "place"
		d, err := e.Drift(t.Context(), rebuild.DriftRequest{Request: req}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := compare(); !d.Clean() || d.Counts.Equal != d.Counts.Compared {
		t.Errorf("drift against digests: %s", words(t, d))
	}
	e.by(t, "kubectl").patch(shopPath+"/secrets/db", `{"stringData":{"other":"hunter-3333"}}`)
	o := differing(compare(), secret)
	if o == nil || o.Drift != show.Changed || len(o.Fields) != 1 || o.Fields[0].Path != "data.other" || strings.Contains(words(t, o), "hmac") {
		t.Errorf("a value more: %s", words(t, o))
	}
	e.by(t, "kubectl").patch(shopPath+"/secrets/db", `{"data":{"other":null},"metadata":{"annotations":{"api-token":"hunter-5555"}}}`)
	o = differing(compare(), secret)
	if o == nil || len(o.Fields) != 1 || !strings.Contains(o.Fields[0].Path, "api-token") || strings.Contains(words(t, o), "hmac") {
		t.Errorf("another annotation: %s", words(t, o))
	}
	e.by(t, "kubectl").patch(shopPath+"/secrets/db", `{"metadata":{"annotations":{"api-token":"hunter-4444"}}}`)
}

// sameBytes: an export of what an export made is that export.
func (e *exporter) sameBytes(t *testing.T, of string) {
	t.Helper()
	req := rebuild.DriftRequest{Request: e.again(e.target.Branch), Export: &rebuild.ExportTarget{Repo: e.to.Dir, Branch: "rekindle/again", Push: true}}
	if d, err := e.Drift(t.Context(), req, nil); err != nil || !d.Pushed {
		t.Fatalf("%v: %s", err, words(t, d))
	}
	if diff := e.to.Git("diff", of, "rekindle/again", "--", "live"); diff != "" {
		t.Errorf("export, restore, export differs:\n%s", diff)
	}
}

// withoutSecrets: where there are digests alone, the rest comes back.
func (e *exporter) withoutSecrets(t *testing.T, commit string) {
	t.Helper()
	req := e.again(commit, "*/secret/*")
	req.Prune = true
	report, err := e.Restore(t.Context(), req, (&agree{}).consent, nil)
	if err != nil || !report.Verified {
		t.Errorf("without Secrets: %v: %s", err, words(t, report))
	}
}

func (e *exporter) noPlainText(t *testing.T) {
	kept, err := filepath.Glob(filepath.Join(e.caches, "exports", "*", "objects"))
	if err != nil || len(kept) == 0 {
		t.Fatalf("no repositories of ours: %v %v", kept, err)
	}
	all := map[string]string{"the journal": e.journaled(t), e.to.Dir: e.to.Git("cat-file", "--batch-all-objects", "--batch")}
	for _, folder := range kept {
		all[folder] = gitserver.Open(t, filepath.Dir(folder)).Git("cat-file", "--batch-all-objects", "--batch")
	}
	for where, text := range all {
		for _, plain := range []string{"marzipan-17", "nougat-99", "hunter-2222", "hunter-4444", "hunter-5555", "bWFyemlwYW4tMT", "bm91Z2F0LTk5", "aHVudGVyLTIyMjI", "AGE-SECRET"} {
			if strings.Contains(text, plain) {
				t.Errorf("%s is in %s", plain, where)
			}
		}
	}
	if !strings.Contains(all[e.to.Dir], "drifted") {
		t.Error("this search finds nothing")
	}
}

func (e *exporter) gone(t *testing.T) {
	c, err := e.local.Find(t.Context(), e.req.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Drift(ctx, e.request(nil), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if err := e.local.Stop(t.Context(), c.Name, c.ID, nil); err != nil {
		t.Fatal(err)
	}
	var stopped *providers.NotRunningError
	if err := e.refused(t, nil); !errors.As(err, &stopped) {
		t.Errorf("a stopped cluster: %v", err)
	}
}

// What may not be listed is unknown: it is named, and its files stay.
func TestExportWithFewPermissions(t *testing.T) {
	g := newGuest(t)
	e := &exporter{place: g.place, env: map[string]string{}, caches: t.TempDir()}
	e.to = gitserver.Repo(t).Mirror(t.TempDir(), "live.git")
	e.target = rebuild.ExportTarget{Repo: e.to.Dir, Branch: "rekindle/place", Push: true}
	e.equip(e.Engine, e.caches)
	e.commit(t, shop, settings("color", "red", ""), dbSecret)
	if _, _, err := e.try(t, nil); err != nil {
		t.Fatal(err)
	}
	e.by(t, "kubectl").post(shopPath+"/secrets", "apiVersion: v1\nkind: Secret\nmetadata: {name: other, namespace: shop}\nstringData: {a: b}")
	if d := e.export(t, nil); d.Export.Files < 4 {
		t.Fatalf("with all permissions: %s", words(t, d))
	}
	e.by(t, "kubectl").patch(configMapPath("color"), `{"data":{"value":"green"}}`)
	for name, rules := range map[string]string{
		"all but Secrets":  `[{apiGroups: ["*"], resources: [configmaps, namespaces, serviceaccounts, services], verbs: [get, list]}]`,
		"ConfigMaps alone": `[{apiGroups: [""], resources: [configmaps], verbs: [get, list]}, {apiGroups: [""], resources: [namespaces], verbs: [get]}]`,
	} {
		t.Run(name, func(t *testing.T) { e.withPermissions(t, g, rules) })
	}
}

func (e *exporter) withPermissions(t *testing.T, g *guest, rules string) {
	few := *g
	few.declared = map[string]providers.Settings{"place": {"kubeconfig": e.reader(t, rules), "context": "reader"}}
	e.Providers, e.req.Settings = few.registry(t, nil), few.declared["place"]
	d := e.export(t, nil)
	if d.Counts.Missing > 0 || d.Counts.Unknown == 0 {
		t.Errorf("%s", words(t, d.Counts))
	}
	if o := differing(d, configMap("color")); o == nil || !strings.Contains(o.Note, "compared here alone") {
		t.Errorf("a difference that nobody may confirm: %s", words(t, o))
	}
	if !strings.Contains(words(t, d.Unknown), "forbidden") || !d.Recoverability.AtMost {
		t.Errorf("unknown: %s", words(t, d.Unknown))
	}
	for _, file := range []string{"live/shop/secret/db.yaml", "live/shop/secret/other.yaml", "live/_cluster/namespace/shop.yaml"} {
		if _, err := e.to.Try("cat-file", "-e", e.target.Branch+":"+file); err != nil {
			t.Errorf("%s is gone from the branch", file)
		}
	}
	if d.Export.Kept == 0 {
		t.Errorf("nothing was kept: %s", words(t, d.Export))
	}
}

// reader is the kubeconfig of an account that may do no more than rules say.
func (e *exporter) reader(t *testing.T, rules string) string {
	t.Helper()
	config, err := e.local.Connect(t.Context(), e.req.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	admin := handOn(t, config, "admin")
	const account = "/api/v1/namespaces/default/serviceaccounts/reader"
	if !admin.has(account) {
		admin.post("/api/v1/namespaces/default/serviceaccounts", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: reader}")
	}
	const rbac = "/apis/rbac.authorization.k8s.io/v1/"
	admin.patch(rbac+"clusterroles/reader", "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: reader}\nrules: "+rules)
	admin.patch(rbac+"clusterrolebindings/reader", `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: default}]`)
	var answer struct{ Status struct{ Token string } }
	if err := json.Unmarshal(admin.must("POST", account+"/token", plainJSON, []byte(`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}`)), &answer); err != nil {
		t.Fatal(err)
	}
	file, err := clientcmd.Load(config)
	if err != nil {
		t.Fatal(err)
	}
	file.AuthInfos["reader"] = &api.AuthInfo{Token: answer.Status.Token}
	file.Contexts["reader"] = &api.Context{Cluster: file.Contexts[file.CurrentContext].Cluster, AuthInfo: "reader"}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*file, path); err != nil {
		t.Fatal(err)
	}
	return path
}
