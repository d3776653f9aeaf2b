package run

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	berrors "go.etcd.io/bbolt/errors"
)

// NotFoundError: the journal has no such run or record.
type NotFoundError struct {
	What, Name string
}

func (e *NotFoundError) Error() string { return fmt.Sprintf("no %s %q in the journal", e.What, e.Name) }

// IsNotFound tells whether err is a NotFoundError.
func IsNotFound(err error) bool {
	var e *NotFoundError
	return errors.As(err, &e)
}

// ExistsError: a run of that ID is there already.
type ExistsError struct{ ID string }

func (e *ExistsError) Error() string { return fmt.Sprintf("run %s is in the journal already", e.ID) }

// AmbiguousError: what was typed fits several runs.
type AmbiguousError struct {
	Typed string
	// Matches are the IDs that fit, newest first.
	Matches []string
}

func (e *AmbiguousError) Error() string {
	shown, more := e.Matches, ""
	if len(shown) > 5 {
		shown, more = shown[:5], fmt.Sprintf(" and %d more", len(e.Matches)-5)
	}
	return fmt.Sprintf("%q fits %d runs: %s%s: type more of the ID", e.Typed, len(e.Matches), strings.Join(shown, ", "), more)
}

// HeldError: another process works on the cluster.
type HeldError struct {
	// Key is what the lease is on.
	Key    string
	Holder Holder
}

func (e *HeldError) Error() string {
	what := strings.Replace(e.Key, "/", " ", 1)
	if e.Holder.Run == "" {
		return fmt.Sprintf("%s is in use by another run: wait for it to end", what)
	}
	return fmt.Sprintf("%s is in use by run %s (process %d on %s, since %s): wait for it to end, or abort it",
		what, e.Holder.Run, e.Holder.PID, e.Holder.Host, e.Holder.Since.Format(time.RFC3339))
}

// EndedError: the run has an outcome after which it cannot be executed or aborted.
type EndedError struct {
	ID      string
	Outcome Outcome
}

func (e *EndedError) Error() string {
	return fmt.Sprintf("run %s has ended (%s) and cannot be taken up again: start a new one", e.ID, e.Outcome)
}

// Trouble classifies what is wrong with the storage.
type Trouble string

// Troubles.
const (
	NoSpace     Trouble = "no space left"
	NotWritable Trouble = "not accessible"
	Corrupt     Trouble = "damaged"
	NewerSchema Trouble = "written by a newer version"
	Busy        Trouble = "locked by another process for too long"
	IOTrouble   Trouble = "input/output error"
)

// StorageError: the journal's files cannot be used.
type StorageError struct {
	// Path is the file or folder in question.
	Path    string
	Trouble Trouble
	Err     error
}

func (e *StorageError) Error() string {
	msg := fmt.Sprintf("journal %s: %s", e.Path, e.Trouble)
	if e.Err != nil {
		msg += " (" + e.Err.Error() + ")"
	}
	return msg + ": " + e.Remedy()
}

func (e *StorageError) Unwrap() error { return e.Err }

// Remedy says what a person can do.
func (e *StorageError) Remedy() string {
	switch e.Trouble {
	case NoSpace:
		return "free some space on that file system, or choose another state directory"
	case NotWritable:
		return "make it a folder that you own and can write to, or choose another state directory"
	case Corrupt:
		return "move the file away and start anew: clusters keep running, the history of runs is lost"
	case NewerSchema:
		return "use that version, or choose another state directory"
	case Busy:
		return "try again; see which process holds the file if it goes on"
	}
	return "look at the system's log for disk errors, or choose another state directory"
}

// Troubled returns the StorageError in err, if any.
func Troubled(err error) (*StorageError, bool) {
	var e *StorageError
	ok := errors.As(err, &e)
	return e, ok
}

// classify makes a StorageError of an error of the file system or of bbolt.
func classify(path string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := Troubled(err); ok {
		return err
	}
	t := IOTrouble
	for _, c := range []struct {
		trouble Trouble
		causes  []error
	}{
		{NoSpace, []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}},
		{NotWritable, []error{syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.ENOTDIR, syscall.EISDIR, syscall.ELOOP}},
		{Corrupt, []error{berrors.ErrInvalid, berrors.ErrVersionMismatch, berrors.ErrChecksum, berrors.ErrInvalidMapping}},
	} {
		for _, cause := range c.causes {
			if errors.Is(err, cause) {
				t = c.trouble
			}
		}
	}
	return &StorageError{Path: path, Trouble: t, Err: err}
}

// PanicError: a step panicked. The stack is in the data of the step's last
// event and in the log, not in the message.
type PanicError struct {
	Value string
	Stack []byte
}

func (e *PanicError) Error() string {
	return "panic: " + e.Value + " (this is a bug in rekindle; the stack is in the run's events)"
}

// EndError is what Execute returns for a run that did not end done.
type EndError struct {
	Run string
	// Step is the step that ended it; empty when it ended between two.
	Step string
	// Ending is the run's outcome.
	Ending Outcome
	// Err is why.
	Err error
}

func (e *EndError) Error() string {
	msg := "run " + e.Run
	if e.Ending == Interrupted || e.Ending == Aborted {
		msg += " was " + string(e.Ending)
	}
	if e.Step != "" {
		msg += ": step " + e.Step
	}
	if e.Err != nil && e.Ending != Interrupted && e.Ending != Aborted {
		msg += ": " + e.Err.Error()
	}
	return msg
}

func (e *EndError) Unwrap() error { return e.Err }

// Outcome is the run's outcome.
func (e *EndError) Outcome() Outcome { return e.Ending }
