package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/providertest"
)

// envHelper makes the test executable a process that makes one call and may be
// killed: "create ROOT NAME ID", "delete ROOT NAME ID" or "connect ROOT NAME".
const envHelper = "REKINDLE_TEST_HELPER"

func TestMain(m *testing.M) {
	if call := os.Getenv(envHelper); call != "" {
		if err := helper(strings.Fields(call)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func helper(call []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	binary, binaryErr := checkoutBinary()
	p, err := New(Options{Root: call[1], Binary: binary, Now: time.Now})
	if err != nil {
		return err
	}
	switch call[0] {
	case "delete":
		return p.Delete(ctx, call[2], call[3], nil)
	case "connect":
		config, err := p.Connect(ctx, call[2])
		_, _ = os.Stdout.Write(config)
		return err
	}
	if binaryErr != nil {
		return binaryErr
	}
	_, err = p.Create(ctx, providers.Spec{Name: call[2], ID: call[3]}, nil)
	return err
}

// checkoutBinary is where make controlplane puts the binary.
func checkoutBinary() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return FindBinary("", os.Getenv, filepath.Join(wd, "..", "..", "bin", "test"))
}

// testBinary fails the test when there is none, or skips it under -short.
func testBinary(t *testing.T) string {
	t.Helper()
	path, err := checkoutBinary()
	if err != nil {
		if testing.Short() {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	return path
}

// newProvider returns a provider over root whose clusters are gone after the
// test.
func newProvider(t *testing.T, root string) *Provider {
	t.Helper()
	p, err := New(Options{Root: root, Binary: testBinary(t), Now: time.Now, Tethered: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeAll(t, p) })
	return p
}

// removeAll removes the clusters of a test that failed.
func removeAll(t *testing.T, p *Provider) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	list, err := p.List(ctx)
	for _, c := range list {
		if t.Failed() {
			t.Logf("%+v\n%s", c, tail(p.home(c.Name).log("kube-apiserver"), 5))
		}
		err = errors.Join(err, p.Delete(ctx, c.Name, c.ID, nil))
	}
	if err != nil {
		t.Error(err)
	}
}

// crash runs a call in a process of its own and kills it after a while.
func crash(t *testing.T, after time.Duration, call ...string) bool {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), envHelper+"="+strings.Join(call, " "))
	var output strings.Builder
	cmd.Stderr = &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() {
		return true
	}
	if err != nil {
		t.Fatalf("%v: %v\n%s", call, err, output.String())
	}
	return false
}

func TestConformance(t *testing.T) {
	testBinary(t)
	providertest.Run(t, func(t *testing.T) providertest.World {
		root := filepath.Join(t.TempDir(), "clusters")
		return providertest.World{
			New:         func(t *testing.T) providers.Provider { return newProvider(t, root) },
			Settings:    providers.Settings{"nodes": 1},
			BadSettings: providers.Settings{"node": 1},
			Foreign:     func(t *testing.T, name string) func(*testing.T) { return foreignDirectory(t, root, name) },
			Reach:       reach,
			Moments:     4,
			CrashCreate: func(t *testing.T, s providers.Spec, moment int) bool {
				after := []time.Duration{15, 60, 400, 1500}[moment] * time.Millisecond
				return crash(t, after, "create", root, s.Name, s.ID)
			},
			CrashDelete: func(t *testing.T, name, id string, moment int) bool {
				after := []time.Duration{8, 14, 20, 40}[moment] * time.Millisecond
				return crash(t, after, "delete", root, name, id)
			},
			Break: func(t *testing.T, c providers.Cluster) {
				if err := killAll(t.Context(), home(filepath.Join(root, c.Name)), c.ID); err != nil {
					t.Fatal(err)
				}
			},
			Forged:           func(t *testing.T, name string) func(*testing.T) { return forgedDirectory(t, root, name) },
			ConnectElsewhere: func(t *testing.T, name string) []byte { return connectElsewhere(t, root, name) },
			Silence:          func(t *testing.T) providertest.Silent { return silence(t, root) },
			Traces:           func(t *testing.T) []string { return traces(t, root) },
		}
	})
}

// connectElsewhere asks for the kubeconfig in a process that ends with it.
func connectElsewhere(t *testing.T, root, name string) []byte {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), envHelper+"="+strings.Join([]string{"connect", root, name}, " "))
	var output strings.Builder
	cmd.Stderr = &output
	config, err := cmd.Output()
	if err != nil {
		t.Fatalf("connect in another process: %v\n%s", err, output.String())
	}
	return config
}

