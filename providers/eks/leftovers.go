package eks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/rekindle-io/rekindle/providers"
)

// Leftovers lists what bears the mark of clusters that are no more, in the accounts
// and regions that are known, and what their controllers left without our mark where
// this machine remembers the cluster. Volumes and snapshots are kept on purpose.
func (p *Provider) Leftovers(ctx context.Context) ([]providers.Leftover, error) {
	ctx, cancel := bounded(ctx, p.opts.Timeout, "asking AWS what is left of clusters")
	defer cancel()
	left, err := p.leftovers(ctx)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w (%w)", cause, err)
		}
		return left, fmt.Errorf("provider %s: what is left of clusters: %w", ProviderName, err)
	}
	return left, nil
}

func (p *Provider) leftovers(ctx context.Context) ([]providers.Leftover, error) {
	places, err := p.places("")
	if err != nil {
		return nil, err
	}
	reached, err := p.reach(ctx, places)
	if err != nil {
		return nil, err
	}
	var left []providers.Leftover
	for _, a := range reached {
		found, err := p.leftIn(ctx, a.account)
		if err != nil {
			return left, err
		}
		left = append(left, found...)
	}
	slices.SortFunc(left, func(a, b providers.Leftover) int {
		return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.What, b.What))
	})
	return left, nil
}

// leftIn looks in one place. Things are listed before the clusters that may hold
// them: what appears between the two cannot be taken for a leftover.
func (p *Provider) leftIn(ctx context.Context, a *account) ([]providers.Leftover, error) {
	known, err := p.rememberedIn(a)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(known))
	for i, s := range known {
		names[i] = s.name
	}
	all, err := a.survey(ctx, names, nil)
	if err != nil {
		return nil, err
	}
	stacks, err := a.ourStacks(ctx)
	if err != nil {
		return nil, err
	}
	c := &census{account: a, stacks: stacks, clusters: map[string]nameHolder{}}
	var left []providers.Leftover
	add := func(m mark, t thing, why string) {
		l := providers.Leftover{What: fmt.Sprintf("%s, in %s of account %s", t, a.region, a.number), Cluster: m.name, ID: m.id, Why: why}
		if t.kept() {
			l.Kept, l.Why = true, whyKept(t)
		}
		if t.kind == kindLogs && p.keepsLogs(m.name) {
			l.Kept, l.Why = true, whyLogs
		}
		left = append(left, l)
	}
	for _, t := range slices.Concat(all, stackThings(stacks)) {
		m, is := markOf(t.tags)
		if !is {
			continue
		}
		lives, err := c.lives(ctx, m)
		if err != nil {
			return nil, err
		}
		if !lives {
			add(m, t, cmp.Or(t.why, "its cluster is gone"))
		}
	}
	for _, s := range known {
		free, err := c.free(ctx, s.name)
		if err != nil {
			return nil, err
		}
		for _, found := range s.claims(all) {
			if free {
				add(s.mark, found.thing, "its cluster is gone, and "+found.proof)
			}
		}
	}
	return left, nil
}

// nameHolder is what AWS has under a cluster's name.
type nameHolder struct {
	mark
	there bool
}

// census says which clusters there are, asking about each name once.
type census struct {
	*account
	stacks   []cftypes.Stack
	clusters map[string]nameHolder
}

func (c *census) holder(ctx context.Context, name string) (nameHolder, error) {
	if h, asked := c.clusters[name]; asked {
		return h, nil
	}
	found, err := c.cluster(ctx, name)
	if err != nil {
		return nameHolder{}, err
	}
	h := nameHolder{there: found != nil}
	if found != nil {
		h.mark, _ = markOf(found.Tags)
	}
	c.clusters[name] = h
	return h, nil
}

// lives tells whether there is a cluster of this mark: also one of which only the
// stack is there, yet or still, unless AWS has given up removing that.
func (c *census) lives(ctx context.Context, m mark) (bool, error) {
	h, err := c.holder(ctx, m.name)
	if err != nil || h.there {
		return h.name == m.name && h.id == m.id, err
	}
	return slices.ContainsFunc(c.stacks, func(s cftypes.Stack) bool {
		return m.bears(stackTags(&s)) && aws.ToString(s.StackName) == stackName(m.name) && s.StackStatus != cftypes.StackStatusDeleteFailed
	}), nil
}

// free tells that nothing has the name of a cluster.
func (c *census) free(ctx context.Context, name string) (bool, error) {
	h, err := c.holder(ctx, name)
	return err == nil && !h.there && !slices.ContainsFunc(c.stacks, func(s cftypes.Stack) bool {
		return aws.ToString(s.StackName) == stackName(name)
	}), err
}

// ourStacks are the stacks of the place that bear a mark of ours.
func (a *account) ourStacks(ctx context.Context) ([]cftypes.Stack, error) {
	all, err := pages(ctx, cloudformation.NewDescribeStacksPaginator(a.stacks, &cloudformation.DescribeStacksInput{}),
		func(p *cloudformation.DescribeStacksOutput) []cftypes.Stack { return p.Stacks })
	if err != nil {
		return nil, explain(err, a.region)
	}
	return slices.DeleteFunc(all, func(s cftypes.Stack) bool {
		_, ours := markOf(stackTags(&s))
		return !ours || s.StackStatus == cftypes.StackStatusDeleteComplete
	}), nil
}

func stackThings(stacks []cftypes.Stack) []thing {
	found := make([]thing, len(stacks))
	for i, s := range stacks {
		found[i] = thing{kind: kindStack, id: aws.ToString(s.StackName), tags: stackTags(&s)}
		if s.StackStatus == cftypes.StackStatusDeleteFailed {
			found[i].why = strings.TrimSpace("CloudFormation could not remove it: " + aws.ToString(s.StackStatusReason))
		}
	}
	return found
}

// keepsLogs tells whether a cluster's settings want its logs to stay.
func (p *Provider) keepsLogs(name string) bool {
	places, err := p.places(name)
	return err == nil && len(places) > 0 && places[0].KeepLogs
}
