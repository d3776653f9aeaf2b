package declared

import (
	"cmp"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/rebuild"
)

// Target is the restore of what a client of the API names: a declared cluster, with
// what it names otherwise, or any repository onto a cluster that nobody declares.
// Errors are problems of the API.
func Target(file *config.Config, t api.Target) (rebuild.Request, error) {
	if t.Repo == "" {
		return ofDeclared(file, t)
	}
	repo, err := repository(t.Repo)
	if err != nil {
		return rebuild.Request{}, err
	}
	folder, err := folderOf(t.Path)
	if err != nil {
		return rebuild.Request{}, err
	}
	req := rebuild.Request{Cluster: t.Cluster,
		Source: rebuild.Source{Repo: repo, Path: folder, Revision: cmp.Or(t.Revision, "HEAD")}}
	Onto(file, &req, t.Provider)
	if c, is := file.Clusters[t.Cluster]; is {
		if c.Source.Repo != repo || c.Source.Path != folder || t.Provider != "" && t.Provider != c.Provider {
			p := api.NewProblem(api.Refused, "cluster %s is declared in rekindle.yaml with another source or provider", t.Cluster)
			p.Field = "cluster"
			return req, p.WithHint("choose another name, or leave repo out")
		}
		req = Request(c)
		req.Source.Revision = cmp.Or(t.Revision, req.Source.Revision)
	}
	return req, nil
}

func ofDeclared(file *config.Config, t api.Target) (rebuild.Request, error) {
	c, is := file.Clusters[t.Cluster]
	if !is {
		return rebuild.Request{}, api.UnknownCluster(t.Cluster)
	}
	req := Request(c)
	req.Source.Revision = cmp.Or(t.Revision, req.Source.Revision)
	if t.Path != "" {
		folder, err := folderOf(t.Path)
		if err != nil {
			return req, err
		}
		req.Source.Path = folder
	}
	Onto(file, &req, t.Provider)
	return req, nil
}

// repository refuses addresses that would bring a password into the journal, and
// paths that mean something else to each process.
func repository(repo string) (string, error) {
	refuse := func(hint, format string, args ...any) (string, error) {
		p := api.NewProblem(api.Invalid, "repo: "+format, args...)
		p.Field = "repo"
		return "", p.WithHint(hint)
	}
	head, _, _ := strings.Cut(repo, "/")
	switch {
	case strings.ContainsFunc(repo, unicode.IsControl):
		return refuse("give a URL, or the whole path of a repository", "has control characters")
	case strings.Contains(repo, "://"):
		u, err := url.Parse(repo)
		if err != nil {
			return refuse("percent-encode special characters in it", "is not an address that can be read")
		}
		if _, secret := u.User.Password(); secret {
			return refuse("take it out, and set REKINDLE_GIT_TOKEN_FILE (or REKINDLE_GIT_TOKEN) for who restores", "holds a password, which would end up in the journal")
		}
		return repo, nil
	case filepath.IsAbs(repo):
		return filepath.Clean(repo), nil
	case strings.Contains(head, ":"):
		return repo, nil // git@host:path
	}
	return refuse("write the whole path, from /", "%q is relative, and to whom is not known", repo)
}

func folderOf(folder string) (string, error) {
	if folder == "" {
		return "", nil
	}
	if !filepath.IsLocal(folder) || strings.ContainsFunc(folder, unicode.IsControl) {
		p := api.NewProblem(api.Invalid, "path: %q is not a path inside the repository", folder)
		p.Field = "path"
		return "", p.WithHint("give it from the repository's root, with slashes and without ..")
	}
	if folder = path.Clean(folder); folder == "." {
		folder = ""
	}
	return folder, nil
}

// Adoption is the proposal to take over what a declared cluster has.
func Adoption(file *config.Config, c config.Cluster, only []string, branch string) rebuild.AdoptRequest {
	req := rebuild.AdoptRequest{DriftRequest: Export(file, c), Only: only, Branch: cmp.Or(branch, fmt.Sprintf("rekindle/adopt-%s", c.Name))}
	req.Export = nil
	req.Roots = OtherRoots(file, c.Name, req.Source)
	return req
}
