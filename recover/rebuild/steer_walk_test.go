package rebuild

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/run"
)

// crew steers a walk as a test says.
type crew struct {
	mu      sync.Mutex
	paused  bool
	changed chan struct{}
	open    []run.Order
	said    int
	refused []string
}

func newCrew() *crew { return &crew{changed: make(chan struct{})} }

func (c *crew) change(apply func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	apply()
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *crew) say(kind run.OrderKind, name string) {
	c.change(func() {
		c.said++
		c.open = append(c.open, run.Order{N: c.said, Kind: kind, Object: "Thing " + name, Why: "because", By: "ada"})
	})
}

func (c *crew) pause(paused bool) { c.change(func() { c.paused = paused }) }

func (c *crew) Unpaused(ctx context.Context) error {
	for {
		c.mu.Lock()
		paused, changed := c.paused, c.changed
		c.mu.Unlock()
		if !paused || ctx.Err() != nil {
			return context.Cause(ctx)
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

func (c *crew) Within(ctx context.Context, length time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, length)
}

func (c *crew) Orders() ([]run.Order, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.open), c.changed
}

func (c *crew) Answer(_ context.Context, o run.Order, refused string) {
	c.change(func() {
		if refused != "" {
			c.refused = append(c.refused, o.String()+": "+refused)
		}
		c.open = slices.DeleteFunc(c.open, func(other run.Order) bool { return other.N == o.N })
	})
}

// steeredWalk is a walk whose fates are kept, the last of each node.
type steeredWalk struct {
	*walk
	*crew
	script *script
	fates  map[string]error
}

func steer(nodes []plan.Node, s *script) *steeredWalk {
	w := &steeredWalk{crew: newCrew(), script: s, fates: map[string]error{}}
	w.walk = &walk{target: s, nodes: nodes, deadline: 20 * time.Millisecond, steering: w.crew, given: map[object.ID]*givenUpError{},
		finished: func(f fate) { w.fates[f.node.ID.Name] = f.err }}
	w.prepare()
	return w
}

func (w *steeredWalk) on(t interface {
	Fatal(...any)
	Helper()
}) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := w.proceed(ctx); err != nil {
		t.Fatal(err)
	}
}

// behave changes what the target does.
func (s *script) behave(fails, shut map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails, s.shut = fails, shut
}

func (w *steeredWalk) expect(t *testing.T, want map[string]string) {
	t.Helper()
	for name, text := range want {
		switch err := w.fates[name]; {
		case err == nil && text != "":
			t.Errorf("%s was applied, want %q", name, text)
		case err != nil && err.Error() != text:
			t.Errorf("%s: %v, want %q", name, err, text)
		}
	}
}

func chain() []plan.Node {
	return []plan.Node{
		node("a"), node("other"), node("b", edge("a", plan.Hard, plan.Exists)),
		{ID: object.ID{Kind: "Thing", Name: "barrier"}, Barrier: true, Edges: []plan.Edge{edge("b", plan.Explicit, plan.Settled)}},
		node("c", edge("barrier", plan.Explicit, plan.Exists), edge("other", plan.Hard, plan.Exists)),
		node("soft", edge("a", plan.Soft, plan.Exists)),
		node("late", edge("b", plan.Late, plan.Endpoints)),
	}
}

func TestRetryBringsWhatWaitedForIt(t *testing.T) {
	w := steer(chain(), &script{fails: map[string]bool{"a": true, "other": true}})
	w.on(t)
	w.expect(t, map[string]string{"a": "refused", "b": "skipped: it needs Thing a, which was not applied", "soft": ""})
	w.script.behave(map[string]bool{"other": true}, nil)
	w.say(run.RetryObject, "c") // what it was skipped for comes along, as far as it is one thing
	w.on(t)
	w.expect(t, map[string]string{"a": "", "b": "", "late": "", "other": "refused", "c": "skipped: it needs Thing other, which was not applied"})
	w.script.behave(nil, nil)
	w.say(run.RetryObject, "other")
	w.say(run.RetryObject, "a")
	w.say(run.RetryObject, "nobody")
	w.on(t)
	w.expect(t, map[string]string{"other": "", "c": ""})
	if len(w.refused) != 2 || !strings.Contains(w.refused[0], "it was applied") || !strings.Contains(w.refused[1], noSuchObject) {
		t.Errorf("refused %q", w.refused)
	}
	if n := len(slices.DeleteFunc(slices.Clone(w.script.order), func(s string) bool { return s != "soft" })); n != 1 {
		t.Errorf("soft was applied %d times", n)
	}
}

