// Package notify tells people what happened, where they want to be told: in go
// messages and channels (a generic webhook, one that Slack and its like
// understand, mail), out come deliveries that are tried again and never hold up
// whoever has something to say.
package notify

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Message is what people are told. It holds no secrets.
type Message struct {
	// Kind is a word such as "failure" or "teardown".
	Kind    string    `json:"kind"`
	Cluster string    `json:"cluster,omitempty"`
	Time    time.Time `json:"time"`
	// At is the time of the event that it is about.
	At time.Time `json:"at,omitzero"`
	// Subject is one line.
	Subject string `json:"subject"`
	Text    string `json:"text,omitempty"`
	Run     string `json:"run,omitempty"`
}

// Sender is where messages go. Send returns when the other side has taken the
// message; its errors never hold the address, which may be a secret.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// Channel is a Sender with what it wants to be told.
type Channel struct {
	Name   string
	Kinds  []string
	Sender Sender
}

// Options say how hard a Dispatcher tries.
type Options struct {
	// Attempts for each message, Pause before the second one, twice as long before
	// each later one; Timeout bounds each attempt. 5, 2 s and 15 s when 0.
	Attempts       int
	Pause, Timeout time.Duration
	// Buffer is how many messages may wait for a channel; 100 when 0. Those beyond
	// it are dropped, with a line in the log.
	Buffer int
	Log    *slog.Logger
}

// Dispatcher delivers messages to channels, each in order and at its own pace.
type Dispatcher struct {
	opts   Options
	queues []queue
	work   sync.WaitGroup
}

type queue struct {
	Channel
	waiting chan Message
}

// New returns a dispatcher that delivers until it is closed, or ctx ends.
func New(ctx context.Context, channels []Channel, o Options) *Dispatcher {
	o.Attempts, o.Pause, o.Timeout = cmp.Or(o.Attempts, 5), cmp.Or(o.Pause, 2*time.Second), cmp.Or(o.Timeout, 15*time.Second)
	o.Buffer = cmp.Or(o.Buffer, 100)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Dispatcher{opts: o}
	for _, c := range channels {
		q := queue{c, make(chan Message, o.Buffer)}
		d.queues = append(d.queues, q)
		d.work.Go(func() {
			for m := range q.waiting {
				d.deliver(ctx, q.Channel, m)
			}
		})
	}
	return d
}

// Tell hands a message to every channel that wants its kind, and returns at
// once. It must not be called after Close.
func (d *Dispatcher) Tell(m Message) {
	for _, q := range d.queues {
		if !slices.Contains(q.Kinds, m.Kind) {
			continue
		}
		select {
		case q.waiting <- m:
		default:
			d.opts.Log.Warn("notify: too many messages wait, one was dropped", "channel", q.Name, "kind", m.Kind, "cluster", m.Cluster)
		}
	}
}

// Close returns when what waits was delivered or given up; cancel the ctx that
// New was given to give up soon.
func (d *Dispatcher) Close() {
	for _, q := range d.queues {
		close(q.waiting)
	}
	d.work.Wait()
}

// deliver tries until the other side has the message.
func (d *Dispatcher) deliver(ctx context.Context, c Channel, m Message) {
	pause := d.opts.Pause
	for attempt := 1; ctx.Err() == nil; attempt++ {
		bounded, cancel := context.WithTimeout(ctx, d.opts.Timeout)
		err := c.Sender.Send(bounded, m)
		cancel()
		if err == nil {
			return
		}
		log := d.opts.Log.With("channel", c.Name, "kind", m.Kind, "cluster", m.Cluster, "attempt", attempt, "error", err)
		if attempt == d.opts.Attempts || errors.As(err, new(*RejectedError)) {
			log.Error("notify: given up")
			return
		}
		wait := pause
		var later *laterError
		if errors.As(err, &later) {
			wait = max(wait, later.after)
		}
		log.Warn("notify: failed, to be tried again", "in", wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		pause *= 2
	}
}

// RejectedError: the other side does not want the message, however often it is
// sent.
type RejectedError struct{ Reason string }

func (e *RejectedError) Error() string { return "rejected: " + e.Reason }
