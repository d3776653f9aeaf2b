package source_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// served is a small repository and a server for it.
func served(t *testing.T) (*gitserver.Repository, *gitserver.HTTP, string) {
	t.Helper()
	work := gitserver.Repo(t)
	work.CommitFile("app.yaml", "a: 1\n", "one")
	work.Git("tag", "-a", "v1", "-m", "first")
	work.CommitFile("app.yaml", "a: 2\n", "two")
	root := t.TempDir()
	work.Mirror(root, "app.git")
	work.Git("remote", "add", "origin", filepath.Join(root, "app.git"))
	server := gitserver.ServeHTTP(t, root)
	return work, server, server.URL + "/app.git"
}

func TestRemoteFetchesOnlyWhatIsNew(t *testing.T) {
	work, server, url := served(t)
	opts := options(t)
	r := open(t, url, opts)
	if len(server.Requests()) != 0 {
		t.Errorf("Open asked the server: %v", server.Requests())
	}
	c := resolve(t, r, "v1")
	if c.Ref != "refs/tags/v1" || c.Subject != "one" {
		t.Errorf("v1 is %+v", c)
	}
	if b, err := treeAt(t, r, "main").ReadFile("app.yaml"); string(b) != "a: 2\n" || err != nil {
		t.Errorf("app.yaml is %q, %v", b, err)
	}

	before := len(server.Requests())
	again := open(t, url, opts)
	if got := resolve(t, again, c.SHA); got.SHA != c.SHA || len(server.Requests()) != before {
		t.Errorf("a full SHA that is there went to the network: %v", server.Requests()[before:])
	}
	if b, err := treeAt(t, again, c.SHA).ReadFile("app.yaml"); string(b) != "a: 1\n" || err != nil {
		t.Errorf("app.yaml is %q, %v", b, err)
	}

	third := work.CommitFile("app.yaml", "a: 3\n", "three")
	work.Git("push", "--quiet", "origin", "main")
	fresh := open(t, url, opts)
	if got := resolve(t, fresh, "main"); got.SHA != third {
		t.Errorf("main is %s, want %s", got.SHA, third)
	}
	packs, _ := filepath.Glob(filepath.Join(opts.CacheDir, "*.git", "objects", "pack", "*.pack"))
	if len(packs) != 2 {
		t.Errorf("packs are %v, want the first and a small one", packs)
	}
	for _, p := range packs {
		if info, err := os.Stat(p); err != nil || info.Size() > 1024 {
			t.Errorf("%s: %v, %v: too large", p, info, err)
		}
	}
	if posts := countPosts(server); posts != 2 {
		t.Errorf("%d packs were asked for, want 2", posts)
	}
}

func countPosts(s *gitserver.HTTP) (n int) {
	for _, r := range s.Requests() {
		if strings.HasPrefix(r, "POST ") {
			n++
		}
	}
	return n
}

func TestForcePushAndDeletedBranch(t *testing.T) {
	work, _, url := served(t)
	opts := options(t)
	old := resolve(t, open(t, url, opts), "main").SHA
	work.Git("reset", "--quiet", "--hard", "HEAD~1")
	now := work.CommitFile("app.yaml", "a: other\n", "other")
	work.Git("push", "--quiet", "--force", "origin", "main")
	r := open(t, url, opts)
	if got := resolve(t, r, "main").SHA; got != now {
		t.Errorf("main is %s, want %s", got, now)
	}
	if got := resolve(t, r, old).SHA; got != old {
		t.Errorf("the commit that was pushed away is gone from the mirror")
	}
	work.Git("push", "--quiet", "origin", "--delete", "v1")
	var unknown *source.UnknownRevisionError
	if _, err := open(t, url, opts).Resolve(t.Context(), "v1"); !errors.As(err, &unknown) {
		t.Errorf("the deleted tag: %v", err)
	}
}

func TestCommitOffEveryBranchIsFetchedByItsSHA(t *testing.T) {
	work, _, url := served(t)
	sha := work.CommitFile("app.yaml", "a: pr\n", "of a pull request")
	work.Git("push", "--quiet", "origin", "HEAD:refs/pull/1/head")
	r := open(t, url, options(t))
	if got := resolve(t, r, sha).SHA; got != sha {
		t.Errorf("got %s", got)
	}
	var unknown *source.UnknownRevisionError
	if _, err := r.Resolve(t.Context(), strings.Repeat("ab", 20)); !errors.As(err, &unknown) {
		t.Errorf("a SHA that is nowhere: %v", err)
	}
}