func TestSkipGivesUpAndRetryTakesItBack(t *testing.T) {
	w := steer(chain(), &script{shut: map[string]bool{"b": true}})
	w.say(run.SkipObject, "other")
	w.on(t)
	w.expect(t, map[string]string{"a": "", "b": "", "other": "given up by ada: because",
		"c":    "skipped: it needs Thing other, which was given up by ada: because",
		"late": "skipped: it needs Thing b, which has no ready endpoints: context deadline exceeded"})
	if !isGivenUp(w.fates["c"]) || isGivenUp(w.fates["late"]) {
		t.Error("who is to blame?")
	}
	w.script.behave(nil, nil)
	w.say(run.SkipObject, "other") // a second time is no news
	w.say(run.RetryObject, "late")
	w.say(run.RetryObject, "other")
	w.on(t)
	w.expect(t, map[string]string{"other": "", "late": "", "c": "skipped: it needs Thing b, which is not healthy: context deadline exceeded"})
	w.say(run.RetryObject, "c")
	w.on(t)
	w.expect(t, map[string]string{"c": ""})
	w.say(run.SkipObject, "a") // it was applied, and so was what needs it
	w.on(t)
	w.expect(t, map[string]string{"a": "given up by ada: because", "b": ""})
	if len(w.refused) != 1 || slices.Contains(w.script.order, "barrier") {
		t.Errorf("refused %q, order %q", w.refused, w.script.order)
	}
}

func TestSkipOfWhatFailedTellsWhoWaited(t *testing.T) {
	w := steer(chain(), &script{fails: map[string]bool{"a": true}})
	w.on(t)
	w.say(run.SkipObject, "a")
	w.on(t)
	w.expect(t, map[string]string{"a": "given up by ada: because", "b": "skipped: it needs Thing a, which was given up by ada: because",
		"c": "skipped: it needs Thing b, which needs Thing a, which was given up by ada: because"})
}

func TestPauseHoldsTheNextObject(t *testing.T) {
	nodes := []plan.Node{node("a"), node("b", edge("a", plan.Hard, plan.Settled)), node("given", edge("a", plan.Hard, plan.Exists))}
	s := &script{}
	w := steer(nodes, s)
	s.applied = func(name string) {
		if name == "a" {
			w.pause(true)
		}
	}
	over := make(chan error)
	go func() {
		_, err := w.proceed(t.Context())
		over <- err
	}()
	w.awaitOrders(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return slices.Equal(s.order, []string{"a"}) })
	w.say(run.SkipObject, "given") // while a worker has it
	w.awaitOrders(t, func() bool { open, _ := w.Orders(); return len(open) == 0 })
	select {
	case err := <-over:
		t.Fatal("it went on", err)
	default:
	}
	w.pause(false)
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	w.expect(t, map[string]string{"b": "", "given": "given up by ada: because"})
	if !slices.Equal(s.order, []string{"a", "b"}) {
		t.Errorf("order %q", s.order)
	}
}

func (w *steeredWalk) awaitOrders(t *testing.T, so func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !so() {
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatal("it does not come")
		}
	}
}

// TestAnyOrdersLeadToTheSameEnd: whatever failed at first and in whichever order
// people retry and skip, in the end a node is applied unless it, or what it
// strictly needs, was given up.
func TestAnyOrdersLeadToTheSameEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(2, 25).Draw(t, "nodes")
		s := &script{fails: map[string]bool{}, shut: map[string]bool{}}
		var nodes []plan.Node
		for i := range count {
			var edges []plan.Edge
			if i > 0 {
				for _, to := range rapid.SliceOfNDistinct(rapid.IntRange(0, i-1), 0, min(i, 3), rapid.ID[int]).Draw(t, "edges") {
					edges = append(edges, edge(fmt.Sprint(to), rapid.SampledFrom([]plan.Strength{plan.Hard, plan.Soft, plan.Explicit}).Draw(t, "strength"),
						rapid.SampledFrom([]plan.Until{plan.Exists, plan.Settled}).Draw(t, "until")))
				}
			}
			nodes = append(nodes, node(fmt.Sprint(i), edges...))
			s.fails[fmt.Sprint(i)] = rapid.IntRange(0, 3).Draw(t, "fails") == 0
			s.shut[fmt.Sprint(i)] = rapid.IntRange(0, 9).Draw(t, "shut") == 0
		}
		w := steer(nodes, s)
		w.deadline = time.Millisecond
		for range rapid.IntRange(0, 3).Draw(t, "rounds") {
			for range rapid.IntRange(0, 4).Draw(t, "orders") {
				w.say(rapid.SampledFrom([]run.OrderKind{run.RetryObject, run.SkipObject}).Draw(t, "kind"), fmt.Sprint(rapid.IntRange(0, count-1).Draw(t, "which")))
			}
			w.on(t)
		}
		w.on(t)
		s.behave(nil, nil)     // the trouble is over
		for i := range nodes { // in the order of the plan, what failed by itself first
			if err := w.fates[nodes[i].ID.Name]; err != nil && w.given[nodes[i].ID] == nil && !isGivenUp(err) {
				w.say(run.RetryObject, nodes[i].ID.Name)
				w.on(t)
			}
		}
		lost := map[string]bool{}
		for i := range nodes {
			name := nodes[i].ID.Name
			lost[name] = w.given[nodes[i].ID] != nil
			needsLost := slices.ContainsFunc(nodes[i].Edges, func(e plan.Edge) bool {
				return e.Strength != plan.Soft && lost[e.To.Name] && (e.Until == plan.Exists || w.fates[e.To.Name] != nil)
			})
			if err := w.fates[name]; err == nil && lost[name] || err != nil && !lost[name] && !needsLost {
				t.Fatalf("%s: %v, given up %v", name, err, lost[name])
			}
			lost[name] = lost[name] || w.fates[name] != nil
		}
		if w.left != 0 {
			t.Fatalf("%d are left", w.left)
		}
	})
}
