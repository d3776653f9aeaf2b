package eks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// Create makes the cluster, or finishes one of the same id: the stack it stands on,
// the control plane, access, node groups, add-ons and pod identities, in this order;
// each is looked for before it is made, so that what appears in the settings later is
// made then. It returns when the API server is ready and everything is active; what
// does not become active is named with what EKS says. When AWS refuses what was
// asked for, what was made for it is removed again.
func (p *Provider) Create(ctx context.Context, s providers.Spec, progress providers.Progress) (providers.Cluster, error) {
	if err := errors.Join(providers.CheckName(ProviderName, s.Name), providers.CheckID(ProviderName, s.ID)); err != nil {
		return providers.Cluster{}, err
	}
	set, err := decode(s.Settings)
	if err != nil {
		return providers.Cluster{}, about(ctx, s.Name, err)
	}
	if ctx.Err() != nil {
		return providers.Cluster{}, about(ctx, s.Name, context.Cause(ctx))
	}
	ctx, cancel := bounded(ctx, set.wait(), "the create (settings.wait)")
	defer cancel()
	h, err := p.create(ctx, s, set, progress)
	if err != nil {
		return providers.Cluster{}, about(ctx, s.Name, err)
	}
	return h.describe(), nil
}

func (p *Provider) create(ctx context.Context, s providers.Spec, set settings, progress providers.Progress) (holding, error) {
	a, err := p.enter(ctx, set)
	if err != nil {
		return holding{}, err
	}
	if err := p.elsewhere(ctx, a, s); err != nil {
		return holding{}, err
	}
	h, err := p.claim(ctx, a, s)
	if err != nil {
		return h, err
	}
	h.set = set
	m := &making{account: a, mark: h.mark, pace: p.pace(progress), set: set, held: h, keep: p.keep, record: *h.record}
	m.record.KeepLogs = set.KeepLogs
	if h.cluster == nil {
		if err := m.fits(ctx); err != nil {
			return h, err
		}
	}
	if err := p.keep(m.record); err != nil {
		return h, err
	}
	if err := m.all(ctx); err != nil {
		return h, p.undo(ctx, m, err)
	}
	if err := p.awaitReady(ctx, m.held, progress); err != nil {
		return h, err
	}
	return m.held, m.ready(ctx)
}

// elsewhere refuses when a cluster of that name is where an earlier create made it,
// and not where the settings say now. Where we may not look any more we have no say.
func (p *Provider) elsewhere(ctx context.Context, a *account, s providers.Spec) error {
	records, err := p.recorded(s.Name)
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.Account == a.number && r.Region == a.region {
			continue
		}
		other, err := p.enter(ctx, r.place())
		if errors.As(err, new(*AccountError)) {
			continue
		}
		if err != nil {
			return err
		}
		h, err := other.holds(ctx, s.Name)
		switch {
		case errors.Is(err, providers.ErrNotFound) || errors.As(err, new(*providers.ForeignError)):
			continue
		case err != nil:
			return err
		case h.id != s.ID:
			return &providers.TakenError{Provider: ProviderName, Name: s.Name, Wanted: s.ID, Have: h.id}
		}
		return &Error{What: fmt.Sprintf("it is in account %s, region %s, and the settings say %s, region %s", r.Account, r.Region, a.number, a.region),
			Remedy: "delete it first (rekindle clusters delete " + s.Name + "), or set the settings back"}
	}
	return nil
}

// claim looks who holds the name. What is returned has our mark and a record, and is
// not being deleted.
func (p *Provider) claim(ctx context.Context, a *account, s providers.Spec) (holding, error) {
	before, known, err := p.recordOf(s.Name, s.ID)
	if err != nil {
		return holding{}, err
	}
	h, err := a.holds(ctx, s.Name)
	switch {
	case errors.Is(err, providers.ErrNotFound):
		h.mark = mark{name: s.Name, id: s.ID, created: p.opts.Now().UTC().Truncate(time.Second)}
		if known && before.Account == a.number && before.Region == a.region {
			h.created = before.Created // the tags of what AWS does not show yet
		}
	case err != nil:
		return h, err
	case h.id != s.ID:
		return h, &providers.TakenError{Provider: ProviderName, Name: s.Name, Wanted: s.ID, Have: h.id}
	}
	if state, _ := h.state(); h.cluster != nil && state == providers.StateDeleting {
		return h, deleting(s.Name)
	}
	h.record = &record{Name: h.name, ID: h.id, Account: a.number, Region: a.region, Created: h.created, Asked: before.Asked,
		VPC: before.VPC, Issuer: before.Issuer}
	return h, nil
}

func deleting(name string) error {
	return &Error{What: "it is being deleted", Remedy: "wait until it is gone, or end that: rekindle clusters delete " + name + "; then make it anew"}
}

// undo removes what was made for a cluster that AWS refused to make, or that somebody
// else made at the same moment. From the moment that a control plane of ours is there
// nothing is removed: the next create finishes it, or a delete removes it.
func (p *Provider) undo(ctx context.Context, m *making, failed error) error {
	lost := errors.As(failed, new(*providers.ForeignError)) || errors.As(failed, new(*providers.TakenError))
	hopeless := refused(failed) || errors.Is(failed, errStack)
	if ctx.Err() != nil || !lost && (m.accepted || !hopeless) {
		return failed
	}
	if c, err := m.cluster(ctx, m.name); err != nil || c != nil && m.owns(c.Tags, "") == nil {
		return failed // it is a part that somebody else has
	}
	s, err := m.account.stack(ctx, m.name)
	if err == nil && s != nil && m.owns(stackTags(s), "") == nil {
		m.progress.Say("removing stack " + stackName(m.name) + " again, as nothing will stand on it")
		if err = m.removeStack(ctx, s); err == nil && !lost {
			failed = fmt.Errorf("%w (the stack that was made for it is removed again)", failed)
		}
	}
	if err != nil {
		return errors.Join(failed, fmt.Errorf("and what was made for it is still there (rekindle clusters delete %s removes it): %w", m.name, err))
	}
	return errors.Join(failed, p.forget(m.name, m.id))
}
