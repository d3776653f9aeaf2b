// Package testenv gives tests a fresh, real API server: a cluster of the local
// provider, with etcd, controllers, scheduler and simulated nodes, that is ready
// for the first apply and is gone after the test, even when the test process is
// killed.
//
// It needs the control plane binary: $REKINDLE_CONTROLPLANE, or
// bin/rekindle-controlplane of the checkout, which make controlplane builds.
package testenv

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/local"
)

// timeout bounds the creation of a cluster on a busy machine, and its removal.
const timeout = 2 * time.Minute

// Cluster is a running cluster.
type Cluster struct {
	// Cluster is what the provider says about it: name, ID, endpoint, version.
	providers.Cluster
	// Kubeconfig is an administrator's.
	Kubeconfig []byte
	// Provider made it; with it a test can stop, start or delete it.
	Provider *local.Provider
}

// Start makes a cluster for one test and removes it when the test ends. Without
// the control plane binary the test fails, or is skipped under -short.
func Start(t testing.TB, settings ...providers.Settings) *Cluster {
	t.Helper()
	binary := Binary(t)
	root := t.TempDir()
	c, err := start(t.Context(), root, binary, settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the logs of the cluster's components end with:\n%s", logs(root))
		}
		if err := c.stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// Main is for TestMain of a package whose tests share one cluster, because they
// keep to namespaces of their own: it makes the cluster, hands it to use, runs
// the tests, removes the cluster and returns the exit code. Under -short
// without the binary use is not called; such tests skip by Binary.
//
//	func TestMain(m *testing.M) { os.Exit(testenv.Main(m, func(c *testenv.Cluster) { shared = c })) }
func Main(m *testing.M, use func(*Cluster)) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "testenv:", err)
		return 1
	}
	binary, err := binary()
	if err != nil {
		flag.Parse()
		if testing.Short() {
			return m.Run()
		}
		return fail(err)
	}
	root, err := os.MkdirTemp("", "rekindle-testenv-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(root)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	c, err := start(ctx, root, binary)
	cancel()
	if err != nil {
		return fail(err)
	}
	use(c)
	code := m.Run()
	if err := c.stop(); err != nil {
		return fail(err)
	}
	return code
}

// Binary returns the path of the control plane binary. Without one the test
// fails, or is skipped under -short.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		if testing.Short() {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	return path
}

func start(ctx context.Context, root, binary string, settings ...providers.Settings) (*Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	p, err := local.New(local.Options{
		Root: root, Binary: binary, Now: time.Now, Tethered: true, StartTimeout: timeout,
	})
	if err != nil {
		return nil, err
	}
	id := strings.ToLower(rand.Text())
	s := providers.Spec{Name: "test-" + id[:8], ID: id}
	for _, set := range settings {
		s.Settings = set
	}
	made, err := p.Create(ctx, s, nil)
	if err != nil {
		return nil, errors.Join(err, p.Delete(ctx, s.Name, s.ID, nil))
	}
	config, err := p.Connect(ctx, s.Name)
	if err != nil {
		return nil, errors.Join(err, p.Delete(ctx, s.Name, s.ID, nil))
	}
	return &Cluster{Cluster: made, Kubeconfig: config, Provider: p}, nil
}

// stop removes the cluster; the context of a test has ended by then.
func (c *Cluster) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return c.Provider.Delete(ctx, c.Name, c.ID, nil)
}

// binary looks where local.FindBinary would, with the checkout's bin/ in place
// of the directory of the test executable.
func binary() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	beside := filepath.Join(filepath.Dir(here), "..", "bin", "test")
	if !filepath.IsAbs(here) { // built with -trimpath: the tests run in their package's directory
		beside = fromWorkingDirectory()
	}
	return local.FindBinary("", os.Getenv, beside)
}

// fromWorkingDirectory looks for the root of the checkout upwards.
func fromWorkingDirectory() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "testenv", "controlplane", "go.mod")); err == nil {
			return filepath.Join(dir, "bin", "test")
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

// logs returns the ends of the components' logs.
func logs(root string) string {
	files, err := filepath.Glob(filepath.Join(root, "*", "logs", "*.log"))
	if err != nil {
		return err.Error()
	}
	var text strings.Builder
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		raw = raw[max(0, len(raw)-1000):]
		fmt.Fprintf(&text, "--- %s\n%s\n", filepath.Base(file), raw)
	}
	return text.String()
}
