package kind

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"github.com/rekindle-io/rekindle/providers"
)

// Create makes the cluster, starts again one whose containers do not run, and
// makes one anew that was not finished. It returns when the API server is ready
// and the default ServiceAccount exists; nodes may become Ready later, perhaps
// with a network that the commit brings.
//
// kind takes no context. When ctx ends, the containers of the cluster are removed
// beneath it, which ends whatever it waits for, and the image that it makes them
// from, so that it makes no more: it is back within a second or two. Only where
// Docker itself does not answer, Create returns without waiting for kind any
// longer, and what is left is found as half made.
func (p *Provider) Create(ctx context.Context, s providers.Spec, progress providers.Progress) (providers.Cluster, error) {
	if err := checkSpec(s.Name, s.ID); err != nil {
		return providers.Cluster{}, err
	}
	set, err := decode(s.Settings)
	if err != nil {
		return providers.Cluster{}, about(s.Name, err)
	}
	if ctx.Err() != nil {
		return providers.Cluster{}, about(s.Name, context.Cause(ctx))
	}
	place, err := p.enter(ctx, s.Name, progress)
	if err != nil {
		return providers.Cluster{}, err
	}
	defer place.leave()
	ctx, cancel := context.WithTimeoutCause(ctx, set.wait(), &slowError{what: "the create (settings.wait)", limit: set.wait()})
	defer cancel()
	c, err := p.create(ctx, place, s, set, progress)
	return c, about(s.Name, err)
}

func (p *Provider) create(ctx context.Context, place *workplace, s providers.Spec, set settings, progress providers.Progress) (providers.Cluster, error) {
	found, err := p.ask(ctx)
	if err != nil {
		return providers.Cluster{}, err
	}
	h, err := found.owned(s.Name, s.ID)
	if err != nil && !errors.Is(err, providers.ErrNotFound) {
		return providers.Cluster{}, err
	}
	if err == nil {
		if state, _ := h.state(); state == providers.StateRunning || state == providers.StateStopped || state == providers.StateBroken {
			return p.revive(ctx, h, progress)
		}
	}
	m, err := p.conceive(place, s, set)
	if err != nil {
		return providers.Cluster{}, err
	}
	// What others hold, or this machine lacks, is found before anything is made.
	if err := found.free(m.cluster, s.ID); err != nil {
		return providers.Cluster{}, err
	}
	if m.labels[labelImage], err = p.prepare(ctx, set, m, progress); err != nil {
		return providers.Cluster{}, err
	}
	if rest := found.holding(s.Name, s.ID); !rest.empty() || rest.claim != nil {
		progress.Say("removing what an earlier attempt at cluster " + s.Name + " left")
		if err := p.raze(ctx, s.Name, s.ID); err != nil {
			return providers.Cluster{}, err
		}
	}
	c, err := p.make(ctx, m, progress)
	if err != nil {
		return providers.Cluster{}, p.cleanUp(ctx, s.Name, s.ID, err)
	}
	return c, nil
}

// ask is look, within the deadline of a question.
func (p *Provider) ask(ctx context.Context) (survey, error) {
	ctx, cancel := bounded(ctx, p.opts.Timeout, "asking Docker what it has")
	defer cancel()
	return p.look(ctx)
}

// grace is how long a create that was cancelled may take to end kind, and then
// again to clean up: a second or two where Docker answers.
const grace = 10 * time.Second

// cleanUp removes what a create that failed has made. Its context may be what
// ended it.
func (p *Provider) cleanUp(ctx context.Context, name, id string, failed error) error {
	limit := p.opts.DeleteTimeout
	if ctx.Err() != nil {
		limit = min(limit, grace)
	}
	ctx, cancel := bounded(context.WithoutCancel(ctx), limit, "cleaning up")
	defer cancel()
	err := p.raze(ctx, name, id)
	if err == nil {
		err = p.disclaim(ctx, name, id)
	}
	if err != nil {
		return fmt.Errorf("%w (and what it made could not be removed: %w)", failed, err)
	}
	return failed
}

// making is one attempt at making a cluster.
type making struct {
	name, id string
	cluster  *v1alpha4.Cluster
	base     string // the node image as asked for
	labels   map[string]string
	// kubeconfig is where kind writes one, which nobody reads.
	kubeconfig string
}

