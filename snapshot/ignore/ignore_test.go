package ignore_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/ignore"
	"github.com/rekindle-io/rekindle/snapshot/rule"
)

func today() time.Time { return time.Date(2026, 11, 22, 16, 30, 0, 0, time.UTC) }

func web() object.ID {
	return object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
}

func compile(t testing.TB, rules ...ignore.Rule) *ignore.Set {
	t.Helper()
	s, err := ignore.Compile(rules, today())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRulesNarrow(t *testing.T) {
	crb := object.ID{Group: "rbac.authorization.k8s.io", Kind: "ClusterRoleBinding", Name: "team:a"}
	config := object.ID{Kind: "ConfigMap", Namespace: "shop", Name: "web"}
	for _, tc := range []struct {
		name    string
		rule    ignore.Rule
		id      object.ID
		path    string
		manager string
		want    bool
	}{
		{"kind", ignore.Rule{Kind: "Deployment"}, web(), "spec.replicas", "", true},
		{"kind with group", ignore.Rule{Kind: "Deployment.apps"}, web(), "", "", true},
		{"kind with another group", ignore.Rule{Kind: "Deployment.example.com"}, web(), "", "", false},
		{"kind is not a prefix", ignore.Rule{Kind: "Deploy"}, web(), "", "", false},
		{"kinds", ignore.Rule{Kind: "{StatefulSet,Deployment}"}, web(), "", "", true},
		{"nested braces", ignore.Rule{Kind: "{X,{Stateful,De[p]loy}{ment,Set}}"}, web(), "", "", true},
		{"a star may be nothing", ignore.Rule{Name: "*web*"}, web(), "", "", true},
		{"one of some", ignore.Rule{Name: "[^a-v]?[a-c]"}, web(), "", "", true},
		{"group glob", ignore.Rule{Group: "*.k8s.io"}, crb, "", "", true},
		{"no group is core", ignore.Rule{Group: "core"}, config, "", "", true},
		{"no group is not apps", ignore.Rule{Group: "apps"}, config, "", "", false},
		{"namespace", ignore.Rule{Namespace: "sh*"}, web(), "", "", true},
		{"namespace is wanted", ignore.Rule{Namespace: "?*"}, crb, "", "", false},
		{"name with a colon", ignore.Rule{Name: "team:*"}, crb, "", "", true},
		{"all have to fit", ignore.Rule{Kind: "Deployment", Name: "api"}, web(), "", "", false},

		{"a field", ignore.Rule{Fields: []string{"/spec/replicas"}}, web(), "spec.replicas", "", true},
		{"a field is no object", ignore.Rule{Fields: []string{"/spec/replicas"}}, web(), "", "", false},
		{"what lies below", ignore.Rule{Fields: []string{"/spec/template"}}, web(), "spec.template.spec.containers[web].image", "", true},
		{"what lies above", ignore.Rule{Fields: []string{"/spec/template/spec"}}, web(), "spec.template", "", false},
		{"whole steps only", ignore.Rule{Fields: []string{"/spec/rep"}}, web(), "spec.replicas", "", false},
		{"a named item", ignore.Rule{Fields: []string{"/spec/containers/web/image"}}, web(), "spec.containers[web].image", "", true},
		{"another item", ignore.Rule{Fields: []string{"/spec/containers/log/image"}}, web(), "spec.containers[web].image", "", false},
		{"any item", ignore.Rule{Fields: []string{"/spec/containers/*/image"}}, web(), "spec.containers[web].image", "", true},
		{"an index", ignore.Rule{Fields: []string{"/spec/args/1"}}, web(), "spec.args[1]", "", true},
		{"any index", ignore.Rule{Fields: []string{"/spec/args/*"}}, web(), "spec.args[10]", "", true},
		{"an escaped key", ignore.Rule{Fields: []string{"/metadata/annotations/example.com~1a~0b"}}, web(), `metadata.annotations["example.com/a~b"]`, "", true},
		{"a key that looks like a path", ignore.Rule{Fields: []string{"/data/a.b"}}, config, `data["a.b"]`, "", true},
		{"a key with a bracket", ignore.Rule{Fields: []string{`/data/a"]x`}}, config, `data["a\"]x"]`, "", true},
		{"one of several", ignore.Rule{Fields: []string{"/a", "/spec"}}, web(), "spec", "", true},

		{"a manager", ignore.Rule{Managers: []string{"keda*"}}, web(), "spec.replicas", "keda-operator", true},
		{"another manager", ignore.Rule{Managers: []string{"keda*"}}, web(), "spec.replicas", "kubectl-edit", false},
		{"a manager with a slash", ignore.Rule{Managers: []string{"Mozilla*"}}, web(), "spec.replicas", "Mozilla/5.0", true},
		{"nobody known", ignore.Rule{Managers: []string{"?*"}}, web(), "spec.replicas", "", false},
		{"who made an object", ignore.Rule{Managers: []string{"operator"}}, web(), "", "operator", true},
		{"field and manager", ignore.Rule{Fields: []string{"/spec"}, Managers: []string{"a", "b"}}, web(), "spec.x", "b", true},
		{"field of another", ignore.Rule{Fields: []string{"/spec"}, Managers: []string{"a", "b"}}, web(), "spec.x", "c", false},

		{"until today", ignore.Rule{Kind: "*", Until: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}, web(), "", "", true},
		{"until yesterday", ignore.Rule{Kind: "*", Until: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)}, web(), "", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.rule.Reason = "because"
			rule, have := compile(t, tc.rule).Ignores(tc.id, tc.path, tc.manager)
			if have != tc.want {
				t.Fatalf("have %v, want %v", have, tc.want)
			}
			if have && !strings.HasPrefix(rule, "because") {
				t.Errorf("the rule is called %q", rule)
			}
		})
	}
}

