package rule_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/rule"
)

func TestWhichObjectsARuleIsAbout(t *testing.T) {
	web := object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	shop := object.ID{Kind: "Namespace", Name: "shop"}
	class := object.ID{Group: "storage.k8s.io", Kind: "StorageClass", Name: "shop"}
	for _, tc := range []struct {
		name  string
		about rule.Objects
		id    object.ID
		want  bool
	}{
		{"anything", rule.Objects{}, web, true},
		{"a kind", rule.Objects{Kind: "Deployment"}, web, true},
		{"a kind with its group", rule.Objects{Kind: "Deployment.apps"}, web, true},
		{"a kind of another group", rule.Objects{Kind: "Deployment.extensions"}, web, false},
		{"a group", rule.Objects{Group: "{apps,batch}"}, web, true},
		{"the group without a name", rule.Objects{Group: "core"}, shop, true},
		{"not in that group", rule.Objects{Group: "core"}, web, false},
		{"a namespace", rule.Objects{Namespace: "sh?p"}, web, true},
		{"the Namespace goes with it", rule.Objects{Namespace: "sh?p"}, shop, true},
		{"what has no namespace does not", rule.Objects{Namespace: "sh?p"}, class, false},
		{"any namespace and none", rule.Objects{Namespace: "*"}, class, true},
		{"some namespace", rule.Objects{Namespace: "?*"}, class, false},
		{"a name with a colon", rule.Objects{Name: "team:*"}, object.ID{Kind: "ConfigMap", Name: "team:a/b"}, true},
		{"all have to fit", rule.Objects{Kind: "Deployment", Name: "api"}, web, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, problems := tc.about.Compile()
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if have := m.IsAbout(tc.id); have != tc.want {
				t.Errorf("%+v and %s: %v", tc.about, tc.id, have)
			}
			if tc.want && !m.IsOfKind(tc.id.GroupKind()) {
				t.Error("it is about an object of a kind that it is not about")
			}
		})
	}
}

func TestAllThatIsWrongIsNamed(t *testing.T) {
	_, problems := rule.Objects{Kind: "[a", Name: "{b"}.Compile()
	want := []rule.Problem{{"kind", `"[a" is no glob: a bracket or backslash stands alone`}, {"name", `"{b" is no glob: a brace is not closed`}}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("problems (-want +have):\n%s", diff)
	}
	for text, err := range map[string]error{
		"ignore rule: broken":                    &rule.InvalidError{What: "ignore rule", Problem: rule.Problem{Message: "broken"}},
		"rekindle.yaml:7: ignore rule: name: no": &rule.InvalidError{What: "ignore rule", At: "rekindle.yaml:7", Problem: rule.Problem{Field: "name", Message: "no"}},
	} {
		if err.Error() != text {
			t.Errorf("%q, want %q", err, text)
		}
	}
}
