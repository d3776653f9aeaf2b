package declared

import (
	"strings"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/render"
)

// Words are the arguments that ask for the same source and cluster again, at a
// commit: what a person can paste behind rekindle restore or verify. They begin
// with a space. declared tells that rekindle.yaml says the same.
func Words(req rebuild.Request, sha string, declared bool) string {
	var b strings.Builder
	add := func(flag, value string) {
		if value != "" {
			b.WriteString(" " + flag + " " + Quote(value))
		}
	}
	if declared {
		b.WriteString(" " + Quote(req.Cluster))
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
		b.WriteString(" --set " + Quote(name) + "=…")
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

// Declares tells whether a file, which may be nil, says the same of the cluster.
func Declares(file *config.Config, req rebuild.Request) bool {
	if file == nil {
		return false
	}
	c, ok := file.Clusters[req.Cluster]
	return ok && (req.Provider == "" || c.Provider == req.Provider) && c.Source.Repo == req.Source.Repo && c.Source.Path == req.Source.Path
}

// Quote makes a text one word of a shell.
func Quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
