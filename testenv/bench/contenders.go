package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/local"
	"github.com/rekindle-io/rekindle/testenv/bench/objects"
)

// The contenders' names, as reports show them.
const (
	nameBare     = "bare loop"
	nameRekindle = "rekindle"
	nameKubectl  = "kubectl"
)

// contender applies the input's objects to a new cluster.
type contender struct {
	name  string
	apply func(context.Context, input) (sample, error)
}

// input is what a contender gets.
type input struct {
	objects      []objects.Object
	workers      int
	controlplane string
	// tree is a git work tree, the objects lie in its folder deploy.
	tree string
	// work belongs to one size, dir to one contender in one round.
	work, dir string
}

// sample is one measurement.
type sample struct {
	// took is the time from the first request to the last answer of an apply, and
	// that of the whole process for all else; total, where it is known, that of
	// the whole command with verification, without the creation of the cluster.
	took, total time.Duration
	// cpu is the processor time of the process; 0 when unknown.
	cpu time.Duration
	// peak is the most memory that the program held, in bytes; 0 when unknown.
	peak int64
}

func (s sample) String() string {
	text := fmt.Sprintf("%7.2f s", s.took.Seconds())
	if s.total > 0 {
		text += fmt.Sprintf("  (with reading, settling and verifying %.2f s)", s.total.Seconds())
	}
	if s.peak > 0 {
		text += fmt.Sprintf("  peak %d MB", s.peak/1e6)
	}
	return text
}

// onFreshCluster makes a cluster, hands its kubeconfig to use, and removes it.
func onFreshCluster(ctx context.Context, in input, use func(kubeconfig string) error) (err error) {
	p, err := local.New(local.Options{
		Root: filepath.Join(in.dir, "clusters"), Binary: in.controlplane, Now: time.Now, Tethered: true,
	})
	if err != nil {
		return err
	}
	spec := providers.Spec{Name: "bench", ID: strings.ToLower(rand.Text())}
	defer func() {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, p.Delete(cleanup, spec.Name, spec.ID, nil))
	}()
	if _, err := p.Create(ctx, spec, nil); err != nil {
		return err
	}
	kubeconfig, err := p.Connect(ctx, spec.Name)
	if err != nil {
		return err
	}
	path := filepath.Join(in.dir, "kubeconfig")
	if err := os.WriteFile(path, kubeconfig, 0o600); err != nil {
		return err
	}
	return use(path)
}

// bareLoop is the limit: requests that are ready beforehand, no client-side
// rate limit, nothing but the requests. Namespaces go first, then all the rest.
func bareLoop(ctx context.Context, in input) (sample, error) {
	bodies := make([][]byte, len(in.objects))
	for i, o := range in.objects {
		raw, err := json.Marshal(o.Content)
		if err != nil {
			return sample{}, err
		}
		bodies[i] = raw
	}
	var s sample
	err := onFreshCluster(ctx, in, func(kubeconfig string) error {
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			return err
		}
		config.QPS = -1
		client, err := dynamic.NewForConfig(config)
		if err != nil {
			return err
		}
		began := time.Now()
		for _, namespaces := range []bool{true, false} {
			group, gctx := errgroup.WithContext(ctx)
			group.SetLimit(in.workers)
			for i, o := range in.objects {
				if (o.Namespace == "") != namespaces {
					continue
				}
				group.Go(func() error { return patch(gctx, client, o, bodies[i]) })
			}
			if err := group.Wait(); err != nil {
				return err
			}
		}
		s.took = time.Since(began)
		return nil
	})
	return s, err
}

func patch(ctx context.Context, client dynamic.Interface, o objects.Object, body []byte) error {
	force := true
	var resource dynamic.ResourceInterface = client.Resource(o.Resource)
	if o.Namespace != "" {
		resource = client.Resource(o.Resource).Namespace(o.Namespace)
	}
	_, err := resource.Patch(ctx, o.Name, types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: "bench", Force: &force})
	return err
}

// kubectl times the whole command, which is what its user waits for.
func kubectl(binary string) func(context.Context, input) (sample, error) {
	return func(ctx context.Context, in input) (sample, error) {
		var s sample
		err := onFreshCluster(ctx, in, func(kubeconfig string) error {
			cmd := exec.CommandContext(ctx, binary, "--kubeconfig", kubeconfig, "--cache-dir", filepath.Join(in.dir, "cache"),
				"apply", "--server-side", "--recursive", "-f", filepath.Join(in.tree, "deploy"))
			_, used, err := runMeasured(cmd)
			s.took, s.peak = used.took, used.peak
			return err
		})
		return s, err
	}
}

// rekindle runs the real binary, which makes the cluster by itself; the times
// of the steps are those of its own report.
func rekindle(binary string) func(context.Context, input) (sample, error) {
	return func(ctx context.Context, in input) (s sample, err error) {
		p := program{binary: binary, controlplane: in.controlplane, dir: in.dir}
		defer func() { err = errors.Join(err, p.deleteCluster(ctx)) }()
		out, used, err := p.restore(ctx, in.tree)
		if err != nil {
			return s, err
		}
		return fromReport(out, used.peak)
	}
}

// program is the rekindle binary with a state of its own in dir.
type program struct{ binary, controlplane, dir string }

// clusterName is what the one cluster of a program is called.
const clusterName = "bench"

func (p program) command(ctx context.Context, args ...string) *exec.Cmd {
	own := []string{"--state-dir", filepath.Join(p.dir, "state"), "--cache-dir", filepath.Join(p.dir, "cache"), "--quiet"}
	cmd := exec.CommandContext(ctx, p.binary, append(args, own...)...)
	cmd.Env = append(os.Environ(), local.EnvBinary+"="+p.controlplane)
	return cmd
}

// restore restores the folder deploy of a git work tree onto a new cluster.
func (p program) restore(ctx context.Context, tree string) ([]byte, spent, error) {
	return runMeasured(p.command(ctx, "restore", "--repo", tree, "--at", "HEAD", "--path", "deploy",
		"--provider", local.ProviderName, "--name", clusterName, "--json"))
}

// deleteCluster removes what restore made, also when ctx has ended.
func (p program) deleteCluster(ctx context.Context) error {
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	_, _, err := runMeasured(p.command(cleanup, "clusters", "delete", clusterName, "--confirm", clusterName))
	return err
}

// fromReport reads the times of the steps from the JSON that restore prints.
func fromReport(out []byte, peak int64) (sample, error) {
	var rep struct {
		Verified bool `json:"verified"`
		Steps    []struct {
			Step    string  `json:"step"`
			Seconds float64 `json:"seconds"`
		} `json:"steps"`
	}
	if err := json.Unmarshal(out, &rep); err != nil {
		return sample{}, fmt.Errorf("its report: %w", err)
	}
	if !rep.Verified {
		return sample{}, errors.New("the restored cluster was not verified")
	}
	s := sample{peak: peak}
	for _, step := range rep.Steps {
		took := time.Duration(step.Seconds * float64(time.Second))
		if step.Step != "provision" {
			s.total += took
		}
		if step.Step == "apply" {
			s.took = took
		}
	}
	if s.took == 0 {
		return s, fmt.Errorf("its report names no apply step: %s", bytes.TrimSpace(out))
	}
	return s, nil
}

// commitTree makes dir a git repository with one commit of all that it holds.
func commitTree(ctx context.Context, dir string) error {
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"add", "--all"},
		{"-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgSign=false", "commit", "--quiet", "-m", "objects"},
	} {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}
