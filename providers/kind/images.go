package kind

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"

	"github.com/rekindle-io/rekindle/providers"
)

// LoadImages brings images of this machine's Docker into the containerd of every
// node, as docker save writes them: those of settings.preload, or with `auto`
// those of wanted. What a node has already, by its id, is not brought again.
func (p *Provider) LoadImages(ctx context.Context, s providers.Spec, wanted []string, progress providers.Progress) ([]string, error) {
	set, err := decode(s.Settings)
	if err != nil {
		return nil, about(s.Name, err)
	}
	if !set.Preload.auto {
		wanted = set.Preload.images
	}
	h, place, err := p.wholeCluster(ctx, s.Name, s.ID, progress)
	if err != nil {
		return nil, err
	}
	defer place.leave()
	if len(wanted) == 0 {
		return nil, nil
	}
	ctx, cancel := bounded(ctx, p.opts.LoadTimeout, "loading images")
	defer cancel()
	if state, reason := h.state(); state != providers.StateRunning {
		return nil, &providers.NotRunningError{Provider: ProviderName, Name: s.Name, State: state, Reason: reason}
	}
	loaded, err := p.load(ctx, h, wanted, set.Preload.auto, progress)
	return loaded, about(s.Name, err)
}

func (p *Provider) load(ctx context.Context, h holding, wanted []string, auto bool, progress providers.Progress) ([]string, error) {
	here, err := p.localImages(ctx)
	if err != nil {
		return nil, err
	}
	if !auto {
		if err := here.lacking(wanted); err != nil {
			return nil, err
		}
	}
	wanted = slices.Compact(slices.Sorted(slices.Values(wanted)))
	// docker save loses digests, so that what is named by one stays the registry's.
	wanted = slices.DeleteFunc(wanted, func(ref string) bool { return here[canonical(ref)] == "" || strings.Contains(ref, "@") })
	if len(wanted) == 0 {
		return nil, nil
	}
	var targets []*node
	for _, c := range h.nodes {
		targets = append(targets, &node{ctx: ctx, docker: p.docker, container: c})
	}
	lists, err := readImages(ctx, targets)
	if err != nil {
		return nil, err
	}
	var short []string // what some node lacks
	var lackers []*node
	for i, n := range targets {
		lack := slices.DeleteFunc(slices.Clone(wanted), func(ref string) bool { return lists[i].has(ref, here[canonical(ref)]) })
		if len(lack) > 0 {
			lackers = append(lackers, n)
			short = append(short, lack...)
		}
	}
	if len(lackers) == 0 {
		return wanted, nil
	}
	slices.Sort(short)
	short = slices.Compact(short)
	progress.Say(fmt.Sprintf("bringing %s onto %s", counted(len(short), "image"), counted(len(lackers), "node")))
	if err := p.transfer(ctx, short, lackers); err != nil {
		return nil, err
	}
	return p.present(ctx, wanted, targets)
}

// present tells which of the images every node has now.
func (p *Provider) present(ctx context.Context, wanted []string, targets []*node) ([]string, error) {
	lists, err := readImages(ctx, targets)
	if err != nil {
		return nil, err
	}
	for i, n := range targets {
		for _, ref := range wanted {
			if _, there := lists[i][canonical(ref)]; !there {
				return nil, fmt.Errorf("the image %s was brought onto node %s, and is not there: perhaps it is for another architecture", ref, n)
			}
		}
	}
	return wanted, nil
}

// readImages asks each node which images it has.
func readImages(ctx context.Context, targets []*node) ([]nodeSet, error) {
	sets := make([]nodeSet, len(targets))
	group, ctx := errgroup.WithContext(ctx)
	for i, n := range targets {
		group.Go(func() error {
			out, err := n.docker.output(ctx, "exec", n.container.ID, "crictl", "images", "--output", "json")
			if err != nil {
				return fmt.Errorf("on node %s: %w", n, err)
			}
			sets[i], err = nodeImageSet(out)
			return err
		})
	}
	return sets, group.Wait()
}

// transfer saves the images once and hands the archive to all nodes at the same
// time, without a file in between.
func (p *Provider) transfer(ctx context.Context, refs []string, targets []*node) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var inputs []io.Writer
	var pipes []*io.PipeWriter
	var group sync.WaitGroup
	errs := make([]error, len(targets)+1)
	for i, n := range targets {
		r, w := io.Pipe()
		inputs, pipes = append(inputs, w), append(pipes, w)
		group.Go(func() {
			here := *n
			here.ctx = ctx
			err := nodeutils.LoadImageArchive(&here, r)
			if err != nil {
				errs[i] = err
				cancel(err)
			}
			r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // whatever is written now is too much
		})
	}
	saved := &archiveWriter{w: io.MultiWriter(inputs...)}
	err := p.docker.stream(ctx, strings.NewReader(""), saved, append([]string{"image", "save"}, refs...)...)
	for _, w := range pipes {
		w.CloseWithError(err) // nil: the end of the archive
	}
	if err != nil {
		errs[len(targets)] = err
		cancel(err)
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// archiveWriter goes on after the reader has read all it wants: what follows the
// end of an archive is padding.
type archiveWriter struct{ w io.Writer }

func (a *archiveWriter) Write(p []byte) (int, error) {
	n, err := a.w.Write(p)
	if errors.Is(err, io.ErrClosedPipe) {
		return len(p), nil
	}
	return n, err
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
