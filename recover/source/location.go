package source

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

type locationKind int

const (
	localRepository locationKind = iota
	bundleFile
	httpRemote
	sshRemote
)

// location says where a repository is. Credentials of the address live in
// user and password only, never in display or key.
type location struct {
	kind locationKind
	// path is a file path, or the path on the server.
	path string
	// scheme is http or https; host has no port.
	scheme, host, port string
	user, password     string
	// query of an http address, without the question mark.
	query string
	// display is what may be printed.
	display string
}

func (l location) remote() bool { return l.kind == httpRemote || l.kind == sshRemote }

var scpLike = regexp.MustCompile(`^(?:([^@/\s:]+)@)?(\[[0-9a-fA-F:.]+\]|[^@/:\s\[]+):(.*)$`)

// locate reads what a person typed as a repository.
func locate(repo string) (location, error) {
	fail := func(what, next string) (location, error) {
		return location{}, &Error{Kind: ErrNotRepository, Repo: Redact(repo), What: what, Next: next}
	}
	if repo == "" {
		return fail("no repository was named", "give a path, a bundle or an http(s) or ssh address")
	}
	if strings.ContainsFunc(repo, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		return fail("the address has control characters", "check what was pasted")
	}
	if strings.Contains(repo, "://") {
		return locateURL(repo)
	}
	if _, err := os.Stat(repo); err == nil {
		return locatePath(repo)
	}
	if m := scpLike.FindStringSubmatch(repo); m != nil {
		return checkRemote(location{kind: sshRemote, user: m[1], host: strings.Trim(m[2], "[]"), path: m[3], display: repo})
	}
	return locatePath(repo)
}

func locateURL(repo string) (location, error) {
	display := Redact(repo)
	u, err := url.Parse(repo)
	if err != nil {
		// url.Parse quotes its input, which may hold a password.
		return location{}, &Error{Kind: ErrNotRepository, Repo: display, What: "the address cannot be read",
			Next: "percent-encode special characters in the user name and the password"}
	}
	l := location{scheme: strings.ToLower(u.Scheme), host: u.Hostname(), port: u.Port(), path: u.Path, query: u.RawQuery, display: display}
	if u.User != nil {
		l.user = u.User.Username()
		l.password, _ = u.User.Password()
	}
	switch l.scheme {
	case "file":
		if l.host != "" && l.host != "localhost" {
			return location{}, &Error{Kind: ErrNotRepository, Repo: display, What: "a file address with a host cannot be opened",
				Next: "write file:///path, with three slashes"}
		}
		return locatePath(l.path)
	case "http", "https":
		l.kind = httpRemote
		if strings.Contains(u.Path, "@") && l.user == "" {
			return location{}, &Error{Kind: ErrNotRepository, Repo: l.scheme + "://…", What: "the address has an @ behind its first slash",
				Next: "percent-encode special characters in the user name and the password (/ is %2F), or an @ of the path (%40)"}
		}
		return checkRemote(l)
	case "ssh", "git+ssh", "ssh+git":
		l.kind = sshRemote
		l.path = strings.Replace(l.path, "/~", "~", 1)
		return checkRemote(l)
	}
	return location{}, &Error{Kind: ErrNotRepository, Repo: display, What: "the scheme " + l.scheme + ":// is not supported",
		Next: "use https, http, ssh or file"}
}

func checkRemote(l location) (location, error) {
	if l.host == "" || l.path == "" || strings.HasPrefix(l.host, "-") || strings.HasPrefix(l.path, "-") || strings.HasPrefix(l.user, "-") {
		return location{}, &Error{Kind: ErrNotRepository, Repo: l.display, What: "the address lacks a host or a path, or one begins with a dash",
			Next: "write https://host/path, ssh://user@host/path or user@host:path"}
	}
	return l, nil
}

func locatePath(path string) (location, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return location{}, &Error{Kind: ErrNotRepository, Repo: path, What: "the path cannot be resolved", Err: err}
	}
	l := location{kind: localRepository, path: abs, display: abs}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return location{}, &Error{Kind: ErrNotRepository, Repo: abs, What: "there is no such file or folder", Next: "check the path"}
	case err != nil:
		return location{}, &Error{Kind: ErrNotRepository, Repo: abs, What: "cannot be read", Err: err}
	case info.IsDir() || filepath.Base(abs) == ".git":
		return l, nil
	case !info.Mode().IsRegular():
		return location{}, &Error{Kind: ErrNotRepository, Repo: abs, What: "is neither a folder nor a file"}
	}
	bundle, err := isBundle(abs)
	if err != nil {
		return location{}, &Error{Kind: ErrNotRepository, Repo: abs, What: "cannot be read", Err: err}
	}
	if !bundle {
		return location{}, &Error{Kind: ErrNotRepository, Repo: abs, What: "is a file, but not a git bundle",
			Next: "give a folder, or a file made by git bundle create FILE --all"}
	}
	l.kind = bundleFile
	return l, nil
}

func isBundle(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, len(bundleSignature))
	if _, err := io.ReadFull(f, head); err != nil {
		return false, nil // shorter than a bundle's first line
	}
	return bytes.Equal(head, []byte(bundleSignature)), nil
}

var (
	userinfo   = regexp.MustCompile(`(?s)://.*@`)
	urlQuery   = regexp.MustCompile(`(?s)[?#].*$`)
	notInNames = regexp.MustCompile(`[^a-z0-9]+`)
)

// Redact returns the address without what may be a credential: the password,
// the user name of an http address (often a token), query and fragment.
func Redact(address string) string {
	if !strings.Contains(address, "://") {
		return address
	}
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" {
		return urlQuery.ReplaceAllString(userinfo.ReplaceAllString(address, "://"), "")
	}
	if u.User != nil {
		name := u.User.Username()
		u.User = nil
		if strings.Contains(u.Scheme, "ssh") && name != "" {
			u.User = url.User(name)
		}
	}
	u.RawQuery, u.Fragment, u.RawFragment, u.ForceQuery = "", "", "", false
	return u.String()
}

// cacheName names the mirror of a remote: a readable part and a hash over the
// normalised address. Credentials are no part of it.
func (l location) cacheName() string {
	port := l.port
	if l.scheme == "https" && port == "443" || l.scheme == "http" && port == "80" || l.kind == sshRemote && port == "22" {
		port = ""
	}
	scheme, user := l.scheme, ""
	if l.kind == sshRemote {
		scheme, user = "ssh", l.user
	}
	path := strings.TrimRight(l.path, "/")
	key := strings.Join([]string{scheme, user, strings.ToLower(l.host), port, path}, "\x00")
	sum := sha256.Sum256([]byte(key))
	return readable(l.host+"-"+strings.TrimSuffix(path, ".git")) + "-" + hex.EncodeToString(sum[:12])
}

// readable makes a short file name of any text.
func readable(text string) string {
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(text), "-"), "-")
	if len(name) > 60 {
		name = strings.Trim(name[len(name)-60:], "-")
	}
	if name == "" {
		name = "repository"
	}
	return name
}
