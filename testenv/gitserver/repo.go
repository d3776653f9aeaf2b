// Package gitserver gives tests real git: repositories made by the git binary
// with fixed dates, and servers for them over smart HTTP and ssh that can be
// told to fail. Everything listens on 127.0.0.1 at a free port and ends with
// its test.
package gitserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Epoch is the date of a repository's first commit; each further one is an hour
// later.
func Epoch() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) }

// Repository is a work tree that the system's git made.
type Repository struct {
	t   testing.TB
	Dir string
	// Now dates the next commit.
	Now time.Time
}

// Repo makes an empty repository whose branch is main. The test is skipped
// where git is absent.
func Repo(t testing.TB) *Repository {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is absent: install it to run this test")
	}
	r := &Repository{t: t, Dir: t.TempDir(), Now: Epoch()}
	r.Git("init", "--quiet", "--initial-branch=main")
	return r
}

// Open wraps a repository that is there already.
func Open(t testing.TB, dir string) *Repository {
	return &Repository{t: t, Dir: dir, Now: Epoch()}
}

// Git runs git in the work tree, without any configuration of the user's, and
// returns its output without the last newline.
func (r *Repository) Git(args ...string) string {
	r.t.Helper()
	out, err := r.Try(args...)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// Try is Git for commands that may fail.
func (r *Repository) Try(args ...string) (string, error) {
	cmd := exec.CommandContext(r.t.Context(), "git", args...)
	cmd.Dir = r.Dir
	cmd.Env = Env(r.Now)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// Env is the environment for git: no user configuration, dates at now.
func Env(now time.Time) []string {
	date := fmt.Sprintf("%d +0000", now.Unix())
	return append(os.Environ(),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.org", "GIT_AUTHOR_DATE="+date,
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.org", "GIT_COMMITTER_DATE="+date,
		"GIT_ALLOW_PROTOCOL=file:http:https:ssh")
}

// Write puts a file into the work tree.
func (r *Repository) Write(name, content string) *Repository {
	r.t.Helper()
	path := filepath.Join(r.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		r.t.Fatal(err)
	}
	return r
}

// Commit commits everything in the work tree, even nothing, and returns the
// full SHA. The clock goes on by an hour.
func (r *Repository) Commit(message string, flags ...string) string {
	r.t.Helper()
	r.Git("add", "--all")
	r.Git(append([]string{"commit", "--quiet", "--allow-empty", "-m", message}, flags...)...)
	r.Now = r.Now.Add(time.Hour)
	return r.Git("rev-parse", "HEAD")
}

// CommitFile writes one file and commits it.
func (r *Repository) CommitFile(name, content, message string) string {
	r.t.Helper()
	return r.Write(name, content).Commit(message)
}

// RawTree stores a tree object from its raw bytes, checks left out, and commits
// it on no branch. It makes trees that git refuses to make.
func (r *Repository) RawTree(raw []byte) (commit string) {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "tree")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		r.t.Fatal(err)
	}
	tree := r.Git("hash-object", "-t", "tree", "-w", "--literally", file)
	return r.Git("commit-tree", tree, "-m", "made by hand")
}
