package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rekindle-io/rekindle/providers"
)

// One cluster lives through what happens to long-lived processes.
func TestWhatAClusterSurvives(t *testing.T) {
	r := newRig(t, nil)
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "kept", Namespace: "default"}, Data: map[string]string{"k": "v"}}
	if _, err := r.client.CoreV1().ConfigMaps("default").Create(t.Context(), m, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Run("a component is killed", func(t *testing.T) { r.sub(t).componentKilled() })
	t.Run("the supervisor is killed", func(t *testing.T) { r.sub(t).supervisorKilled() })
	t.Run("its port is taken while it is stopped", func(t *testing.T) { r.sub(t).portTaken() })
	t.Run("its pid was given to another process", func(t *testing.T) { r.sub(t).recycledPID() })

	c := r.now()
	if err := r.p.Delete(t.Context(), c.Name, c.ID, nil); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, r.p.opts.Root)
	wantPortFree(t, c)
}

// now is the cluster as it is: its port may have changed with a restart, when
// somebody else was quicker.
func (r *rig) now() providers.Cluster {
	r.Helper()
	c, err := r.p.Find(r.Context(), r.c.Name)
	if err != nil {
		r.Fatal(err)
	}
	return c
}

// wantData: what was written before is still there.
func (r *rig) wantData() {
	r.Helper()
	r.eventually("data", func(ctx context.Context) error {
		m, err := r.client.CoreV1().ConfigMaps("default").Get(ctx, "kept", metav1.GetOptions{})
		if err == nil && m.Data["k"] != "v" {
			err = fmt.Errorf("have %v", m.Data)
		}
		return err
	})
}

// component returns the process of that name once there is one that is not the
// given pid.
func (r *rig) component(name string, not int) (found process) {
	r.Helper()
	r.eventually(name+" runs", func(context.Context) error {
		all, err := processesOf(r.p.home(r.c.Name), r.c.ID)
		for _, pr := range all {
			if pr.command == name && pr.pid != not {
				found = pr
				return err
			}
		}
		return fmt.Errorf("none of %v (%w)", all, err)
	})
	return found
}

func (r *rig) componentKilled() {
	for _, name := range []string{"etcd", "kube-apiserver", "kwok"} {
		old := r.component(name, 0)
		if err := old.signal(syscall.SIGKILL); err != nil {
			r.Fatal(err)
		}
		r.component(name, old.pid)
		r.wantData()
	}
	r.eventually("found running", func(ctx context.Context) error {
		c, err := r.p.Find(ctx, r.c.Name)
		if err == nil && c.State != providers.StateRunning {
			err = fmt.Errorf("%s: %v", c.State, c.Detail)
		}
		return err
	})
}

func (r *rig) supervisorKilled() {
	supervisor := r.component(commandSupervise, 0)
	if err := supervisor.signal(syscall.SIGKILL); err != nil {
		r.Fatal(err)
	}
	r.eventually("its children are gone", func(context.Context) error {
		all, err := processesOf(r.p.home(r.c.Name), r.c.ID)
		if len(all) > 0 {
			err = fmt.Errorf("still there: %v", all)
		}
		return err
	})
	c, err := r.p.Find(r.Context(), r.c.Name)
	if err != nil || c.State != providers.StateBroken {
		r.Fatalf("found %+v, %v; want broken", c, err)
	}
	if err := r.p.Start(r.Context(), r.c.Name, r.c.ID, nil); err != nil {
		r.Fatal(err)
	}
	r.wantData() // with the clients, and so the kubeconfig, of before
}

func (r *rig) portTaken() {
	before := r.now().Endpoint
	if err := r.p.Stop(r.Context(), r.c.Name, r.c.ID, nil); err != nil {
		r.Fatal(err)
	}
	l, err := net.Listen("tcp4", strings.TrimPrefix(before, "https://"))
	if err != nil {
		r.Fatal(err)
	}
	defer l.Close()
	var said []string
	if err := r.p.Start(r.Context(), r.c.Name, r.c.ID, func(m string) { said = append(said, m) }); err != nil {
		r.Fatal(err)
	}
	if !slices.ContainsFunc(said, func(m string) bool { return strings.Contains(m, "was taken") }) {
		r.Errorf("it does not say that the port changed: %q", said)
	}
	c, err := r.p.Find(r.Context(), r.c.Name)
	if err != nil || c.Endpoint == before || c.State != providers.StateRunning {
		r.Fatalf("found %+v, %v", c, err)
	}
	r.connect()
	r.wantData()
	written, err := os.ReadFile(r.p.home(r.c.Name).path("kubeconfig"))
	if err != nil || !strings.Contains(string(written), c.Endpoint) {
		r.Errorf("the kubeconfig on disk does not name %s (%v)", c.Endpoint, err)
	}
}

