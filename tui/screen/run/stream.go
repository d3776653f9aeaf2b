package run

import (
	"context"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	journal "github.com/rekindle-io/rekindle/recover/run"
)

const (
	// batchMost is how many events one message has at most; streamMost how many
	// may wait until the reader of the events is held back.
	batchMost  = 2000
	streamMost = 3 * batchMost
	// batchEvery is how long events are gathered after a batch.
	batchEvery = 100 * time.Millisecond
)

// arrived has the events that came since the last such message. over: nothing more
// comes, because of err when that is not nil.
type arrived struct {
	of     *stream
	events []journal.Event
	over   bool
	err    error
}

// stream hands the events of one run from the goroutine that follows them to the
// screen, in batches: a thousand events are one message.
type stream struct {
	cancel context.CancelFunc
	ctx    context.Context //nolint:containedctx // it is the stream's life

	mu      sync.Mutex // guards what follows
	waiting []journal.Event
	over    bool
	err     error
	// changed and taken wake the two sides.
	changed, taken chan struct{}
}

// newStream makes a stream that ends with life.
func newStream(life context.Context) *stream {
	s := &stream{changed: make(chan struct{}, 1), taken: make(chan struct{}, 1)}
	s.ctx, s.cancel = context.WithCancel(life)
	return s
}

// follow starts to read the events of a run behind since, and answers with the
// first of them.
func (s *stream) follow(d Daemon, id string, since uint64) tea.Cmd {
	return func() tea.Msg {
		go func() {
			err := d.Follow(s.ctx, id, since, s.put)
			s.mu.Lock()
			s.over, s.err = true, err
			s.mu.Unlock()
			wake(s.changed)
		}()
		return s.take(0)
	}
}

// more answers with the events that come next.
func (s *stream) more() tea.Cmd { return func() tea.Msg { return s.take(batchEvery) } }

// put is called by who follows; it waits while the screen is behind.
func (s *stream) put(ev journal.Event) error {
	for {
		s.mu.Lock()
		if len(s.waiting) < streamMost {
			s.waiting = append(s.waiting, ev)
			s.mu.Unlock()
			wake(s.changed)
			return nil
		}
		s.mu.Unlock()
		select {
		case <-s.taken:
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
}

// take waits for events, lets more of them gather, and returns them. It returns
// nil when the stream was closed.
func (s *stream) take(gather time.Duration) tea.Msg {
	pause := time.NewTimer(gather)
	defer pause.Stop()
	gathered := gather == 0
	for s.ctx.Err() == nil {
		s.mu.Lock()
		n := len(s.waiting)
		if s.over && n <= batchMost || n >= batchMost || n > 0 && gathered {
			msg := s.batch()
			s.mu.Unlock()
			wake(s.taken)
			return msg
		}
		s.mu.Unlock()
		select {
		case <-s.changed:
		case <-pause.C:
			gathered = true
		case <-s.ctx.Done():
		}
	}
	return nil
}

// batch takes what one message can hold.
func (s *stream) batch() arrived {
	n := min(len(s.waiting), batchMost)
	msg := arrived{of: s, events: append([]journal.Event(nil), s.waiting[:n]...)}
	s.waiting = s.waiting[:copy(s.waiting, s.waiting[n:])]
	if len(s.waiting) == 0 {
		msg.over, msg.err = s.over, s.err
	}
	return msg
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
