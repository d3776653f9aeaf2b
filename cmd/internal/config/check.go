package config

import (
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// maxName is the longest name of a cluster: it becomes part of the names that
// providers make.
const maxName = 40

const namePattern = `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`

var nameRule = regexp.MustCompile(namePattern)

// checker checks the rules that types alone do not say, and makes paths
// absolute.
type checker struct {
	*decoder
	// base is the path of the cluster, "clusters.dev"; dir what relative paths
	// are relative to.
	base, dir string
}

// fail reports a problem with the field at the path, or with what is around it
// when the field itself is not in the file.
func (k *checker) fail(message string, keys ...string) {
	field := joinPath(append([]string{k.base}, keys...)...)
	at, ok := k.positions[field]
	for n := len(keys) - 1; !ok && n >= 0; n-- {
		at, ok = k.positions[joinPath(append([]string{k.base}, keys[:n]...)...)]
	}
	k.problems = append(k.problems, Problem{Position: at, Field: field, Message: message})
}

func (k *checker) cluster(c *Cluster) {
	if err := CheckName(c.Name); err != nil {
		k.fail(err.Error())
	}
	if _, given := k.positions[joinPath(k.base, "source")]; given {
		k.source(&c.Source)
	}
	k.drift(c)
	k.schedule(c)
	k.price(c.Price)
}

// CheckName tells why a name cannot be a cluster's; nil when it can.
func CheckName(name string) error {
	switch {
	case len(name) > maxName:
		return fmt.Errorf("the name has %d characters, more than %d", len(name), maxName)
	case !nameRule.MatchString(name):
		return fmt.Errorf("%q is not a name: use lower-case letters, digits and '-', with a letter or digit at both ends", name)
	}
	return nil
}

func (k *checker) source(s *Source) {
	if s.Repo != "" {
		if err := checkRepo(s.Repo); err != nil {
			k.fail(err.Error(), "source", "repo")
		} else if isLocal(s.Repo) {
			s.Repo = k.absolute(s.Repo)
		}
	}
	s.Path = k.inRepo(s.Path, "source", "path")
	if s.Path == "." {
		s.Path = ""
	}
	if strings.TrimSpace(s.Revision) == "" {
		k.fail("empty: give a branch, a tag or a SHA, or leave the field out", "source", "revision")
	}
	for i, glob := range s.Exclude {
		if _, err := path.Match(glob, ""); err != nil || glob == "" {
			k.fail(fmt.Sprintf("%q is not a glob", glob), "source", fmt.Sprintf("exclude[%d]", i))
		}
	}
	k.helm(s)
	if s.RequireSigned != nil {
		k.signers(s.RequireSigned)
	}
}

func (k *checker) helm(s *Source) {
	h := &s.Helm
	used := h.Release != "" || h.Namespace != "" || len(h.Values) > 0 || len(h.Set) > 0
	if used && s.Kind != "auto" && s.Kind != "helm" {
		k.fail(fmt.Sprintf("means nothing to a source of kind %s: remove it, or set kind: helm", s.Kind), "source", "helm")
	}
	for i, file := range h.Values {
		h.Values[i] = k.inRepo(file, "source", "helm", fmt.Sprintf("values[%d]", i))
		if h.Values[i] == "" {
			k.fail("empty: name a file", "source", "helm", fmt.Sprintf("values[%d]", i))
		}
	}
	for i, set := range h.Set {
		if name, _, ok := strings.Cut(set, "="); !ok || name == "" {
			k.fail(fmt.Sprintf("want name=value, have %q", set), "source", "helm", fmt.Sprintf("set[%d]", i))
		}
	}
}

func (k *checker) signers(r *RequireSigned) {
	if len(r.Keyrings) == 0 && r.AllowedSigners == "" {
		k.fail("name keyrings or allowedSigners: without a key every commit would be refused", "source", "requireSigned")
	}
	for i, file := range r.Keyrings {
		if r.Keyrings[i] = k.absolute(file); file == "" {
			k.fail("empty: name a file", "source", "requireSigned", fmt.Sprintf("keyrings[%d]", i))
		}
	}
	if r.AllowedSigners != "" {
		r.AllowedSigners = k.absolute(r.AllowedSigners)
	}
}

// inRepo returns a cleaned path inside the repository, and reports one that
// leaves it.
func (k *checker) inRepo(p string, keys ...string) string {
	if p == "" {
		return ""
	}
	slashed := strings.TrimSuffix(p, "/")
	if slashed == "" || !filepath.IsLocal(slashed) || strings.ContainsAny(p, "\\\x00") {
		k.fail(fmt.Sprintf("%q is not a path inside the repository: give it from the repository's root, with slashes", p), keys...)
		return p
	}
	return path.Clean(slashed)
}

func (k *checker) absolute(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	if abs, err := filepath.Abs(filepath.Join(k.dir, p)); err == nil {
		return abs
	}
	return filepath.Join(k.dir, p)
}

// isLocal tells a path from a URL and from an scp-like address, as git does: a
// colon before the first slash makes an address.
func isLocal(repo string) bool {
	if strings.Contains(repo, "://") {
		return false
	}
	head, _, _ := strings.Cut(repo, "/")
	return !strings.Contains(head, ":")
}

// checkRepo refuses addresses that carry a secret or that no transport reads.
// Its errors do not repeat the address, which may hold a secret.
func checkRepo(repo string) error {
	switch {
	case strings.ContainsFunc(repo, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("the address holds control characters")
	case strings.HasPrefix(repo, "~"):
		return fmt.Errorf("~ is not expanded here: write a path relative to this file, or an absolute one")
	case strings.HasPrefix(repo, "-"):
		return fmt.Errorf("an address does not begin with '-'; for a path write ./%s", repo)
	case isLocal(repo) || !strings.Contains(repo, "://"):
		return nil
	}
	u, err := url.Parse(repo)
	if err != nil {
		return fmt.Errorf("not a URL")
	}
	if _, secret := u.User.Password(); secret {
		return fmt.Errorf("the URL holds a password: take it out and give it by environment or key file, this file is meant to be committed")
	}
	switch u.Scheme {
	case "https", "http", "ssh", "git", "file":
		return nil
	}
	return fmt.Errorf("scheme %q is none of https, http, ssh, git, file", u.Scheme)
}
