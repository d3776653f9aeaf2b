package render

import (
	"context"
	"runtime"
)

// To parse YAML is most of the work of rendering a plain folder, and each file is
// parsed by itself. So files are read and parsed ahead of who makes objects of
// them, in their order, and no more of them at a time than memory allows.

const (
	// aheadFiles and aheadBytes are how much is parsed and not used yet; one file may
	// be larger.
	aheadFiles = 64
	aheadBytes = 1 << 20
)

// parsed is a file that was read, and its documents.
type parsed struct {
	size              int64
	docs              []*document
	readErr, parseErr error
	done              chan struct{}
}

// ahead reads files in the order in which they are asked for.
type ahead struct {
	files chan *parsed
	room  chan int64 // bytes that were used; has room for all, since who reads may be done
	stop  context.CancelFunc
}

// readAhead begins to read the files among found. It has to be stopped.
func (r *renderer) readAhead(ctx context.Context, found []found) *ahead {
	ctx, stop := context.WithCancel(ctx)
	a := &ahead{files: make(chan *parsed, aheadFiles), room: make(chan int64, len(found)), stop: stop}
	go a.read(ctx, r, found)
	return a
}

// next returns the next file, parsed.
func (a *ahead) next(ctx context.Context) (*parsed, error) {
	select {
	case p := <-a.files:
		select {
		case <-p.done:
			a.room <- p.size
			return p, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// read reads one file after the other and has each parsed by whoever is free.
func (a *ahead) read(ctx context.Context, r *renderer, found []found) {
	workers := make(chan struct{}, runtime.GOMAXPROCS(0))
	var held int64
	for _, f := range found {
		if f.kustomization {
			continue
		}
		p := &parsed{done: make(chan struct{})}
		data, err := readFile(r.tree, f.path, r.limits.FileBytes)
		p.size, p.readErr = int64(len(data)), err
		for held > 0 && held+p.size > aheadBytes {
			select {
			case n := <-a.room:
				held -= n
			case <-ctx.Done():
				return
			}
		}
		held += p.size
		select {
		case workers <- struct{}{}:
		case <-ctx.Done():
			return
		}
		go func() {
			defer func() { <-workers; close(p.done) }()
			if p.readErr == nil {
				p.docs, p.parseErr = parseDocuments(f.path, data)
			}
		}()
		for sent := false; !sent; {
			select {
			case a.files <- p:
				sent = true
			case n := <-a.room:
				held -= n
			case <-ctx.Done():
				return
			}
		}
	}
}
