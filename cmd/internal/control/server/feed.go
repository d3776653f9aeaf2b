package server

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
)

// feedBytes is how much memory the changes may take that are kept for readers
// who are behind.
const feedBytes = 8 << 20

// feed numbers changes and keeps the last of them. Readers hold a place in it and
// nothing else; who falls behind what is kept is told so.
type feed struct {
	id  string
	now func() time.Time

	mu sync.Mutex
	// kept are the last changes; kept[0] has the number first.
	kept    []change
	first   uint64
	size    int
	most    int
	readers map[*reader]bool
}

// change is one as a line.
type change struct {
	line []byte
	// event: it is an event of a run, of which there are many.
	event bool
}

func newFeed(id string, most int, now func() time.Time) *feed {
	return &feed{id: id, now: now, first: 1, most: most, readers: map[*reader]bool{}}
}

func (f *feed) publish(c api.Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.Feed, c.Time, c.Seq = f.id, f.now(), f.first+uint64(len(f.kept))
	if c.Run != nil {
		brief := c.Run.Brief()
		c.Run = &brief
	}
	line, err := json.Marshal(c)
	if err != nil { // raw JSON from a journal that is none: tell that something changed
		line, _ = json.Marshal(api.Change{Feed: c.Feed, Time: c.Time, Seq: c.Seq, Kind: c.Kind, Name: c.Name})
	}
	line = append(line, '\n')
	f.kept, f.size = append(f.kept, change{line, c.Kind == api.RunEvent}), f.size+len(line)
	for len(f.kept) > f.most || f.size > feedBytes && len(f.kept) > 1 {
		f.size -= len(f.kept[0].line)
		f.kept[0] = change{}
		f.kept, f.first = f.kept[1:], f.first+1
	}
	for r := range f.readers {
		r.tell()
	}
}

// position is the number of the last change; 0 when there was none.
func (f *feed) position() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first + uint64(len(f.kept)) - 1
}

// sign is a line that is no change.
func (f *feed) sign(kind api.ChangeKind, seq uint64, message string) api.Change {
	return api.Change{Feed: f.id, Seq: seq, Time: f.now(), Kind: kind, Message: message}
}

// join adds a reader behind the change of that number; events tells whether it
// wants the events of runs.
func (f *feed) join(at uint64, events bool) *reader {
	r := &reader{f: f, at: at, events: events, news: make(chan struct{}, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers[r] = true
	return r
}

// reader is one place in the feed.
type reader struct {
	f      *feed
	at     uint64
	events bool
	news   chan struct{}
}

func (r *reader) tell() {
	select {
	case r.news <- struct{}{}:
	default:
	}
}

func (r *reader) leave() {
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	delete(r.f.readers, r)
}

// next returns lines behind the reader's place, moves it, and tells whether there
// are more. Missed tells that some are not kept, or that the place was never
// reached: it is at the end then.
func (r *reader) next(most int) (ready [][]byte, more, missed bool) {
	f := r.f
	f.mu.Lock()
	defer f.mu.Unlock()
	end := f.first + uint64(len(f.kept)) - 1
	if r.at+1 < f.first || r.at > end {
		r.at = end
		return nil, false, true
	}
	for _, c := range f.kept[r.at+1-f.first:] {
		if len(ready) == most {
			break
		}
		r.at++
		if r.events || !c.event {
			ready = append(ready, c.line)
		}
	}
	return ready, r.at < end, false
}