func TestRemoteErrorsAreTold(t *testing.T) {
	_, server, url := served(t)
	gone := httpAddressOfNobody(t)
	empty := gitserver.Repo(t)
	root := t.TempDir()
	empty.Git("init", "--quiet", "--bare", filepath.Join(root, "empty.git"))
	emptyServer := gitserver.ServeHTTP(t, root)
	for _, tt := range []struct {
		name, repo string
		fault      gitserver.Fault
		kind       error
		says       []string
	}{
		{"unreachable", gone + "/app.git", gitserver.None, source.ErrUnreachable, []string{gone, "check the address"}},
		{"no such host", "http://no-such-host.invalid/app.git", gitserver.None, source.ErrUnreachable, []string{"no-such-host.invalid"}},
		{"not found", server.URL + "/other.git", gitserver.None, source.ErrNotFound, []string{"other.git", source.EnvToken}},
		{"empty", emptyServer.URL + "/empty.git", gitserver.None, source.ErrEmpty, []string{"no commit"}},
		{"server error", url, gitserver.Error500, source.ErrUnreachable, []string{"500"}},
		{"web page", url, gitserver.NotGit, source.ErrNotRepository, []string{"not git's"}},
		{"cut", url, gitserver.CutInPack, source.ErrUnreachable, []string{"broke off", "try again"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server.Set(tt.fault)
			opts := options(t)
			_, err := open(t, tt.repo, opts).Resolve(t.Context(), "main")
			if !errors.Is(err, tt.kind) {
				t.Fatalf("got %v", err)
			}
			for _, s := range tt.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
			if len(err.Error()) > 1000 || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is long: %d bytes", len(err.Error()))
			}
			if left, _ := filepath.Glob(filepath.Join(opts.CacheDir, ".new-*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			server.Set(gitserver.None)
			if tt.repo == url {
				resolve(t, open(t, url, opts), "main") // nothing is spoilt
			}
		})
	}
}

func httpAddressOfNobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func TestHangingServerEndsWithTheContext(t *testing.T) {
	_, server, url := served(t)
	for _, fault := range []gitserver.Fault{gitserver.Hang, gitserver.HangInPack} {
		server.Set(fault)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-server.Reached()
			cancel()
		}()
		_, err := open(t, url, options(t)).Resolve(ctx, "main")
		if !errors.Is(err, context.Canceled) || !errors.Is(err, source.ErrUnreachable) {
			t.Errorf("fault %d: got %v", fault, err)
		}
	}
}

func TestCredentials(t *testing.T) {
	_, server, url := served(t)
	const secret = "s3cr3t/&?"
	server.RequireAuth("robot", secret)
	host := strings.TrimPrefix(url, "http://")
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, repo string
		env        []string
		kind       error
	}{
		{"none", url, nil, source.ErrAuth},
		{"in the address", "http://robot:s3cr3t%2F&%3F@" + host, nil, nil},
		{"wrong in the address", "http://robot:wr0ng@" + host, nil, source.ErrAuth},
		{"in the environment", url, []string{source.EnvToken + "=" + secret, source.EnvUser + "=robot"}, nil},
		{"in a file", url, []string{source.EnvTokenFile + "=" + tokenFile, source.EnvUser + "=robot"}, nil},
		{"file absent", url, []string{source.EnvTokenFile + "=" + tokenFile + "x"}, source.ErrAuth},
		{"for another host", url, []string{source.EnvToken + "=" + secret, source.EnvUser + "=robot", source.EnvTokenHosts + "=git.example.org"}, source.ErrAuth},
		{"unencrypted", "http://git.example.org/app.git", []string{source.EnvToken + "=" + secret}, source.ErrAuth},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opts := options(t, tt.env...)
			var progress strings.Builder
			opts.Progress = func(line string) { fmt.Fprintln(&progress, line) }
			r := open(t, tt.repo, opts)
			_, err := r.Resolve(t.Context(), "main")
			if !errors.Is(err, tt.kind) || (err == nil) != (tt.kind == nil) {
				t.Fatalf("got %v", err)
			}
			text := fmt.Sprintf("%v %+v %s %s", err, err, r, progress.String()) + everythingBelow(t, opts.CacheDir)
			for _, leak := range []string{"s3cr3t", "wr0ng"} {
				if strings.Contains(text, leak) {
					t.Errorf("the secret appears in %s", text)
				}
			}
		})
	}
}

