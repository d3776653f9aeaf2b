// Package screen runs a program on a terminal of its own and looks at it as a
// person does: at what stands on the screen now, not at the bytes that brought it
// there. Tests of the terminal UI type keys with it and wait for words; the pictures
// in the README are made with it.
package screen

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
)

// Screen is a program and the terminal that it runs on.
type Screen struct {
	cmd  *exec.Cmd
	file *os.File
	vt   vt10x.Terminal

	mu sync.Mutex
	// more is closed when something was drawn since, over when nothing will be.
	more chan struct{}
	over bool
	raw  strings.Builder
}

// Start starts cmd on a terminal of that size. TERM and what else the program should
// see is in cmd.Env.
func Start(cmd *exec.Cmd, columns, rows int) (*Screen, error) {
	file, err := pty.StartWithSize(cmd, size(columns, rows))
	if err != nil {
		return nil, fmt.Errorf("start %s on a terminal: %w", cmd.Path, err)
	}
	s := &Screen{cmd: cmd, file: file, more: make(chan struct{})}
	// What the program asks of the terminal, such as where its cursor is, is answered.
	s.vt = vt10x.New(vt10x.WithWriter(file), vt10x.WithSize(columns, rows))
	go s.read()
	return s, nil
}

func size(columns, rows int) *pty.Winsize {
	return &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)} //nolint:gosec // screens are small
}

func (s *Screen) read() {
	in := bufio.NewReaderSize(s.file, 64<<10)
	buffer := make([]byte, 32<<10)
	for {
		n, err := in.Read(buffer) // EIO when the program is gone
		if n > 0 {
			_, _ = s.vt.Write(buffer[:n]) // it takes everything
		}
		s.mu.Lock()
		s.raw.Write(buffer[:n])
		close(s.more)
		s.more = make(chan struct{})
		s.over = err != nil
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Text is what stands on the screen now: its lines, without blanks at their ends.
func (s *Screen) Text() string {
	s.vt.Lock()
	defer s.vt.Unlock()
	columns, rows := s.vt.Size()
	lines := make([]string, rows)
	for y := range rows {
		var line strings.Builder
		for x := range columns {
			line.WriteRune(shown(s.vt.Cell(x, y).Char))
		}
		lines[y] = strings.TrimRight(line.String(), " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

func shown(r rune) rune {
	if r == 0 {
		return ' '
	}
	return r
}

// Raw is all that the program wrote.
func (s *Screen) Raw() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raw.String()
}

// Type sends keys as a keyboard does: text, "\r" for enter, "\x1b" for escape.
func (s *Screen) Type(keys string) error {
	if _, err := io.WriteString(s.file, keys); err != nil {
		return fmt.Errorf("type %q: %w", keys, err)
	}
	return nil
}

// Resize makes the terminal another size.
func (s *Screen) Resize(columns, rows int) error {
	s.vt.Resize(columns, rows)
	return pty.Setsize(s.file, size(columns, rows))
}

// Await waits until what stands on the screen is what is waited for. The error has
// the screen as it was last.
func (s *Screen) Await(ctx context.Context, what string, is func(text string) bool) error {
	for {
		s.mu.Lock()
		more, over := s.more, s.over
		s.mu.Unlock()
		text := s.Text()
		if is(text) {
			return nil
		}
		if over {
			return fmt.Errorf("the program ended without %s; the screen:\n%s", what, text)
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("%s never came: %w; the screen:\n%s", what, context.Cause(ctx), s.Text())
		}
	}
}

// Process is the program's process.
func (s *Screen) Process() *os.Process { return s.cmd.Process }

// Wait waits for the program's end and returns its exit code, -1 after a signal.
func (s *Screen) Wait(ctx context.Context) (int, error) {
	err := s.Await(ctx, "its end", func(string) bool { s.mu.Lock(); defer s.mu.Unlock(); return s.over })
	if err != nil {
		return -1, err
	}
	var exit *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return -1, err
	}
	return s.cmd.ProcessState.ExitCode(), nil
}

// Close ends the program, whatever it does, and frees the terminal.
func (s *Screen) Close() {
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.file.Close()
	_ = s.cmd.Wait()
}
