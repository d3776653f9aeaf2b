package declared

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/recover/rebuild"
)

// OtherRoots are the folders of a repository that other clusters are made of.
func OtherRoots(c *config.Config, cluster string, from rebuild.Source) []string {
	var roots []string
	own := path.Clean("./" + from.Path)
	for _, name := range c.Names() {
		other := c.Clusters[name].Source
		if root := path.Clean("./" + other.Path); name != cluster && root != own && sameRepo(other.Repo, from.Repo) {
			roots = append(roots, root)
		}
	}
	slices.Sort(roots)
	return slices.Compact(roots)
}

// sameRepo tells whether two addresses may well lead to one repository: the same
// path on the same host, whatever the protocol, or the same folder here. Where
// that is not sure it is true: the price is a patch in place of an edit, and
// else another cluster would change.
func sameRepo(a, b string) bool { return a == b || strings.EqualFold(repoKey(a), repoKey(b)) }

// repoKey is equal for the addresses of one repository.
func repoKey(repo string) string {
	if strings.Contains(repo, "://") {
		u, err := url.Parse(repo)
		if err != nil {
			return repo
		}
		if strings.EqualFold(u.Scheme, "file") {
			return localKey(u.Path)
		}
		return remoteKey(u.Hostname(), u.Path)
	}
	head, rest, address := strings.Cut(repo, ":")
	if _, err := os.Stat(repo); err == nil || !address || strings.Contains(head, "/") {
		return localKey(repo)
	}
	if strings.Contains(head, "[") { // an IPv6 address
		if inner, after, ok := strings.Cut(repo, "]:"); ok {
			head, rest = inner, after
		}
	}
	_, host, hasUser := strings.Cut(head, "@")
	if !hasUser {
		host = head
	}
	return remoteKey(strings.Trim(host, "[]"), rest)
}

// remoteKey ignores ports, which differ with the protocol.
func remoteKey(host, at string) string {
	return "//" + host + path.Clean("/"+strings.TrimSuffix(strings.TrimRight(at, "/"), ".git"))
}

func localKey(folder string) string {
	if abs, err := filepath.Abs(folder); err == nil {
		folder = abs
	}
	if real, err := filepath.EvalSymlinks(folder); err == nil {
		folder = real
	}
	return strings.TrimRight(strings.TrimSuffix(folder, ".git"), "/")
}
