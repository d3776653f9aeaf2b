package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/ignore"
)

// drifting is a file of one cluster with lines below drift.
func drifting(lines ...string) string {
	lines = append([]string{"source: {repo: https://example.com/r, revision: main}", "provider: local", "drift:"}, lines...)
	for i := 3; i < len(lines); i++ {
		lines[i] = "  " + lines[i]
	}
	return cluster(lines...)
}

func TestLoadSaysWhatIsWrongAboutDrift(t *testing.T) {
	for _, tc := range []struct {
		name, text, want string
	}{
		{"no reason", drifting("ignore:", "- kind: Pod"), "f.yaml:7:9: clusters.dev.drift.ignore[0].reason: required, but it is missing"},
		{"blank reason", drifting("ignore:", "- kind: Pod", "  reason: ' '"), "f.yaml:8:17: clusters.dev.drift.ignore[0].reason: empty: say why"},
		{"everything", drifting("ignore:", "- reason: x"), "f.yaml:7:9: clusters.dev.drift.ignore[0]: it would ignore everything"},
		{"pointer", drifting("ignore:", "- reason: x", "  fields: [/spec, spec.replicas]"), `f.yaml:8:25: clusters.dev.drift.ignore[0].fields[1]: "spec.replicas" is no JSON pointer`},
		{"glob", drifting("ignore:", "- reason: x", "  name: 'web-{a,b'"), `f.yaml:8:15: clusters.dev.drift.ignore[0].name: "web-{a,b" is no glob: a brace is not closed`},
		{"day", drifting("ignore:", "- reason: x", "  kind: Pod", "  until: 2026-02-30"), `f.yaml:9:16: clusters.dev.drift.ignore[0].until: want a day such as 2026-12-31, have "2026-02-30"`},
		{"time", drifting("ignore:", "- reason: x", "  kind: Pod", "  until: 2026-02-03T10:00:00Z"), "want a day such as 2026-12-31"},
		{"misspelt", drifting("ignore:", "- reason: x", "  field: [/spec]"), `did you mean "fields"?`},
		{"selector", drifting("exclude:", "- labels: '=='"), "f.yaml:7:17: clusters.dev.drift.exclude[0].labels: "},
		{"selection of everything", drifting("include:", "- reason: x"), "f.yaml:7:9: clusters.dev.drift.include[0]: "},
		{"branch", drifting("export: {branch: 'a..b'}"), `f.yaml:6:24: clusters.dev.drift.export.branch: "a..b" is no name of a branch`},
		{"the source's branch", drifting("export: {branch: main}"), `f.yaml:6:24: clusters.dev.drift.export.branch: "main" is what is restored from`},
		{"the source's branch, by name", drifting("export: {branch: main, repo: 'https://example.com/r'}"), `"main" is what is restored from`},
		{"a password in the repo", drifting("export: {repo: 'https://a:b@example.com/r'}"), "f.yaml:6:22: clusters.dev.drift.export.repo: the URL holds a password"},
		{"recipient", drifting("export:", "  recipients:", "  - age1x"), "f.yaml:8:11: clusters.dev.drift.export.recipients[0]: "},
		{"secret key", drifting("export: {recipients: [AGE-SECRET-KEY-1QQQ]}"), "is a secret key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Load("f.yaml", []byte(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("have %v\nwant %s", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "QQQ") {
				t.Error("a secret key is shown")
			}
		})
	}
}

func TestAnotherRepositoryMayUseTheSameBranch(t *testing.T) {
	if _, err := Load("f.yaml", []byte(drifting("export: {branch: main, repo: 'https://example.com/other'}"))); err != nil {
		t.Error(err)
	}
}

func TestRulesKnowTheirPlace(t *testing.T) {
	c, err := Load("f.yaml", []byte(drifting("include:", "- kind: Pod", "exclude:", "- name: a", "- name: b", "ignore:", "- reason: x", "  kind: Pod")))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]ignore.Rule{{Kind: "Pod", Reason: "x", At: "f.yaml:12"}}, c.IgnoreRules("dev")); diff != "" {
		t.Errorf("ignore (-want +have):\n%s", diff)
	}
	include, exclude := c.CaptureRules("dev")
	if diff := cmp.Diff([]capture.Rule{{Kind: "Pod", At: "f.yaml:7"}}, include); diff != "" {
		t.Errorf("include (-want +have):\n%s", diff)
	}
	if diff := cmp.Diff([]capture.Rule{{Name: "a", At: "f.yaml:9"}, {Name: "b", At: "f.yaml:10"}}, exclude); diff != "" {
		t.Errorf("exclude (-want +have):\n%s", diff)
	}
}

func TestKeyFileIsRelativeToTheFile(t *testing.T) {
	for text, want := range map[string]string{"keys/export": "/etc/rekindle/keys/export", "/run/key": "/run/key", "''": ""} {
		c, err := Load("/etc/rekindle/f.yaml", []byte(drifting("export: {keyFile: "+text+"}")))
		if err != nil {
			t.Fatal(err)
		}
		if have := c.Clusters["dev"].Drift.Export.KeyFile; have != want {
			t.Errorf("%s is %q, want %q", text, have, want)
		}
	}
}