// everythingBelow is all file names and contents below dir.
func everythingBelow(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		fmt.Fprintf(&all, "%s\n%s\n", path, b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestUnreachableRemoteTellsWhatTheMirrorKnows(t *testing.T) {
	_, server, url := served(t)
	opts := options(t)
	c := resolve(t, open(t, url, opts), "v1")
	server.Set(gitserver.Error500)
	r := open(t, url, opts)
	_, err := r.Resolve(t.Context(), "v1")
	if !errors.Is(err, source.ErrUnreachable) || !strings.Contains(err.Error(), c.SHA) {
		t.Errorf("got %v, want the SHA that the mirror has", err)
	}
	if got := resolve(t, r, c.SHA); got.SHA != c.SHA {
		t.Errorf("got %+v", got)
	}
}

func TestManyAtOnceShareOneMirror(t *testing.T) {
	_, server, url := served(t)
	opts := options(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			r, err := source.Open(t.Context(), url, opts)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			if _, err := r.Resolve(t.Context(), "main"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := countPosts(server); n != 1 {
		t.Errorf("%d packs were asked for, want 1", n)
	}
}

func TestSSH(t *testing.T) {
	work, _, _ := served(t)
	root := t.TempDir()
	work.Mirror(root, "it's here!.git")
	s := gitserver.ServeSSH(t, root)
	other := filepath.Join(t.TempDir(), "other")
	gitserver.NewSSHKey(t, other)
	wrongHost := filepath.Join(t.TempDir(), "known_hosts")
	pub, err := os.ReadFile(other + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(wrongHost, []byte(fmt.Sprintf("[%s]:%s %s", s.Host, s.Port, pub)), 0o600); err != nil {
		t.Fatal(err)
	}
	emptyHosts := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(emptyHosts, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	key, hosts := source.EnvSSHKey+"="+s.ClientKey, source.EnvKnownHosts+"="+s.KnownHosts
	for _, tt := range []struct {
		name, repo string
		env        []string
		kind       error
	}{
		{"key file", "it's here!.git", []string{key, hosts}, nil},
		{"agent", "it's here!.git", []string{hosts, "SSH_AUTH_SOCK=" + sshAgent(t, s.ClientKey)}, nil},
		{"wrong key", "it's here!.git", []string{source.EnvSSHKey + "=" + other, hosts}, source.ErrAuth},
		{"no key", "it's here!.git", []string{hosts}, source.ErrAuth},
		{"key absent", "it's here!.git", []string{source.EnvSSHKey + "=" + other + "x", hosts}, source.ErrAuth},
		{"host unknown", "it's here!.git", []string{key, source.EnvKnownHosts + "=" + emptyHosts}, source.ErrHostKey},
		{"host changed", "it's here!.git", []string{key, source.EnvKnownHosts + "=" + wrongHost}, source.ErrHostKey},
		{"no known_hosts", "it's here!.git", []string{key, source.EnvKnownHosts + "=/nowhere"}, source.ErrHostKey},
		{"not found", "other.git", []string{key, hosts}, source.ErrNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opts := options(t, tt.env...)
			c, err := open(t, s.URL(tt.repo), opts).Resolve(t.Context(), "main")
			if !errors.Is(err, tt.kind) || (err == nil) != (tt.kind == nil) {
				t.Fatalf("got %v", err)
			}
			if err == nil && c.Subject != "two" {
				t.Errorf("main is %+v", c)
			}
			if err == nil { // again, with something new
				third := work.CommitFile("app.yaml", tt.name, tt.name)
				work.Git("push", "--quiet", filepath.Join(root, tt.repo), "main")
				if got := resolve(t, open(t, s.URL(tt.repo), opts), "main").SHA; got != third {
					t.Errorf("main is %s, want %s", got, third)
				}
				work.Git("reset", "--quiet", "--hard", "HEAD~1")
				work.Git("push", "--quiet", "--force", filepath.Join(root, tt.repo), "main")
			}
		})
	}
}

// sshAgent runs an agent that holds one key.
func sshAgent(t *testing.T, keyFile string) (socket string) {
	t.Helper()
	pem, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParseRawPrivateKey(pem)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "agent") // socket paths must be short
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = agent.ServeAgent(ring, conn) // until the client has gone
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); os.RemoveAll(dir) })
	return socket
}

func TestMuteSSHServerEndsWithTheContext(t *testing.T) {
	s := gitserver.ServeSSH(t, t.TempDir())
	s.Mute(true)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-s.Reached()
		cancel()
	}()
	r := open(t, s.URL("app.git"), options(t, source.EnvSSHKey+"="+s.ClientKey, source.EnvKnownHosts+"="+s.KnownHosts))
	if _, err := r.Resolve(ctx, "main"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
