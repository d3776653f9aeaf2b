package drift

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/snapshot/show"
	"github.com/rekindle-io/rekindle/tui/tuitest"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// written is a difference as a person reads it, one line each.
func written(list []edit) string {
	var b strings.Builder
	for _, e := range list {
		b.WriteString(string(rune(e.sign)) + e.text + "\n")
	}
	return b.String()
}

func TestEdits(t *testing.T) {
	deep := func(image string) any {
		return []any{map[string]any{"name": "web", "image": image, "env": []any{map[string]any{"name": "A", "value": "1"}}}}
	}
	for name, tc := range map[string]struct {
		want, have any
		out        string
	}{
		"numbers":          {2, 5.0, "-2\n+5\n"},
		"a field is gone":  {"ada", nil, "-ada\n"},
		"a field is new":   {nil, map[string]any{"a": true}, "+a: true\n"},
		"text or number":   {"1", 1, "-\"1\"\n+1\n"},
		"the line's end":   {"a\n", "a", "-\"a\\n\"\n+\"a\"\n"},
		"empty":            {"", "x", "-\"\"\n+x\n"},
		"yes is no text":   {"true", true, "-\"true\"\n+true\n"},
		"lines":            {"a\nb\nc", "a\nB\nc", " a\n-b\n+B\n c\n"},
		"what has parts":   {deep("web:1"), deep("web:2"), " - env:\n   - name: A\n     value: \"1\"\n-  image: web:1\n+  image: web:2\n   name: web\n"},
		"far apart":        {"1x\n2\n3\n4\n5\n6\n7\n8\n9\n10x", "1y\n2\n3\n4\n5\n6\n7\n8\n9\n10y", "-1x\n+1y\n 2\n 3\n 4\n.\n 7\n 8\n 9\n-10x\n+10y\n"},
		"of a Secret":      {hidden, hidden, "~differs; what a Secret holds is not shown\n"},
		"a Secret is gone": {hidden, nil, "-(hidden)\n"},
		"escapes":          {"a\x1b[2J", "b\u202e", "-a\\x1b[2J\n+b\\u202e\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if have := written(edits(show.Field{Want: tc.want, Have: tc.have})); have != tc.out {
				t.Errorf("%q, want %q", have, tc.out)
			}
		})
	}
}

func TestHugeValuesAreCut(t *testing.T) {
	list := edits(show.Field{Want: strings.Repeat("a\n", 1<<20), Have: strings.Repeat("b", 1<<20)})
	if n := len(written(list)); n > 4*maxShown {
		t.Errorf("%d bytes are shown", n)
	}
	if list[len(list)-1].sign != apart {
		t.Error("that there is more is not said")
	}
}

// texts are values of some lines, of which several are alike.
func texts() *rapid.Generator[string] {
	line := rapid.OneOf(rapid.SampledFrom([]string{"", "a", "b: 1", "  - c", "漢字漢字", tuitest.Hostile}), rapid.String())
	return rapid.Map(rapid.SliceOfN(line, 0, 12), func(l []string) string { return strings.Join(l, "\n") })
}

func TestLayoutsLoseNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		list := edits(show.Field{Want: texts().Draw(rt, "git"), Have: texts().Draw(rt, "live")})
		width := rapid.IntRange(2, 60).Draw(rt, "width")
		joined := func(rows []edit, of ...sign) string {
			var b strings.Builder
			for _, r := range rows {
				if strings.ContainsRune(string(of), rune(r.sign)) {
					b.WriteString(r.text)
				}
			}
			return b.String()
		}
		rows := unified(list, width)
		var left, right []edit
		for _, r := range beside(list, width) {
			left, right = append(left, r.git), append(right, r.live)
		}
		for _, r := range append(append(left[:len(left):len(left)], right...), rows...) {
			if w := ui.Width(r.text); w > width {
				rt.Fatalf("%q is %d cells wide, not %d", r.text, w, width)
			}
		}
		if joined(rows, both, inGit, inLive, apart) != joined(list, both, inGit, inLive, apart) {
			rt.Fatalf("unified is %q of %q", rows, list)
		}
		if joined(left, both, inGit) != joined(list, both, inGit) || joined(right, both, inLive) != joined(list, both, inLive) {
			rt.Fatalf("side by side is %q and %q of %q", left, right, list)
		}
	})
}

func FuzzEdits(f *testing.F) {
	for _, seed := range [][2]string{{"", ""}, {"a\nb\n", "a\nc\n"}, {"1", "\"1\""}, {"\x1b[2J", "\xff\n\n\n"}, {"a: [", "@@ -1 +1 @@\n--- a\n+++ b"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, git, live string) {
		list := edits(show.Field{Want: git, Have: live})
		if git != live && len(list) == 0 {
			t.Fatalf("no difference between %q and %q", git, live)
		}
		for _, e := range list {
			tuitest.CheckSafe(t, e.text)
			if strings.ContainsRune(e.text, '\n') {
				t.Fatalf("a line of two: %q", e.text)
			}
		}
	})
}

func TestPointer(t *testing.T) {
	for path, want := range map[string]string{
		"spec.replicas": "/spec/replicas", `data["app.conf"]`: "/data/app.conf", "spec.containers[web].args[0]": "/spec/containers/web/args/0",
		`metadata.annotations["a.b/c~d"]`: "/metadata/annotations/a.b~1c~0d", "": "",
	} {
		if have := pointer(path); have != want {
			t.Errorf("%s is %s, want %s", path, have, want)
		}
	}
}
