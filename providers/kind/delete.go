package kind

import (
	"context"
	"errors"

	"github.com/rekindle-io/rekindle/providers"
)

// Delete removes all that bears the cluster's mark and id: containers with their
// volumes, images, and the claim last. It asks neither the API server nor kind,
// which would go by the name. The network "kind" that all kind clusters of a
// machine share stays, and so do node images that were pulled.
func (p *Provider) Delete(ctx context.Context, name, id string, progress providers.Progress) error {
	if err := checkSpec(name, id); err != nil {
		return err
	}
	place, err := p.enter(ctx, name, progress)
	if err != nil {
		return err
	}
	defer place.leave()
	ctx, cancel := bounded(ctx, p.opts.DeleteTimeout, "deleting")
	defer cancel()
	s, err := p.look(ctx)
	if err != nil {
		return about(name, err)
	}
	h, err := s.owned(name, id)
	if errors.Is(err, providers.ErrNotFound) {
		// Nothing holds the name, but a delete or a create that died may have left
		// something that bears this id.
		if s.holding(name, id).empty() {
			return nil
		}
		return about(name, p.raze(ctx, name, id))
	}
	if err != nil {
		return err
	}
	progress.Say("removing cluster " + name)
	if h.finished() {
		// Neither a full disk nor a lost image may stand in the way.
		if err := p.mark(ctx, h, phaseDeleting); err != nil && !isDiskFull(err) && !saidGone(err) {
			return about(name, err)
		}
	}
	if err := p.raze(ctx, name, id); err != nil {
		return about(name, err)
	}
	return about(name, p.disclaim(ctx, name, id))
}

// owned returns the cluster of that name when it has this id.
func (s survey) owned(name, id string) (holding, error) {
	h, err := s.of(name)
	if err != nil {
		return holding{}, err
	}
	if h.id != id {
		return holding{}, taken(name, id, h.id)
	}
	return h, nil
}

// mark gives the cluster's image the tag of a phase. The nodes know the image
// when it has no tag any more.
func (p *Provider) mark(ctx context.Context, h holding, ph phase) error {
	image := ""
	switch {
	case len(h.images) > 0:
		image = h.images[0].ref()
	case len(h.nodes) > 0:
		image = h.nodes[0].Image
	default:
		return errors.New("its node image is gone")
	}
	_, err := p.docker.output(ctx, "image", "tag", image, ph.ref(h.name, h.id))
	return err
}

// unmark takes a phase back.
func (p *Provider) unmark(ctx context.Context, h holding, ph phase) error {
	_, err := p.docker.output(ctx, "image", "rm", ph.ref(h.name, h.id))
	if saidGone(err) {
		return nil
	}
	return err
}

// disclaim gives the name back, if it is this cluster that holds it.
func (p *Provider) disclaim(ctx context.Context, name, id string) error {
	s, err := p.look(ctx)
	if err != nil {
		return err
	}
	if s.holding(name, id).claim == nil {
		return nil
	}
	_, err = p.docker.output(ctx, "volume", "rm", claimName(name))
	if saidGone(err) {
		return nil
	}
	return err
}

func isDiskFull(err error) bool {
	var e *Error
	return errors.As(err, &e) && containsAny(e.What, "no space left on device")
}
