package kind

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rekindle-io/rekindle/providers"
)

// What one node wants of a machine, in bytes: a node was measured to take 500 MB
// of memory and, with its image, 2 GB of disk.
const (
	wantedMemory = 2 << 30
	wantedDisk   = 3 << 30
)

// Diagnose says whether this machine can run kind clusters.
func (p *Provider) Diagnose(ctx context.Context) []providers.Finding {
	ctx, cancel := bounded(ctx, p.opts.Timeout, "asking Docker what it can do")
	defer cancel()
	out, err := p.docker.output(ctx, "info", "--format", "{{json .}}")
	if err != nil {
		return []providers.Finding{fromError("Docker", err)}
	}
	var info dockerInfo
	if err := json.Unmarshal(out, &info); err != nil {
		return []providers.Finding{{Subject: "Docker", Message: "docker info cannot be read: " + err.Error()}}
	}
	if len(info.ServerErrors) > 0 {
		return []providers.Finding{fromError("Docker", explain(&commandError{args: []string{"info"}, output: strings.Join(info.ServerErrors, "\n"), err: errors.New("failed")}))}
	}
	findings := info.findings()
	if free, err := freeBelow(info.DockerRootDir); err == nil {
		findings = append(findings, atLeast("disk space", free, wantedDisk, "free below "+info.DockerRootDir,
			"docker system df shows what is used, docker image prune removes what nothing needs"))
	}
	return append(findings, inotify(readNumber)...)
}

// dockerInfo is what docker info says, as far as it matters here.
type dockerInfo struct {
	ServerVersion   string
	CgroupVersion   string
	CgroupDriver    string
	DockerRootDir   string
	OperatingSystem string
	OSType          string
	MemTotal        uint64
	SecurityOptions []string
	ServerErrors    []string
}

// findings judge what docker info says.
func (i dockerInfo) findings() []providers.Finding {
	found := []providers.Finding{{Subject: "Docker", OK: true, Message: i.ServerVersion + " on " + i.OperatingSystem}}
	if i.OSType != "linux" {
		found[0] = providers.Finding{Subject: "Docker", Message: "runs " + i.OSType + " containers", Remedy: "switch Docker Desktop to Linux containers"}
	}
	cgroup := providers.Finding{Subject: "cgroups", OK: true, Message: "version " + i.CgroupVersion}
	rootless := slices.ContainsFunc(i.SecurityOptions, func(o string) bool { return strings.Contains(o, "name=rootless") })
	switch {
	case rootless && i.CgroupVersion != "2":
		cgroup.OK, cgroup.Message = false, "version "+i.CgroupVersion+", and Docker is rootless"
		cgroup.Remedy = "rootless nodes need cgroup v2: https://kind.sigs.k8s.io/docs/user/rootless/"
	case i.CgroupVersion == "1":
		cgroup.Message = "version 1: kubelets of Kubernetes 1.35 and newer refuse it unless the node image allows it (failCgroupV1: false)"
	}
	return append(found, cgroup, atLeast("memory", i.MemTotal, wantedMemory, "of Docker's machine", "give Docker more memory, or take the provider local"))
}

func atLeast(subject string, have, want uint64, where, remedy string) providers.Finding {
	f := providers.Finding{Subject: subject, OK: have >= want, Message: fmt.Sprintf("%d MB %s", have>>20, where)}
	if !f.OK {
		f.Message, f.Remedy = fmt.Sprintf("only %s, a cluster wants %d MB", f.Message, want>>20), remedy
	}
	return f
}

func fromError(subject string, err error) providers.Finding {
	f := providers.Finding{Subject: subject, Message: err.Error()}
	var lacking *providers.MissingError
	var hinted interface{ Hint() string }
	switch {
	case errors.As(err, &lacking):
		f.Message, f.Remedy = lacking.What+" is missing", lacking.Remedy
	case errors.As(err, &hinted):
		f.Remedy = hinted.Hint()
	}
	return f
}

// inotify looks at the limits that clusters of several nodes run into; pods then
// fail with "too many open files".
func inotify(read func(path string) (uint64, error)) []providers.Finding {
	var low []string
	for name, want := range map[string]uint64{"max_user_instances": 512, "max_user_watches": 524288} {
		have, err := read("/proc/sys/fs/inotify/" + name)
		if err != nil {
			return nil // no Linux, or Docker's machine is another one
		}
		if have < want {
			low = append(low, fmt.Sprintf("sysctl fs.inotify.%s=%d (is %d)", name, want, have))
		}
	}
	f := providers.Finding{Subject: "inotify limits", OK: true, Message: "high enough for several nodes"}
	if len(low) > 0 {
		slices.Sort(low)
		f.Message = "enough for one node; for several set " + strings.Join(low, " and ")
	}
	return []providers.Finding{f}
}

func readNumber(path string) (uint64, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(raw)), 10, 64)
}

// freeBelow is how much an ordinary user can still write; an error where Docker
// keeps its data on another machine.
func freeBelow(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return st.Bavail * uint64(st.Bsize), nil
}

// Leftovers looks for what bears the mark and belongs to no cluster: containers
// and images whose cluster is gone, or another of the same name is there.
func (p *Provider) Leftovers(ctx context.Context) ([]providers.Leftover, error) {
	ctx, cancel := bounded(ctx, p.opts.Timeout, "asking Docker for leftovers")
	defer cancel()
	s, err := p.look(ctx)
	if err != nil {
		return nil, about("", err)
	}
	return s.leftovers(), nil
}

func (s survey) leftovers() []providers.Leftover {
	var found []providers.Leftover
	add := func(what, name, id string) {
		if h, err := s.of(name); err != nil || h.id != id {
			found = append(found, providers.Leftover{What: what, Cluster: name, ID: id})
		}
	}
	for _, c := range s.containers {
		if s.ours(c.Config.Labels) {
			add("container "+c.name(), c.label(labelCluster), c.label(labelID))
		}
	}
	for _, i := range s.images {
		if name, id, ok := parseTag(i.Tag); ok {
			add("image "+i.ref(), name, id)
		}
	}
	return found
}
