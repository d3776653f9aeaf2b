package server

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
)

// tails watch the runs that somebody follows, each once however many follow it:
// runs of this process by being woken, those of others by looking at the journal.
type tails struct {
	s       *Server
	mu      sync.Mutex
	watched map[string]*tail
	running sync.WaitGroup
}

func newTails(s *Server) *tails { return &tails{s: s, watched: map[string]*tail{}} }

// tail watches one run as long as it has followers.
type tail struct {
	id        string
	followers map[*tailer]bool
	// over: nothing more will come.
	over   atomic.Bool
	woken  chan struct{}
	cancel context.CancelFunc
}

// tailer is one follower's end of a tail.
type tailer struct {
	all  *tails
	tail *tail
	// news has something when events may have come, or the end.
	news chan struct{}
}

func (f *tailer) over() bool { return f.tail.over.Load() }

// join begins to watch a run, or joins who does. What came after since is news.
func (a *tails) join(ctx context.Context, id string, since uint64) *tailer {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.watched[id]
	if t == nil {
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // everybody's who follows
		t = &tail{id: id, followers: map[*tailer]bool{}, woken: make(chan struct{}, 1), cancel: cancel}
		a.watched[id] = t
		a.running.Go(func() { a.watch(ctx, t, since) })
	}
	f := &tailer{all: a, tail: t, news: make(chan struct{}, 1)}
	t.followers[f] = true
	return f
}

func (f *tailer) leave() {
	f.all.mu.Lock()
	defer f.all.mu.Unlock()
	delete(f.tail.followers, f)
	if len(f.tail.followers) == 0 {
		f.tail.cancel()
		delete(f.all.watched, f.tail.id)
	}
}

// wake tells that a run of this process has news.
func (a *tails) wake(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t := a.watched[id]; t != nil {
		poke(t.woken)
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (a *tails) tell(t *tail) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for f := range t.followers {
		poke(f.news)
	}
}

// wait returns when nothing is watched any more.
func (a *tails) wait() { a.running.Wait() }

// watch looks at a run until it is over, or nobody follows.
func (a *tails) watch(ctx context.Context, t *tail, since uint64) {
	tick := time.NewTicker(a.s.opts.PollEvery)
	defer tick.Stop()
	quiet := false
	for {
		live, known := a.alive(ctx, t.id)
		news, last := a.news(ctx, t.id, since)
		since = max(since, last.Seq)
		if news {
			a.tell(t)
		}
		// Who marks a dead run aborted writes its last event behind the outcome.
		if known && !live && (last.Type == run.RunEnd || quiet && !news) {
			t.over.Store(true)
			a.tell(t)
			return
		}
		quiet = known && !live
		select {
		case <-t.woken:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// revival is how long after the daemon began to serve it may take up runs that
// were cut off when an earlier one ended.
const revival = 30 * time.Second

// alive tells whether more may come of a run, and whether that is known at all.
func (a *tails) alive(ctx context.Context, id string) (live, known bool) {
	ctx, cancel := context.WithTimeout(ctx, a.s.opts.RequestTimeout)
	defer cancel()
	r, err := a.s.backend.Run(ctx, id)
	switch {
	case run.IsNotFound(err): // pruned
		return false, true
	case err != nil:
		return false, false
	}
	awaited := r.Daemon && r.Outcome.Unfinished() && a.s.opts.Now().Sub(a.s.started) < revival
	return r.Live || awaited, true
}

// news tells whether there are events behind since, and which is the last of
// them; without news it is that at since itself.
func (a *tails) news(ctx context.Context, id string, since uint64) (news bool, last run.Event) {
	ctx, cancel := context.WithTimeout(ctx, a.s.opts.RequestTimeout)
	defer cancel()
	from := max(since, 1) - 1
	for {
		events, err := a.s.backend.Events(ctx, id, from, portion)
		if err != nil || len(events) == 0 {
			return last.Seq > since, last
		}
		last = events[len(events)-1]
		if len(events) < portion {
			return last.Seq > since, last
		}
		from = last.Seq
	}
}
