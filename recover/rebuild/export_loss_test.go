package rebuild_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"

	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/snapshot/export"
	"github.com/rekindle-io/rekindle/snapshot/show"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

const dbFile = "live/shop/secret/db.yaml"

// What an export has is not lost, whoever exports next. The cases share a
// cluster and come one after the other.
func TestExportLosesNothing(t *testing.T) {
	e := newExporter(t)
	e.commit(t, shop, settings("color", "red", ""), dbSecret)
	e.verified(t)
	t.Run("digests of another key", e.digestsOfAnotherKey)
	t.Run("sealed with another key", e.sealedWithAnotherKey)
	t.Run("several seal at once", e.sealRace)
	t.Run("encrypted Secrets become no digests", e.notUnsealed)
	t.Run("a Secret that cannot be sealed", e.unsealable)
	t.Run("the remote dies in the middle of a push", e.remoteDies)
}

// keyed is another exporter, whose key is made of one byte.
func (e *exporter) keyed(t *testing.T, b byte) *rebuild.Engine {
	t.Helper()
	engine := e.another(t)
	key := bytes.Repeat([]byte{b}, sops.KeySize)
	engine.SealKey = func(string) ([]byte, error) { return key, nil }
	return engine
}

// exportBy exports with another engine.
func (e *exporter) exportBy(t *testing.T, engine *rebuild.Engine, change func(*rebuild.DriftRequest)) *rebuild.Drift {
	t.Helper()
	d, err := engine.Drift(t.Context(), e.request(change), nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// rekeyed is an export that had to write a file anew, and says so once.
func (e *exporter) rekeyed(t *testing.T, engine *rebuild.Engine, change func(*rebuild.DriftRequest)) {
	t.Helper()
	d := e.exportBy(t, engine, change)
	ours, theirs := sops.KeyID(bytes.Repeat([]byte{8}, sops.KeySize)), sops.KeyID(bytes.Repeat([]byte{7}, sops.KeySize))
	if len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "one Secret") || !strings.Contains(d.Notes[0], "("+theirs+")") || !strings.Contains(d.Notes[0], "("+ours+")") || d.Export.Changed != 1 {
		t.Errorf("written anew: %q, %s", d.Notes, words(t, d.Export))
	}
	if d := e.exportBy(t, engine, change); len(d.Notes) != 0 || !d.Export.Unchanged {
		t.Errorf("once more: %q, %s", d.Notes, words(t, d.Export))
	}
}

func (e *exporter) digestsOfAnotherKey(t *testing.T) {
	e.export(t, nil)
	if form, id := sops.Look([]byte(e.file(dbFile))); form != sops.Digests || id != sops.KeyID(bytes.Repeat([]byte{7}, sops.KeySize)) {
		t.Errorf("%v, key %s:\n%s", form, id, e.file(dbFile))
	}
	other := e.keyed(t, 8)
	// Compared with what the first one wrote, the values are unknown, and all else is known.
	against := e.again(e.target.Branch)
	against.Cluster = "place"
	compare := func() *rebuild.Drift {
		d, err := other.Drift(t.Context(), rebuild.DriftRequest{Request: against}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := compare(); !d.Clean() || d.Counts.Unknown != 1 || !strings.Contains(words(t, d.Unknown), "another key") {
		t.Errorf("%s", words(t, d))
	}
	e.by(t, "kubectl").patch(shopPath+"/secrets/db", `{"stringData":{"other":"x"}}`)
	if d := compare(); d.Counts.Changed != 1 || len(d.Objects[0].Fields) != 1 || d.Objects[0].Fields[0].Path != "data.other" {
		t.Errorf("a value more: %s", words(t, d))
	}
	e.by(t, "kubectl").patch(shopPath+"/secrets/db", `{"data":{"other":null}}`)
	e.rekeyed(t, other, nil)
}

func sealedFor(identity *age.X25519Identity) func(*rebuild.DriftRequest) {
	return func(req *rebuild.DriftRequest) { req.Export.Recipients = []string{identity.Recipient().String()} }
}

func newIdentity(t *testing.T) *age.X25519Identity {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

func (e *exporter) sealedWithAnotherKey(t *testing.T) {
	identity := newIdentity(t)
	to := sealedFor(identity)
	first, other := e.export(t, to), e.keyed(t, 8)
	// Who can decrypt it sees that nothing has changed.
	e.env[sops.EnvKey] = identity.String()
	if d := e.exportBy(t, other, to); !d.Export.Unchanged || len(d.Notes) != 0 || e.tip() != first.Export.Commit {
		t.Errorf("another key: %s", words(t, d))
	}
	e.by(t, "kubectl").patch(shopPath+"/secrets/db", `{"stringData":{"password":"nougat-99"}}`)
	if d := e.exportBy(t, other, to); !d.Pushed || len(d.Notes) != 0 {
		t.Errorf("another password: %q, %s", d.Notes, words(t, d.Export))
	}
	if d := e.export(t, to); !d.Export.Unchanged {
		t.Errorf("the first one, after that: %s", words(t, d.Export))
	}
	delete(e.env, sops.EnvKey)
	e.by(t, "kubectl").patch(shopPath+"/secrets/db", `{"stringData":{"password":"nougat-98"}}`)
	d := e.export(t, to)
	if len(d.Notes) != 1 { // it was sealed with the key of the other
		t.Errorf("%q", d.Notes)
	}
	e.rekeyed(t, e.keyed(t, 8), to)
	e.export(t, to)
}

// sealRace: who comes late finds the Secret sealed, by the same key, as other
// bytes than its own.
func (e *exporter) sealRace(t *testing.T) {
	to := sealedFor(newIdentity(t))
	e.export(t, to)
	before := e.tip()
	e.by(t, "kubectl").patch(shopPath+"/secrets/db", `{"stringData":{"password":"racing-1"}}`)
	var wg sync.WaitGroup
	for _, engine := range []*rebuild.Engine{e.Engine, e.another(t), e.another(t)} {
		wg.Go(func() {
			if d, err := engine.Drift(t.Context(), e.request(to), nil); err != nil || d.Export.Waiting {
				t.Errorf("an exporter among several: %v", err)
			}
		})
	}
	wg.Wait()
	if n := e.to.Git("rev-list", "--count", before+".."+e.target.Branch); n != "1" {
		t.Errorf("one state, and %s commits", n)
	}
}

func (e *exporter) notUnsealed(t *testing.T) {
	to := sealedFor(newIdentity(t))
	e.export(t, to)
	sealed := e.file(dbFile)
	for _, force := range []bool{false, true} { // --force is about other things
		err := e.refused(t, func(req *rebuild.DriftRequest) { req.Export.Force = force })
		var hint interface{ Hint() string }
		if outcomeOf(err) != run.Refused || !strings.Contains(err.Error(), dbFile) || !errors.As(err, &hint) ||
			!strings.Contains(hint.Hint(), "recipients") || !strings.Contains(hint.Hint(), "--replace-encrypted") {
			t.Errorf("without recipients: %v", err)
		}
	}
	if e.file(dbFile) != sealed {
		t.Error("the file is another")
	}
	d := e.export(t, func(req *rebuild.DriftRequest) { req.Export.ReplaceEncrypted = true })
	if form, _ := sops.Look([]byte(e.file(dbFile))); form != sops.Digests || !d.Pushed {
		t.Errorf("forced: %s\n%s", words(t, d.Export), e.file(dbFile))
	}
	e.export(t, nil)
	e.sealedMeanwhile(t)
}

// sealedMeanwhile: another exporter seals the Secrets between our commit, which
// has digests, and our push.
func (e *exporter) sealedMeanwhile(t *testing.T) {
	t.Helper()
	to, other := sealedFor(newIdentity(t)), e.another(t)
	e.by(t, "kubectl").patch(shopPath+"/secrets/db", `{"stringData":{"password":"meanwhile-1"}}`)
	slow, sealed := e.another(t), ""
	slow.Source.Progress = func(line string) {
		if strings.HasPrefix(line, "pushing ") && sealed == "" {
			sealed = e.exportBy(t, other, to).Export.Commit
		}
	}
	_, err := slow.Drift(t.Context(), e.request(nil), nil)
	if sealed == "" || outcomeOf(err) != run.Refused || !strings.Contains(err.Error(), dbFile) || e.tip() != sealed {
		t.Errorf("sealed in the middle: %v; the branch is at %s, not at %s", err, e.tip(), sealed)
	}
}

// unsealable: the rest goes on, what was there of it stays, and everybody is told.
func (e *exporter) unsealable(t *testing.T) {
	to := sealedFor(newIdentity(t))
	e.export(t, to)
	sealed := e.file(dbFile)
	hand := e.by(t, "kubectl")
	hand.patch(shopPath+"/secrets/db", `{"metadata":{"annotations":{"data":"`+sops.Ciphertext+`x"}}}`)
	hand.post(shopPath+"/secrets", "apiVersion: v1\nkind: Secret\nmetadata: {name: never, namespace: shop, annotations: {data: '"+sops.Ciphertext+"x'}}\n")
	hand.patch(configMapPath("color"), `{"data":{"value":"purple"}}`)
	for _, change := range []func(*rebuild.DriftRequest){to, nil} { // as a file, and as digests
		d := e.export(t, change)
		if len(d.NotExported) != 2 || d.NotExported[0].ID.Name != "db" || !strings.Contains(d.NotExported[0].Reason, "SOPS") {
			t.Errorf("%s", words(t, d.NotExported))
		}
		if d.Export.Kept != 1 || e.file(dbFile) != sealed {
			t.Errorf("the file of before is gone: %s", words(t, d.Export))
		}
		if !strings.Contains(e.file("live/shop/config-map/color.yaml"), "purple") {
			t.Error("the rest did not go on")
		}
		var page show.Report
		if err := json.Unmarshal([]byte(e.file("report.json")), &page); err != nil || len(page.NotExported) != 2 {
			t.Errorf("report.json: %v, %s", err, words(t, page.NotExported))
		}
		if text := e.file("README.md"); !strings.Contains(text, "## Could not be exported") || !strings.Contains(text, "Secret shop/never") {
			t.Errorf("README.md:\n%s", text)
		}
	}
	hand.patch(shopPath+"/secrets/db", `{"metadata":{"annotations":{"data":null}}}`)
	hand.must("DELETE", shopPath+"/secrets/never", plainJSON, nil)
	if d := e.export(t, to); len(d.NotExported) != 0 || strings.Contains(e.file("README.md"), "Could not be exported") {
		t.Errorf("it can be sealed again: %s", words(t, d.NotExported))
	}
}

// remoteDies: git itself is killed on the server while it takes the push, before
// and after the branch has moved.
func (e *exporter) remoteDies(t *testing.T) {
	to := sealedFor(newIdentity(t))
	e.export(t, to)
	web := gitserver.ServeHTTP(t, filepath.Dir(e.to.Dir))
	e.to.Git("config", "http.receivepack", "true")
	overHTTP := func(req *rebuild.DriftRequest) { to(req); req.Export.Repo = web.URL + "/live.git" }
	dies := func(hook string) (revive func()) {
		file := filepath.Join(e.to.Git("rev-parse", "--absolute-git-dir"), "hooks", hook)
		if err := os.WriteFile(file, []byte("#!/bin/sh\ncat >/dev/null\nkill -KILL $PPID\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	revive := dies("pre-receive")
	e.by(t, "kubectl").patch(configMapPath("color"), `{"data":{"value":"dying"}}`)
	err := e.refused(t, overHTTP)
	var push *export.PushError
	if !errors.As(err, &push) || outcomeOf(err) != run.Failed {
		t.Fatalf("the remote died: %v", err)
	}
	revive()
	if d := e.export(t, overHTTP); !d.Pushed || !d.Export.Unchanged || e.tip() != push.Commit {
		t.Errorf("the next run: %s, want %s", words(t, d.Export), push.Commit)
	}
	before := e.tip()
	revive = dies("post-receive")
	e.by(t, "kubectl").patch(configMapPath("color"), `{"data":{"value":"dead"}}`)
	if d := e.export(t, overHTTP); d.Export.Commit != e.tip() || d.Export.Waiting {
		t.Errorf("it died after the branch had moved: %s", words(t, d.Export))
	}
	revive()
	if d := e.export(t, overHTTP); !d.Export.Unchanged || e.to.Git("rev-list", "--count", before+".."+e.target.Branch) != "1" {
		t.Errorf("the next run: %s", words(t, d.Export))
	}
	e.to.Git("fsck", "--strict", "--full")
	if have := e.file("live/shop/config-map/color.yaml"); !strings.Contains(have, "dead") {
		t.Errorf("the branch has\n%s", have)
	}
}
