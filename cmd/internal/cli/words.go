package cli

import (
	"github.com/rekindle-io/rekindle/cmd/internal/declared"
	"github.com/rekindle-io/rekindle/recover/rebuild"
)

// words are the arguments that ask for the same source and cluster again, at a
// commit: what a person can paste behind rekindle restore or verify. They begin
// with a space.
func (a *app) words(req rebuild.Request, sha string) string {
	return declared.Words(req, sha, a.isDeclared(req))
}

// verifying leaves out what verify finds out by itself.
func verifying(req rebuild.Request) rebuild.Request {
	req.Provider = ""
	return req
}

// isDeclared tells whether rekindle.yaml, if it was read, says the same. Settings
// are nowhere else, so for them it is read.
func (a *app) isDeclared(req rebuild.Request) bool {
	if a.loaded == nil && len(req.Settings) > 0 {
		_, _ = a.config() // without one, the words are the long ones
	}
	return declared.Declares(a.loaded, req)
}

// quote makes a text one word of a shell.
func quote(s string) string { return declared.Quote(s) }
