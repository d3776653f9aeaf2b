package kind

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// Where no registry is reached, a stand-in for the load balancer: it forwards to
// the first control plane that answers, of those that kind wrote into the file
// of the real one.
const (
	standIn = `#!/bin/bash
exec socat TCP-LISTEN:6443,fork,reuseaddr EXEC:/usr/local/bin/forward
`
	forward = `#!/bin/bash
for host in $(sed -n 's/.*address: \(.*-control-plane.*\)$/\1/p' /home/envoy/cds.yaml); do
	if timeout 1 bash -c "</dev/tcp/$host/6443" 2>/dev/null; then exec socat STDIO "TCP:$host:6443"; fi
done
exit 1
`
)

func needBalancer(t *testing.T) {
	t.Helper()
	if exec.Command("docker", "image", "inspect", balancerImage).Run() == nil {
		return // the real one
	}
	id := docked(t, "create", "--pull", "never", "--entrypoint", "", testImage(), "bash")
	defer docked(t, "rm", "--volumes", id)
	for name, script := range map[string]string{"envoy": standIn, "forward": forward} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		docked(t, "cp", file, id+":/usr/local/bin/"+name)
	}
	docked(t, "commit", id, balancerImage)
	t.Cleanup(func() { docked(t, "image", "rm", balancerImage) })
}

// With several control planes the load balancer, which bears no label of ours,
// belongs to the cluster all the same: it is found, started again, and removed,
// also when its maker died.
func TestSeveralControlPlanes(t *testing.T) {
	w := newWorld(t)
	needBalancer(t)
	settings := testSettings()
	settings["controlPlanes"] = 2
	spec := providers.Spec{Name: "several", ID: "id-of-several", Settings: settings}
	balancer := "several-" + roleBalancer
	p := w.provider(t)
	t.Cleanup(func() {
		_ = exec.Command("docker", "rm", "--force", "--volumes", balancer).Run() // of a test that failed
	})
	wantNone := func() {
		t.Helper()
		w.wantEmpty(t)
		if left := docked(t, "ps", "--all", "--quiet", "--filter", "label="+kindCluster+"="+spec.Name); left != "" {
			t.Errorf("containers are left: %s", left)
		}
	}

	c, err := p.Create(t.Context(), spec, func(m string) { t.Log(m) })
	if err != nil {
		t.Fatal(err)
	}
	port := docked(t, "port", balancer, apiPort)
	if c.Endpoint != "https://"+port || c.Detail["nodes"] != "2" || !strings.Contains(c.Detail["containers"], balancer) {
		t.Errorf("made %+v, the load balancer is at %s", c, port)
	}
	config, err := p.Connect(t.Context(), spec.Name)
	if err != nil {
		t.Fatal(err)
	}
	reach(t.Context(), t, config)
	docked(t, "kill", balancer)
	if c, err := p.Find(t.Context(), spec.Name); err != nil || c.State != providers.StateBroken || !strings.Contains(c.Detail["reason"], balancer) {
		t.Errorf("found %+v, %v", c, err)
	}
	if _, err := p.Create(t.Context(), spec, nil); err != nil {
		t.Fatal(err)
	}
	reach(t.Context(), t, config)
	if err := p.Delete(t.Context(), spec.Name, spec.ID, nil); err != nil {
		t.Fatal(err)
	}
	wantNone()

	foreign := foreignNode(t, spec.Name, roleBalancer)
	if err := p.Delete(t.Context(), spec.Name, spec.ID, nil); err != nil {
		t.Error(err)
	}
	if _, err := p.Create(t.Context(), spec, nil); err == nil {
		t.Error("a name that somebody else's load balancer bears was taken")
	}
	foreign(t)
	wantNone()

	if !w.crashWith(t, 4*time.Second, settings, "create", spec.Name, spec.ID) {
		t.Error("it did not die")
	}
	if err := p.Delete(t.Context(), spec.Name, spec.ID, nil); err != nil {
		t.Fatal(err)
	}
	wantNone()
}
