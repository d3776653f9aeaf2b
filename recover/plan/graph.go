package plan

import (
	"cmp"
	"slices"

	"github.com/rekindle-io/rekindle/recover/object"
)

// vertex is a node while the plan is being made.
type vertex struct {
	Node
	edges []edge
	scope int // index of its wave scope, -1 for none
	stage stage
}

// edge points from the vertex that holds it to vertex to.
type edge struct {
	to       int
	strength Strength
	until    Until
	why      string
}

// graph holds the vertices of a plan; they are known by their index.
type graph struct {
	vertices []vertex
	barriers map[string]int // by key, see needAll
}

// few is how many edges are made to members one by one; above that a barrier
// stands for them, so that many needing many costs no square of edges.
const few = 4

func (g *graph) need(from, to int, strength Strength, until Until, why string) {
	if from == to {
		return
	}
	v := &g.vertices[from]
	v.edges = append(v.edges, edge{to: to, strength: strength, until: until, why: why})
}

// needAll makes from need every member. Calls with one key are about the same
// members, which share one barrier named title when they are many.
func (g *graph) needAll(from int, key, title string, members []int, strength Strength, until Until, why string) {
	if len(members) <= few {
		for _, m := range members {
			g.need(from, m, strength, until, why)
		}
		return
	}
	b, ok := g.barriers[key]
	if !ok {
		b = g.barrier(title)
		g.barriers[key] = b
		for _, m := range members {
			g.need(b, m, strength, until, why)
		}
	}
	g.need(from, b, strength, Exists, why)
}

// barrierKind is the kind of barriers; no Kubernetes kind can have this name.
const barrierKind = "(barrier)"

func (g *graph) barrier(title string) int {
	g.vertices = append(g.vertices, vertex{
		Node:  Node{ID: object.ID{Kind: barrierKind, Name: title}, Barrier: true},
		scope: -1,
	})
	return len(g.vertices) - 1
}

// renumber sorts the barriers, which come from number own on, by their titles:
// the order in which they were made is chance.
func (g *graph) renumber(own int) {
	order := make([]int, len(g.vertices)-own) // new place to old
	for i := range order {
		order[i] = own + i
	}
	slices.SortFunc(order, func(a, b int) int { return g.vertices[a].ID.Compare(g.vertices[b].ID) })
	moved := make([]int, len(order)) // old place to new
	sorted := make([]vertex, len(order))
	for at, old := range order {
		moved[old-own] = own + at
		sorted[at] = g.vertices[old]
	}
	copy(g.vertices[own:], sorted)
	for i := range g.vertices {
		for j := range g.vertices[i].edges {
			if e := &g.vertices[i].edges[j]; e.to >= own {
				e.to = moved[e.to-own]
			}
		}
	}
}

// tidy leaves one edge between any two vertices, the strongest, with the
// furthest Until, and sorts edges by the identity they point to.
func (g *graph) tidy() {
	for i := range g.vertices {
		edges := g.vertices[i].edges
		slices.SortFunc(edges, func(a, b edge) int {
			return cmp.Or(
				cmp.Compare(a.to, b.to),
				cmp.Compare(rank(a.strength), rank(b.strength)),
				cmp.Compare(reach(b.until), reach(a.until)),
				cmp.Compare(a.why, b.why))
		})
		kept := edges[:0]
		for _, e := range edges {
			if n := len(kept); n > 0 && kept[n-1].to == e.to {
				if reach(e.until) > reach(kept[n-1].until) {
					kept[n-1].until = e.until
				}
				continue
			}
			kept = append(kept, e)
		}
		g.vertices[i].edges = kept
	}
}

// rank orders strengths, the one that is given up last first.
func rank(s Strength) int {
	return slices.Index([]Strength{Hard, Late, Explicit, Soft}, s)
}

// reach orders how far the other end has to be.
func reach(u Until) int {
	return slices.Index([]Until{Exists, Established, Endpoints, Settled, Completed}, u)
}

// waves sets the wave of every vertex of an acyclic graph to the length of the
// longest path below it.
func (g *graph) waves() {
	const unknown = -1
	for i := range g.vertices {
		g.vertices[i].Wave = unknown
	}
	type frame struct{ v, next int }
	var stack []frame
	for root := range g.vertices {
		if g.vertices[root].Wave != unknown {
			continue
		}
		stack = append(stack[:0], frame{v: root})
		for len(stack) > 0 {
			f := &stack[len(stack)-1]
			v := &g.vertices[f.v]
			if f.next < len(v.edges) {
				to := v.edges[f.next].to
				f.next++
				if g.vertices[to].Wave == unknown {
					stack = append(stack, frame{v: to})
				}
				continue
			}
			wave := 0
			for _, e := range v.edges {
				wave = max(wave, g.vertices[e.to].Wave+1)
			}
			v.Wave = wave
			stack = stack[:len(stack)-1]
		}
	}
}
