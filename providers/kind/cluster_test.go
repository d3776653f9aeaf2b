package kind

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rekindle-io/rekindle/providers"
)

// importImage makes an image that holds one file, under a name that the test
// takes back.
func importImage(t *testing.T, ref, path, content string, changes ...string) {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	args := []string{"import"}
	for _, c := range changes {
		args = append(args, "--change", c)
	}
	cmd := exec.Command("docker", append(args, "-", ref)...)
	cmd.Stdin = &archive
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("docker import: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		_ = exec.Command("docker", "image", "rm", ref, strings.TrimSpace(string(out))).Run() // one of them goes with the other
	})
}

// What goes wrong on machines is said with what to do about it, and nothing is
// left behind.
func TestFailures(t *testing.T) {
	w := newWorld(t)
	importImage(t, "rekindle.test/no-node:v1", "etc/motd", "hello")
	importImage(t, "rekindle.test/no-version:v1", "etc/motd", "hello", `CMD ["/bin/sh"]`)
	importImage(t, "rekindle.test/no-boot:v1", "kind/version", "v1.36.3\n", `CMD ["/no/such/program"]`)
	dying := docked(t, "create", "--pull", "never", "--entrypoint", "/bin/sh", testImage(), "-c", `echo "ERROR: the cgroup hierarchy is read-only" >&2; exit 3`)
	docked(t, "commit", dying, "rekindle.test/no-start:v1")
	docked(t, "rm", dying)
	defer docked(t, "image", "rm", "rekindle.test/no-start:v1")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := map[string]struct {
		settings     map[string]any
		what, remedy string
	}{
		"port in use": {m{"portMappings": []any{m{"containerPort": 30080, "hostPort": taken.Addr().(*net.TCPAddr).Port}}},
			"the host port " + taken.Addr().String() + " is in use already", "settings.portMappings"},
		"no such image":       {m{"image": "rekindle.invalid/no/node:v1.36.3"}, "the node image rekindle.invalid/no/node:v1.36.3", "docker load"},
		"no node image":       {m{"image": "rekindle.test/no-node:v1"}, "is no node image of kind", "settings.image"},
		"no version in it":    {m{"image": "rekindle.test/no-version:v1"}, "is no node image of kind", "settings.image"},
		"a node that is dead": {m{"image": "rekindle.test/no-boot:v1"}, "/no/such/program", ""},
		"a node that dies":    {m{"image": "rekindle.test/no-start:v1"}, "failure-control-plane did not start (exit code 3): ERROR: the cgroup hierarchy is read-only", "doctor"},
		"no image to preload": {m{"preload": []any{"rekindle.test/lacking:v1"}}, "the image rekindle.test/lacking:v1 of settings.preload", "docker load"},
		"nothing to mount":    {m{"mounts": []any{m{"hostPath": "/no/such/folder", "containerPath": "/x"}}}, "settings.mounts[0].hostPath", "make it"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			settings := testSettings()
			for field, value := range test.settings {
				settings[field] = value
			}
			spec := providers.Spec{Name: "failure", ID: "1", Settings: settings}
			_, err := w.provider(t).Create(t.Context(), spec, nil)
			if err == nil || !strings.Contains(err.Error(), test.what) {
				t.Fatalf("have %v, want %q", err, test.what)
			}
			t.Log(err)
			var missing *providers.MissingError
			var hinted *Error
			remedy := ""
			switch {
			case errors.As(err, &missing):
				remedy = missing.Remedy
			case errors.As(err, &hinted):
				remedy = hinted.Hint()
			}
			if !strings.Contains(remedy, test.remedy) {
				t.Errorf("the remedy is %q, want %q", remedy, test.remedy)
			}
			if len(err.Error()) > 700 {
				t.Errorf("nobody reads %d characters", len(err.Error()))
			}
			w.wantEmpty(t)
		})
	}
}