// silence is a cluster all of whose processes stand still: they have their ports
// open, and answer nothing.
func silence(t *testing.T, root string) providertest.Silent {
	t.Helper()
	sp := providers.Spec{Name: "silent", ID: "id-of-silent"}
	if _, err := newProvider(t, root).Create(t.Context(), sp, nil); err != nil {
		t.Fatal(err)
	}
	send := func(t *testing.T, sig syscall.Signal) {
		t.Helper()
		all, err := processesOf(home(filepath.Join(root, sp.Name)), sp.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, pr := range all {
			if err := pr.signal(sig); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(t, syscall.SIGSTOP)
	hasty, err := New(Options{Root: root, Binary: testBinary(t), Now: time.Now, Tethered: true,
		StartTimeout: 2 * time.Second, StopTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return providertest.Silent{Provider: hasty, Spec: sp, Within: 10 * time.Second,
		Answer: func(t *testing.T) { send(t, syscall.SIGCONT) }}
}

// traces are the files and processes below root.
func traces(t *testing.T, root string) (found []string) {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		found = append(found, e.Name())
	}
	running, err := processes(func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	for _, pr := range running {
		if strings.HasPrefix(pr.dir, root) {
			found = append(found, fmt.Sprintf("process %d (%s)", pr.pid, pr.command))
		}
	}
	return found
}

// forgedDirectory bears a mark with the right name, and no id.
func forgedDirectory(t *testing.T, root, name string) func(*testing.T) {
	t.Helper()
	untouched := foreignDirectory(t, root, name)
	mark := fmt.Sprintf(`{"schema":1,"provider":"local","name":%q,"state":"running"}`, name)
	if err := os.WriteFile(home(filepath.Join(root, name)).path("cluster.json"), []byte(mark), 0o600); err != nil {
		t.Fatal(err)
	}
	return untouched
}

func foreignDirectory(t *testing.T, root, name string) func(*testing.T) {
	t.Helper()
	file := filepath.Join(root, name, "precious.txt")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("do not touch"), 0o644); err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T) {
		t.Helper()
		content, err := os.ReadFile(file)
		if err != nil || string(content) != "do not touch" {
			t.Errorf("%s: %q, %v", file, content, err)
		}
		entries, err := os.ReadDir(root)
		if err != nil || len(entries) != 1 {
			t.Errorf("beside it: %v, %v", entries, err)
		}
		if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
			t.Error(err)
		}
	}
}

// wantEmpty: no file below root and no process that was started for it.
func wantEmpty(t *testing.T, root string) {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, os.ErrNotExist) || len(entries) > 0 {
		t.Errorf("left in %s: %v, %v", root, entries, err)
	}
	found, err := processes(func(string) bool { return true })
	if err != nil {
		t.Error(err)
	}
	for _, pr := range found {
		if strings.HasPrefix(pr.dir, root) {
			t.Errorf("left running: %+v", pr)
		}
	}
}

// wantPortFree: nothing listens where the cluster did.
func wantPortFree(t *testing.T, c providers.Cluster) {
	t.Helper()
	// Connections that were just closed may keep the port from being bound.
	conn, err := net.DialTimeout("tcp4", strings.TrimPrefix(c.Endpoint, "https://"), time.Second)
	if err == nil {
		conn.Close()
		t.Errorf("somebody still listens at %s", c.Endpoint)
	}
}

func clientset(t *testing.T, config []byte) *kubernetes.Clientset {
	t.Helper()
	rest, err := clientcmd.RESTConfigFromKubeConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	rest.QPS, rest.Burst = 100, 200
	client, err := kubernetes.NewForConfig(rest)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func reach(ctx context.Context, t *testing.T, config []byte) {
	t.Helper()
	_, err := clientset(t, config).CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
	if err != nil {
		t.Fatalf("the credentials do not reach the cluster: %v", err)
	}
}
