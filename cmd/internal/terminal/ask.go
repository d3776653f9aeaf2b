package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rekindle-io/rekindle/tui/safe"
)

// NoTerminalError: a question had to be asked and nobody is there to answer.
type NoTerminalError struct {
	// Question is what would have been asked; Flag is what answers it, "--yes".
	Question, Flag string
}

func (e *NoTerminalError) Error() string {
	return fmt.Sprintf("%s There is no terminal to ask at: add %s to agree", safe.Line(e.Question), safe.Line(e.Flag))
}

// NotConfirmedError: the name that was typed is not the one that was asked for.
type NotConfirmedError struct{ Name, Typed string }

func (e *NotConfirmedError) Error() string {
	if e.Typed == "" {
		return fmt.Sprintf("not confirmed: the name %q was not typed", e.Name)
	}
	return fmt.Sprintf("not confirmed: %q was typed, not %q", e.Typed, e.Name)
}

// Ask asks a question that yes or no answers; no is what everything but y and
// yes means, an end of input included. Without a terminal it is a
// *NoTerminalError that names flag. When ctx ends the error is its cause.
func (t *Terminal) Ask(ctx context.Context, question, flag string) (bool, error) {
	answer, err := t.prompt(ctx, question, question+" [y/N] ", flag)
	if err != nil {
		return false, err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// Confirm asks that the cluster's name be typed before something destructive;
// warning says what. Another answer is a *NotConfirmedError; without a terminal
// it is a *NoTerminalError that names flag, "--confirm NAME".
func (t *Terminal) Confirm(ctx context.Context, name, warning, flag string) error {
	answer, err := t.prompt(ctx, warning, fmt.Sprintf("%s\nType the cluster's name (%s) to go on: ", warning, safe.Line(name)), flag)
	if err != nil {
		return err
	}
	if answer != name {
		return &NotConfirmedError{Name: name, Typed: answer}
	}
	return nil
}

// prompt shows text and returns the line that is typed. The goroutine that
// reads stays behind when ctx ends first: a read from a terminal cannot be
// called back, and the process is about to exit.
func (t *Terminal) prompt(ctx context.Context, question, text, flag string) (string, error) {
	if t.In == nil || !t.IsTTY {
		return "", &NoTerminalError{Question: question, Flag: flag}
	}
	t.mu.Lock()
	t.clear()
	t.live = ""
	t.toErr(safe.Lines(text))
	if t.answers == nil {
		t.answers = bufio.NewReader(t.In)
	}
	reader := t.answers
	t.mu.Unlock()

	type answer struct {
		line string
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		line, err := reader.ReadString('\n')
		typed <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case a := <-typed:
		if a.err != nil && !errors.Is(a.err, io.EOF) {
			return "", fmt.Errorf("reading the answer: %w", a.err)
		}
		return strings.TrimSpace(a.line), nil
	}
}
