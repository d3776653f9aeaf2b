// Package sops keeps Secrets in git without their plain values: encrypted with
// age in the file format of SOPS, so that the programs sops and Flux decrypt
// what rekindle writes and rekindle decrypts what they wrote; or, where no
// recipient is given, as keyed digests that can be compared and nothing else.
//
// In goes a Secret's manifest, out comes a file (Sealer), or the manifest with
// digests in place of values (Digest). The other way, an Opener takes the
// parsed documents of one file and gives the plain Values in it, which are then
// filled into the objects that were made of the file, however a kustomization
// has changed them in between.
//
// # Format
//
// It is that of github.com/getsops/sops/v3, whose own packages are not used
// because all of them, even aes and stores, import every cloud's client: each
// value is AES-256-GCM encrypted under one data key per file, with its path as
// additional data; the data key is age encrypted for each recipient; a SHA-512
// over all values in the order of the file, encrypted the same way, is the MAC.
// The tests hold this package against the real program, in both directions.
//
// Names, labels and the type of a Secret stay readable: they are what it is found
// by. Annotations do where all of them are of well-known controllers.
//
// Only age keys are supported, and rules that go by keys (encrypted_regex and
// its like), not by comments. Plain values are part of no error.
package sops

import (
	"errors"
	"fmt"
	"strings"
)

// Section is the key of a document under which SOPS keeps its metadata.
const Section = "sops"

// The rules by which Secrets are encrypted: Regex, the one that Flux asks for,
// and with annotations too where one of them may hold what nobody should read.
const (
	Regex                = "^(data|stringData)$"
	RegexWithAnnotations = "^(data|stringData|annotations)$"
)

// Bounds of what a file may ask for. A Secret holds 1 MiB at most, and nobody
// shares one with so many people.
const (
	maxDepth      = 64
	maxRecipients = 256
	maxWrapped    = 8 << 10 // one encrypted data key, a post-quantum one has 3 KiB
	maxRule       = 4 << 10
	maxNamed      = 8  // keys in one error
	maxShown      = 80 // characters of a key
)

// ErrMAC: the values of a file are not those that its MAC was made of.
var ErrMAC = errors.New("the values were changed after they were encrypted (MAC mismatch): restore the file from an earlier commit, or look at it with sops --ignore-mac and encrypt it again")

// DocumentError says where in a file something is wrong.
type DocumentError struct {
	// Document is the index in the documents that were given.
	Document int
	// Line is the line of the node, as the parser counted it.
	Line int
	Err  error
}

func (e *DocumentError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

func (e *DocumentError) Unwrap() error { return e.Err }

// NoKeyError: no key at hand opens a file.
type NoKeyError struct {
	// Recipients are the age recipients that the file is encrypted for.
	Recipients []string
	// Others are the keys of other types, "pgp 85D7…".
	Others []string
	// Problems says what is wrong with the keys that were found.
	Problems []string
	// Looked are the places that were looked in.
	Looked []string
}

func (e *NoKeyError) Error() string {
	if len(e.Recipients) == 0 {
		return fmt.Sprintf("is encrypted for %s, and only age keys can be used: add an age recipient with sops --rotate --add-age, or exclude the file", listed(e.Others))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "is encrypted for the age recipients %s", listed(e.Recipients))
	if len(e.Others) > 0 {
		fmt.Fprintf(&b, " (and for %s, which cannot be used)", listed(e.Others))
	}
	b.WriteString(", and no secret key at hand is one of theirs: give it in SOPS_AGE_KEY, or the file that holds it in SOPS_AGE_KEY_FILE")
	if len(e.Problems) > 0 {
		fmt.Fprintf(&b, "; %s", strings.Join(e.Problems, "; "))
	} else if len(e.Looked) > 0 {
		fmt.Fprintf(&b, "; looked in %s", strings.Join(e.Looked, ", "))
	}
	return b.String()
}

// listed are keys as an error names them: post-quantum ones fill a screen.
func listed(list []string) string {
	shown := make([]string, min(len(list), maxNamed))
	for i := range shown {
		shown[i] = strings.ToValidUTF8(list[i], "")
		if len(shown[i]) > maxShown {
			shown[i] = strings.ToValidUTF8(shown[i][:maxShown], "") + "…"
		}
	}
	names := strings.Join(shown, ", ")
	if len(list) > maxNamed {
		names += fmt.Sprintf(" and %d more", len(list)-maxNamed)
	}
	return names
}
