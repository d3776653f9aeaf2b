package kind

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rekindle-io/rekindle/providers"
)

// envHelper makes the test executable a process that makes one call and may be
// killed: "create ROOT REALM NAME ID SETTINGS", the same with
// delete, or "connect ROOT REALM NAME".
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
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	p, err := New(Options{Root: call[1], Realm: call[2], Now: time.Now})
	if err != nil {
		return err
	}
	switch call[0] {
	case "connect":
		config, err := p.Connect(ctx, call[3])
		if err == nil {
			_, err = os.Stdout.Write(config)
		}
		return err
	case "delete":
		return p.Delete(ctx, call[3], call[4], nil)
	}
	var settings providers.Settings
	if err := json.Unmarshal([]byte(call[5]), &settings); err != nil {
		return err
	}
	_, err = p.Create(ctx, providers.Spec{Name: call[3], ID: call[4], Settings: settings}, nil)
	return err
}

// testImage is the node image that make kindnode builds, or another.
func testImage() string {
	if image := os.Getenv("REKINDLE_KIND_NODE_IMAGE"); image != "" {
		return image
	}
	return "rekindle.test/node:v1.36.3"
}

// testSettings are those of a small cluster of that image.
func testSettings() providers.Settings {
	return providers.Settings{"image": testImage(), "disableDefaultCNI": true, "wait": "4m"}
}

// needDocker skips a test that makes clusters unless it is asked for by
// REKINDLE_TEST_KIND=1; then a Docker that lacks is a failure.
func needDocker(t *testing.T) {
	t.Helper()
	if os.Getenv("REKINDLE_TEST_KIND") == "" {
		t.Skip("needs Docker: make test-kind sets REKINDLE_TEST_KIND=1")
	}
	docked(t, "image", "inspect", testImage())
}

// docked runs the docker command and returns what it wrote, without its last
// end of line.
func docked(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// world is a realm of its own in the machine's Docker.
type world struct{ root, realm string }

func newWorld(t *testing.T) world {
	t.Helper()
	needDocker(t)
	w := world{root: filepath.Join(t.TempDir(), "clusters"), realm: fmt.Sprintf("test-%d-%d", os.Getpid(), time.Now().UnixNano())}
	t.Cleanup(func() { w.removeAll(t) })
	return w
}

func (w world) provider(t *testing.T) *Provider {
	t.Helper()
	p, err := New(Options{Root: w.root, Realm: w.realm, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// removeAll removes the clusters of a test that failed.
func (w world) removeAll(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	p := w.provider(t)
	list, err := p.List(ctx)
	for _, c := range list {
		t.Logf("removing %+v", c)
		err = errors.Join(err, p.Delete(ctx, c.Name, c.ID, nil))
	}
	left, leftErr := p.Leftovers(ctx)
	for _, l := range left {
		t.Logf("removing %+v", l)
		err = errors.Join(err, p.Delete(ctx, l.Cluster, l.ID, nil))
	}
	if err = errors.Join(err, leftErr); err != nil {
		t.Error(err)
	}
}

// crash runs a call in a process of its own and kills it after a while.
func (w world) crash(t *testing.T, after time.Duration, call, name, id string) bool {
	t.Helper()
	return w.crashWith(t, after, testSettings(), call, name, id)
}

func (w world) crashWith(t *testing.T, after time.Duration, settings providers.Settings, call, name, id string) bool {
	t.Helper()
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), envHelper+"="+strings.Join([]string{call, w.root, w.realm, name, id, string(raw)}, " "))
	cmd.WaitDelay = time.Second // docker commands that outlive it hold stderr
	var output strings.Builder
	cmd.Stderr = &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err = cmd.Wait()
	if cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
		return true
	}
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", call, name, err, output.String())
	}
	return false
}

// wantEmpty looks without the provider's eyes: nothing in Docker bears the
// realm, and no file is left.
func (w world) wantEmpty(t *testing.T) {
	t.Helper()
	if left := w.traces(t); len(left) > 0 {
		t.Errorf("Docker still has %q", left)
	}
	entries, err := os.ReadDir(w.root)
	if err != nil && !errors.Is(err, os.ErrNotExist) || len(entries) > 0 {
		t.Errorf("left in %s: %v, %v", w.root, entries, err)
	}
}

// foreignCluster makes what kind would have made by hand, and returns a function
// that fails unless it is untouched.
func (w world) foreignCluster(t *testing.T, name string) func(*testing.T) {
	t.Helper()
	return foreignNode(t, name, roleControl)
}

func foreignNode(t *testing.T, name, role string) func(*testing.T) {
	t.Helper()
	id := docked(t, "create", "--pull", "never", "--name", name+"-"+role,
		"--label", kindCluster+"="+name, "--label", kindRole+"="+role, testImage())
	before := docked(t, "inspect", id)
	t.Cleanup(func() {
		_ = exec.Command("docker", "rm", "--force", "--volumes", id).Run() // may be gone
	})
	return func(t *testing.T) {
		t.Helper()
		if after := docked(t, "inspect", id); after != before {
			t.Errorf("it was changed:\n%s\n%s", before, after)
		}
		docked(t, "rm", "--force", "--volumes", id)
	}
}

// nodesOf are the containers of a cluster, by id.
func nodesOf(t *testing.T, c providers.Cluster) []string {
	t.Helper()
	found := strings.Fields(docked(t, "ps", "--all", "--quiet", "--filter", "label="+labelID+"="+c.ID))
	if len(found) == 0 {
		t.Fatalf("cluster %s has no containers", c.Name)
	}
	return found
}

func clientset(t *testing.T, config []byte) *kubernetes.Clientset {
	t.Helper()
	rest, err := clientcmd.RESTConfigFromKubeConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	rest.Timeout = 20 * time.Second
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

// forgedClaim bears half of our mark: it says that it is the cluster of that
// name, and has no id.
func (w world) forgedClaim(t *testing.T, name string) func(*testing.T) {
	t.Helper()
	docked(t, "volume", "create", "--label", labelProvider+"="+ProviderName, "--label", labelCluster+"="+name, claimName(name))
	before := docked(t, "volume", "inspect", claimName(name))
	t.Cleanup(func() {
		_ = exec.Command("docker", "volume", "rm", claimName(name)).Run() // may be gone
	})
	return func(t *testing.T) {
		t.Helper()
		if after := docked(t, "volume", "inspect", claimName(name)); after != before {
			t.Errorf("it was changed:\n%s\n%s", before, after)
		}
		docked(t, "volume", "rm", claimName(name))
	}
}

// connectElsewhere asks for the kubeconfig in a process that ends with it.
func (w world) connectElsewhere(t *testing.T, name string) []byte {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), envHelper+"="+strings.Join([]string{"connect", w.root, w.realm, name}, " "))
	var output strings.Builder
	cmd.Stderr = &output
	config, err := cmd.Output()
	if err != nil {
		t.Fatalf("connect in another process: %v\n%s", err, output.String())
	}
	return config
}

// traces are what Docker holds of the realm.
func (w world) traces(t *testing.T) []string {
	t.Helper()
	filter := "label=" + labelRealm + "=" + w.realm
	var found []string
	for _, list := range [][]string{
		{"ps", "--all", "--quiet", "--filter", filter},
		{"image", "ls", "--all", "--quiet", "--filter", filter},
		{"volume", "ls", "--quiet", "--filter", filter},
	} {
		for _, id := range strings.Fields(docked(t, list...)) {
			found = append(found, list[0]+" "+id)
		}
	}
	return found
}
