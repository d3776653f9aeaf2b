package export_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/export"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// hook makes a program of the repository that git runs.
func hook(t *testing.T, repo *gitserver.Repository, name, script string) string {
	t.Helper()
	path := filepath.Join(repo.Dir, "hooks", name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// waiting makes a commit whose push must fail, and returns the error.
func waiting(t *testing.T, to export.Target, opts export.Options, tree files) (export.Result, error) {
	t.Helper()
	b := open(t, to, opts)
	defer closed(t, b)
	put(t, b, tree)
	r, err := b.Commit(message())
	if err != nil || !r.Waiting {
		t.Fatalf("got %+v, %v", r, err)
	}
	_, err = b.Push(t.Context())
	var push *export.PushError
	if !errors.As(err, &push) || push.Commit != r.Commit {
		t.Fatalf("got %v, want a *PushError", err)
	}
	if kept := gitserver.Open(t, push.Kept); kept.Git("rev-parse", "refs/rekindle/pending") != r.Commit {
		t.Errorf("the commit is not kept in %s", push.Kept)
	}
	return r, err
}

func TestProtectedBranch(t *testing.T) {
	for name, place := range places(t) {
		t.Run(name, func(t *testing.T) {
			repo, url, opts := place(t)
			to := target(url)
			if !strings.Contains(url, "://") {
				repo.Dir = repo.Git("rev-parse", "--absolute-git-dir")
				hook(t, repo, "pre-receive", "exit 1")
				if _, err := export.Open(t.Context(), to, opts); !errors.Is(err, source.ErrRejected) || !strings.Contains(err.Error(), "http or ssh") {
					t.Errorf("got %v", err)
				}
				return
			}
			judge := hook(t, repo, "pre-receive", "echo 'You are not allowed to push to rekindle/*: ask Ada.' >&2; exit 1")
			first, err := waiting(t, to, opts, files{"live/x": "1\n"})
			if !errors.Is(err, source.ErrRejected) || !strings.Contains(err.Error(), "ask Ada") || !strings.Contains(err.Error(), "allow this account") || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("got %v", err)
			}
			second, _ := waiting(t, to, opts, files{"live/x": "2\n", "live/y": "1\n"})
			if err := os.Remove(judge); err != nil {
				t.Fatal(err)
			}
			third := exported(t, to, opts, files{"live/x": "2\n", "live/y": "1\n"})
			if third.Commit != second.Commit || !third.Unchanged || third.Waiting {
				t.Errorf("got %+v, want the commit %s that waited", third, second.Commit)
			}
			if got := repo.Git("log", "--format=%H", branch); got != second.Commit+"\n"+first.Commit {
				t.Errorf("history is %s", got)
			}
			repo.Git("fsck", "--strict", "--full")
		})
	}
}

func TestNoPermission(t *testing.T) {
	repo := bare(t)
	server := gitserver.ServeHTTP(t, filepath.Dir(repo.Dir))
	repo.Git("config", "http.receivepack", "false")
	_, err := waiting(t, target(server.URL+"/live%20state.git"), options(t), files{"live/x": "1\n"})
	if !errors.Is(err, source.ErrAuth) || !strings.Contains(err.Error(), "write") || !strings.Contains(err.Error(), source.EnvToken) {
		t.Errorf("got %v", err)
	}
	server.RequireAuth("robot", "s3cret")
	_, err = export.Open(t.Context(), target(strings.Replace(server.URL, "://", "://robot:wr0ng@", 1)+"/live%20state.git"), options(t))
	if !errors.Is(err, source.ErrAuth) || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("got %v", err)
	}
}

// cutter is a proxy that drops connections.
type cutter struct {
	mu sync.Mutex
	// after how many bytes from the client; -1 never.
	after int64
	// reply drops what the server answers to a push.
	reply bool
}

func (c *cutter) set(after int64, reply bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.after, c.reply = after, reply
}

func (c *cutter) limits() (after int64, reply bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.after, c.reply
}

// tcp passes connections on to address.
func (c *cutter) tcp(t *testing.T, address string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", address)
			if err != nil {
				client.Close()
				return
			}
			go func() {
				defer client.Close()
				_, _ = io.Copy(client, server) // until one of them ends
			}()
			go func() {
				defer client.Close()
				defer server.Close()
				if after, _ := c.limits(); after >= 0 {
					_, _ = io.CopyN(server, client, after)
					return
				}
				_, _ = io.Copy(server, client)
			}()
		}
	}()
	return l.Addr().String()
}

