package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
)

// explain prints an error for people: what went wrong, a list when it is
// several things, and what to do about it on a line of its own.
func (a *app) explain(ctx context.Context, err error) {
	var interrupt *interruptError
	if errors.As(context.Cause(ctx), &interrupt) && errors.Is(err, context.Canceled) && !errors.As(err, new(outcomer)) {
		err = interrupt // the cause says more than "context canceled"
	}
	text, hint := splitHint(err)
	head, items := listOf(err, text)
	t := a.Terminal
	lines := strings.Split(head, "\n")
	t.Errf("%s %s\n", t.Paint(terminal.Bad, "error:"), lines[0])
	for _, line := range lines[1:] {
		t.Errf("  %s\n", strings.TrimSpace(line))
	}
	for _, item := range items {
		first, rest, _ := strings.Cut(item, "\n")
		t.Errf("  - %s\n", first)
		for line := range strings.Lines(rest) {
			t.Errf("    %s\n", strings.TrimSpace(line))
		}
	}
	for line := range strings.SplitSeq(hint, "\n") {
		if line != "" {
			t.Errf("%s %s\n", t.Paint(terminal.Warn, "hint:"), line)
		}
	}
}

// splitHint takes from an error's text what says what to do next.
func splitHint(err error) (text, hint string) {
	text = err.Error()
	var (
		hinted  interface{ Hint() string }
		repo    *source.Error
		rev     *source.UnknownRevisionError
		storage *run.StorageError
		missing *providers.MissingError
		asked   *terminal.NoTerminalError
		unknown *providers.UnknownError
	)
	switch {
	case errors.As(err, &hinted):
		hint = hinted.Hint()
	case errors.As(err, &repo) && repo.Next != "":
		text, hint = strings.Replace(text, "; "+repo.Next, "", 1), repo.Next
	case errors.As(err, &rev) && rev.Hint != "":
		text, hint = strings.Replace(text, "; "+rev.Hint, "", 1), rev.Hint
	case errors.As(err, &storage):
		text, hint = strings.Replace(text, ": "+storage.Remedy(), "", 1), storage.Remedy()
	case errors.As(err, &missing):
		text, hint = strings.Replace(text, ": "+missing.Remedy, "", 1), missing.Remedy
	case errors.As(err, &asked):
		hint = "add " + asked.Flag
	case errors.As(err, &unknown):
		text = strings.Replace(text, fmt.Sprintf(" (known: %v)", unknown.Known), "", 1)
		hint = "one of " + strings.Join(unknown.Known, ", ")
	case errors.Is(err, config.ErrNone):
		text, hint, _ = strings.Cut(text, ": ")
		text = strings.NewReplacer(`["`, "", `" "`, ", ", `"]`, "").Replace(text)
	case duplicates(err) >= 3:
		hint = "the folder holds several variants of the same objects: choose one with --path"
	}
	return strings.TrimRight(text, ": "), hint
}

// duplicates counts the objects that an error says are defined twice.
func duplicates(err error) int {
	if _, is := err.(*object.DuplicateError); is {
		return 1
	}
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		n := 0
		for _, one := range e.Unwrap() {
			n += duplicates(one)
		}
		return n
	case interface{ Unwrap() error }:
		return duplicates(e.Unwrap())
	}
	return 0
}

// listOf returns the head and the items of an error that is several: one of
// errors.Join, or of a rekindle.yaml with several problems.
func listOf(err error, text string) (head string, items []string) {
	var invalid *config.InvalidError
	if errors.As(err, &invalid) && len(invalid.Problems) > 1 {
		for _, p := range invalid.Problems {
			items = append(items, p.Error())
		}
		return fmt.Sprintf("%s has %d problems", invalid.Problems[0].File, len(items)), items
	}
	var refused *rebuild.RefusedError
	if errors.As(err, &refused) && len(refused.Unserved) > 0 {
		for i, u := range refused.Unserved {
			if i == maxShown {
				items = append(items, fmt.Sprintf("… and %d more", len(refused.Unserved)-i))
				break
			}
			items = append(items, fmt.Sprintf("%s (%s): %s", u.ID, u.From, u.Reason))
		}
		return text, items
	}
	joined := joinedIn(err)
	if len(joined) < 2 {
		return text, nil
	}
	for _, e := range joined {
		items = append(items, e.Error())
	}
	before, _, found := strings.Cut(text, strings.Join(items, "\n"))
	if before = strings.TrimSuffix(strings.TrimSpace(before), ":"); !found || before == "" {
		return fmt.Sprintf("%d problems", len(items)), items
	}
	return before, items
}

// joinedIn returns what errors.Join joined, the first join in the chain.
func joinedIn(err error) []error {
	for err != nil {
		switch e := err.(type) {
		case interface{ Unwrap() []error }:
			list := e.Unwrap()
			texts := make([]string, len(list))
			for i, one := range list {
				texts[i] = one.Error()
			}
			if err.Error() == strings.Join(texts, "\n") {
				return list
			}
			return nil
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		default:
			return nil
		}
	}
	return nil
}
