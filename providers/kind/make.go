package kind

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/kind/pkg/cluster"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
)

// make makes the cluster, where nothing of it is but perhaps the claim.
func (p *Provider) make(ctx context.Context, m making, progress providers.Progress) (providers.Cluster, error) {
	if err := p.claim(ctx, m); err != nil {
		return providers.Cluster{}, err
	}
	image, err := p.derive(ctx, m)
	if err != nil {
		return providers.Cluster{}, err
	}
	if err := p.runKind(ctx, m, image, progress); err != nil {
		return providers.Cluster{}, err
	}
	s, err := p.look(ctx)
	if err != nil {
		return providers.Cluster{}, err
	}
	h := s.holding(m.name, m.id)
	c, err := p.awaitReady(ctx, h, progress)
	if err != nil {
		return providers.Cluster{}, err
	}
	return c, p.finish(ctx, h)
}

// finish writes down that the cluster is whole: in its control planes, and as a
// tag.
func (p *Provider) finish(ctx context.Context, h holding) error {
	err := p.each(ctx, h.nodes, container.controls, func(ctx context.Context, c container) error {
		_, err := p.docker.output(ctx, "exec", c.ID, "touch", wholeFile(h.id))
		return err
	})
	if err != nil {
		return err
	}
	return p.mark(ctx, h, phaseReady)
}

// claim takes the name. Docker gives a volume of one name once: whoever asks for
// it again is given the one that is there, with the labels of its maker.
func (p *Provider) claim(ctx context.Context, m making) error {
	args := []string{"volume", "create"}
	for _, key := range slices.Sorted(maps.Keys(m.labels)) {
		args = append(args, "--label", key+"="+m.labels[key])
	}
	if _, err := p.docker.output(ctx, append(args, claimName(m.name))...); err != nil {
		return err
	}
	s, err := p.look(ctx)
	if err != nil {
		return err
	}
	h, err := s.owned(m.name, m.id)
	if err != nil {
		return err
	}
	if h.claim != nil && !bears(h.claim.Labels, m.labels) {
		// The claim of an earlier attempt, of which nothing else is left.
		if err := p.disclaim(ctx, m.name, m.id); err != nil {
			return err
		}
		return p.claim(ctx, m)
	}
	return nil
}

