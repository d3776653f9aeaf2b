package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
)

func TestExitCodes(t *testing.T) {
	interrupted, cancel := context.WithCancelCause(t.Context())
	cancel(&interruptError{signal: "interrupt"})
	ended := func(o run.Outcome, err error) error { return &run.EndError{Run: "r", Step: "s", Ending: o, Err: err} }
	for name, c := range map[string]struct {
		ctx  context.Context
		err  error
		want int
	}{
		"done":                     {nil, nil, 0},
		"done, though signalled":   {interrupted, nil, 0},
		"anything":                 {nil, errors.New("disk on fire"), 1},
		"usage":                    {nil, &usageError{message: "what?"}, 2},
		"config":                   {nil, fmt.Errorf("reading: %w", &config.InvalidError{}), 2},
		"no config":                {nil, config.ErrNone, 2},
		"unknown provider":         {nil, &providers.UnknownError{Name: "x"}, 2},
		"drift":                    {nil, &driftError{}, 3},
		"not verified":             {nil, &unverifiedError{}, 4},
		"run not verified":         {nil, ended(run.Unverified, &rebuild.UnverifiedError{}), 4},
		"refused":                  {nil, &rebuild.RefusedError{}, 5},
		"run refused":              {nil, ended(run.Refused, &refusedError{}), 5},
		"foreign":                  {nil, ended(run.Failed, &providers.ForeignError{}), 5},
		"taken":                    {nil, &providers.TakenError{}, 5},
		"in use":                   {nil, &run.HeldError{}, 5},
		"run failed":               {nil, ended(run.Failed, errors.New("x")), 1},
		"run aborted":              {nil, ended(run.Aborted, nil), 1},
		"run interrupted":          {interrupted, ended(run.Interrupted, context.Canceled), 130},
		"signalled":                {interrupted, fmt.Errorf("fetch: %w", context.Canceled), 130},
		"failed before the signal": {interrupted, ended(run.Failed, errors.New("x")), 1},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := c.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			if have := exitCode(ctx, c.err); have != c.want {
				t.Errorf("exit code %d, want %d", have, c.want)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"plain": {errors.New("no luck"), "error: no luck\n"},
		"hint":  {&usageError{"what?", "type more"}, "error: what?\nhint: type more\n"},
		"hint of a repository": {
			fmt.Errorf("step source: %w", &source.Error{Kind: source.ErrAuth, Repo: "https://h/r", What: "denied", Next: "log in"}),
			"error: step source: repository https://h/r: denied\nhint: log in\n",
		},
		"list": {errors.Join(errors.New("a is bad"), errors.New("b is bad")),
			"error: 2 problems\n  - a is bad\n  - b is bad\n"},
		"list with a head": {fmt.Errorf("render: %w", errors.Join(errors.New("a is bad"), errors.New("b is bad"))),
			"error: render\n  - a is bad\n  - b is bad\n"},
		"several lines": {errors.New("ambiguous, one of:\n  a\n  b"), "error: ambiguous, one of:\n  a\n  b\n"},
		"hostile": {fmt.Errorf("no %s", "\x1b[2Jfile\nforged: line\u202e"),
			"error: no \\x1b[2Jfile\n  forged: line\\u202e\n"},
		"missing": {&providers.MissingError{Provider: "local", What: "the binary", Remedy: "build it"},
			"error: provider local: the binary is missing\nhint: build it\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			a := &app{Process: Process{Terminal: &terminal.Terminal{Err: &out, Out: &out}}}
			a.explain(t.Context(), c.err)
			if out.String() != c.want {
				t.Errorf("have\n%s\nwant\n%s", out.String(), c.want)
			}
		})
	}
}

func TestQuoteIsOneWordOfAShell(t *testing.T) {
	for in, want := range map[string]string{
		"dev": "dev", "a/b-c_d.e": "a/b-c_d.e", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$(rm)": "'$(rm)'", "~x": "'~x'",
	} {
		if have := quote(in); have != want {
			t.Errorf("quote(%q) = %s, want %s", in, have, want)
		}
	}
}
