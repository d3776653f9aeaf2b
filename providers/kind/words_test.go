package kind

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	kindexec "sigs.k8s.io/kind/pkg/exec"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/providers"
)

// What Docker says, and what a person reads.
func TestMeaning(t *testing.T) {
	tests := map[string]struct {
		said         string
		what, remedy string
	}{
		"no daemon":            {"Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?", "no Docker daemon answers", "systemctl start docker"},
		"no daemon, new words": {"failed to connect to the docker API at unix:///x.sock; check if the path is correct and if the daemon is running: dial unix /x.sock: connect: no such file or directory", "no Docker daemon answers", "start it"},
		"not allowed":          {"permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: dial unix /var/run/docker.sock: connect: permission denied", "does not let this user in", "group docker"},
		"full":                 {`docker: Error response from daemon: failed to copy files: write /var/lib/docker/x: no space left on device.`, "the disk of Docker is full", "docker system df"},
		"port, by Docker":      {"docker: Error response from daemon: driver failed programming external connectivity on endpoint dev-control-plane (b1): Bind for 127.0.0.1:8080 failed: port is already allocated.", "the host port 127.0.0.1:8080 is in use", "settings.portMappings"},
		"port, by others":      {"docker: Error response from daemon: driver failed programming external connectivity on endpoint x: Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use.", "the host port 0.0.0.0:80 is in use", "ss -ltnp"},
		"port, on a Mac":       {"Error response from daemon: Ports are not available: exposing port TCP 127.0.0.1:443 -> 0.0.0.0:0: listen tcp 127.0.0.1:443: bind: address already in use", "the host port 127.0.0.1:443 is in use", "another"},
		"no networks left":     {"Error response from daemon: could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network", "no addresses left", "docker network prune"},
		"a frozen process":     {"Error response from daemon: Could not kill running container 88, cannot remove - tried to kill container, but did not receive an exit event", "cannot kill a container", "frozen"},
		"anything else":        {"Error: it rains", "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := explain(&commandError{args: []string{"run", "--name", "x"}, output: test.said, err: errors.New("exit status 125")})
			if test.what == "" {
				if err.Error() != "docker run: "+test.said {
					t.Errorf("have %q", err)
				}
				return
			}
			var known *Error
			if !errors.As(err, &known) || !strings.Contains(err.Error(), test.what) || !strings.Contains(known.Hint(), test.remedy) {
				t.Errorf("have %v, want %q, %q", err, test.what, test.remedy)
			}
		})
	}
}

