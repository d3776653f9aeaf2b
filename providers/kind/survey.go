package kind

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// survey is what Docker has that is ours, or stands where ours would: all that
// is known of clusters is read from one of these.
type survey struct {
	realm      string
	claims     []volume
	containers []container // ours, kind's, and those with the name of a node
	images     []image     // ours, of this realm
}

// volume is what docker volume inspect says.
type volume struct {
	Name      string
	CreatedAt time.Time
	Labels    map[string]string
}

// container is what docker container inspect says.
type container struct {
	ID      string `json:"Id"`
	Name    string
	Image   string // its id
	Created time.Time
	State   struct {
		Status   string
		Running  bool
		Paused   bool
		ExitCode int
		Error    string
	}
	Config struct {
		Image  string
		Labels map[string]string
	}
	HostConfig struct {
		PortBindings map[string][]binding
	}
	NetworkSettings struct {
		Ports map[string][]binding
	}

	// whole: it has wholeFile. Only asked where no tag says how far a cluster is.
	whole bool
}

// binding is where a port of a container is reached.
type binding struct {
	HostIP   string `json:"HostIp"`
	HostPort string
}

// name is the container's, without the slash that Docker puts before it.
func (c container) name() string { return strings.TrimPrefix(c.Name, "/") }

// controls tells whether it is a control plane.
func (c container) controls() bool { return c.label(kindRole) == roleControl }

func (c container) label(key string) string { return c.Config.Labels[key] }

// image is one tag of an image of ours.
type image struct {
	ID         string `json:"id"`
	Repository string `json:"repository"`
	Tag        string `json:"tag"`
}

func (i image) ref() string { return i.Repository + ":" + i.Tag }

// look asks Docker for everything at once.
func (p *Provider) look(ctx context.Context) (survey, error) {
	s := survey{realm: p.opts.Realm}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { s.claims, err = p.volumes(groupCtx); return err })
	group.Go(func() (err error) { s.containers, err = p.containers(groupCtx); return err })
	group.Go(func() (err error) { s.images, err = p.images(groupCtx); return err })
	err := group.Wait()
	if err == nil {
		err = p.askNodes(ctx, &s)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return survey{}, err
	}
	return s, nil
}

// askNodes asks the control planes of clusters that have no tag of a phase
// whether they were made whole, running or not.
func (p *Provider) askNodes(ctx context.Context, s *survey) error {
	tagged := map[string]bool{}
	for _, i := range s.images {
		if i.Repository != nodeImages {
			tagged[i.Tag] = true
		}
	}
	for i := range s.containers {
		c := &s.containers[i]
		if !s.ours(c.Config.Labels) || c.label(labelPart) != partNode || !c.controls() ||
			tagged[c.label(labelCluster)+"."+c.label(labelID)] || c.State.Status == "removing" || c.State.Status == "dead" {
			continue
		}
		_, err := p.docker.output(ctx, "container", "cp", c.ID+":"+wholeFile(c.label(labelID)), "-")
		if err != nil && !said(err, "could not find the file", "no such", "not found") {
			return fmt.Errorf("asking %s whether it was made whole: %w", c.name(), err)
		}
		c.whole = err == nil
	}
	return nil
}

func (p *Provider) volumes(ctx context.Context) ([]volume, error) {
	names, err := p.docker.lines(ctx, "volume", "ls", "--quiet", "--filter", "name="+claimPrefix)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, claimPrefix) })
	var found []volume
	err = p.inspect(ctx, &found, "volume", names)
	return found, err
}

func (p *Provider) containers(ctx context.Context) ([]container, error) {
	out, err := p.docker.output(ctx, "ps", "--all", "--no-trunc", "--format", `{"id":{{json .ID}},"names":{{json .Names}},"labels":{{json .Labels}}}`)
	if err != nil {
		return nil, err
	}
	type row struct{ ID, Names, Labels string }
	rows, err := decodeRows[row](out)
	if err != nil {
		return nil, fmt.Errorf("docker ps: %w", err)
	}
	var ids []string
	for _, r := range rows {
		// A first, generous choice; what they are is decided by what inspect says.
		if containsAny(r.Labels, labelProvider, kindCluster) || containsAny(r.Names, claimPrefix, "-"+roleControl, "-worker", "-"+roleBalancer) {
			ids = append(ids, r.ID)
		}
	}
	var found []container
	err = p.inspect(ctx, &found, "container", ids)
	return found, err
}

func (p *Provider) images(ctx context.Context) ([]image, error) {
	out, err := p.docker.output(ctx, "image", "ls", "--no-trunc",
		"--filter", "label="+labelProvider+"="+ProviderName, "--filter", "label="+labelRealm+"="+p.opts.Realm,
		"--format", `{"id":{{json .ID}},"repository":{{json .Repository}},"tag":{{json .Tag}}}`)
	if err != nil {
		return nil, err
	}
	found, err := decodeRows[image](out)
	if err != nil {
		return nil, fmt.Errorf("docker image ls: %w", err)
	}
	return slices.DeleteFunc(found, func(i image) bool { return !strings.HasPrefix(i.Repository, registry+"kind-") }), nil
}

// inspect reads several things of one kind; those that are gone meanwhile are
// left out.
func (p *Provider) inspect(ctx context.Context, into any, kind string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	out, err := p.docker.output(ctx, append([]string{kind, "inspect"}, names...)...)
	if err != nil && !saidGone(err) {
		return err
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("docker %s inspect: %w", kind, err)
	}
	return nil
}

// decodeRows decodes one JSON value for each line.
func decodeRows[T any](out []byte) ([]T, error) {
	var rows []T
	for line := range bytes.Lines(out) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var r T
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}
