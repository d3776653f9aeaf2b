package kind

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// With cgroup v1 a process that is frozen cannot be killed, and the runc of a
// node freezes a container's processes for a moment whenever it makes or changes
// one. A node that is killed in such a moment never ends. So nothing may be made
// in a node any more when it is removed, and what is frozen all the same is
// thawed where we may.

// quietTime bounds how long a node may take to stop making containers.
const quietTime = 5 * time.Second

// quieten stops what makes containers in the nodes that run. Where it fails, they
// are removed all the same.
func (p *Provider) quieten(ctx context.Context, h holding) {
	version, err := p.docker.lines(ctx, "info", "--format", "{{.CgroupVersion}}")
	if err != nil || len(version) != 1 || version[0] != "1" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, quietTime)
	defer cancel()
	running := func(c container) bool { return c.State.Running && !c.State.Paused }
	_ = p.each(ctx, h.nodes, running, func(ctx context.Context, c container) error { // the removal says what is wrong
		_, err := p.docker.output(ctx, "exec", c.ID, "systemctl", "stop", "kubelet.service", "containerd.service")
		return err
	})
}

// thaw unfreezes what runs in the containers, where cgroups are on this machine
// and may be written: as root.
func thaw(root string, list []container) {
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "freezer.state" {
			return nil //nolint:nilerr // what cannot be read cannot be thawed
		}
		for _, c := range list {
			if len(c.ID) == 64 && strings.Contains(path, c.ID) {
				_ = os.WriteFile(path, []byte("THAWED"), 0o644) //nolint:gosec // a file of the kernel
			}
		}
		return nil
	})
}

const freezers = "/sys/fs/cgroup/freezer"

// unkillable tells whether Docker could not kill a container.
func unkillable(err error) bool {
	return err != nil && containsAny(err.Error(), "could not kill", "did not receive an exit event", "cannot kill")
}
