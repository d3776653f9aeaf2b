// Package terminal prints for people: results on stdout, progress and
// questions on stderr. Names that come from repositories and servers go in as
// they are; what comes out never moves a cursor, forges a line or hides
// itself, because every argument is made safe on its way (see Safe).
//
// Without a terminal there is no colour, no redrawing and no question: a
// question becomes an error that names the flag which answers it.
package terminal

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/term"
)

// defaultWidth is taken for a terminal that does not tell its own.
const defaultWidth = 80

// Terminal is where a command prints. Its methods may be called from several
// goroutines; its fields are set before the first call.
type Terminal struct {
	// Out takes results, Err progress, questions and errors.
	Out, Err io.Writer
	// In is where answers are read from; nil when nobody is there to answer.
	In io.Reader
	// IsTTY: Err is a terminal. Questions need it, and so does the line that
	// is redrawn.
	IsTTY bool
	// Width in columns to which tables and the redrawn line are cut; 0 leaves
	// tables whole, for a file or a pipe.
	Width int
	// Color allows colours on Out.
	Color bool
	// Now is the clock by which the redrawn line says how long something takes;
	// without one it does not.
	Now func() time.Time

	mu      sync.Mutex
	dumb    bool          // cannot redraw a line
	live    string        // the line that is redrawn, "" when there is none
	line    string        // the same whole and without the time
	stage   string        // the last stage that Progress was given
	since   time.Time     // when that was given first
	ticking chan struct{} // closed when the time need not go on; nil: it does not
	answers *bufio.Reader // over In
	failed  error         // the first failed write to Out
}

// New returns the terminal of a process. The environment decides on colour
// (NO_COLOR, TERM=dumb) and may give the width (COLUMNS).
func New(in, out, err *os.File, getenv func(string) string) *Terminal {
	isTTY := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
	dumb := getenv("TERM") == "dumb" || getenv("TERM") == ""
	t := &Terminal{
		Out: out, Err: err, IsTTY: isTTY(err), dumb: dumb,
		Color: isTTY(out) && !dumb && getenv("NO_COLOR") == "",
	}
	if isTTY(in) {
		t.In = in
	}
	for _, f := range []*os.File{out, err} {
		if !isTTY(f) {
			continue
		}
		if width, _, sizeErr := term.GetSize(int(f.Fd())); sizeErr == nil && width > 0 {
			t.Width = width
		} else {
			t.Width = defaultWidth
		}
		break
	}
	if columns, convErr := strconv.Atoi(getenv("COLUMNS")); convErr == nil && columns > 0 && isTTY(out) {
		t.Width = columns
	}
	if !isTTY(out) {
		t.Width = 0
	}
	return t
}

// Outf prints to stdout. The format is the program's own and may hold line
// breaks; arguments are made safe, whatever their type.
func (t *Terminal) Outf(format string, args ...any) {
	t.writeOut(sprintf(format, args))
}

// Errf prints to stderr, like Outf. The redrawn line makes way and comes back.
func (t *Terminal) Errf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clear()
	t.toErr(sprintf(format, args))
	t.draw()
}

// Failed returns the error of the first write to Out that failed (a full disk,
// a closed pipe), nil when all went well. A command asks before it exits.
func (t *Terminal) Failed() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed != nil {
		return fmt.Errorf("writing the output: %w", t.failed)
	}
	return nil
}

func (t *Terminal) writeOut(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clear()
	if t.failed == nil {
		_, t.failed = io.WriteString(t.Out, text)
	}
	t.draw()
}

// toErr writes to stderr. There is nowhere left to report that it failed.
func (t *Terminal) toErr(text string) { _, _ = io.WriteString(t.Err, text) }