func TestBrokenRules(t *testing.T) {
	for _, tc := range []struct {
		name string
		rule ignore.Rule
		want string
	}{
		{"no reason", ignore.Rule{Kind: "Pod"}, "f.yaml:3: ignore rule: reason: empty: say why"},
		{"everything", ignore.Rule{Reason: "r"}, "f.yaml:3: ignore rule: it would ignore everything"},
		{"glob", ignore.Rule{Reason: "r", Name: "[a"}, `f.yaml:3: ignore rule: name: "[a" is no glob`},
		{"glob of many", ignore.Rule{Reason: "r", Name: "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"}, "stands for more than 64 patterns"},
		{"long glob", ignore.Rule{Reason: "r", Name: strings.Repeat("a", 513)}, "more than 512 bytes"},
		{"manager", ignore.Rule{Reason: "r", Managers: []string{"a", "{"}}, "f.yaml:3: ignore rule: managers[1]: "},
		{"empty manager", ignore.Rule{Reason: "r", Managers: []string{""}}, "managers[0]: empty"},
		{"dotted path", ignore.Rule{Reason: "r", Fields: []string{"spec.replicas"}}, `fields[0]: "spec.replicas" is no JSON pointer: it begins with '/'`},
		{"escape", ignore.Rule{Reason: "r", Fields: []string{"/a", "/a~2"}}, "fields[1]: \"/a~2\" is no JSON pointer: after '~' comes 0"},
		{"escape at the end", ignore.Rule{Reason: "r", Fields: []string{"/a~"}}, "after '~'"},
		{"root", ignore.Rule{Reason: "r", Fields: []string{""}}, "fields[0]: empty"},
		{"empty step", ignore.Rule{Reason: "r", Fields: []string{"/spec/"}}, "has an empty step"},
		{"deep", ignore.Rule{Reason: "r", Fields: []string{strings.Repeat("/a", 65)}}, "more than 64 steps"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.rule.At = "f.yaml:3"
			_, err := ignore.Compile([]ignore.Rule{{Kind: "Pod", Reason: "fine"}, tc.rule}, today())
			var invalid *rule.InvalidError
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("have %v, want %s", err, tc.want)
			}
			if len(tc.rule.Check()) == 0 {
				t.Error("Check finds nothing")
			}
		})
	}
}

