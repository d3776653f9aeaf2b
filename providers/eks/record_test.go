package eks

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

func TestRecordsAreKeptUntilTheyAreForgotten(t *testing.T) {
	p := offline(t, nil, nil)
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	old := record{Name: "prod", ID: "old", Account: "123456789012", Region: "eu-central-1", Created: day, VPC: "vpc-1", Issuer: "https://x", KeepLogs: true}
	newer := record{Name: "prod", ID: "new", Account: "210987654321", Region: "us-east-1", Created: day.Add(time.Hour)}
	other := record{Name: "prod-2", ID: "x", Account: "123456789012", Region: "eu-central-1", Created: day}
	for _, r := range []record{old, newer, other, old} {
		if err := p.keep(r); err != nil {
			t.Fatal(err)
		}
	}
	// What else lies there is no record, and harms nobody.
	for name, text := range map[string]string{"prod.bad.json": "{", "prod.json": "{}", "a.b.json": `{"name":"c","id":"b"}`, ".new-1": "x", "README": ""} {
		if err := os.WriteFile(filepath.Join(p.opts.Root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := p.recorded("prod")
	if err != nil || len(got) != 2 || got[0] != newer || got[1] != old {
		t.Fatalf("%+v, %v", got, err)
	}
	if all, err := p.recorded(""); err != nil || len(all) != 3 {
		t.Fatalf("%+v, %v", all, err)
	}
	places, err := p.places("prod")
	if err != nil || len(places) != 2 || places[0].Region != "us-east-1" || !places[1].KeepLogs {
		t.Fatalf("%+v, %v", places, err)
	}
	for range 2 {
		if err := p.forget("prod", "new"); err != nil {
			t.Fatal(err)
		}
	}
	if _, there, err := p.recordOf("prod", "new"); there || err != nil {
		t.Errorf("still there: %v", err)
	}
}

func TestARecordIsWrittenNowhereElse(t *testing.T) {
	p := offline(t, nil, nil)
	good := record{Name: "prod", ID: "1", Account: "123456789012", Region: "eu-central-1"}
	for _, spoil := range []func(*record){
		func(r *record) { r.Name = "../up" }, func(r *record) { r.ID = "a/b" }, func(r *record) { r.Account = "" }, func(r *record) { r.Region = "x y" },
	} {
		bad := good
		spoil(&bad)
		if err := p.keep(bad); err == nil {
			t.Errorf("%+v is kept", bad)
		}
	}
	if err := p.forget("..", "x"); err == nil {
		t.Error("forgets what cannot be")
	}
	p.opts.Root = filepath.Join(t.TempDir(), "file", "below")
	if err := os.WriteFile(filepath.Dir(p.opts.Root), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.keep(good); err == nil || !strings.Contains(err.Error(), "record") {
		t.Errorf("a directory that cannot be made: %v", err)
	}
}

func TestWhereAClusterIsLookedFor(t *testing.T) {
	shared := plain()
	own := plain(providers.Settings{"region": "eu-west-1", "keepLogs": true})
	declared := map[string]providers.Settings{"": shared, "prod": own, "again": own, "wrong": {"region": "x"}}
	p := offline(t, nil, declared)
	regions := func(name string) (all []string) {
		t.Helper()
		places, err := p.places(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range places {
			all = append(all, s.Region)
		}
		return all
	}
	want := func(name string, want ...string) {
		t.Helper()
		if got := regions(name); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%q is looked for in %v, want %v", name, got, want)
		}
	}
	want("prod", "eu-west-1")
	want("drill", "eu-central-1", "eu-west-1")
	want("", "eu-central-1", "eu-west-1")
	if _, err := p.places("wrong"); err == nil || !strings.Contains(err.Error(), "settings.region") {
		t.Errorf("wrong settings: %v", err)
	}
	moved := record{Name: "prod", ID: "1", Account: "123456789012", Region: "us-east-1", Created: time.Now()}
	if err := p.keep(moved); err != nil {
		t.Fatal(err)
	}
	want("prod", "us-east-1", "eu-west-1")
	want("", "eu-central-1", "eu-west-1", "us-east-1")
	moved.ID, moved.Region, moved.Created = "2", "eu-west-1", moved.Created.Add(time.Hour)
	if err := p.keep(moved); err != nil {
		t.Fatal(err)
	}
	if places, _ := p.places("prod"); len(places) != 2 || !places[0].KeepLogs {
		t.Errorf("what rekindle.yaml says of a place is lost: %+v", places)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"name":"prod","id":"1","account":"123456789012","region":"eu-central-1","created":"2026-11-23T00:00:00Z"}`))
	f.Add([]byte(`{"name":"../x"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := parseRecord(raw)
		if err == nil && (providers.CheckName("", r.Name) != nil || providers.CheckID("", r.ID) != nil || !accountShape.MatchString(r.Account)) {
			t.Fatalf("taken: %+v", r)
		}
	})
}
