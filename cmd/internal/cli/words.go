package cli

import (
	"strings"

	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/render"
)

// words are the arguments that ask for the same source and cluster again, at a
// commit: what a person can paste behind rekindle restore or verify. They begin
// with a space.
func (a *app) words(req rebuild.Request, sha string) string {
	var b strings.Builder
	add := func(flag, value string) {
		if value != "" {
			b.WriteString(" " + flag + " " + quote(value))
		}
	}
	if a.isDeclared(req) {
		b.WriteString(" " + quote(req.Cluster))
		add("--at", sha[:min(12, len(sha))])
		return b.String() + switches(req)
	}
	add("--repo", req.Source.Repo)
	add("--at", sha[:min(12, len(sha))])
	add("--path", req.Source.Path)
	if req.Source.Kind != render.KindAuto {
		add("--kind", string(req.Source.Kind))
	}
	for _, glob := range req.Source.Exclude {
		add("--exclude", glob)
	}
	for _, file := range req.Source.Helm.ValuesFiles {
		add("--values", file)
	}
	for _, set := range req.Source.Helm.Set {
		name, _, _ := strings.Cut(set, "=") // the value may be a secret
		b.WriteString(" --set " + quote(name) + "=…")
	}
	add("--release", req.Source.Helm.Release)
	add("--helm-namespace", req.Source.Helm.Namespace)
	add("--provider", req.Provider)
	add("--name", req.Cluster)
	return b.String() + switches(req)
}

// switches are the flags without a value that change what is made.
func switches(req rebuild.Request) string {
	line := ""
	if req.Convert {
		line += " --convert"
	}
	if req.AllowUnserved {
		line += " --allow-unserved"
	}
	return line
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
	if a.loaded == nil {
		return false
	}
	c, ok := a.loaded.Clusters[req.Cluster]
	return ok && (req.Provider == "" || c.Provider == req.Provider) && c.Source.Repo == req.Source.Repo && c.Source.Path == req.Source.Path
}

// quote makes a text one word of a shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
