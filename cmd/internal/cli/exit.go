package cli

import (
	"context"
	"errors"

	"github.com/spf13/pflag"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/export"
)

// The exit codes, which scripts may rely on.
const (
	exitDone        = 0
	exitFailed      = 1   // something went wrong on the way
	exitUsage       = 2   // the command line or rekindle.yaml is wrong; nothing was touched
	exitDrift       = 3   // drift was found or cannot be ruled out, and --exit-code asked to be told
	exitUnverified  = 4   // the cluster is there, but it is not the commit
	exitRefused     = 5   // a guard refused: no consent, foreign cluster, kinds not served …
	exitInterrupted = 130 // SIGINT or SIGTERM; what was begun can be resumed
)

// outcomer is an error that knows how its run ended: *run.EndError, and the
// refusals of the recipes.
type outcomer interface{ Outcome() run.Outcome }

// exitCode is the only place that turns errors into exit codes. The first rule
// that fits wins.
func exitCode(ctx context.Context, err error) int {
	var (
		usage     *usageError
		invalid   *config.InvalidError
		undefined *config.UnknownClusterError
		flag      *pflag.NotExistError
		value     *pflag.InvalidValueError
		unknown   *providers.UnknownError
		interrupt *interruptError
		unproved  *unverifiedError
		drifted   *driftError
		outcome   outcomer
		ambiguous *rebuild.AmbiguousClusterError
		foreign   *providers.ForeignError
		taken     *providers.TakenError
		held      *run.HeldError
		told      *api.Problem
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage), errors.As(err, &invalid), errors.As(err, &undefined),
		errors.As(err, &flag), errors.As(err, &value), errors.As(err, &unknown), errors.As(err, &ambiguous), errors.Is(err, config.ErrNone):
		return exitUsage
	case errors.As(err, &told): // a daemon has the same table
		return told.ExitCode()
	case errors.As(err, &drifted):
		return exitDrift
	case errors.As(err, &unproved):
		return exitUnverified
	case errors.As(err, &foreign), errors.As(err, &taken), errors.As(err, &held), errors.Is(err, export.ErrRefused):
		return exitRefused
	case errors.As(err, &outcome):
		return outcomeCode(outcome.Outcome())
	case errors.As(context.Cause(ctx), &interrupt):
		// Whatever failed after the signal failed because of it.
		return exitInterrupted
	}
	return exitFailed
}

// outcomeCode is the exit code of a run that ended so.
func outcomeCode(o run.Outcome) int {
	switch o {
	case run.Done:
		return exitDone
	case run.Unverified:
		return exitUnverified
	case run.Refused:
		return exitRefused
	case run.Interrupted, "":
		return exitInterrupted
	}
	return exitFailed
}

// usageError: what was typed cannot be meant. Nothing was done.
type usageError struct {
	message string
	// next is what to type instead; may be empty.
	next string
}

func (e *usageError) Error() string { return e.message }
func (e *usageError) Hint() string  { return e.next }

// refusedError: a guard of the command line refused, for want of a person's
// word.
type refusedError struct{ message, next string }

func (e *refusedError) Error() string        { return e.message }
func (e *refusedError) Hint() string         { return e.next }
func (e *refusedError) Outcome() run.Outcome { return run.Refused }

// unverifiedError: the cluster is not the commit.
type unverifiedError struct{ message, next string }

func (e *unverifiedError) Error() string { return e.message }
func (e *unverifiedError) Hint() string  { return e.next }

// driftError: there is a difference, or something that could not be looked at,
// and --exit-code asked to be told. The output said so already.
type driftError struct{}

func (e *driftError) Error() string { return "there is a difference" }

// interruptError is the cause of a context that a signal ended.
type interruptError struct{ signal string }

func (e *interruptError) Error() string { return "interrupted (" + e.signal + ")" }
