package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/recoverability"
	"github.com/rekindle-io/rekindle/testenv/bench/objects"
)

// A whole process reads and renders a commit as well, which the bare list does
// not. So the part that both do is measured alone: from the first list request
// until all is read, and compared.

// compareCommand makes this program the comparison alone.
const compareCommand = "compare"

// timed is what a process says of the part of its time that counts.
type timed struct {
	Took time.Duration `json:"took"`
	CPU  time.Duration `json:"cpu"`
}

// clock measures a part of this process.
func clock() func() timed {
	began, used := time.Now(), processorTime()
	return func() timed { return timed{Took: time.Since(began), CPU: processorTime() - used} }
}

// processorTime is what this process has used; 0 when that is unknown.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// compareAlone is the process behind compareCommand: in go a kubeconfig and the
// number of objects that were restored, out comes how long it took to list and
// compare them.
func compareAlone(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("want a kubeconfig and the number of objects")
	}
	kubeconfig, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	c, err := kube.Connect(kubeconfig, "", kube.Options{Now: time.Now})
	if err != nil {
		return err
	}
	catalogue, err := c.Discover(ctx)
	if err != nil {
		return err
	}
	expected, err := expectedOf(objects.Generate(n), catalogue)
	if err != nil {
		return err
	}
	filter, err := capture.New(capture.Options{})
	if err != nil {
		return err
	}
	debug.SetGCPercent(50) // as cmd/rekindle does
	runtime.GC()
	stop := clock()
	found, err := compareAsDriftDoes(ctx, c, expected, catalogue, filter)
	took := stop()
	if err != nil {
		return err
	}
	if differ := len(found.Changed) + len(found.Missing) + len(found.Unlisted); differ > 0 || found.Confirmed > 0 {
		return fmt.Errorf("%d objects were restored, and %d differ, %d look so", n, differ, found.Confirmed)
	}
	return json.NewEncoder(out).Encode(took)
}

// expectedOf are generated objects as a commit of them would be rendered.
func expectedOf(list []objects.Object, catalogue *object.Catalogue) ([]drift.Expected, error) {
	expected := make([]drift.Expected, len(list))
	for i, o := range list {
		u := &unstructured.Unstructured{}
		raw, err := json.Marshal(o.Content)
		if err != nil {
			return nil, err
		}
		if err := u.UnmarshalJSON(raw); err != nil {
			return nil, err
		}
		kind, _ := catalogue.Lookup(u.GroupVersionKind())
		expected[i] = drift.Expected{Object: &object.Object{Unstructured: u}, Kind: kind}
	}
	return expected, nil
}

// compareAsDriftDoes asks a clean cluster for what rekindle drift asks for.
func compareAsDriftDoes(ctx context.Context, c *kube.Cluster, expected []drift.Expected, catalogue *object.Catalogue, filter *capture.Filter) (*drift.Report, error) {
	survey := surveyor{recoverability.New(recoverability.Options{})}
	return drift.Compare(ctx, onlyLists{c}, expected, drift.Options{
		Catalogue: catalogue, Capture: filter, Observer: survey, Whole: survey.Needs, Bodies: survey.bodies, Workers: listWorkers,
		Tally: capture.NewTally(false), Restored: marked,
	})
}

// surveyor is a survey that does without what it does not look at, as it is in
// rekindle drift: the Secrets that are in git.
type surveyor struct{ *recoverability.Survey }

func (s surveyor) See(o drift.Sighting) error {
	if o.Expected != nil && o.ID.Kind == "Secret" {
		return nil
	}
	return s.Survey.See(o)
}

func (s surveyor) bodies(kind schema.GroupKind) bool { return s.Needs(kind) && kind.Kind != "Secret" }

// marked tells whether an object bears the marks of a restore.
func marked(u *unstructured.Unstructured) bool {
	return u.GetAnnotations()[object.AppliedAnnotation] != "" && len(u.GetOwnerReferences()) == 0
}

// few is of how many objects the small commit is, which is compared with clusters
// of any size.
const few = 1000

// namespacesOfFew is a glob for the namespaces of the first few generated objects.
const namespacesOfFew = "team-00[0-3][0-9]"

// prepareFew writes the small commit's folder beside that of all objects, and a
// declaration that leaves the rest of the cluster out.
func (r *restored) prepareFew() error {
	if err := objects.WriteTree(filepath.Join(r.tree, "few"), objects.Generate(few)); err != nil {
		return err
	}
	declared := fmt.Sprintf("clusters:\n  %s:\n    provider: local\n    source: {repo: %q, path: few}\n    drift:\n      include:\n        - {namespace: %q, reason: the others are not looked at}\n",
		clusterName, r.tree, namespacesOfFew)
	return os.WriteFile(r.declared(), []byte(declared), 0o600)
}

func (r *restored) declared() string { return filepath.Join(r.dir, "rekindle.yaml") }

// driftFew compares the whole cluster with the small commit.
func (r *restored) driftFew(ctx context.Context) (spent, error) {
	raw, used, err := runMeasured(r.command(ctx, "drift", clusterName, "--config", r.declared(), "--against", "HEAD", "--json"))
	if err == nil {
		_, err = cleanReport(raw, few)
	}
	return used, err
}