// http passes requests on and may drop the answers to pushes.
func (c *cutter) http(t *testing.T, address string) string {
	t.Helper()
	to, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		after, reply := c.limits()
		push := strings.HasSuffix(r.URL.Path, "/git-receive-pack")
		if push && after >= 0 { // git http-backend would spin for ever over half a body
			_, _ = io.CopyN(io.Discard, r.Body, after)
			panic(http.ErrAbortHandler)
		}
		if reply && push {
			rec := &discard{header: http.Header{}}
			proxy.ServeHTTP(rec, r)
			c.set(-1, false)
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close() })
	return "http://" + l.Addr().String()
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// large is a tree whose pack does not fit into a few buffers.
func large() files {
	tree := files{}
	for i := range 300 {
		path, content := manifest(i)
		tree[path] = content
	}
	return tree
}

func TestRemoteDiesInTheMiddleOfAPush(t *testing.T) {
	for _, kind := range []string{"http", "ssh"} {
		t.Run(kind, func(t *testing.T) {
			repo := bare(t)
			root := filepath.Dir(repo.Dir)
			c := &cutter{after: -1}
			var to export.Target
			opts := options(t)
			if kind == "http" {
				server := gitserver.ServeHTTP(t, root)
				to = target(c.http(t, server.URL) + "/live%20state.git")
			} else {
				server := gitserver.ServeSSH(t, root)
				through := c.tcp(t, net.JoinHostPort(server.Host, server.Port))
				_, port, _ := net.SplitHostPort(through)
				hosts := filepath.Join(t.TempDir(), "known_hosts")
				line := strings.Replace(server.HostKey, ":"+server.Port, ":"+port, 1)
				if err := os.WriteFile(hosts, []byte(line+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				opts = options(t, source.EnvSSHKey+"="+server.ClientKey, source.EnvKnownHosts+"="+hosts)
				to = target(strings.Replace(server.URL("live state.git"), server.Port, port, 1))
			}
			opts.Attempts = 2
			tree := large()
			b := open(t, to, opts)
			put(t, b, tree)
			r, err := b.Commit(message())
			if err != nil {
				t.Fatal(err)
			}
			c.set(20_000, false)
			_, err = b.Push(t.Context())
			var push *export.PushError
			if !errors.As(err, &push) || !errors.Is(err, source.ErrUnreachable) {
				t.Fatalf("got %v", err)
			}
			closed(t, b)
			if out, err := repo.Try("rev-parse", "--verify", "--quiet", branch); err == nil {
				t.Errorf("the branch is at %s", out)
			}
			c.set(-1, false)
			again := exported(t, to, opts, tree)
			if again.Commit != r.Commit {
				t.Errorf("got %+v, want commit %s that was kept", again, r.Commit)
			}
			same(t, on(repo, branch), tree)
			repo.Git("fsck", "--strict", "--full")
		})
	}
}

func TestAnswerToAPushIsLost(t *testing.T) {
	repo := bare(t)
	c := &cutter{after: -1, reply: true}
	url := c.http(t, gitserver.ServeHTTP(t, filepath.Dir(repo.Dir)).URL)
	r := exported(t, target(url+"/live%20state.git"), options(t), files{"live/x": "1\n"})
	if got := repo.Git("log", "--format=%H", branch); got != r.Commit || r.Waiting {
		t.Errorf("history is %s, want %s alone", got, r.Commit)
	}
}

func TestHangingServerEndsWithTheContext(t *testing.T) {
	repo := bare(t)
	server := gitserver.ServeHTTP(t, filepath.Dir(repo.Dir))
	to, opts := target(server.URL+"/live%20state.git"), options(t)
	b := open(t, to, opts)
	put(t, b, files{"live/x": "1\n"})
	r, err := b.Commit(message())
	if err != nil {
		t.Fatal(err)
	}
	server.Set(gitserver.Hang)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-server.Reached()
		cancel()
	}()
	if _, err := b.Push(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	closed(t, b)
	short := opts
	short.Timeout = 50 * time.Millisecond
	if _, err := export.Open(t.Context(), to, short); !errors.Is(err, source.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	server.Set(gitserver.None)
	if again := exported(t, to, opts, files{"live/x": "1\n"}); again.Commit != r.Commit {
		t.Errorf("got %+v", again)
	}
}

func TestMovedBranch(t *testing.T) {
	for name, place := range places(t) {
		t.Run(name, func(t *testing.T) {
			repo, url, opts := place(t)
			to := target(url)
			exported(t, to, opts, files{"live/a": "1\n", "live/b": "1\n", "live/gone": "1\n"})

			b := open(t, to, opts)
			defer closed(t, b)
			put(t, b, files{"live/a": "2\n", "live/new": "1\n"})
			m := message()
			m.Keep = func(path string) bool { return path == "live/b" || path == "live/c" }
			if r, err := b.Commit(m); err != nil || r.Kept != 1 {
				t.Fatalf("got %+v, %v", r, err)
			}
			elsewhere := opts
			elsewhere.CacheDir = t.TempDir()
			theirs := exported(t, to, elsewhere, files{"live/a": "3\n", "live/b": "3\n", "live/c": "3\n"})
			r, err := b.Push(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			same(t, on(repo, branch), files{"live/a": "2\n", "live/b": "3\n", "live/c": "3\n", "live/new": "1\n"})
			if got := repo.Git("rev-parse", branch, branch+"^"); got != r.Commit+"\n"+theirs.Commit || r.Kept != 2 {
				t.Errorf("%s, %+v", got, r)
			}
			repo.Git("fsck", "--strict", "--full")
		})
	}
}

func TestBranchTurnsForeignMeanwhile(t *testing.T) {
	repo := bare(t)
	server := gitserver.ServeHTTP(t, filepath.Dir(repo.Dir))
	to, opts := target(server.URL+"/live%20state.git"), options(t)
	exported(t, to, opts, files{"live/a": "1\n"})
	b := open(t, to, opts)
	defer closed(t, b)
	put(t, b, files{"live/a": "2\n"})
	r, err := b.Commit(message())
	if err != nil {
		t.Fatal(err)
	}
	work := gitserver.Repo(t)
	work.Git("pull", "--quiet", repo.Dir, branch)
	byHand := work.CommitFile("live/a", "mine\n", "by hand")
	work.Git("push", "--quiet", repo.Dir, "HEAD:"+branch)
	_, err = b.Push(t.Context())
	var foreign *export.ForeignBranchError
	var push *export.PushError
	if !errors.As(err, &foreign) || !errors.As(err, &push) || push.Commit != r.Commit {
		t.Errorf("got %v", err)
	}
	if got := repo.Git("rev-parse", branch); got != byHand {
		t.Errorf("the branch is at %s, want %s", got, byHand)
	}
	repo.Git("branch", "-D", branch)
	if _, err = b.Push(t.Context()); !errors.Is(err, source.ErrMoved) || !strings.Contains(err.Error(), "deleted") {
		t.Errorf("got %v", err)
	}
	closed(t, b)
	opts.Anew = true
	exported(t, to, opts, files{"live/a": "3\n"})
	same(t, on(repo, branch), files{"live/a": "3\n"})
	repo.Git("fsck", "--strict", "--full")
}

func TestHistoryRewrittenToAnEarlierExport(t *testing.T) {
	repo := bare(t)
	to, opts := target(gitserver.ServeHTTP(t, filepath.Dir(repo.Dir)).URL+"/live%20state.git"), options(t)
	first := exported(t, to, opts, files{"live/a": "1\n", "live/b": "1\n"})
	exported(t, to, opts, files{"live/a": "2\n", "live/b": "2\n"})
	repo.Git("update-ref", "refs/heads/"+branch, first.Commit)
	repo.Git("reflog", "expire", "--expire=now", "--all")
	repo.Git("gc", "--quiet", "--prune=now")
	exported(t, to, opts, files{"live/a": "2\n", "live/b": "2\n"})
	same(t, on(repo, branch), files{"live/a": "2\n", "live/b": "2\n"})
	repo.Git("fsck", "--strict", "--full")
}

func TestBranchesWhoseNamesAreFolders(t *testing.T) {
	for name, place := range places(t) {
		t.Run(name, func(t *testing.T) {
			repo, url, opts := place(t)
			short := export.Target{Repo: url, Branch: "rekindle", Cluster: "staging"}
			exported(t, short, opts, files{"live/a": "1\n"})
			for range 2 { // as a file of its own, and packed
				b, err := export.Open(t.Context(), target(url), opts)
				if err == nil {
					put(t, b, files{"live/a": "1\n"})
					if _, err = b.Commit(message()); err == nil {
						_, err = b.Push(t.Context())
					}
					closed(t, b)
				}
				if !errors.Is(err, source.ErrRejected) || !strings.Contains(err.Error(), "another branch") {
					t.Errorf("got %v", err)
				}
				repo.Git("pack-refs", "--all")
			}
		})
	}
}

func TestBadTargets(t *testing.T) {
	repo := bare(t)
	for _, name := range []string{"", "-x", "a..b", "a b", "refs/heads/x", "x.lock", "HEAD", "a\nb"} {
		to := target(repo.Dir)
		to.Branch = name
		if _, err := export.Open(t.Context(), to, options(t)); err == nil || !strings.Contains(err.Error(), "no name of a branch") {
			t.Errorf("%q: got %v", name, err)
		}
	}
	for name, kind := range map[string]error{
		"/nowhere/at/all":                   source.ErrNotRepository,
		t.TempDir():                         source.ErrNotRepository,
		"http://127.0.0.1:1/x.git":          source.ErrUnreachable,
		"https://git.example.invalid/x.git": source.ErrUnreachable,
	} {
		if _, err := export.Open(t.Context(), target(name), options(t)); !errors.Is(err, kind) {
			t.Errorf("%q: got %v", name, err)
		}
	}
}