// conceive decides all about a cluster that can be decided without Docker.
func (p *Provider) conceive(place *workplace, s providers.Spec, set settings) (making, error) {
	cluster, err := set.cluster(s.Name)
	if err != nil {
		return making{}, err
	}
	m := making{name: s.Name, id: s.ID, cluster: cluster, base: set.image(), kubeconfig: place.dir + "/kubeconfig"}
	m.labels = map[string]string{
		labelProvider: ProviderName, labelRealm: p.opts.Realm, labelCluster: s.Name, labelID: s.ID,
		labelCreated: p.opts.Now().UTC().Truncate(time.Second).Format(time.RFC3339),
		labelNodes:   strconv.Itoa(len(cluster.Nodes)),
	}
	controlPlanes, _ := roles(cluster)
	m.labels[labelControls] = strconv.Itoa(controlPlanes)
	if controlPlanes > 1 {
		// The port is chosen here so that the load balancer can be told from others.
		port, err := freePort(cluster.Networking)
		if err != nil {
			return making{}, err
		}
		cluster.Networking.APIServerPort = int32(port) //nolint:gosec // a port
		m.labels[labelPort] = strconv.Itoa(port)
	}
	return m, nil
}

func freePort(n v1alpha4.Networking) (int, error) {
	if n.APIServerPort != 0 {
		return int(n.APIServerPort), nil
	}
	l, err := net.Listen("tcp", net.JoinHostPort(n.APIServerAddress, "0")) //nolint:noctx // a local port, nothing is waited for
	if err != nil {
		return 0, fmt.Errorf("no free port for the API server: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// free refuses a cluster whose containers could not have their names.
func (s survey) free(c *v1alpha4.Cluster, id string) error {
	wanted := map[string]bool{claimName(c.Name): true}
	controlPlanes, workers := roles(c)
	for _, name := range nodeNames(c.Name, controlPlanes, workers) {
		wanted[name] = true
	}
	for _, there := range s.containers {
		switch mine := s.ours(there.Config.Labels); {
		case !wanted[there.name()] && there.label(kindCluster) != c.Name:
		case mine && there.label(labelID) == id:
		case mine:
			return taken(c.Name, id, there.label(labelID))
		case !s.holding(c.Name, id).balances(there):
			return foreign(c.Name, "the container "+there.name())
		}
	}
	return nil
}

// prepare looks whether this machine has what the cluster needs: mounts, images
// to preload, and the node image, which is pulled when it is not there. It
// returns how Docker knows the node image.
func (p *Provider) prepare(ctx context.Context, set settings, m making, progress providers.Progress) (image string, err error) {
	if err := p.checkMounts(ctx, set.Mounts); err != nil {
		return "", err
	}
	if len(set.Preload.images) > 0 {
		have, err := p.localImages(ctx)
		if err != nil {
			return "", err
		}
		if err := have.lacking(set.Preload.images); err != nil {
			return "", err
		}
	}
	if m.labels[labelPort] != "" {
		if _, err := p.ensureImage(ctx, balancerImage, progress); err != nil {
			return "", err
		}
	}
	return p.ensureImage(ctx, m.base, progress)
}

// checkMounts refuses paths that do not exist, which Docker would make, owned by
// root. A Docker on another machine has other paths.
func (p *Provider) checkMounts(ctx context.Context, mounts []mount) error {
	for i, m := range mounts {
		_, err := os.Stat(m.HostPath)
		if err == nil {
			continue
		}
		host, askErr := p.docker.output(ctx, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
		if askErr != nil {
			return askErr
		}
		if h := string(host); strings.HasPrefix(h, "unix:") || strings.HasPrefix(h, "npipe:") {
			return &Error{What: fmt.Sprintf("settings.mounts[%d].hostPath: %v", i, err), Remedy: "make it, or name another", Err: err}
		}
	}
	return nil
}

// ensureImage pulls an image that Docker does not have, and returns how Docker
// knows it. One with a digest was perhaps loaded from a file, where digests are
// lost: the tag does then.
func (p *Provider) ensureImage(ctx context.Context, ref string, progress providers.Progress) (string, error) {
	tries := []string{ref}
	if tagged, _, pinned := strings.Cut(ref, "@"); pinned && ref == defaultImage {
		tries = append(tries, tagged)
	}
	for _, try := range tries {
		_, err := p.docker.output(ctx, "image", "inspect", "--format", "{{.Id}}", try)
		if err == nil || !saidGone(err) {
			return try, err
		}
	}
	progress.Say("pulling " + ref)
	_, err := p.docker.output(ctx, "pull", "--quiet", ref)
	var failed *commandError
	if !errors.As(err, new(*Error)) && errors.As(err, &failed) { // an *Error knows better what is wrong
		return "", noImage(ref, lastLines(failed.output, 1))
	}
	return ref, err
}
