package eks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscf "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/rekindle-io/rekindle/providers"
)

// tagPhase on a cluster says how far it is, as AWS cannot: a control plane that runs
// may still lack its nodes.
const (
	tagPhase      = tagPrefix + "phase"
	phaseReady    = "ready"
	phaseDeleting = "deleting"
)

// holding is what AWS has under a cluster's name: the cluster, the stack, or both. When
// it is neither, AWS was asked a moment ago and may not show it yet.
type holding struct {
	mark
	account *account
	set     settings
	cluster *types.Cluster
	stack   *awscf.Stack
	// record is what is on disk of this cluster; nil when there is nothing.
	record *record
}

// places are the settings that say where a cluster may be: where its records say, then
// where rekindle.yaml says. For one of which neither knows, such as a throwaway cluster
// of a drill when the state directory is lost, and for "", they are all places that are
// known.
func (p *Provider) places(name string) ([]settings, error) {
	records, err := p.recorded(name)
	if err != nil {
		return nil, err
	}
	declared, err := p.opts.Declared()
	if err != nil && len(records) == 0 {
		return nil, err
	}
	if name == "" {
		found, err := p.everywhere(declared)
		return distinct(found, nil), err
	}
	var found []settings
	for _, r := range records {
		found = append(found, r.place())
	}
	if own, ok := declared[name]; ok {
		set, err := decode(own)
		if err != nil && len(records) == 0 {
			return nil, err
		}
		if err == nil {
			found = slices.Insert(found, 0, set) // it says more than a record does
		}
	}
	if len(found) == 0 {
		if found, err = p.everywhere(declared); err != nil {
			return nil, err
		}
	}
	return distinct(found, records), nil
}

// everywhere are all places that anything is known of.
func (p *Provider) everywhere(declared map[string]providers.Settings) ([]settings, error) {
	records, err := p.recorded("")
	if err != nil {
		return nil, err
	}
	var found []settings
	for _, s := range declared {
		if set, err := decode(s); err == nil { // what is wrong with it is told where it is declared
			found = append(found, set)
		}
	}
	slices.SortFunc(found, func(a, b settings) int { return cmp.Compare(a.where(), b.where()) })
	for _, r := range records {
		found = append(found, r.place())
	}
	return found, nil
}

// where tells places apart.
func (s settings) where() string {
	return s.Region + " " + strings.Join(slices.Sorted(slices.Values(s.Allow.Accounts)), ",")
}

// distinct drops places that are named twice, and puts those first that a record names:
// that of the latest cluster before all. One that allows several accounts stands for none
// of them alone: the credentials lead to just one.
func distinct(all []settings, records []record) []settings {
	var out []settings
	for _, set := range all {
		if !slices.ContainsFunc(out, func(s settings) bool { return s.where() == set.where() }) {
			out = append(out, set)
		}
	}
	slices.SortStableFunc(out, func(a, b settings) int { return cmp.Compare(a.age(records), b.age(records)) })
	return out
}

// covers tells that whoever looks in s looks in other, too.
func (s settings) covers(other settings) bool {
	return s.Region == other.Region && !slices.ContainsFunc(other.Allow.Accounts, func(a string) bool { return !slices.Contains(s.Allow.Accounts, a) })
}

// age is which of the records is the first that a place has.
func (s settings) age(records []record) int {
	if at := slices.IndexFunc(records, func(r record) bool { return s.covers(r.place()) }); at >= 0 {
		return at
	}
	return len(records)
}

// reached is a place that was entered.
type reached struct {
	*account
	set settings
}

// round enters places one after another, each account and region once.
type round struct {
	*Provider
	entered []string
	// elsewhere is the first *AccountError: there is a place that the credentials are
	// not for.
	elsewhere error
}

