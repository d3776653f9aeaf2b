package plan

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/object"
)

func graphOf(n int) *graph {
	g := &graph{barriers: map[string]int{}}
	for i := range n {
		g.vertices = append(g.vertices, vertex{scope: -1, Node: Node{
			ID:   object.ID{Kind: "Thing", Name: fmt.Sprint(i)},
			From: object.Provenance{File: "things.yaml", Line: i + 1},
		}})
	}
	return g
}

func TestCircleOfHardEdgesIsNamed(t *testing.T) {
	g := graphOf(4)
	g.need(0, 1, Hard, Exists, "its class")
	g.need(1, 2, Hard, Exists, "its definition")
	g.need(2, 0, Hard, Exists, "its namespace")
	g.need(3, 0, Hard, Exists, "its namespace")
	g.need(1, 0, Soft, Exists, "it names it")
	_, err := g.breakCycles()
	var circle *CycleError
	if !errors.As(err, &circle) || len(circle.Circle) != 3 {
		t.Fatalf("error %v, want a circle of three", err)
	}
	for _, part := range []string{
		"Thing 0 (things.yaml:1) needs Thing 1: its class",
		"Thing 1 (things.yaml:2) needs Thing 2: its definition",
		"Thing 2 (things.yaml:3) needs Thing 0: its namespace",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
}

func TestWeakestEdgeOfACircleGoes(t *testing.T) {
	for _, c := range []struct{ stays, goes Strength }{{Hard, Soft}, {Hard, Late}, {Hard, Explicit}, {Late, Explicit}, {Late, Soft}, {Explicit, Soft}} {
		for _, turned := range []bool{false, true} {
			g, a, b := graphOf(2), 0, 1
			if turned {
				a, b = b, a
			}
			g.need(a, b, c.stays, Exists, "stays")
			g.need(b, a, c.goes, Exists, "goes")
			broken, err := g.breakCycles()
			if err != nil || len(broken) != 1 || len(g.vertices[a].edges) != 1 || len(g.vertices[b].edges) != 0 {
				t.Errorf("%s against %s: %v %v", c.stays, c.goes, broken, err)
			}
		}
	}
}

// No more is broken than has to be: what was dropped closes a circle with what
// stayed.
func TestOnlyCirclesAreBroken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		g := graphOf(n)
		g.vertices[0].Barrier = rapid.Bool().Draw(t, "barrier")
		type arc struct{ from, to int }
		strengths := map[arc]Strength{}
		for range rapid.IntRange(0, 40).Draw(t, "edges") {
			a := arc{rapid.IntRange(0, n-1).Draw(t, "from"), rapid.IntRange(0, n-1).Draw(t, "to")}
			s := rapid.SampledFrom([]Strength{Hard, Late, Explicit, Soft}).Draw(t, "strength")
			if s == Hard && a.from <= a.to || a.from == a.to {
				continue // no circle of hard edges here
			}
			if _, twice := strengths[a]; !twice {
				strengths[a] = s
				g.need(a.from, a.to, s, Exists, "because")
			}
		}
		broken, err := g.breakCycles()
		if err != nil {
			t.Fatal(err)
		}
		kept := map[int][]int{}
		count := 0
		for from := range g.vertices {
			for _, e := range g.vertices[from].edges {
				kept[from] = append(kept[from], e.to)
				delete(strengths, arc{from, e.to})
				count++
			}
		}
		if len(strengths) != len(broken) {
			t.Fatalf("%d edges dropped, %d noted", len(strengths), len(broken))
		}
		for a, s := range strengths {
			if s == Hard {
				t.Fatalf("a hard edge was dropped")
			}
			if path(kept, a.to, a.from) == nil {
				t.Fatalf("the %s edge %v was dropped and closes no circle", s, a)
			}
		}
		for from, list := range kept {
			for _, to := range list {
				if path(kept, to, from) != nil {
					t.Fatalf("a circle through %d and %d is left", from, to)
				}
			}
		}
		g.waves()
	})
}