func TestDifferencesOfWhichOnlyIgnoredPartsDiffer(t *testing.T) {
	type m = map[string]any
	for _, tc := range []struct {
		name       string
		fields     []string
		path       string
		want, have any
		ok         bool
	}{
		{"a map that one side lacks", []string{"/metadata/annotations/a"}, "metadata.annotations", nil, m{"a": "x"}, true},
		{"and more in it", []string{"/metadata/annotations/a"}, "metadata.annotations", nil, m{"a": "x", "b": "y"}, false},
		{"both", []string{"/metadata/annotations/a", "/metadata/annotations/b"}, "metadata.annotations", nil, m{"a": "x", "b": "y"}, true},
		{"an injected item", []string{"/spec/containers/proxy"}, "spec.containers",
			[]any{m{"name": "web"}}, []any{m{"name": "web"}, m{"name": "proxy"}}, true},
		{"and another change", []string{"/spec/containers/proxy"}, "spec.containers",
			[]any{m{"name": "web"}}, []any{m{"name": "web", "image": "x"}, m{"name": "proxy"}}, false},
		{"in every item", []string{"/spec/containers/*/image"}, "spec.containers",
			[]any{m{"name": "a", "image": "1"}}, []any{m{"name": "a", "image": "2"}}, true},
		{"an item by its index", []string{"/spec/args/1"}, "spec.args", []any{"a"}, []any{"a", "b"}, true},
		{"the field itself", []string{"/spec"}, "spec.args", 1, 2, true},
		{"elsewhere", []string{"/status/x"}, "spec", m{"a": 1}, m{"a": 2}, false},
		{"nothing to take out", []string{"/spec/a/b"}, "spec", m{"a": 1}, m{"a": 2}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := compile(t, ignore.Rule{Reason: "r", Fields: tc.fields})
			if _, ok := s.IgnoresWithin(web(), tc.path, "", tc.want, tc.have); ok != tc.ok {
				t.Errorf("have %v, want %v", ok, tc.ok)
			}
		})
	}
}

func TestStatusesTellWhatCameOfRules(t *testing.T) {
	past := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	rules := []ignore.Rule{
		{Reason: "scaled", Fields: []string{"/spec/replicas"}, Kind: "Deployment"},
		{Reason: "calm", Name: "web", Fields: []string{"/metadata/labels"}},
		{Reason: "misspelt", Name: "wbe"},
		{Reason: "was agreed", Name: "web", Fields: []string{"/spec/paused"}, Until: past},
	}
	s := compile(t, rules...)
	s.Met(web())
	s.Met(object.ID{Kind: "Pod", Name: "x"})
	for _, path := range []string{"spec.replicas", "spec.replicas", "spec.paused"} {
		s.Ignores(web(), path, "")
	}
	want := []ignore.Status{
		{Rule: rules[0], State: ignore.Used, Objects: 1, Ignored: 2},
		{Rule: rules[1], State: ignore.Idle, Objects: 1},
		{Rule: rules[2], State: ignore.Unmatched},
		{Rule: rules[3], State: ignore.Expired, Objects: 1, Ignored: 1},
	}
	if diff := cmp.Diff(want, s.Statuses()); diff != "" {
		t.Errorf("statuses (-want +have):\n%s", diff)
	}
}

func TestTheFirstRuleThatHoldsCounts(t *testing.T) {
	past := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	s := compile(t,
		ignore.Rule{Reason: "over", Kind: "Deployment", Until: past},
		ignore.Rule{Reason: "fields", Fields: []string{"/spec/a/b"}},
		ignore.Rule{Reason: "kind", Kind: "Deployment", Until: today()},
	)
	for _, tc := range []struct{ path, want string }{
		{"spec.a.b.c", "fields"}, {"spec.a", "kind (until 2026-11-22)"}, {"", "kind (until 2026-11-22)"},
	} {
		if have, _ := s.Ignores(web(), tc.path, ""); have != tc.want {
			t.Errorf("%q: have %q, want %q", tc.path, have, tc.want)
		}
	}
	if have, _ := s.IgnoresWithin(web(), "spec.a", "", map[string]any{"b": 1}, nil); have != "fields" {
		t.Errorf("with values: have %q", have)
	}
	for i, want := range []int{0, 2, 2} {
		if have := s.Statuses()[i].Ignored; have != want {
			t.Errorf("rule %d ignored %d, want %d", i, have, want)
		}
	}
}

