package eks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"golang.org/x/sync/errgroup"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/run"
)

// Delete removes the cluster and all that was made for it, and looks afterwards what
// is left. The order is that of what holds what: load balancers hold addresses in
// subnets, node groups hold interfaces, the control plane holds its security group,
// and the stack holds the network. None of it needs the API server. Volumes and
// snapshots that are still there are kept, and named: they may hold data.
func (p *Provider) Delete(ctx context.Context, name, id string, progress providers.Progress) error {
	if err := errors.Join(providers.CheckName(ProviderName, name), providers.CheckID(ProviderName, id)); err != nil {
		return err
	}
	ctx, cancel := bounded(ctx, p.opts.DeleteTimeout, "the delete")
	defer cancel()
	return about(ctx, name, p.delete(ctx, name, id, progress))
}

// delete looks for the cluster of this id wherever the name may be: the name may be
// another's in one region, and ours in the next.
func (p *Provider) delete(ctx context.Context, name, id string, progress providers.Progress) error {
	places, err := p.places(name)
	if err != nil {
		return err
	}
	var refusal error
	var empty []holding
	seen := &round{Provider: p}
	for _, set := range places {
		a, err := seen.next(ctx, set)
		if err != nil {
			return err
		}
		if a == nil {
			continue
		}
		h, err := p.settled(ctx, a, mark{name: name, id: id})
		h.set = set
		switch {
		case err == nil && h.id == id:
			r, err := p.removal(h, progress)
			if err != nil {
				return err
			}
			return r.all(ctx, h)
		case err == nil:
			err = &providers.TakenError{Provider: ProviderName, Name: name, Wanted: id, Have: h.id}
		}
		switch {
		case errors.Is(err, providers.ErrNotFound):
			empty = append(empty, h)
		case errors.As(err, new(*providers.TakenError)), errors.As(err, new(*providers.ForeignError)):
			refusal = cmp.Or(refusal, err)
		default:
			return err
		}
	}
	clean := false            // where the cluster was, by its record, nothing is left
	for _, h := range empty { // a delete that died may have left something that bears this id
		h.mark = mark{name: name, id: id}
		r, err := p.removal(h, progress)
		if err != nil {
			return err
		}
		here := r.named // where nothing has the name, it is the cluster's by the record alone
		if !here {      // the record says of another place where to look
			r.forget = func() error { return nil }
		}
		if err := r.rest(ctx); err != nil {
			return err
		}
		clean = clean || here
	}
	if clean { // then it was nowhere else
		return refusal
	}
	return cmp.Or(refusal, seen.elsewhere)
}

// removal is the work of removing what holds the name, or what is left of that.
func (p *Provider) removal(h holding, progress providers.Progress) (*removal, error) {
	known, there, err := p.remembered(h.account, h.mark)
	if err != nil {
		return nil, err
	}
	if h.created.IsZero() {
		h.created = known.Created // the zero time when it is not known: nothing is younger than that
	}
	r := &removal{
		// Without a cluster or stack of ours the name is ours by the record alone.
		account: h.account, scope: scope{mark: h.mark, since: h.created, named: h.cluster != nil || h.stack != nil || there, vpc: known.VPC}, keepLogs: h.set.KeepLogs,
		every: p.opts.Every, settle: p.opts.Settle, now: p.opts.Now, progress: progress,
		mine: map[string]bool{}, said: map[string]bool{}, denied: map[string]time.Time{},
		forget: func() error { return p.forget(h.name, h.id) },
	}
	if c := h.cluster; c != nil {
		if made := aws.ToTime(c.CreatedAt); !made.IsZero() {
			r.since = made
		}
		if c.ResourcesVpcConfig != nil {
			r.vpc, r.group = aws.ToString(c.ResourcesVpcConfig.VpcId), aws.ToString(c.ResourcesVpcConfig.ClusterSecurityGroupId)
		}
	}
	return r, nil
}

// all removes everything, and waits for each part where the next one needs that.
func (r *removal) all(ctx context.Context, h holding) error {
	if err := r.allowed(h); err != nil {
		return err
	}
	if err := r.network(ctx); err != nil {
		return err
	}
	var held []error
	for _, stage := range r.stages() {
		if h.cluster == nil {
			break
		}
		if err := r.proven(ctx); err != nil {
			return err
		}
		err := stage.do(ctx)
		if err != nil {
			held = append(held, err)
		}
		if err != nil && (stage.vital || !isHeld(err) || ctx.Err() != nil) {
			return merged(held...)
		}
	}
	return r.rest(ctx, held...)
}

// stage is a part of a removal. Others go on when something held it up, unless it is
// vital to them.
type stage struct {
	do    func(context.Context) error
	vital bool
}

// stages are what goes before the control plane does, and that.
func (r *removal) stages() []stage {
	return []stage{
		{do: r.announce, vital: true}, {do: r.claim, vital: true}, {do: r.removeBalancers}, {do: r.removeFurniture, vital: true},
		{do: r.removeInstances}, {do: r.claim, vital: true}, {do: r.removeControlPlane, vital: true},
	}
}

