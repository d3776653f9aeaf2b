package plan

import (
	"fmt"
	"slices"
	"strings"
)

// breakCycles takes edges away until no circle is left, and notes each. Classes
// of edges are let in one after the other, what matters most first: an edge that
// closes a circle with what is in already is dropped. Circles of hard edges are
// a *CycleError.
func (g *graph) breakCycles() ([]Note, error) {
	c := &cycles{graph: g, class: -1}
	if !c.circular(lastClass) {
		return nil, nil
	}
	for class := 0; class <= lastClass; class++ {
		c.class = class
		for _, component := range c.components(class) {
			if class == 0 {
				return nil, g.cycleError(component)
			}
			c.settle(component)
		}
		c.drop()
	}
	return c.notes, nil
}

// classOf orders edges by how much they matter. That a member waits for a
// barrier matters more than that the barrier waits for one member.
func (g *graph) classOf(from int, e edge) int {
	class := 2 * rank(e.strength)
	if g.vertices[from].Barrier && class > 0 {
		class++
	}
	return class
}

const lastClass = 7

// searched is for how many edges of one component a way round is looked for;
// further ones are dropped without, since that would take minutes.
const searched = 500

// cycles is the state of breaking circles.
type cycles struct {
	*graph
	class   int
	dropped map[[2]int]bool
	notes   []Note
}

func (c *cycles) circular(class int) bool { return len(c.components(class)) > 0 }

// settle decides about the edges of the current class inside one component:
// those that agree with an order of what is in already stay, the others only
// when they close no circle.
func (c *cycles) settle(component []int) {
	inside := make(map[int]int, len(component)) // vertex to position
	for i, v := range c.ordered(component) {
		inside[v] = i
	}
	type suspect struct {
		from int
		edge
	}
	var suspects []suspect
	accepted := map[int][]int{}
	for _, v := range component {
		for _, e := range c.vertices[v].edges {
			at, ok := inside[e.to]
			class := c.classOf(v, e)
			switch {
			case !ok || class > c.class:
			case class < c.class || at < inside[v]:
				accepted[v] = append(accepted[v], e.to)
			default:
				suspects = append(suspects, suspect{from: v, edge: e})
			}
		}
	}
	for n, s := range suspects {
		var way []int
		if n < searched {
			if way = path(accepted, s.to, s.from); way == nil {
				accepted[s.from] = append(accepted[s.from], s.to)
				continue
			}
		}
		if c.dropped == nil {
			c.dropped = map[[2]int]bool{}
		}
		c.dropped[[2]int{s.from, s.to}] = true
		c.notes = append(c.notes, c.note(s.from, s.edge, way))
	}
}

// note says which edge is dropped and which way round the circle goes.
func (c *cycles) note(from int, e edge, way []int) Note {
	v, to := &c.vertices[from], &c.vertices[e.to]
	var b strings.Builder
	fmt.Fprintf(&b, "does not wait for %s (%s, %s)", to.ID, e.strength, e.why)
	if len(way) > 1 {
		b.WriteString(", which waits for it: ")
		for i, w := range way {
			if i > 0 {
				b.WriteString(" → ")
			}
			b.WriteString(c.vertices[w].ID.String())
		}
	}
	return Note{Kind: CycleBroken, ID: v.ID, From: v.From, Text: b.String()}
}

// drop takes away the edges that the current class lost.
func (c *cycles) drop() {
	for pair := range c.dropped {
		v := &c.vertices[pair[0]]
		v.edges = slices.DeleteFunc(v.edges, func(e edge) bool { return e.to == pair[1] })
	}
	clear(c.dropped)
}

