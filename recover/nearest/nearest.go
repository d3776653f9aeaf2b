// Package nearest suggests what a person may have meant: given a misspelt word
// and the words that exist, it returns those within reach of a typing error.
package nearest

import (
	"cmp"
	"slices"
	"strings"
)

// Name returns the known word nearest to word, or "" when none is near enough
// to be worth a suggestion.
func Name(word string, known []string) string {
	if near := Names(word, known, 1); len(near) > 0 {
		return near[0]
	}
	return ""
}

// Names returns at most limit known words that word may have meant, nearest
// first. A word is near when at most a third of it (and at least one letter)
// has to change, or when one begins with the other.
func Names(word string, known []string, limit int) []string {
	type candidate struct {
		name     string
		distance int
	}
	var near []candidate
	lower := strings.ToLower(word)
	for _, k := range known {
		lowerKnown := strings.ToLower(k)
		d := distance(lower, lowerKnown)
		prefix := len(lower) >= 2 && (strings.HasPrefix(lowerKnown, lower) || strings.HasPrefix(lower, lowerKnown) && len(k) >= 2)
		if d <= max(1, len(word)/3) || prefix {
			near = append(near, candidate{k, d})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	if len(near) > limit {
		near = near[:limit]
	}
	names := make([]string, len(near))
	for i, c := range near {
		names[i] = c.name
	}
	return names
}

// distance is how many letters have to be changed, added, dropped or swapped
// with their neighbour to make b of a (optimal string alignment), in runes.
func distance(a, b string) int {
	ra, rb := []rune(a), []rune(b)
	var before []int // the row above the last
	last := make([]int, len(rb)+1)
	for j := range last {
		last[j] = j
	}
	for i := range ra {
		row := make([]int, len(rb)+1)
		row[0] = i + 1
		for j := range rb {
			change := last[j]
			if ra[i] != rb[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && ra[i] == rb[j-1] && ra[i-1] == rb[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(rb)]
}
