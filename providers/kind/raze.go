package kind

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// raze removes the containers and images of a cluster until there are none. The
// claim stays.
//
// Of a process that died, docker commands live on. Docker lists a container only
// once it is made whole, which takes seconds (the image's /var is copied), but
// holds its name from the first moment on. So of a cluster that was never made
// whole, first the image goes, without which no command makes another container,
// and then every name is taken once: whoever still makes one holds it.
func (p *Provider) raze(ctx context.Context, name, id string) error {
	var unfinished bool
	var last error // what stood in the way
	for rounds := 0; ; rounds++ {
		s, err := p.look(ctx)
		if err != nil {
			return because(err, last)
		}
		h := s.holding(name, id)
		if rounds == 0 {
			unfinished = !h.finished() && !h.in(phaseDeleting)
			p.quieten(ctx, h)
		}
		switch {
		case !h.empty():
			err = p.razeOnce(ctx, h)
		case unfinished:
			if err = p.flush(ctx, s, h); err == nil {
				unfinished = false // and look once more
			}
		default:
			return nil
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return because(err, last)
		}
		last = err
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// because adds to an error what stood in the way before.
func because(err, last error) error {
	if last == nil {
		return err
	}
	return fmt.Errorf("%w: %w", err, last)
}

// razeOnce removes what is listed; an error is a reason to look again.
func (p *Provider) razeOnce(ctx context.Context, h holding) error {
	if all := h.containers(); len(all) > 0 {
		args := []string{"container", "rm", "--force", "--volumes"}
		for _, c := range all {
			args = append(args, c.ID)
		}
		_, err := p.docker.output(ctx, args...)
		if unkillable(err) {
			thaw(freezers, all)
		}
		if err != nil && !saidGone(err) {
			return err
		}
	}
	if len(h.images) > 0 {
		args := []string{"image", "rm"}
		for _, i := range h.images {
			args = append(args, i.ref())
		}
		if _, err := p.docker.output(ctx, args...); err != nil && !saidGone(err) {
			return err
		}
	}
	return nil
}

var errNameHeld = errors.New("a docker command of an earlier attempt is still making a container")

// flush returns nil when no container of the cluster is being made any more, and
// errNameHeld when one may be. Without its node image it cannot know, and says
// nil.
func (p *Provider) flush(ctx context.Context, s survey, h holding) error {
	base := h.label(labelImage)
	if h.claim == nil || base == "" {
		return nil
	}
	template, err := p.template(ctx, h.name, h.claim.Labels, base)
	switch {
	case said(err, "already in use"):
		if s.named(claimName(h.name)) {
			return nil // somebody else's; we make none without the name
		}
		return errNameHeld
	case errors.As(err, new(*commandError)), errors.As(err, new(*Error)):
		return nil //nolint:nilerr // from that image, or on that disk, nobody else makes one either
	case err != nil:
		return err
	}
	held := p.takeNames(ctx, s, h, template)
	_, err = p.docker.output(ctx, "container", "rm", "--volumes", template)
	return errors.Join(held, err)
}

// takeNames gives a container every name that a node of the cluster may have.
func (p *Provider) takeNames(ctx context.Context, s survey, h holding, template string) error {
	nodes, _ := strconv.Atoi(h.label(labelNodes))
	controlPlanes, _ := strconv.Atoi(h.label(labelControls)) // both were written by us; 0 takes no name
	for _, name := range nodeNames(h.name, controlPlanes, nodes-controlPlanes) {
		_, err := p.docker.output(ctx, "container", "rename", template, name)
		switch {
		case err == nil, said(err, "already in use") && s.named(name):
		case said(err, "already in use"):
			return fmt.Errorf("%w: %s", errNameHeld, name)
		default:
			return err
		}
	}
	return nil
}

// named tells whether a container of that name is listed.
func (s survey) named(name string) bool {
	return slices.ContainsFunc(s.containers, func(c container) bool { return c.name() == name })
}

// template makes a container with our labels that is never started.
func (p *Provider) template(ctx context.Context, name string, labels map[string]string, image string) (id string, err error) {
	args := []string{"container", "create", "--pull", "never", "--name", claimName(name), "--label", labelPart + "=" + partTemplate}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		args = append(args, "--label", key+"="+labels[key])
	}
	made, err := p.docker.lines(ctx, append(args, image)...)
	if err != nil {
		return "", err
	}
	if len(made) != 1 {
		return "", fmt.Errorf("docker container create: want an id, have %q", made)
	}
	return made[0], nil
}
