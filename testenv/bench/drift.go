package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rekindle-io/rekindle/testenv/bench/objects"
)

// The contenders of the second part, as reports show them.
const (
	nameList       = "bare list"
	nameDrift      = "rekindle drift"
	nameExport     = "rekindle drift --export, first"
	nameSame       = "rekindle drift --export, unchanged"
	nameDiff       = "kubectl diff"
	nameDiffAtOnce = "kubectl diff, 8 at once"
	nameGet        = "kubectl get"
	nameListAlone  = "the lists alone"
	nameCompare    = "list and compare alone"
	nameFew        = "rekindle drift, commit of 1000"
)

// restored is a cluster that was just restored from a repository, and what the
// contenders need to look at it.
type restored struct {
	program
	kubectl string
	// objects is how many there are in the folder deploy of the work tree.
	objects    int
	tree       string
	kubeconfig string
	// listings is the file of what the bare list asks for, in requests.
	listings string
	requests int
	kinds    []string // all that can be listed, as kubectl names them
	// bytes is what the bare list reads.
	bytes int64
}

// looker is a contender that only looks at the cluster, as one process.
type looker struct {
	name string
	// ready makes what the process shall find, untimed; nil when it needs nothing.
	ready func(context.Context) error
	look  func(context.Context) (looked, error)
}

// looked is what a process took, and the part of it that counts as alone's.
type looked struct {
	spent
	alone string
	part  timed
}

// whole is a look of which the whole process counts.
func whole(look func(context.Context) (spent, error)) func(context.Context) (looked, error) {
	return func(ctx context.Context) (looked, error) {
		used, err := look(ctx)
		return looked{spent: used}, err
	}
}

// measureDrift lets all contenders look at one cluster with the given number of
// objects.
func measureDrift(ctx context.Context, s settings, work string, size int) (out sized, err error) {
	dir := filepath.Join(work, fmt.Sprintf("drift-%d", size))
	r := &restored{
		program: program{binary: s.rekindle, controlplane: s.controlplane, dir: dir}, kubectl: s.kubectl,
		objects: size, tree: filepath.Join(dir, "tree"), kubeconfig: filepath.Join(dir, "kubeconfig"),
		listings: filepath.Join(dir, "listings.json"),
	}
	out = sized{objects: size, by: map[string][]sample{}, loadBefore: load()}
	defer func() { err = errors.Join(err, r.deleteCluster(ctx)) }()
	fmt.Printf("%5d objects, restoring them\n", size)
	if err := r.prepare(ctx); err != nil {
		return out, err
	}
	for round := range s.driftRounds {
		turn := r.lookers(s, round)
		if round%2 == 1 { // who comes first alternates
			slices.Reverse(turn)
		}
		for _, l := range turn {
			if l.ready != nil {
				if err := l.ready(ctx); err != nil {
					return out, fmt.Errorf("before %s: %w", l.name, err)
				}
			}
			fmt.Printf("%5d objects, round %d, %-34s ", size, round+1, l.name)
			used, err := l.look(ctx)
			if err != nil {
				fmt.Println()
				return out, fmt.Errorf("%s: %w", l.name, err)
			}
			got := sample{took: used.took, cpu: used.cpu, peak: used.peak}
			if used.alone != l.name {
				fmt.Println(got)
				out.by[l.name] = append(out.by[l.name], got)
			}
			if used.alone != "" {
				part := sample{took: used.part.Took, cpu: used.part.CPU, peak: used.peak}
				if used.alone != l.name {
					fmt.Printf("%5d objects, round %d, %-34s ", size, round+1, used.alone)
				}
				fmt.Println(part)
				out.by[used.alone] = append(out.by[used.alone], part)
			}
		}
	}
	out.loadAfter, out.requests, out.bytes = load(), r.requests, r.bytes
	return out, nil
}

// prepare restores the objects and learns what the contenders need.
func (r *restored) prepare(ctx context.Context) error {
	list := objects.Generate(r.objects)
	if err := objects.WriteTree(filepath.Join(r.tree, "deploy"), list); err != nil {
		return err
	}
	if err := r.prepareFew(); err != nil {
		return err
	}
	if err := commitTree(ctx, r.tree); err != nil {
		return err
	}
	report, used, err := r.restore(ctx, r.tree)
	if err != nil {
		return err
	}
	if _, err := fromReport(report, used.peak); err != nil {
		return err
	}
	kubeconfig, _, err := runMeasured(r.command(ctx, "clusters", "kubeconfig", clusterName))
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.kubeconfig, kubeconfig, 0o600); err != nil {
		return err
	}
	found, err := listsOf(ctx, kubeconfig, list)
	if err != nil {
		return fmt.Errorf("what a comparison lists: %w", err)
	}
	r.requests = found.requests
	raw, err := json.Marshal(found.first)
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.listings, raw, 0o600); err != nil || r.kubectl == "" {
		return err
	}
	names, _, err := runMeasured(r.kubectlCommand(ctx, "api-resources", "--verbs=list", "--output=name"))
	r.kinds = strings.Fields(string(names))
	return err
}

