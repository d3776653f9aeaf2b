package rebuild

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
)

// script is a target that does what a test says, and keeps the order in which
// things happened.
type script struct {
	fails map[string]bool // names of nodes whose apply fails
	shut  map[string]bool // names of nodes whose gates never open
	// applied, if set, is told of each node that is applied.
	applied func(name string)

	mu    sync.Mutex
	order []string
}

func (s *script) apply(_ context.Context, n *plan.Node) fate {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order = append(s.order, n.ID.Name)
	if s.applied != nil {
		s.applied(n.ID.Name)
	}
	if s.fails[n.ID.Name] {
		return fate{node: n, err: errors.New("refused")}
	}
	return fate{node: n}
}

func (s *script) renew(*plan.Node) {}

func (s *script) reach(ctx context.Context, to *plan.Node, _ plan.Until) error {
	s.mu.Lock()
	shut := s.shut[to.ID.Name]
	s.mu.Unlock()
	if shut {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func node(name string, edges ...plan.Edge) plan.Node {
	return plan.Node{ID: object.ID{Kind: "Thing", Name: name}, Edges: edges}
}

func edge(to string, strength plan.Strength, until plan.Until) plan.Edge {
	return plan.Edge{To: object.ID{Kind: "Thing", Name: to}, Strength: strength, Until: until}
}

// walked runs a walk and returns the fates by name.
func walked(t interface {
	Fatal(...any)
	Helper()
}, s *script, nodes []plan.Node) (fates map[string]error, awaited []string) {
	t.Helper()
	fates = map[string]error{}
	w := &walk{target: s, nodes: nodes, deadline: 20 * time.Millisecond, finished: func(f fate) {
		if _, twice := fates[f.node.ID.Name]; twice {
			t.Fatal("told twice of", f.node.ID)
		}
		fates[f.node.ID.Name] = f.err
	}}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	left, err := w.run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range left {
		awaited = append(awaited, n.ID.Name)
	}
	return fates, awaited
}

func TestWalkSkipsWhatCannotBeAndNamesWhy(t *testing.T) {
	nodes := []plan.Node{
		node("bad"), node("unready"),
		node("hard", edge("bad", plan.Hard, plan.Exists)),
		node("soft", edge("bad", plan.Soft, plan.Exists)),
		node("below", edge("hard", plan.Hard, plan.Exists)),
		node("late", edge("unready", plan.Late, plan.Endpoints)),
		{ID: object.ID{Kind: "Thing", Name: "removed"}, Removed: true},
		{ID: object.ID{Kind: "Thing", Name: "awaited"}, Awaited: true},
		node("on-awaited", edge("awaited", plan.Soft, plan.Exists)),
		{ID: object.ID{Kind: "Thing", Name: "barrier"}, Barrier: true, Edges: []plan.Edge{edge("soft", plan.Explicit, plan.Settled)}},
		node("after", edge("barrier", plan.Explicit, plan.Exists)),
	}
	s := &script{fails: map[string]bool{"bad": true}, shut: map[string]bool{"unready": true}}
	fates, awaited := walked(t, s, nodes)
	for name, want := range map[string]string{
		"bad":     "refused",
		"hard":    "skipped: it needs Thing bad, which was not applied",
		"below":   "skipped: it needs Thing hard, which was skipped",
		"late":    "skipped: it needs Thing unready, which has no ready endpoints: context deadline exceeded",
		"removed": "the target does not serve this API version",
	} {
		if fates[name] == nil || fates[name].Error() != want {
			t.Errorf("%s: want %q, have %v", name, want, fates[name])
		}
	}
	for _, name := range []string{"soft", "on-awaited", "barrier", "after", "unready"} {
		if err, told := fates[name]; err != nil || !told {
			t.Errorf("%s: not applied: %v (told %v)", name, err, told)
		}
	}
	if !slices.Equal(awaited, []string{"awaited"}) {
		t.Errorf("awaited: %v", awaited)
	}
}

func TestWalkKeepsEveryOrderAndForgetsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 40).Draw(t, "nodes")
		var nodes []plan.Node
		s := &script{fails: map[string]bool{}, shut: map[string]bool{}}
		for i := range count {
			name := fmt.Sprint(i)
			var edges []plan.Edge
			if i > 0 {
				for _, to := range rapid.SliceOfNDistinct(rapid.IntRange(0, i-1), 0, min(i, 4), rapid.ID[int]).Draw(t, "edges") {
					edges = append(edges, edge(fmt.Sprint(to),
						rapid.SampledFrom([]plan.Strength{plan.Hard, plan.Soft, plan.Late, plan.Explicit}).Draw(t, "strength"),
						rapid.SampledFrom([]plan.Until{plan.Exists, plan.Established, plan.Settled}).Draw(t, "until")))
				}
			}
			nodes = append(nodes, node(name, edges...))
			s.fails[name] = rapid.IntRange(0, 9).Draw(t, "fails") == 0
		}
		fates, _ := walked(t, s, nodes)
		if len(fates) != count {
			t.Fatalf("%d of %d nodes were told of", len(fates), count)
		}
		position := map[string]int{}
		for at, name := range s.order {
			position[name] = at
		}
		for _, n := range nodes {
			at, applied := position[n.ID.Name]
			for _, e := range n.Edges {
				before, known := position[e.To.Name]
				if applied && known && before > at {
					t.Fatalf("%s was applied before %s, which it needs", n.ID.Name, e.To.Name)
				}
				if applied && e.Strength != plan.Soft && fates[e.To.Name] != nil {
					t.Fatalf("%s was applied although %s failed", n.ID.Name, e.To.Name)
				}
			}
		}
	})
}