// ordered returns the vertices of a component so that each comes after what it
// needs by the classes below the current one, otherwise in their own order,
// barriers as early as they can.
func (c *cycles) ordered(component []int) []int {
	const entered, done = 1, 2
	state := make(map[int]int, len(component))
	in := make(map[int]bool, len(component))
	for _, v := range component {
		in[v] = true
	}
	roots := slices.Clone(component)
	slices.SortStableFunc(roots, func(a, b int) int {
		switch x, y := c.vertices[a].Barrier, c.vertices[b].Barrier; {
		case x == y:
			return 0
		case x:
			return -1
		}
		return 1
	})
	var order, stack []int
	for _, root := range roots {
		stack = append(stack[:0], root)
		for len(stack) > 0 {
			v := stack[len(stack)-1]
			if state[v] != 0 {
				stack = stack[:len(stack)-1]
				if state[v] == entered {
					state[v] = done
					order = append(order, v)
				}
				continue
			}
			state[v] = entered
			for _, e := range c.vertices[v].edges {
				if in[e.to] && state[e.to] == 0 && c.classOf(v, e) < c.class {
					stack = append(stack, e.to)
				}
			}
		}
	}
	return order
}

// path returns the vertices from one to another along edges, both included, or
// nil when there is no way.
func path(edges map[int][]int, from, to int) []int {
	came := map[int]int{from: -1}
	queue := []int{from}
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		if v == to {
			var way []int
			for ; v != -1; v = came[v] {
				way = append(way, v)
			}
			slices.Reverse(way)
			return way
		}
		for _, next := range edges[v] {
			if _, seen := came[next]; !seen {
				came[next] = v
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// cycleError names one circle of hard edges in a component.
func (g *graph) cycleError(component []int) error {
	hard := map[int][]int{}
	why := map[[2]int]string{}
	for _, v := range component {
		for _, e := range g.vertices[v].edges {
			if e.strength == Hard && slices.Contains(component, e.to) {
				hard[v] = append(hard[v], e.to)
				why[[2]int{v, e.to}] = e.why
			}
		}
	}
	first := component[0]
	err := &CycleError{}
	for _, next := range hard[first] {
		way := path(hard, next, first)
		if way == nil {
			continue
		}
		circle := append([]int{first}, way[:len(way)-1]...)
		for i, v := range circle {
			to := circle[(i+1)%len(circle)]
			err.Circle = append(err.Circle, Link{ID: g.vertices[v].ID, From: g.vertices[v].From, Why: why[[2]int{v, to}]})
		}
		break
	}
	return err
}

// components returns the strongly connected components of more than one vertex
// that edges up to class form (Tarjan, without recursion), each sorted.
func (c *cycles) components(class int) [][]int {
	t := tarjan{
		cycles: c, limit: class,
		number: make([]int32, len(c.vertices)),
		low:    make([]int32, len(c.vertices)),
		on:     make([]bool, len(c.vertices)),
	}
	for v := range c.vertices {
		if t.number[v] == 0 {
			t.visit(v)
		}
	}
	return t.found
}

type tarjan struct {
	*cycles
	limit       int
	count       int32
	number, low []int32
	on          []bool
	open        []int
	found       [][]int
}

func (t *tarjan) enter(v int) {
	t.count++
	t.number[v], t.low[v] = t.count, t.count
	t.open = append(t.open, v)
	t.on[v] = true
}

func (t *tarjan) visit(root int) {
	type frame struct{ v, next int }
	stack := []frame{{v: root}}
	t.enter(root)
	for len(stack) > 0 {
		f := &stack[len(stack)-1]
		edges := t.vertices[f.v].edges
		if f.next < len(edges) {
			e := edges[f.next]
			f.next++
			switch {
			case t.classOf(f.v, e) > t.limit:
			case t.number[e.to] == 0:
				t.enter(e.to)
				stack = append(stack, frame{v: e.to})
			case t.on[e.to]:
				t.low[f.v] = min(t.low[f.v], t.number[e.to])
			}
			continue
		}
		v := f.v
		stack = stack[:len(stack)-1]
		if len(stack) > 0 {
			parent := stack[len(stack)-1].v
			t.low[parent] = min(t.low[parent], t.low[v])
		}
		if t.low[v] == t.number[v] {
			t.leave(v)
		}
	}
}

// leave takes the component of v from the open vertices.
func (t *tarjan) leave(v int) {
	at := len(t.open) - 1
	for t.open[at] != v {
		at--
	}
	component := slices.Clone(t.open[at:])
	t.open = t.open[:at]
	for _, w := range component {
		t.on[w] = false
	}
	if len(component) > 1 {
		slices.Sort(component)
		t.found = append(t.found, component)
	}
}