func TestWithoutRulesNothingIsIgnored(t *testing.T) {
	for _, s := range []*ignore.Set{nil, compile(t)} {
		s.Met(web())
		_, one := s.Ignores(web(), "spec", "x")
		_, two := s.IgnoresWithin(web(), "spec", "x", 1, 2)
		if one || two || len(s.Statuses()) > 0 {
			t.Error("something is ignored by no rule")
		}
	}
}

func TestManyAskAtOnce(t *testing.T) {
	s := compile(t, ignore.Rule{Reason: "r", Kind: "Deployment", Fields: []string{"/spec"}})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				s.Met(web())
				s.Ignores(object.ID{Kind: fmt.Sprint("K", i)}, "spec.x", "")
				s.Ignores(web(), "spec.x", "")
			}
		})
	}
	wg.Wait()
	if st := s.Statuses()[0]; st.Ignored != 1600 || st.Objects != 1600 {
		t.Errorf("have %+v", st)
	}
}

func pointer(steps []string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, s := range steps {
		b.WriteString("/" + escape.Replace(s))
	}
	return b.String()
}

// printed prints steps as drift does when all of them are keys.
func printed(steps []string) string {
	var b strings.Builder
	for i, s := range steps {
		switch {
		case strings.ContainsFunc(s, func(r rune) bool { return r < 'a' || r > 'z' }):
			fmt.Fprintf(&b, "[%q]", s)
		case i > 0:
			b.WriteString("." + s)
		default:
			b.WriteString(s)
		}
	}
	return b.String()
}

func TestEveryPathHasItsPointer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.OneOf(rapid.StringMatching(`[a-z]{1,8}`), rapid.StringN(1, 8, -1)).
			Filter(func(s string) bool { return s != "" && s != "*" })
		steps := rapid.SliceOfN(step, 1, 6).Draw(t, "steps")
		if diff := cmp.Diff(steps, ignore.Steps(printed(steps))); diff != "" {
			t.Fatalf("steps of %s:\n%s", printed(steps), diff)
		}
		s, err := ignore.Compile([]ignore.Rule{{Reason: "r", Fields: []string{pointer(steps)}}}, today())
		if err != nil {
			t.Fatal(err)
		}
		below := append(append([]string{}, steps...), "below")
		_, here := s.Ignores(web(), printed(steps), "")
		_, deeper := s.Ignores(web(), printed(below), "")
		_, above := s.Ignores(web(), printed(steps[:len(steps)-1]), "")
		if !here || !deeper || above {
			t.Fatalf("%s: here %v, below %v, above %v", pointer(steps), here, deeper, above)
		}
	})
}

func FuzzCompile(f *testing.F) {
	for _, seed := range [][3]string{
		{"Deployment", "/spec/replicas", "spec.replicas"}, {"{a,b*}", "/a~1b/*", `a["b]"].c[d]`},
		{"[^a-c]?", "/~0~1", "[[["}, {"**", "/*", `["`}, {"{a,{b,c}}", "/a", "..[]"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, glob, pointer, path string) {
		r := ignore.Rule{Reason: "r", Kind: glob, Managers: []string{glob}, Fields: []string{pointer}}
		s, err := ignore.Compile([]ignore.Rule{r}, today())
		if (err == nil) != (len(r.Check()) == 0) {
			t.Fatal("Check and Compile disagree")
		}
		if err != nil {
			return
		}
		value := map[string]any{"a": []any{map[string]any{"name": path}, path, nil}, path: 1}
		_, plain := s.Ignores(web(), path, glob)
		_, within := s.IgnoresWithin(web(), path, glob, value, nil)
		if plain && !within {
			t.Error("what is ignored is not ignored when its values are known")
		}
	})
}

func BenchmarkIgnores(b *testing.B) {
	var rules []ignore.Rule
	for i := range 50 {
		rules = append(rules, ignore.Rule{Reason: "r", Kind: fmt.Sprint("Kind", i), Namespace: "team-*", Fields: []string{"/spec/*/x"}})
	}
	rules = append(rules, ignore.Rule{Reason: "r", Kind: "Deployment", Fields: []string{"/spec/template/spec/containers/*/image"}})
	s := compile(b, rules...)
	for b.Loop() {
		s.Ignores(web(), "spec.template.spec.containers[web].image", "kubectl-edit")
	}
}
