package nearest_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/nearest"
)

func TestNames(t *testing.T) {
	known := []string{"main", "maintenance", "release/1.4", "v1.4", "local"}
	for _, c := range []struct {
		word string
		want []string
	}{
		{"mian", []string{"main"}},
		{"Main", []string{"main", "maintenance"}},
		{"lcoal", []string{"local"}},
		{"v1.5", []string{"v1.4"}},
		{"something-else", nil},
		{"", nil},
	} {
		if have := nearest.Names(c.word, known, 5); !slices.Equal(have, c.want) && len(have)+len(c.want) > 0 {
			t.Errorf("%q: want %v, have %v", c.word, c.want, have)
		}
	}
	if have := nearest.Names("mai", known, 1); len(have) != 1 || have[0] != "main" {
		t.Errorf("the limit is not kept: %v", have)
	}
}

func TestOneTypingErrorIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := []rune(rapid.StringMatching(`[a-z]{4,12}`).Draw(t, "word"))
		typed := slices.Clone(word)
		at := rapid.IntRange(0, len(word)-2).Draw(t, "at")
		typed[at], typed[at+1] = typed[at+1], typed[at]
		if have := nearest.Name(string(typed), []string{"zzzzzzzzzzzzzzzz", string(word)}); have != string(word) {
			t.Fatalf("%q: want %q, have %q", string(typed), string(word), have)
		}
	})
}