func bears(labels, wanted map[string]string) bool {
	for key, value := range wanted {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// derive makes from the node image one that bears our labels. Containers made
// from it inherit them, so that no node is ever without.
func (p *Provider) derive(ctx context.Context, m making) (string, error) {
	template, err := p.template(ctx, m.name, m.labels, m.labels[labelImage])
	if said(err, "no command specified") {
		return "", noNodeImage(m.base, err)
	}
	if err != nil {
		return "", err
	}
	version, err := p.versionOf(ctx, template, m.base)
	if err != nil {
		return "", err
	}
	image := nodeImage(m.name, m.id, template[:12])
	if _, err = p.docker.output(ctx, "container", "commit", "--change", "LABEL "+labelPart+"="+partNode,
		"--change", "LABEL "+labelVersion+"="+version, template, image); err != nil {
		return "", err
	}
	_, err = p.docker.output(ctx, "container", "rm", "--volumes", template)
	return image, err
}

// versionOf reads which Kubernetes a node image holds, from a container that was
// made from it and need not run.
func (p *Provider) versionOf(ctx context.Context, container, image string) (string, error) {
	archive, err := p.docker.output(ctx, "container", "cp", container+":/kind/version", "-")
	if err != nil && !said(err, "could not find the file", "no such", "not found") {
		return "", err
	}
	if err == nil {
		r := tar.NewReader(bytes.NewReader(archive))
		if _, err = r.Next(); err == nil {
			var text []byte
			text, err = io.ReadAll(io.LimitReader(r, 100))
			if version := strings.TrimSpace(string(text)); err == nil && versionShape.MatchString(version) {
				return version, nil
			}
		}
	}
	return "", noNodeImage(image, err)
}

func noNodeImage(image string, err error) error {
	return &Error{What: "the image " + image + " is no node image of kind: it has no version of Kubernetes in /kind/version", Err: err,
		Remedy: "name one in settings.image: those of https://github.com/kubernetes-sigs/kind/releases, or one that kind build node-image made"}
}

// runKind has kind make the cluster, and ends it when ctx ends.
func (p *Provider) runKind(ctx context.Context, m making, image string, progress providers.Progress) error {
	l := &logger{progress: progress}
	defer l.close()
	done := make(chan error, 1)
	go func() { done <- callKind(l, m, image) }()
	select {
	case err := <-done:
		if err == nil || ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return p.withNodeLog(ctx, m, failure(err))
	case <-ctx.Done():
	}
	l.close()
	ended, cancel := bounded(context.WithoutCancel(ctx), min(p.opts.DeleteTimeout, grace), "ending kind")
	defer cancel()
	for {
		// What cannot be removed now is removed by the clean-up, or named by it.
		_ = p.raze(ended, m.name, m.id)
		select {
		case <-done: //nolint:errcheck // it failed because its containers are gone
			return context.Cause(ctx)
		case <-ended.Done():
			return fmt.Errorf("%w (%w)", context.Cause(ctx), context.Cause(ended))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// callKind makes the cluster by kind's library. Retain keeps it from cleaning up
// by name, and a kubeconfig of our own keeps it from ~/.kube/config.
func callKind(l *logger, m making, image string) (err error) {
	defer func() {
		if broken := recover(); broken != nil { // of strange answers of docker
			err = fmt.Errorf("kind: %v", broken)
		}
	}()
	return cluster.NewProvider(cluster.ProviderWithLogger(l), cluster.ProviderWithDocker()).Create(m.name,
		cluster.CreateWithV1Alpha4Config(m.cluster), cluster.CreateWithNodeImage(image), cluster.CreateWithRetain(true),
		cluster.CreateWithKubeconfigPath(m.kubeconfig), cluster.CreateWithWaitForReady(0),
		cluster.CreateWithDisplayUsage(false), cluster.CreateWithDisplaySalutation(false))
}

// withNodeLog adds what a container said last to an error, when it did not come
// up: that is where cgroups and privileges show.
func (p *Provider) withNodeLog(ctx context.Context, m making, err error) error {
	silent := strings.Contains(err.Error(), "could not find a log line")
	if !silent && !strings.Contains(err.Error(), "is not running") {
		return err
	}
	s, lookErr := p.ask(ctx)
	if lookErr != nil {
		return err
	}
	for _, c := range s.holding(m.name, m.id).working() {
		var text tailBuffer
		if c.State.Running && !silent || p.docker.stream(ctx, nil, &text, "logs", "--tail", "20", c.ID) != nil {
			continue
		}
		return &Error{What: c.name() + " did not start" + c.exit() + ": " + lastLines(printable(text.String()), 5), Err: err,
			Remedy: "rekindle doctor looks for what nodes need; kind's known issues: https://kind.sigs.k8s.io/docs/user/known-issues/"}
	}
	return err
}

var colour = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")

// printable drops what a terminal would take for commands.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7f {
			return -1
		}
		return r
	}, colour.ReplaceAllString(text, ""))
}

// awaitReady returns when the API server is ready for the first apply.
func (p *Provider) awaitReady(ctx context.Context, h holding, progress providers.Progress) (providers.Cluster, error) {
	progress.Say("waiting for the API server")
	config, err := p.awaitKubeconfig(ctx, h)
	if err != nil {
		return providers.Cluster{}, err
	}
	c, err := p.connect(config)
	if err != nil {
		return providers.Cluster{}, err
	}
	if err := c.Ready(ctx); err != nil {
		return providers.Cluster{}, ended(ctx, err)
	}
	if err := awaitAccount(ctx, c); err != nil {
		return providers.Cluster{}, ended(ctx, err)
	}
	return describe(h, providers.StateRunning, ""), nil
}

// awaitAccount waits until the default ServiceAccount can be read. An API server
// that has just been started says that it is ready and for a moment forbids
// everything, until it has read who may do what.
func awaitAccount(ctx context.Context, c *kube.Cluster) error {
	accounts := object.Kind{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "ServiceAccount"}, Resource: "serviceaccounts", Namespaced: true}
	for {
		_, err := c.Get(ctx, accounts, "default", "default")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the default ServiceAccount: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// awaitKubeconfig reads the kubeconfig from a node that has just been started,
// and may not bear commands yet.
func (p *Provider) awaitKubeconfig(ctx context.Context, h holding) ([]byte, error) {
	for tries := 0; ; tries++ {
		config, err := p.kubeconfig(ctx, h)
		var failed *commandError
		if err == nil || !errors.As(err, &failed) || tries == 50 {
			return config, err
		}
		select {
		case <-ctx.Done():
			return nil, ended(ctx, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// ended adds to an error why the context ended, when it did.
func ended(ctx context.Context, err error) error {
	if ctx.Err() == nil || errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return fmt.Errorf("%w: %w", context.Cause(ctx), err)
}
