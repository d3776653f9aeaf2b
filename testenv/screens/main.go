// Command screens makes the pictures of the README: it sets up the example
// repository, a daemon and a local cluster in a folder of its own, types keys into the
// real terminal UI, and writes what stands on the screen as SVG files.
//
// In go the program and a folder for the pictures; what it made besides is gone when
// it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rekindle-io/rekindle/providers/local"
	"github.com/rekindle-io/rekindle/testenv/screen"
)

// The size of the terminal in the pictures.
const columns, rows = 100, 30

// limit bounds each wait.
const limit = 1 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "screens:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context) error {
	program := flag.String("rekindle", "bin/rekindle", "the `PROGRAM`")
	controlplane := flag.String("controlplane", "bin/rekindle-controlplane", "the control plane of local clusters")
	example := flag.String("example", "testenv/example/make-repo.sh", "the script that makes the example repository")
	out := flag.String("out", "docs/screens", "the `FOLDER` for the pictures")
	flag.Parse()
	var s studio
	for from, to := range map[*string]*string{program: &s.program, controlplane: &s.controlplane, example: &s.example, out: &s.out} {
		var err error
		if *to, err = filepath.Abs(*from); err != nil {
			return err
		}
	}
	var err error
	if s.dir, err = os.MkdirTemp("", "rekindle-"); err != nil {
		return err
	}
	err = s.work(ctx)
	return errors.Join(err, s.leave(context.WithoutCancel(ctx)))
}

// studio is the folder and the programs that the pictures are made with.
type studio struct {
	program, controlplane, example, out string

	dir    string
	daemon *exec.Cmd
	screen *screen.Screen
}

func (s *studio) work(ctx context.Context) error {
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	var err error
	if s.screen, err = screen.Start(s.command(ctx), columns, rows); err != nil {
		return err
	}
	for _, take := range []func(context.Context) error{s.rebuild, s.drift, s.rest} {
		if err := take(ctx); err != nil {
			return err
		}
	}
	return nil
}

// config declares three clusters, of which one is made.
const config = `clusters:
  shop:
    source: {repo: %[1]s, path: deploy, revision: v1.2}
    provider: local
    labels: {team: shop}
    schedule: {zone: Europe/Berlin, awake: Mon-Fri 06:30-22:00}
  staging:
    source: {repo: %[1]s, path: overlays/staging, revision: v1.2}
    provider: local
    labels: {team: shop}
    schedule: {zone: Europe/Berlin, awake: Mon-Fri 08:00-19:00}
  demo:
    source: {repo: %[1]s, path: deploy, revision: v1.1}
    provider: local
    labels: {team: sales}
    schedule: {zone: Europe/Berlin, awake: Tue-Thu 09:00-17:00}
`

// prepare makes the repository, restores an old commit of it, and starts a daemon.
func (s *studio) prepare(ctx context.Context) error {
	repo := filepath.Join(s.dir, "shop.git")
	if err := run(exec.CommandContext(ctx, "sh", s.example, repo)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.dir, "rekindle.yaml"), fmt.Appendf(nil, config, repo), 0o600); err != nil {
		return err
	}
	for _, revision := range []string{"v1.0", "v1.1"} {
		if err := run(s.command(ctx, "restore", "shop", "--at", revision, "--prune", "--yes")); err != nil {
			return err
		}
	}
	s.daemon = s.command(ctx, "daemon")
	if err := s.daemon.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for run(s.command(ctx, "daemon", "ready")) != nil {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("no daemon: %w", ctx.Err())
		}
	}
	return nil
}

// command is rekindle on the machine of the pictures.
func (s *studio) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.program, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "XDG_STATE_HOME="+filepath.Join(s.dir, "state"), "XDG_CACHE_HOME="+filepath.Join(s.dir, "cache"),
		"XDG_CONFIG_HOME="+s.dir, "REKINDLE_SOCKET="+filepath.Join(s.dir, "api.sock"), "REKINDLE_CONTROLPLANE="+s.controlplane, "DOCKER_HOST=unix://"+filepath.Join(s.dir, "docker.sock"),
		"TERM=xterm-256color", "NO_COLOR=", "CI=", "USER=ada", "TZ=Europe/Berlin")
	return cmd
}

func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// act types the keys of a scene, and waits until the screen is as it says.
func (s *studio) act(ctx context.Context, one scene) error {
	if err := s.screen.Type(one.keys); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return s.screen.Await(ctx, fmt.Sprintf("%q", one.texts), func(screen string) bool {
		for _, text := range one.texts {
			if !strings.Contains(screen, text) {
				return false
			}
		}
		return one.without == "" || !strings.Contains(screen, one.without)
	})
}

// take writes a picture of what stands on the screen.
func (s *studio) take(name string) error {
	file := filepath.Join(s.out, name+".svg")
	fmt.Println(file)
	return os.WriteFile(file, []byte(s.screen.SVG("rekindle")), 0o644) //nolint:gosec // everybody may look at it
}

// leave ends what runs and removes what was made.
func (s *studio) leave(ctx context.Context) error {
	if s.screen != nil {
		s.screen.Close()
	}
	if s.daemon != nil && s.daemon.Process != nil {
		_ = s.daemon.Process.Signal(syscall.SIGTERM)
		_ = s.daemon.Wait() // it was asked to end
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p, err := s.provider()
	if err != nil {
		return err
	}
	list, err := p.List(ctx)
	for _, c := range list {
		err = errors.Join(err, p.Delete(ctx, c.Name, c.ID, nil))
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

func (s *studio) provider() (*local.Provider, error) {
	return local.New(local.Options{Root: filepath.Join(s.dir, "state", "rekindle", "clusters", local.ProviderName), Now: time.Now})
}