// What is frozen in our containers is thawed, and nothing else is touched.
func TestThaw(t *testing.T) {
	root, ours, theirs := t.TempDir(), strings.Repeat("a", 64), strings.Repeat("b", 64)
	for _, dir := range []string{ours + "/kubelet/pod", "system.slice/docker-" + ours + ".scope/x", theirs + "/kubelet", "aaaa"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, dir, "freezer.state"), []byte("FROZEN"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	thaw(root, []container{{ID: ours}, {ID: "aaaa"}})
	for dir, want := range map[string]string{ours + "/kubelet/pod": "THAWED", "system.slice/docker-" + ours + ".scope/x": "THAWED", theirs + "/kubelet": "FROZEN", "aaaa": "FROZEN"} {
		if have, err := os.ReadFile(filepath.Join(root, dir, "freezer.state")); err != nil || string(have) != want {
			t.Errorf("%s: %s, %v", dir, have, err)
		}
	}
	thaw(filepath.Join(root, "nowhere"), []container{{ID: ours}})
}

func TestNoDockerCommand(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	p := offline(t)
	spec := providers.Spec{Name: "dev", ID: "1"}
	_, create := p.Create(t.Context(), spec, nil)
	_, find := p.Find(t.Context(), "dev")
	_, list := p.List(t.Context())
	_, connect := p.Connect(t.Context(), "dev")
	_, left := p.Leftovers(t.Context())
	for name, err := range map[string]error{"create": create, "find": find, "list": list, "connect": connect, "leftovers": left, "delete": p.Delete(t.Context(), "dev", "1", nil)} {
		var lacking *providers.MissingError
		if !errors.As(err, &lacking) || !errors.Is(err, error(lacking)) || !strings.Contains(lacking.What, "docker command") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if f := p.Diagnose(t.Context()); len(f) != 1 || f[0].OK || !strings.Contains(f[0].Remedy, "install Docker") {
		t.Errorf("doctor: %+v", f)
	}
}

// A pull that fails for the image's sake is told from one that nothing could be
// pulled by.
func TestFailureOfAPull(t *testing.T) {
	for said, want := range map[string]string{
		"manifest unknown":                 "the node image node:v1 (pulling it: manifest unknown)",
		"write x: no space left on device": "the disk of Docker is full",
	} {
		dir := t.TempDir()
		script := "#!/bin/sh\n[ $1 = pull ] && echo '" + said + "' >&2 || echo 'no such image' >&2\nexit 1\n"
		if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", dir)
		if _, err := offline(t).ensureImage(t.Context(), "node:v1", nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("have %v, want %q", err, want)
		}
	}
}

// Of hundreds of lines, those that say what went wrong are kept.
func TestFailureOfKind(t *testing.T) {
	long := strings.Repeat("I1122 waiting.go:53] [wait] Waiting for something\n", 300)
	run := &kindexec.RunError{Command: []string{"docker", "exec", "--privileged", "dev-control-plane", "kubeadm", "init"}, Inner: errors.New("exit status 1"),
		Output: []byte(long + "[kubelet-check] The kubelet is not healthy after 4m0s\nerror execution phase wait-control-plane: failed while waiting\n" + long)}
	err := failure(kindError{"failed to init node with kubeadm", run})
	text := err.Error()
	if !strings.Contains(text, "failed to init node with kubeadm: ") || !strings.Contains(text, "execution phase wait-control-plane") || strings.Contains(text, "--privileged") || len(text) > 500 {
		t.Errorf("have %q", text)
	}
	if !errors.Is(err, run) {
		t.Error("the cause is lost")
	}
	plainError := errors.New("node(s) already exist")
	if failure(plainError) != plainError {
		t.Error("what is short stays")
	}
}

// kindError is an error as kind wraps them.
type kindError struct {
	step string
	*kindexec.RunError
}

func (e kindError) Error() string { return e.step + ": " + e.RunError.Error() }
func (e kindError) Cause() error  { return e.RunError }
func (e kindError) Unwrap() error { return e.RunError }

func TestSteps(t *testing.T) {
	var said []string
	l := &logger{progress: func(s string) { said = append(said, s) }}
	for _, line := range []string{
		"Creating cluster \"dev\" ...\n", " • Ensuring node image (rekindle.invalid/x) 🖼  ...\n", " ✓ Ensuring node image (x) 🖼\n", " • Preparing nodes 📦 📦  ...\n",
		" • Starting control-plane 🕹️  ...\n", " ✗ Starting control-plane 🕹️\n", " • Installing CNI 🔌  ...\n", " • Something new 🎲  ...\n", " • \x1b[31mred\n",
	} {
		l.V(0).Infof("%s", line)
		l.V(1).Infof("%s", line)
	}
	l.Warn("cgroup v1 is deprecated")
	l.close()
	l.V(0).Info(" • late ...")
	want := "starting the containers of the nodes|starting the control plane (kubeadm init)|installing CNI|Something new|[31mred"
	if have := strings.Join(said, "|"); have != want {
		t.Errorf("have %q\nwant %q", have, want)
	}
}

func TestCanonical(t *testing.T) {
	for ref, want := range map[string]string{
		"nginx":                               "docker.io/library/nginx:latest",
		"nginx:1":                             "docker.io/library/nginx:1",
		"library/nginx":                       "docker.io/library/nginx:latest",
		"docker.io/nginx":                     "docker.io/library/nginx:latest",
		"index.docker.io/bitnami/redis:7":     "docker.io/bitnami/redis:7",
		"bitnami/redis":                       "docker.io/bitnami/redis:latest",
		"ghcr.io/a/b/c:1":                     "ghcr.io/a/b/c:1",
		"localhost/web":                       "localhost/web:latest",
		"localhost:5000/web:2":                "localhost:5000/web:2",
		"web@sha256:00":                       "docker.io/library/web@sha256:00",
		"registry.k8s.io/pause:3@sha256:0011": "registry.k8s.io/pause@sha256:0011",
	} {
		if have := canonical(ref); have != want {
			t.Errorf("%s: have %s, want %s", ref, have, want)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{"nginx", "a/b:1", "h:5/x@sha256:1", "@", ":", "/", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		if imageShape.MatchString(ref) {
			if once := canonical(ref); canonical(once) != once {
				t.Fatalf("%q becomes %q, and that %q", ref, once, canonical(once))
			}
		}
	})
}

func TestLackingImages(t *testing.T) {
	have := imageSet{"docker.io/library/web:1": "sha256:1"}
	if err := have.lacking([]string{"web:1", "docker.io/library/web:1"}); err != nil {
		t.Error(err)
	}
	err := have.lacking([]string{"web:2", "web:1", "job"})
	var lacking *providers.MissingError
	if !errors.As(err, &lacking) || !strings.Contains(lacking.What, "2 images (job, web:2)") {
		t.Errorf("have %v", err)
	}
}

// A node has an image whichever of its digests Docker has for an id.
func TestImagesOfANode(t *testing.T) {
	set, err := nodeImageSet([]byte(`{"images":[
		{"id":"sha256:config","repoTags":["docker.io/library/web:1"],"repoDigests":["docker.io/library/import-2026-11-22@sha256:manifest"]},
		{"id":"sha256:pulled","repoTags":["docker.io/library/job:1"],"repoDigests":[]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		ref, id string
		want    bool
	}{
		{"web:1", "sha256:config", true},
		{"web:1", "sha256:manifest", true}, // Docker's images are in containerd
		{"web:1", "sha256:changed", false},
		{"web:1", "", false},
		{"job:1", "sha256:manifest", false},
		{"other:1", "sha256:config", false},
	} {
		if have := set.has(test.ref, test.id); have != test.want {
			t.Errorf("%s as %q: have %v, want %v", test.ref, test.id, have, test.want)
		}
	}
}

func FuzzNodeImages(f *testing.F) {
	f.Add([]byte(`{"images":[{"id":"sha256:1","repoTags":["docker.io/library/web:1"],"repoDigests":["web@sha256:2"]}]}`))
	f.Add([]byte(`{"images":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		set, err := nodeImageSet(raw)
		if err == nil && set == nil {
			t.Fatal("neither a set nor an error")
		}
	})
}

const adminConf = `apiVersion: v1
kind: Config
preferences: {}
current-context: kubernetes-admin@dev
clusters: [{name: dev, cluster: {certificate-authority-data: Q0E=, server: "https://dev-control-plane:6443"}}]
contexts: [{name: kubernetes-admin@dev, context: {cluster: dev, user: kubernetes-admin}}]
users: [{name: kubernetes-admin, user: {client-certificate-data: Q1JU, client-key-data: S0VZ}}]
`

func TestKubeconfig(t *testing.T) {
	out, err := external([]byte(adminConf), "https://127.0.0.1:40000", "kind-dev")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Current  string `json:"current-context"`
		Clusters []struct {
			Name    string
			Cluster map[string]string
		}
		Users []struct {
			Name string
			User map[string]string
		}
	}
	if err := yaml.Unmarshal(out, &config); err != nil {
		t.Fatal(err)
	}
	if config.Current != "kind-dev" || config.Clusters[0].Cluster["server"] != "https://127.0.0.1:40000" ||
		config.Clusters[0].Cluster["certificate-authority-data"] != "Q0E=" || config.Users[0].User["client-key-data"] != "S0VZ" || config.Users[0].Name != "kind-dev" {
		t.Errorf("have %s", out)
	}
	for _, bad := range []string{"", "{", "clusters: []", "clusters: [{}]\nusers: [{}]", "clusters: 7"} {
		if _, err := external([]byte(bad), "x", "x"); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func FuzzKubeconfig(f *testing.F) {
	f.Add([]byte(adminConf))
	f.Add([]byte("clusters: [{cluster: {}}]\nusers: [{user: {}}]"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if out, err := external(raw, "https://127.0.0.1:1", "kind-x"); err == nil && !strings.Contains(string(out), "https://127.0.0.1:1") {
			t.Fatalf("it does not point at us: %s", out)
		}
	})
}

func TestDoctorJudges(t *testing.T) {
	good := dockerInfo{ServerVersion: "28", OSType: "linux", CgroupVersion: "2", MemTotal: 8 << 30}
	tests := map[string]struct {
		change func(*dockerInfo)
		want   string // what is bad, or said
		ok     bool
	}{
		"good":            {func(*dockerInfo) {}, "version 2", true},
		"Windows":         {func(i *dockerInfo) { i.OSType = "windows" }, "windows containers", false},
		"little memory":   {func(i *dockerInfo) { i.MemTotal = 1 << 30 }, "only 1024 MB", false},
		"old cgroups":     {func(i *dockerInfo) { i.CgroupVersion = "1" }, "1.35 and newer refuse it", true},
		"rootless, old":   {func(i *dockerInfo) { i.CgroupVersion, i.SecurityOptions = "1", []string{"name=rootless"} }, "rootless", false},
		"rootless, newer": {func(i *dockerInfo) { i.SecurityOptions = []string{"name=rootless"} }, "version 2", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			info := good
			test.change(&info)
			ok, text := true, ""
			for _, f := range info.findings() {
				ok = ok && f.OK
				text += f.Message + "\n"
				if !f.OK && f.Remedy == "" {
					t.Errorf("%s: no remedy", f.Subject)
				}
			}
			if ok != test.ok || !strings.Contains(text, test.want) {
				t.Errorf("ok %v, %s", ok, text)
			}
		})
	}
	limits := func(n uint64, err error) func(string) (uint64, error) {
		return func(string) (uint64, error) { return n, err }
	}
	if f := inotify(limits(128, nil)); len(f) != 1 || !f[0].OK || !strings.Contains(f[0].Message, "sysctl fs.inotify.max_user_instances=512") {
		t.Errorf("low limits: %+v", f)
	}
	if f := inotify(limits(1<<20, nil)); len(f) != 1 || !strings.Contains(f[0].Message, "high enough") {
		t.Errorf("high limits: %+v", f)
	}
	if f := inotify(limits(0, exec.ErrNotFound)); f != nil {
		t.Errorf("elsewhere: %+v", f)
	}
}
