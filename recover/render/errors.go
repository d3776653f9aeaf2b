package render

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
)

// FileError: a file cannot be read as objects.
type FileError struct {
	File string
	// Line and Column are 1-based and 0 when unknown.
	Line, Column int
	// Message says what is wrong and what to do.
	Message string
	// Err is the cause, may be nil.
	Err error
}

func (e *FileError) Error() string {
	at := e.File
	if e.Line > 0 {
		at = fmt.Sprintf("%s:%d", at, e.Line)
		if e.Column > 0 {
			at = fmt.Sprintf("%s:%d", at, e.Column)
		}
	}
	return at + ": " + e.Message
}

func (e *FileError) Unwrap() error { return e.Err }

// EncryptedError: an object is encrypted with SOPS and would, applied as it is,
// put ciphertext into the cluster.
type EncryptedError struct {
	ID   object.ID
	From object.Provenance
}

func (e *EncryptedError) Error() string {
	return fmt.Sprintf("%s: %s is encrypted with SOPS; applied as it is, the cluster would get ciphertext: decrypt it in the repository that is restored, or exclude the file", e.From, e.ID)
}

// DigestsError: a Secret was exported without anybody to encrypt it for, so that
// the commit holds keyed digests in place of its values.
type DigestsError struct {
	ID   object.ID
	From object.Provenance
}

func (e *DigestsError) Error() string {
	return fmt.Sprintf("%s: %s holds digests, which show that a value changed and cannot be restored: exclude the file and make the Secret by hand, or name age recipients for the export and restore what it writes then", e.From, e.ID)
}

// maxFaults is how many faults one error joins.
const maxFaults = 20

// faults collects errors so that a person sees more than the first one.
type faults struct {
	list []error
	more int
}

// add adds err, unless it is nil. Joined errors are counted one by one.
func (f *faults) add(err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			f.add(e)
		}
		return
	}
	if len(f.list) == maxFaults {
		f.more++
		return
	}
	f.list = append(f.list, err)
}

func (f *faults) err() error {
	if f.more == 0 {
		return errors.Join(f.list...)
	}
	return errors.Join(append(f.list, fmt.Errorf("… and %d more", f.more))...)
}

// shortened cuts the middle out of a tool's message that repeats itself, as
// nested templates make it.
func shortened(msg string) string {
	const head, tail = 600, 300
	if len(msg) <= head+tail {
		return msg
	}
	return strings.ToValidUTF8(msg[:head], "") + " … " + strings.ToValidUTF8(msg[len(msg)-tail:], "")
}