// next enters a place: nil when the credentials are not for it, or it was entered before.
func (r *round) next(ctx context.Context, set settings) (*account, error) {
	a, err := r.enter(ctx, set)
	if errors.As(err, new(*AccountError)) {
		r.elsewhere = cmp.Or(r.elsewhere, err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	where := a.number + "/" + a.region
	if slices.Contains(r.entered, where) {
		return nil, nil
	}
	r.entered = append(r.entered, where)
	return a, nil
}

// reach enters all places that the credentials are for, each once. That they are for
// none of several is an error.
func (p *Provider) reach(ctx context.Context, places []settings) ([]reached, error) {
	var all []reached
	r := &round{Provider: p}
	for _, set := range places {
		a, err := r.next(ctx, set)
		if err != nil {
			return nil, err
		}
		if a != nil {
			all = append(all, reached{a, set})
		}
	}
	if len(all) == 0 {
		return nil, r.elsewhere
	}
	return all, nil
}

// find looks for what holds a name: ErrNotFound when it is free everywhere, a
// *ForeignError when something without our mark holds it. Where the credentials do not
// let us in something may be, so that this is an error unless it is found elsewhere.
func (p *Provider) find(ctx context.Context, name string) (holding, error) {
	places, err := p.places(name)
	if err != nil {
		return holding{}, err
	}
	r := &round{Provider: p}
	for _, set := range places {
		a, err := r.next(ctx, set)
		if err != nil {
			return holding{}, err
		}
		if a == nil {
			continue
		}
		h, err := p.holding(ctx, a, set, name)
		if !errors.Is(err, providers.ErrNotFound) {
			return h, err
		}
	}
	return holding{}, cmp.Or(r.elsewhere, providers.ErrNotFound)
}

// holding looks for what holds a name in one place, by what AWS says and, for as long as
// AWS may not say all, by our record.
func (p *Provider) holding(ctx context.Context, a *account, set settings, name string) (holding, error) {
	h, err := a.holds(ctx, name)
	h.set = set
	if err != nil && !errors.Is(err, providers.ErrNotFound) {
		return h, err
	}
	records, unread := p.recorded(name)
	if unread != nil {
		return h, unread
	}
	for _, r := range records {
		if r.Account != a.number || r.Region != a.region {
			continue
		}
		if err == nil && r.ID == h.id {
			h.record = &r
			return h, nil
		}
		if err != nil && p.young(r) {
			h.mark, h.record = r.mark(), &r
			return h, nil
		}
	}
	return h, err
}

// young tells that AWS was asked so lately to make something of a cluster that it may
// not show it yet. A clock that was set back since says nothing.
func (p *Provider) young(r record) bool { return p.opts.Now().Sub(r.Asked).Abs() < p.opts.Settle }

// holds looks for what holds a name in one place, as AWS says.
func (a *account) holds(ctx context.Context, name string) (holding, error) {
	h := holding{account: a}
	var err error
	if h.cluster, err = a.cluster(ctx, name); err != nil {
		return h, err
	}
	if h.stack, err = a.stack(ctx, name); err != nil {
		return h, err
	}
	if h.cluster == nil && h.stack == nil {
		return h, providers.ErrNotFound
	}
	tags, holder := map[string]string(nil), ""
	if h.cluster != nil {
		tags, holder = h.cluster.Tags, clusterHolder(h.cluster)
	} else {
		tags, holder = stackTags(h.stack), stackHolder(name)
	}
	m, ours := markOf(tags)
	if !ours || m.name != name {
		return h, &providers.ForeignError{Provider: ProviderName, Name: name, Holder: holder}
	}
	h.mark = m
	return h, nil
}

// cluster finds the cluster of a name, whoever made it; nil when there is none.
func (a *account) cluster(ctx context.Context, name string) (*types.Cluster, error) {
	out, err := a.eks.DescribeCluster(ctx, &awseks.DescribeClusterInput{Name: aws.String(name)})
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err, a.region)
	}
	return out.Cluster, nil
}

// state is where a cluster is in its life, and why it is broken when it is.
func (h holding) state() (providers.State, string) {
	if h.cluster == nil {
		switch {
		case h.stack == nil:
			return providers.StateCreating, "AWS was asked to make it, and does not show it yet"
		case strings.HasPrefix(string(h.stack.StackStatus), "DELETE"):
			return providers.StateDeleting, fmt.Sprintf("its stack is %s", h.stack.StackStatus)
		case unusable(h.stack.StackStatus):
			return providers.StateBroken, fmt.Sprintf("its stack is %s: %s", h.stack.StackStatus, aws.ToString(h.stack.StackStatusReason))
		}
		return providers.StateCreating, "its stack is there, and its control plane not yet"
	}
	switch phase := h.cluster.Tags[tagPhase]; {
	case h.cluster.Status == types.ClusterStatusDeleting || phase == phaseDeleting:
		return providers.StateDeleting, ""
	case h.cluster.Status == types.ClusterStatusFailed:
		return providers.StateBroken, strings.Join(issues(h.cluster.Health), "; ")
	case h.cluster.Status == types.ClusterStatusCreating:
		return providers.StateCreating, "EKS makes its control plane"
	case phase != phaseReady:
		return providers.StateCreating, "its control plane is there, and not yet all that belongs to it: restore again to finish it"
	}
	return providers.StateRunning, ""
}

func (h holding) describe() providers.Cluster {
	state, reason := h.state()
	c := providers.Cluster{Provider: ProviderName, Name: h.name, ID: h.id, State: state, Created: h.created,
		Detail: map[string]string{"account": h.account.number, "region": h.account.region}}
	if h.cluster != nil {
		c.Endpoint, c.Detail["arn"], c.Issuer = aws.ToString(h.cluster.Endpoint), aws.ToString(h.cluster.Arn), issuerOf(h.cluster)
		if v := aws.ToString(h.cluster.Version); v != "" {
			c.Version = "v" + v
		}
	}
	if reason != "" {
		c.Detail["reason"] = reason
	}
	return c
}

// Find returns the cluster of that name as it is at this moment.
func (p *Provider) Find(ctx context.Context, name string) (providers.Cluster, error) {
	if err := providers.CheckName(ProviderName, name); err != nil {
		return providers.Cluster{}, err
	}
	ctx, cancel := bounded(ctx, p.opts.Timeout, "asking AWS about cluster "+name)
	defer cancel()
	h, err := p.find(ctx, name)
	if err != nil {
		return providers.Cluster{}, about(ctx, name, err)
	}
	return h.describe(), nil
}