// One cluster of two nodes, from its settings to its end.
func TestTwoNodes(t *testing.T) {
	w := newWorld(t)
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("KUBECONFIG", filepath.Join(home, "kubeconfig"))
	src := t.TempDir()
	if err := os.WriteFile(filepath.Join(src, "here"), []byte("from the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	settings := testSettings()
	settings["workers"] = 1
	settings["portMappings"] = []any{m{"containerPort": 30099}}
	settings["mounts"] = []any{m{"hostPath": src, "containerPath": "/mnt/src", "readOnly": true}}
	settings["config"] = m{"networking": m{"serviceSubnet": "10.77.0.0/16"}, "nodes": nil}
	settings["featureGates"] = m{"AllAlpha": false}
	spec := providers.Spec{Name: "two-nodes", ID: "id-of-two-nodes", Settings: settings}
	p := w.provider(t)
	c, err := p.Create(t.Context(), spec, func(m string) { t.Log(m) })
	if err != nil {
		t.Fatal(err)
	}
	config, err := p.Connect(t.Context(), spec.Name)
	if err != nil {
		t.Fatal(err)
	}
	service, err := clientset(t, config).CoreV1().Services("default").Get(t.Context(), "kubernetes", metav1.GetOptions{})
	if err != nil || service.Spec.ClusterIP != "10.77.0.1" {
		t.Errorf("the Service kubernetes: %v, %v", service, err)
	}
	for _, name := range []string{"two-nodes-control-plane", "two-nodes-worker"} {
		if have := docked(t, "exec", name, "cat", "/mnt/src/here"); have != "from the host" {
			t.Errorf("on %s the mount holds %q", name, have)
		}
	}
	if left, err := filepath.Glob(filepath.Join(home, "*ube*")); err != nil || len(left) > 0 {
		t.Errorf("the user's kubeconfig was written: %v, %v", left, err)
	}
	if c.Version != "v1.36.3" && testImage() == "rekindle.test/node:v1.36.3" || c.Detail["nodes"] != "2" {
		t.Errorf("made %+v", c)
	}

	t.Run("images", func(t *testing.T) { imagesAreLoaded(t, p, spec) })
	t.Run("restart", func(t *testing.T) { restartKeepsPorts(t, p, c, config) })
	t.Run("its images are pruned", func(t *testing.T) { prunedImagesKeepData(t, p, c, config) })
	t.Run("the claim is lost", func(t *testing.T) {
		docked(t, "volume", "rm", claimName(spec.Name)) // docker volume prune --all
		if c, err := p.Find(t.Context(), spec.Name); err != nil || c.State != providers.StateRunning || c.ID != spec.ID {
			t.Errorf("found %+v, %v", c, err)
		}
		other := providers.Spec{Name: spec.Name, ID: "another", Settings: testSettings()}
		var taken *providers.TakenError
		if _, err := p.Create(t.Context(), other, nil); !errors.As(err, &taken) {
			t.Errorf("create with another id: %v", err)
		}
	})
	t.Run("a worker is removed", func(t *testing.T) {
		docked(t, "rm", "--force", "--volumes", "two-nodes-worker")
		if c, err := p.Find(t.Context(), spec.Name); err != nil || c.State != providers.StateBroken || !strings.Contains(c.Detail["reason"], "1 of its 2 nodes") {
			t.Errorf("found %+v, %v", c, err)
		}
		var known *Error
		if _, err := p.Create(t.Context(), spec, nil); !errors.As(err, &known) || !strings.Contains(known.Hint(), "delete") {
			t.Errorf("create: %v", err)
		}
	})
	if err := p.Delete(t.Context(), spec.Name, spec.ID, nil); err != nil {
		t.Fatal(err)
	}
	w.wantEmpty(t)
}

// imagesAreLoaded onto both nodes, once, and again when they have changed.
func imagesAreLoaded(t *testing.T, p *Provider, spec providers.Spec) {
	const one, two = "rekindle.test/preload-one:v1", "rekindle.test/preload-two:v1"
	importImage(t, one, "one", "1")
	importImage(t, two, "two", "2")
	load := func(preload any, wanted ...string) (loaded, said []string, err error) {
		spec.Settings["preload"] = preload
		loaded, err = p.LoadImages(t.Context(), spec, wanted, func(m string) { said = append(said, m) })
		return loaded, said, err
	}
	begun := time.Now()
	loaded, said, err := load([]any{two, one}, "ignored:v1")
	if err != nil || !slices.Equal(loaded, []string{one, two}) || !slices.Equal(said, []string{"bringing 2 images onto 2 nodes"}) {
		t.Fatalf("loaded %q, %q, %v", loaded, said, err)
	}
	t.Logf("the first load took %s", time.Since(begun).Round(10*time.Millisecond))
	for _, name := range []string{"two-nodes-control-plane", "two-nodes-worker"} {
		if have := docked(t, "exec", name, "crictl", "images"); !strings.Contains(have, "rekindle.test/preload-one") || !strings.Contains(have, "rekindle.test/preload-two") {
			t.Errorf("%s has\n%s", name, have)
		}
	}
	begun = time.Now()
	loaded, said, err = load("auto", one, "nobody.example.com/has:this", "-bad")
	if err != nil || !slices.Equal(loaded, []string{one}) || len(said) > 0 {
		t.Errorf("a second time: %q, %q, %v", loaded, said, err)
	}
	t.Logf("the second load took %s", time.Since(begun).Round(10*time.Millisecond))

	importImage(t, one, "one", "changed")
	if _, said, err = load("auto", one, two); err != nil || !slices.Equal(said, []string{"bringing 1 image onto 2 nodes"}) {
		t.Errorf("when it has changed: %q, %v", said, err)
	}
	var missing *providers.MissingError
	if _, _, err = load([]any{one, "rekindle.test/preload-none:v1"}); !errors.As(err, &missing) {
		t.Errorf("one that is lacking: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.LoadImages(ctx, spec, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

// restartKeepsPorts: containers that Docker starts again, as it does with the
// machine, are the cluster of before, where it was.
func restartKeepsPorts(t *testing.T, p *Provider, c providers.Cluster, config []byte) {
	before := docked(t, "port", "two-nodes-control-plane")
	docked(t, append([]string{"restart", "--time", "1"}, nodesOf(t, c)...)...)
	if _, err := p.Create(t.Context(), providers.Spec{Name: c.Name, ID: c.ID, Settings: testSettings()}, nil); err != nil {
		t.Fatal(err)
	}
	if after := docked(t, "port", "two-nodes-control-plane"); after != before {
		t.Errorf("ports were\n%s\nand are\n%s", before, after)
	}
	reach(t.Context(), t, config)
}

// prunedImagesKeepData: docker image prune --all takes the tags of a cluster,
// some while it is stopped, all but the last while it runs. It is the cluster of
// before all the same.
func prunedImagesKeepData(t *testing.T, p *Provider, c providers.Cluster, config []byte) {
	nodes := nodesOf(t, c)
	spec := providers.Spec{Name: c.Name, ID: c.ID, Settings: testSettings()}
	survives := func(t *testing.T, state providers.State) {
		t.Helper()
		if found, err := p.Find(t.Context(), c.Name); err != nil || found.State != state {
			t.Errorf("found %+v, %v, want it %s", found, err, state)
		}
		if _, err := p.Create(t.Context(), spec, nil); err != nil {
			t.Fatal(err)
		}
		if after := nodesOf(t, c); !slices.Equal(after, nodes) {
			t.Fatalf("its nodes were %q and are %q: it was made anew", nodes, after)
		}
		reach(t.Context(), t, config)
		if tags := tagsOf(t, c, phaseReady.repository()); len(tags) != 1 {
			t.Errorf("its tags are %q: it was not marked again", tags)
		}
	}
	t.Run("while it runs", func(t *testing.T) {
		docked(t, "image", "rm", phaseReady.ref(c.Name, c.ID))
		survives(t, providers.StateRunning)
	})
	t.Run("all of them", func(t *testing.T) {
		for _, tag := range tagsOf(t, c, "") {
			docked(t, "image", "rm", "--force", tag)
		}
		if err := p.Stop(t.Context(), c.Name, c.ID, nil); err != nil {
			t.Fatal(err)
		}
		survives(t, providers.StateStopped)
	})
	t.Run("while it is stopped", func(t *testing.T) {
		if err := p.Stop(t.Context(), c.Name, c.ID, nil); err != nil {
			t.Fatal(err)
		}
		docked(t, append([]string{"image", "rm"}, append(tagsOf(t, c, nodeImages), phaseReady.ref(c.Name, c.ID))...)...)
		survives(t, providers.StateStopped)
	})
}

// tagsOf are the tags of a cluster's image, in one repository or in all.
func tagsOf(t *testing.T, c providers.Cluster, repository string) []string {
	t.Helper()
	tags := strings.Fields(docked(t, "image", "ls", "--filter", "label="+labelID+"="+c.ID, "--format", "{{.Repository}}:{{.Tag}}"))
	return slices.DeleteFunc(tags, func(tag string) bool {
		return !strings.HasPrefix(tag, registry) || !strings.HasPrefix(tag, repository)
	})
}
