package rebuild

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/source"
)

func devChoices() choices {
	return choices{
		cluster:  &api.Cluster{Name: "dev", Provider: "kind", Made: time.Unix(1, 0), Source: &api.Source{Repo: "https://git.example.org/x"}},
		target:   api.Target{Cluster: "dev"},
		commit:   &api.LogEntry{Commit: source.Commit{SHA: strings.Repeat("a1", 20)}},
		provider: &api.Provider{Name: "kind"},
		planned:  &api.Planned{Exists: true, Command: "rekindle restore dev --at a1a1 --prune --confirm 'it is' --values 'a b.yaml'"},
	}
}

func TestCommandFollowsTheSwitches(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*choices)
		want   string
	}{
		"in place": {func(*choices) {}, "rekindle restore dev --at a1a1 --values 'a b.yaml' --yes"},
		"fresh":    {func(c *choices) { c.fresh, c.prune = true, yes }, "rekindle restore dev --at a1a1 --values 'a b.yaml' --fresh --confirm dev"},
		"switches": {func(c *choices) { c.prune, c.convert, c.allowUnserved = yes, no, yes },
			"rekindle restore dev --at a1a1 --values 'a b.yaml' --yes --prune --convert=false --allow-unserved"},
		"no plan yet": {func(c *choices) { c.planned, c.cluster.Made = nil, time.Time{} }, "rekindle restore dev --at " + strings.Repeat("a1", 20)},
		"another repository": {func(c *choices) {
			*c = choices{target: api.Target{Cluster: "new", Repo: "/srv/it's here", Path: "clusters/dev", Revision: "main"}, provider: &api.Provider{Name: "local"}, convert: no}
		}, `rekindle restore --repo '/srv/it'\''s here' --path clusters/dev --at main --provider local --name new`},
	} {
		c := devChoices()
		test.change(&c)
		if have := c.command("rekindle"); have != test.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, have, test.want)
		}
	}
}

func TestRequestIsWhatWasChosen(t *testing.T) {
	c := devChoices()
	c.fresh, c.convert = true, yes
	req := c.request("dev", time.Unix(5, 0))
	if req.Recipe != api.Restore || req.Cluster != "dev" || req.Revision != c.commit.SHA || !req.Fresh || req.Confirm != "dev" || !req.Agree {
		t.Errorf("%+v", req)
	}
	if req.Prune != nil || req.Convert == nil || !*req.Convert || req.Repo != "" || req.Provider != "" || req.Key == "" {
		t.Errorf("%+v", req)
	}
	if again := c.request("dev", time.Unix(5, 0)); again.Key != req.Key {
		t.Error("the same request at the same time has another key")
	}
	if later := c.request("dev", time.Unix(6, 0)); later.Key == req.Key {
		t.Error("the same request at another time has the same key")
	}
	adhoc := choices{target: api.Target{Cluster: "new", Repo: "/r", Path: "p"}, provider: &api.Provider{Name: "local"}, planned: &api.Planned{}, fresh: true}
	if req := adhoc.request("new", time.Unix(5, 0)); req.Repo != "/r" || req.Path != "p" || req.Provider != "local" || req.Fresh || req.Confirm != "" {
		t.Errorf("nothing is there that could be deleted: %+v", req)
	}
}

func TestWhatIsDestroyedIsSaid(t *testing.T) {
	c := devChoices()
	if lost := c.destroys(); lost != nil {
		t.Errorf("in place destroys %q", lost)
	}
	c.prune = yes
	if lost := c.destroys(); len(lost) != 1 || !strings.Contains(lost[0], "removed") {
		t.Errorf("prune destroys %q", lost)
	}
	c.fresh = true
	if lost := c.destroys(); len(lost) != 1 || !strings.Contains(lost[0], "deleted") {
		t.Errorf("fresh destroys %q", lost)
	}
	c.planned.Exists = false
	if lost := c.destroys(); lost != nil {
		t.Errorf("where nothing is, %q is destroyed", lost)
	}
}

func TestWordsOfACommandStayWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[a-z' "\\$]{1,8}`)).Draw(t, "words")
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = quote(w)
		}
		have := split(strings.Join(quoted, " "))
		if strings.Join(have, "\x00") != strings.Join(quoted, "\x00") {
			t.Fatalf("%q became %q", quoted, have)
		}
	})
}

func TestDifferenceIsSaidByObject(t *testing.T) {
	c := api.Comparison{From: source.Commit{SHA: "abcdef0123"}, Difference: plan.Difference{
		Added:   []plan.Change{{ID: object.ID{Kind: "Secret", Namespace: "a", Name: "new"}}},
		Removed: []plan.Change{{ID: object.ID{Kind: "Service", Namespace: "a", Name: "old"}}},
		Changed: []plan.Change{{ID: object.ID{Kind: "Secret", Namespace: "a", Name: "s"}, Fields: []plan.Field{{Path: "data.password", Hidden: true}, {Path: "x", New: "2"}, {Path: "y", Old: "1"}, {Path: "z", Old: "1", New: "2"}}}},
	}}
	var text []string
	for _, l := range differenceLines(c) {
		text = append(text, string(l.sign)+l.text)
	}
	want := []string{" against what was restored last (abcdef01): +1 added, -1 removed, ~1 changed", "~Secret a/s", "     data.password: differs (hidden)",
		"     x: + 2", "     y: - 1", "     z: 1 → 2", "+Secret a/new", "-Service a/old"}
	if strings.Join(text, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\nwant\n%s", strings.Join(text, "\n"), strings.Join(want, "\n"))
	}
}