// rest removes what stays when the control plane is gone: what hangs on its network,
// then the network itself, and beside that what holds nothing.
func (r *removal) rest(ctx context.Context, held ...error) error {
	if err := r.network(ctx); err != nil {
		return err
	}
	if err := r.claim(ctx); err != nil { // its controllers may have made more until it went
		return merged(append(held, err)...)
	}
	results := make([]error, 3)
	var group errgroup.Group
	group.Go(func() error { results[0] = r.removeNetwork(ctx); return nil })
	group.Go(func() error { results[1] = r.removeLogs(ctx); return nil })
	group.Go(func() error { results[2] = r.removeIssuers(ctx); return nil })
	_ = group.Wait() // each has its own result
	if err := merged(append(held, results...)...); err != nil {
		return err
	}
	return r.lookAgain(ctx)
}

// removeNetwork removes what lies in the network, and the network when it is ours.
// When a load balancer stays, so does what that lies in.
func (r *removal) removeNetwork(ctx context.Context) error {
	for _, do := range []func(context.Context) error{r.removeBalancers, r.removeInstances, r.clearNetwork, r.removeStack} {
		if err := do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// ProtectedError: somebody has asked AWS not to let anybody remove the cluster.
type ProtectedError struct{ What string }

func (e *ProtectedError) Error() string { return e.What + " is protected from deletion in AWS" }

// Hint says what to do next.
func (*ProtectedError) Hint() string {
	return "whoever set that meant it; take the protection away in AWS, and delete the cluster again"
}

// Outcome makes it a refusal.
func (*ProtectedError) Outcome() run.Outcome { return run.Refused }

// allowed refuses before anything is removed what AWS would refuse half-way.
func (r *removal) allowed(h holding) error {
	if h.cluster != nil && aws.ToBool(h.cluster.DeletionProtection) {
		return &ProtectedError{What: "the EKS cluster " + aws.ToString(h.cluster.Arn)}
	}
	if h.stack != nil && r.bears(stackTags(h.stack)) && aws.ToBool(h.stack.EnableTerminationProtection) {
		return &ProtectedError{What: "the CloudFormation stack " + aws.ToString(h.stack.StackId)}
	}
	return nil
}

// proven refuses to go on unless it is still our cluster that has the name. One that
// is gone meanwhile is fine.
func (r *removal) proven(ctx context.Context) error {
	c, err := r.account.cluster(ctx, r.name)
	if err != nil || c == nil {
		return err
	}
	return r.owns(c.Tags, clusterHolder(c))
}

// announce marks the cluster as one that is being removed.
func (r *removal) announce(ctx context.Context) error {
	c, err := r.account.cluster(ctx, r.name)
	if err != nil || c == nil || c.Status == types.ClusterStatusDeleting || c.Tags[tagPhase] == phaseDeleting {
		return err
	}
	_, err = r.eks.TagResource(ctx, &awseks.TagResourceInput{ResourceArn: c.Arn, Tags: map[string]string{tagPhase: phaseDeleting}})
	if absent(err) {
		return nil
	}
	return explain(err, r.region)
}

// lookAgain looks whether anything is there that is the cluster's, for as long as AWS
// may show what is gone. What is kept is told; what is left is an error.
func (r *removal) lookAgain(ctx context.Context) error {
	for begun := r.now(); ; {
		left, kept, err := r.left(ctx)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			for _, k := range kept {
				r.progress.Say(fmt.Sprintf("keeping %s: %s", k.What, k.Why))
			}
			return r.forget()
		}
		if r.now().Sub(begun) >= r.settle {
			return &HeldError{List: left}
		}
		if err := sleep(ctx, r.every); err != nil {
			return fmt.Errorf("%w (%w)", &HeldError{List: left}, err)
		}
	}
}

// left is what is the cluster's, and still there: against our will, or kept.
func (r *removal) left(ctx context.Context) (left, kept []Held, err error) {
	all, err := r.survey(ctx, []string{r.name}, []string{r.name})
	if err != nil {
		return nil, nil, err
	}
	for _, c := range r.claims(all) {
		if !r.has(c.thing) {
			left, kept = r.sort(c.thing, left, kept)
		}
	}
	for _, t := range r.own(all) {
		left, kept = r.sort(t, left, kept)
	}
	return left, kept, nil
}

// sort puts a thing to what is left or to what is kept, and says why.
func (r *removal) sort(t thing, left, kept []Held) (newLeft, newKept []Held) {
	switch {
	case t.kept():
		return left, append(kept, Held{What: t.String(), Why: whyKept(t)})
	case t.kind == kindLogs && r.keepLogs:
		return left, append(kept, Held{What: t.String(), Why: whyLogs})
	case t.tags[tagScaler] != "":
		return append(left, Held{What: t.String(), Why: fmt.Sprintf("the Auto Scaling group %s would make it again: remove that", t.tags[tagScaler])}), kept
	}
	return append(left, Held{What: t.String(), Why: "it was there again, or still, at the end"}), kept
}

// whyLogs is why a log group is kept.
const whyLogs = "settings.keepLogs wants it to stay"

// settled finds what holds a name. When nothing seems to, although AWS was asked for a
// cluster of this id, it looks again for as long as AWS may not show what it makes.
func (p *Provider) settled(ctx context.Context, a *account, m mark) (holding, error) {
	for {
		h, err := a.holds(ctx, m.name)
		seen := err == nil && (h.cluster != nil || h.id != m.id)
		if seen || err != nil && !errors.Is(err, providers.ErrNotFound) {
			return h, err
		}
		known, there, failed := p.remembered(a, m)
		if failed != nil {
			return h, failed
		}
		if !there || !p.young(known) {
			return h, err
		}
		if err := sleep(ctx, p.opts.Every); err != nil {
			return h, err
		}
	}
}
