package desk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/recover/api"
)

func write(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rekindle.yaml")
	if err := os.WriteFile(file, []byte(content), 0o640); err != nil {
		t.Fatal(err)
	}
	return file
}

const head = `# all of ours
clusters:
  dev: # the one
    source: {repo: https://git.example.com/deploy.git}
    provider: local
`

// TestARuleIsWrittenInPlace: wherever it has to go, and nothing else changes.
func TestARuleIsWrittenInPlace(t *testing.T) {
	rule := api.Ignore{Object: "Deployment.apps shop/web", Pointer: "/spec/replicas", Reason: "an autoscaler: it \"knows\" # better",
		Expires: time.Date(2026, 12, 31, 10, 0, 0, 0, time.UTC)}
	for name, tail := range map[string]string{
		"no drift": "\n  # behind\n  prod:\n    source: {repo: https://git.example.com/deploy.git}\n    provider: local\n",
		"drift":    "    drift:\n      exclude: # what comes and goes\n        - {kind: Job}\n",
		"rules":    "    drift:\n      ignore:\n        # somebody else's\n        - kind: Job\n          reason: x # y\n",
		"flow":     "    drift: {ignore: [{kind: Job, reason: x}]}\n",
		"empty":    "    drift:\n      ignore: []\n",
		"no end":   "    protected: true",
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, head+tail)
			before, err := config.Read(file)
			if err != nil {
				t.Fatal(err)
			}
			done, err := AddRule(file, "dev", rule)
			if err != nil {
				t.Fatal(err)
			}
			after, err := config.Read(file)
			if err != nil {
				t.Fatal(err)
			}
			rules := after.IgnoreRules("dev")
			got := rules[len(rules)-1]
			if len(rules) != len(before.IgnoreRules("dev"))+1 || got.Kind != "Deployment.apps" || got.Namespace != "shop" || got.Name != "web" ||
				len(got.Fields) != 1 || got.Reason != rule.Reason || got.Until.Format(time.DateOnly) != "2026-12-31" {
				t.Errorf("%+v", rules)
			}
			raw, _ := os.ReadFile(file)
			for _, comment := range []string{"# all of ours", "# the one", "# behind", "# what comes", "# somebody else's", "# y"} {
				if strings.Contains(head+tail, comment) && !strings.Contains(string(raw), comment) {
					t.Errorf("%q is gone:\n%s", comment, raw)
				}
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			if done.File != file || !strings.Contains(done.Rule, "name: web") {
				t.Errorf("%+v", done)
			}
			if list, _ := os.ReadDir(filepath.Dir(file)); len(list) != 1 {
				t.Errorf("left behind: %v", list)
			}
		})
	}
}

func TestARuleThatCannotBeChangesNothing(t *testing.T) {
	good := api.Ignore{Object: "ConfigMap shop/a", Reason: "x"}
	for name, c := range map[string]struct {
		content, cluster string
		rule             api.Ignore
		kind             api.ProblemKind
	}{
		"no such cluster":  {head, "prod", good, api.NotFound},
		"a broken file":    {head + "    colour: red\n", "dev", good, api.BadConfig},
		"a bad name":       {head, "dev", api.Ignore{Object: "ConfigMap", Reason: "x"}, api.Invalid},
		"a bad pointer":    {head, "dev", api.Ignore{Object: "ConfigMap shop/a", Pointer: "spec", Reason: "x"}, api.Invalid},
		"a reason of none": {head, "dev", api.Ignore{Object: "ConfigMap shop/a", Reason: " "}, api.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, c.content)
			if _, err := AddRule(file, c.cluster, c.rule); !api.IsKind(err, c.kind) {
				t.Errorf("%v", err)
			}
			if raw, _ := os.ReadFile(file); string(raw) != c.content {
				t.Errorf("changed:\n%s", raw)
			}
		})
	}
	if _, err := AddRule(filepath.Join(t.TempDir(), "none.yaml"), "dev", good); !api.IsKind(err, api.BadConfig) {
		t.Errorf("no file: %v", err)
	}
	file := write(t, head)
	if err := replaceFile(file, []byte("another"), []byte("x")); err == nil {
		t.Error("what somebody wrote meanwhile is lost")
	}
	link := filepath.Join(t.TempDir(), "rekindle.yaml")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if _, err := AddRule(link, "dev", good); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != file {
		t.Errorf("the link is %q, %v", to, err)
	}
}