// lookers are those that take part in a round.
func (r *restored) lookers(s settings, round int) []looker {
	list := []looker{
		{name: nameList, look: r.bareList},
		{name: nameCompare, look: r.compareAlone},
		{name: nameDrift, look: whole(r.drift)},
		{name: nameExport, ready: r.forgetExport, look: whole(func(ctx context.Context) (spent, error) { return r.export(ctx, false) })},
		{name: nameSame, ready: r.haveExport, look: whole(func(ctx context.Context) (spent, error) { return r.export(ctx, true) })},
	}
	if r.objects > few {
		list = append(list, looker{name: nameFew, look: whole(r.driftFew)})
	}
	if s.kubectl == "" || round >= s.kubectlTimes {
		return list
	}
	list = append(list, looker{name: nameGet, look: whole(r.get)})
	if r.objects <= s.diffMax {
		list = append(list,
			looker{name: nameDiff, look: whole(func(ctx context.Context) (spent, error) { return r.diff(ctx, 1) })},
			looker{name: nameDiffAtOnce, look: whole(func(ctx context.Context) (spent, error) { return r.diff(ctx, listWorkers) })})
	}
	return list
}

// bareList is the limit, in a process of its own.
func (r *restored) bareList(ctx context.Context) (looked, error) {
	var got listed
	used, err := itself(ctx, &got, bareListCommand, r.kubeconfig, r.listings)
	if r.bytes = got.Bytes; err == nil && got.Requests != r.requests {
		err = fmt.Errorf("it sent %d requests, a comparison sends %d", got.Requests, r.requests)
	}
	return looked{spent: used, alone: nameListAlone, part: got.Alone}, err
}

// compareAlone is the part of rekindle drift that lists and compares.
func (r *restored) compareAlone(ctx context.Context) (looked, error) {
	var got timed
	used, err := itself(ctx, &got, compareCommand, r.kubeconfig, strconv.Itoa(r.objects))
	return looked{spent: used, alone: nameCompare, part: got}, err
}

// itself runs this program with other arguments, and decodes what it prints.
func itself(ctx context.Context, into any, args ...string) (spent, error) {
	self, err := os.Executable()
	if err != nil {
		return spent{}, err
	}
	raw, used, err := runMeasured(exec.CommandContext(ctx, self, args...))
	if err != nil {
		return used, err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return used, fmt.Errorf("%q: %w", raw, err)
	}
	return used, nil
}

func (r *restored) drift(ctx context.Context) (spent, error) {
	raw, used, err := runMeasured(r.driftCommand(ctx))
	if err != nil {
		return used, err
	}
	_, err = cleanReport(raw, r.objects)
	return used, err
}

func (r *restored) driftCommand(ctx context.Context, more ...string) *exec.Cmd {
	return r.command(ctx, append([]string{"drift", "--name", clusterName, "--repo", r.tree, "--against", "HEAD", "--path", "deploy", "--json"}, more...)...)
}

// export fails unless the export is, or is not, the one that was there before.
func (r *restored) export(ctx context.Context, unchanged bool) (spent, error) {
	raw, used, err := runMeasured(r.driftCommand(ctx, "--export"))
	if err != nil {
		return used, err
	}
	made, err := cleanReport(raw, r.objects)
	switch {
	case err != nil:
		return used, err
	case made == nil || made.Files < r.objects || made.Unchanged != unchanged:
		return used, fmt.Errorf("wanted an export of all objects (unchanged: %t), have %+v", unchanged, made)
	}
	return used, nil
}

// exports is the folder of what was exported and not pushed.
func (r *restored) exports() string { return filepath.Join(r.dir, "cache", "exports") }

func (r *restored) forgetExport(context.Context) error { return os.RemoveAll(r.exports()) }

func (r *restored) haveExport(ctx context.Context) error {
	if _, err := os.Stat(r.exports()); err == nil {
		return nil
	}
	_, err := r.export(ctx, false)
	return err
}

// exported is the part of an export's report that shows what it did.
type exported struct {
	Files     int  `json:"files"`
	Unchanged bool `json:"unchanged"`
}

// cleanReport reads what drift printed, and fails unless it has compared so many
// objects and found them as they should be. The export is nil when there was none.
func cleanReport(raw []byte, objects int) (*exported, error) {
	var rep struct {
		Counts struct{ Compared, Equal, Changed, Missing, Unexpected, Unknown int }
		Export *exported
	}
	if err := json.Unmarshal(raw, &rep); err != nil {
		return nil, fmt.Errorf("its report: %w", err)
	}
	c := rep.Counts
	if c.Compared != objects || c.Equal != objects || c.Changed+c.Missing+c.Unexpected+c.Unknown > 0 {
		return nil, fmt.Errorf("%d objects were restored, and it found %+v", objects, c)
	}
	return rep.Export, nil
}

func (r *restored) kubectlCommand(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, r.kubectl, append([]string{"--kubeconfig", r.kubeconfig, "--cache-dir", filepath.Join(r.dir, "kubectl")}, args...)...)
}

// diff ends with 1 when something differs, which nothing does.
func (r *restored) diff(ctx context.Context, atOnce int) (spent, error) {
	_, used, err := runMeasured(r.kubectlCommand(ctx, "diff", "--server-side", "--recursive",
		fmt.Sprintf("--concurrency=%d", atOnce), "--filename", filepath.Join(r.tree, "deploy")))
	return used, err
}

func (r *restored) get(ctx context.Context) (spent, error) {
	var n counter
	cmd := r.kubectlCommand(ctx, "get", strings.Join(r.kinds, ","), "--all-namespaces", "--output=yaml")
	cmd.Stdout = &n
	_, used, err := runMeasured(cmd)
	if err == nil && int(n) < r.objects {
		err = fmt.Errorf("it printed %d bytes for %d objects", n, r.objects)
	}
	return used, err
}
