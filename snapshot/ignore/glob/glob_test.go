package glob_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/snapshot/ignore/glob"
)

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"web", "web", true},
		{"web", "webs", false},
		{"*", "", true},
		{"?*", "", false},
		{"team:*", "team:a/b", true},
		{"[a-c]?", "bz", true},
		{"[^a-c]?", "bz", false},
		{"[!a-c]?", "dz", true},
		{"{one,two}", "two", true},
		{"{one,two}", "one,two", false},
		{"{,x}y", "y", true},
		{"a{b,c{d,e}}f", "acef", true},
		{`\{a\}`, "{a}", true},
		{`\*`, "x", false},
		{"[{]", "{", true},
		{"é?", "éé", true},
	} {
		g, err := glob.Parse(tc.pattern)
		if err != nil {
			t.Errorf("%q: %v", tc.pattern, err)
			continue
		}
		if have := g.Match(tc.name); have != tc.want {
			t.Errorf("%q and %q: have %v, want %v", tc.pattern, tc.name, have, tc.want)
		}
	}
}

func TestNoGlobs(t *testing.T) {
	for pattern, want := range map[string]string{
		"{a": "a brace is not closed", "a}": "closed that was not opened", "[a": "stands alone", `a\`: "stands alone",
		strings.Repeat("{a,b}", 7):  "more than 64 patterns",
		strings.Repeat("a", 513):    "more than 512 bytes",
		strings.Repeat("{", 200):    "is not closed",
		strings.Repeat("{a,", 100):  "is not closed",
		strings.Repeat("{a,b}", 90): "more than 64",
	} {
		if _, err := glob.Parse(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: have %v, want %s", pattern, err, want)
		}
	}
}

func TestManyStarsCostLittle(t *testing.T) {
	g, err := glob.Parse(strings.Repeat("*a", 200))
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if g.Match(strings.Repeat("a", 253) + "c") {
		t.Error("a name that ends in c matches a pattern that ends in a")
	}
	if d := time.Since(begun); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
}

func TestNamesMatchThemselves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-zA-Z0-9.:/_-]{1,40}`).Draw(t, "name")
		at := rapid.IntRange(0, len(name)).Draw(t, "at")
		for _, pattern := range []string{name, name[:at] + "*", "*" + name[at:], "{x," + name + "}", name[:at] + "{" + name[at:] + ",x}"} {
			g, err := glob.Parse(pattern)
			if err != nil || !g.Match(name) {
				t.Fatalf("%q does not match %q: %v", pattern, name, err)
			}
		}
	})
}

func FuzzGlob(f *testing.F) {
	for _, seed := range [][2]string{{"{a,b*}", "a"}, {"[!a-c]?", "x"}, {`\{[{,]*`, ","}, {"{a,{b,c}}", "c"}, {"[]a]", "]"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(_ *testing.T, pattern, name string) {
		if g, err := glob.Parse(pattern); err == nil {
			g.Match(name)
		}
	})
}