// recycledPID: after a power cut the pids on disk may be anybody's.
func (r *rig) recycledPID() {
	h := r.p.home(r.c.Name)
	if err := killAll(r.Context(), h, r.c.ID); err != nil {
		r.Fatal(err)
	}
	bystander := exec.Command("sleep", "600")
	if err := bystander.Start(); err != nil {
		r.Fatal(err)
	}
	defer func() {
		_ = bystander.Process.Kill()
		_ = bystander.Wait()
	}()
	pid := bystander.Process.Pid
	st := fmt.Sprintf(`{"schema":1,"id":%q,"phase":"ready","pid":%d,"ports":{"api":1},"components":[{"name":"etcd","pid":%d}]}`, r.c.ID, pid, pid)
	if err := os.WriteFile(h.path("run", "status.json"), []byte(st), 0o600); err != nil {
		r.Fatal(err)
	}
	if c, err := r.p.Find(r.Context(), r.c.Name); err != nil || c.State != providers.StateBroken {
		r.Errorf("found %+v, %v; want broken", c, err)
	}
	if err := r.p.Stop(r.Context(), r.c.Name, r.c.ID, nil); err != nil {
		r.Fatal(err)
	}
	if err := r.p.Start(r.Context(), r.c.Name, r.c.ID, nil); err != nil {
		r.Fatal(err)
	}
	if err := bystander.Process.Signal(syscall.Signal(0)); err != nil {
		r.Errorf("the bystander was killed: %v", err)
	}
	r.connect()
	r.wantData()
}

// A control plane that cannot start is an error that says what to look at, and
// leaves nothing running.
func TestControlPlaneDoesNotStart(t *testing.T) {
	tests := map[string]struct {
		script  string
		timeout time.Duration
		want    []string
	}{
		"it ends":        {"echo something is wrong; exit 1", 0, []string{"the supervisor ended", "something is wrong", "supervise.log"}},
		"it hangs":       {"sleep 600", 300 * time.Millisecond, []string{"after 300ms", "has not begun"}},
		"the disk fills": {"echo write: no space left on device; exit 1", 0, []string{"disk of", "is full"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			binary := filepath.Join(dir, BinaryName)
			if err := os.WriteFile(binary, []byte("#!/bin/sh\n"+test.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			root := filepath.Join(dir, "clusters")
			p, err := New(Options{Root: root, Binary: binary, Now: time.Now, StartTimeout: test.timeout})
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Create(t.Context(), providers.Spec{Name: "dev", ID: "1"}, nil)
			if err == nil {
				t.Fatal("created")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if found, err := processesOf(p.home("dev"), "1"); err != nil || len(found) > 0 {
				t.Errorf("left running: %v, %v", found, err)
			}
			if c, err := p.Find(t.Context(), "dev"); err != nil || c.State != providers.StateCreating {
				t.Errorf("found %+v, %v", c, err)
			}
			if err := p.Delete(t.Context(), "dev", "1", nil); err != nil {
				t.Error(err)
			}
			wantEmpty(t, root)
		})
	}
}

// Without the binary nothing is made, and the error says how to build it.
func TestBinaryIsMissing(t *testing.T) {
	root := filepath.Join(t.TempDir(), "clusters")
	for _, binary := range []string{"", "/nowhere/" + BinaryName, t.TempDir()} {
		p, err := New(Options{Root: root, Binary: binary, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Create(t.Context(), providers.Spec{Name: "dev", ID: "1"}, nil)
		var missing *providers.MissingError
		if !errors.As(err, &missing) || !strings.Contains(err.Error(), "make controlplane") {
			t.Errorf("binary %q: %v", binary, err)
		}
		if err := p.Delete(t.Context(), "dev", "1", nil); err != nil {
			t.Errorf("delete without a binary: %v", err)
		}
		for _, f := range p.Diagnose(t.Context()) {
			if f.Subject == "control plane binary" && (f.OK || f.Remedy == "") {
				t.Errorf("the doctor says %+v", f)
			}
		}
	}
	wantEmpty(t, root)
}

// A copy of a state directory bears the same ids, but the processes belong to
// the original.
func TestProcessesOfAnotherDirectory(t *testing.T) {
	original, copied := t.TempDir(), t.TempDir()
	cmd := exec.Command("sleep", "600")
	cmd.Env = []string{envClusterID + "=same", envClusterDir + "=" + original}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	if found, err := processesOf(home(copied), "same"); err != nil || len(found) != 0 {
		t.Errorf("of the copy: %v, %v", found, err)
	}
	if found, err := processesOf(home(original), "same"); err != nil || len(found) != 1 || found[0].pid != cmd.Process.Pid {
		t.Errorf("of the original: %v, %v", found, err)
	}
	if err := killAll(t.Context(), home(original), "same"); err != nil {
		t.Error(err)
	}
	<-ended
}
