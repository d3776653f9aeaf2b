package providers

import (
	"errors"
	"fmt"
)

// ErrNotFound: the provider has no cluster of that name.
var ErrNotFound = errors.New("cluster not found")

// ForeignError: the name is held by something that bears no mark of ours.
type ForeignError struct {
	Provider, Name string
	// Holder is what holds the name: "directory /…", "container …".
	Holder string
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("provider %s: %q is held by %s, which rekindle did not make: choose another name, or remove it by hand",
		e.Provider, e.Name, e.Holder)
}

// TakenError: the name is held by a cluster of ours with another ID.
type TakenError struct {
	Provider, Name string
	// Wanted is the ID that was asked for, Have the one that is there.
	Wanted, Have string
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("provider %s: cluster %q exists with id %s, not %s: it is another cluster of the same name",
		e.Provider, e.Name, e.Have, e.Wanted)
}

// NotRunningError: the cluster is there, but its API server does not run.
type NotRunningError struct {
	Provider, Name string
	State          State
	// Reason says what is missing, for people.
	Reason string
}

func (e *NotRunningError) Error() string {
	msg := fmt.Sprintf("provider %s: cluster %q is %s", e.Provider, e.Name, e.State)
	if e.Reason != "" {
		msg += ": " + e.Reason
	}
	return msg
}

// MissingError: this machine lacks something that the provider needs.
type MissingError struct {
	Provider string
	// What is missing, and how to get it.
	What, Remedy string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("provider %s: %s is missing: %s", e.Provider, e.What, e.Remedy)
}

// UnknownError: no provider of that name is registered.
type UnknownError struct {
	Name  string
	Known []string
	// Suggestion is the nearest known name, empty when none is near.
	Suggestion string
}

func (e *UnknownError) Error() string {
	msg := fmt.Sprintf("unknown provider %q", e.Name)
	if e.Suggestion != "" {
		msg += fmt.Sprintf(", did you mean %q?", e.Suggestion)
	}
	return fmt.Sprintf("%s (known: %v)", msg, e.Known)
}
