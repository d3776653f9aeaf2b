package eks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/rekindle-io/rekindle/providers"
)

// removal takes one cluster away, with all that is its own. What is removed bears
// the cluster's mark: what controllers made gets it first, once it is proven to be
// the cluster's (scope.claims), so that a removal that died has lost no proof.
type removal struct {
	*account
	scope
	keepLogs bool
	// every is the time between two looks, settle how long AWS may still show what is
	// gone.
	every, settle time.Duration
	now           func() time.Time
	progress      providers.Progress
	// forget is called when nothing is left.
	forget func() error

	mu sync.Mutex
	// mine are the ids of what has got the mark, while AWS may not show it yet.
	mine map[string]bool
	// said are the ids of what people were told about.
	said map[string]bool
	// denied is when the removal of something was denied first.
	denied map[string]time.Time
}

// saying tells people, once, that a thing is being removed.
func (r *removal) saying(t thing) {
	r.mu.Lock()
	told := r.said[t.id]
	r.said[t.id] = true
	r.mu.Unlock()
	if !told {
		r.progress.Say("removing " + t.String())
	}
}

// has tells whether a thing is the cluster's beyond doubt.
func (r *removal) has(t thing) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bears(t.tags) || r.mine[t.id] && !marked(t.tags)
}

// own keeps what is the cluster's.
func (r *removal) own(all []thing) []thing {
	return slices.DeleteFunc(slices.Clone(all), func(t thing) bool { return !r.has(t) })
}

// Held is something that could not be removed.
type Held struct {
	// What it is, and Why it is still there, for people.
	What, Why string
}

// HeldError: something of a cluster could not be removed.
type HeldError struct{ List []Held }

func (e *HeldError) Error() string {
	lines := make([]string, len(e.List))
	for i, h := range e.List {
		lines[i] = h.What + ": " + h.Why
	}
	return "could not be removed: " + strings.Join(lines, "; ")
}

// Hint says what to do next.
func (*HeldError) Hint() string {
	return "remove what holds it, and delete the cluster again: that goes on where this one was"
}

// merged makes one error of several: what could not be removed stands in one list.
func merged(errs ...error) error {
	all := &HeldError{}
	var others []error
	for _, err := range errs {
		var h *HeldError
		if errors.As(err, &h) && error(h) == err { //nolint:errorlint // one that is wrapped says more, and stays whole
			for _, one := range h.List {
				if !slices.ContainsFunc(all.List, func(have Held) bool { return have.What == one.What }) {
					all.List = append(all.List, one)
				}
			}
		} else if err != nil {
			others = append(others, err)
		}
	}
	if len(all.List) > 0 {
		others = append(others, all)
	}
	return errors.Join(others...)
}

// told explains what AWS says; what we say ourselves needs no explanation.
func (r *removal) told(err error) error {
	if !errors.As(err, new(*smithy.OperationError)) {
		return err
	}
	return explain(err, r.region)
}

// until looks again and again, until nothing is left. Every look removes what it can,
// and says what it could not, and why.
func (r *removal) until(ctx context.Context, what string, look func(context.Context) ([]Held, error)) error {
	var last []Held
	for told := r.now(); ; {
		left, err := look(ctx)
		if err == nil && len(left) == 0 {
			return nil
		}
		if err == nil {
			last = left
			if err = sleep(ctx, r.every); err == nil {
				if r.now().Sub(told) >= time.Minute {
					told = r.now()
					r.progress.Say(fmt.Sprintf("still waiting until %s: %s", what, left[0].What))
				}
				continue
			}
		}
		if ctx.Err() == nil {
			return r.told(err)
		}
		if len(last) == 0 {
			return fmt.Errorf("waiting until %s: %w", what, err)
		}
		return fmt.Errorf("waiting until %s: %w (%w)", what, &HeldError{List: last}, context.Cause(ctx))
	}
}

// answer reads what AWS answered to a request that removes something: nothing when it
// is gone already, why when it is to be asked again, or what failed. A policy that
// allows to remove what bears our tags does not allow it for what is gone and has none:
// a denial counts once AWS still shows the thing when it must know better.
func (r *removal) answer(id string, err error) (why string, failed error) {
	switch {
	case err == nil, absent(err):
		return "", nil
	case inTheWay(err):
		return said(err), nil
	case deniedIn(said(err)) == "":
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	since, before := r.denied[id]
	if !before {
		r.denied[id] = r.now()
	} else if r.now().Sub(since) >= r.settle {
		return "", err
	}
	return said(err), nil
}

// code is what AWS calls an error; empty when AWS did not say it.
func code(err error) string {
	var e smithy.APIError
	if !errors.As(err, &e) {
		return ""
	}
	return e.ErrorCode()
}

// said is what AWS said.
func said(err error) string {
	var e smithy.APIError
	if !errors.As(err, &e) {
		return err.Error()
	}
	return e.ErrorMessage()
}

// absent tells that AWS does not know what was asked about.
func absent(err error) bool {
	c := code(err)
	return strings.Contains(c, "NotFound") || strings.Contains(c, "NoSuchEntity") || gone(err)
}

// inTheWay tells that something is still used, or changing: it can be removed later.
func inTheWay(err error) bool {
	switch c := code(err); c {
	case "DependencyViolation", "DeleteConflict", "ResourceInUse", "ResourceInUseException", "InvalidGroup.InUse", "InvalidNetworkInterface.InUse",
		"InvalidStateException", "OperationAbortedException", "ResourceConflict":
		return true
	case "InvalidParameterValue", "OperationNotPermitted":
		return strings.Contains(said(err), "in use") || strings.Contains(said(err), "currently managed")
	}
	return false
}

// protected tells that somebody has asked AWS not to let anybody remove it.
func protected(err error) bool {
	if code(err) == "" {
		return false
	}
	text := strings.ToLower(said(err))
	return strings.Contains(text, "deletion protection") || strings.Contains(text, "deletion_protection") || strings.Contains(text, "disableapitermination")
}

// network finds out in which network the cluster is, and whether our stack made it.
// What is not found stays unknown, and proves nothing.
func (r *removal) network(ctx context.Context) error {
	ours, err := r.ownVPC(ctx, r.mark)
	if err != nil {
		return err
	}
	if r.vpc == "" {
		r.vpc = ours
	}
	r.ownsVPC = r.vpc != "" && r.vpc == ours
	return nil
}

// claim puts the cluster's mark on what is proven to be its own.
func (r *removal) claim(ctx context.Context) error {
	all, err := r.survey(ctx, []string{r.name}, []string{r.name})
	if err != nil {
		return err
	}
	return r.give(ctx, r.claims(all))
}

func (r *removal) give(ctx context.Context, claims []claim) error {
	var todo []thing
	for _, c := range claims {
		if c.tags[tagScaler] == "" { // what a group makes again is named, and left to it
			todo = append(todo, c.thing)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	// The name is all that controllers write on things: it has to be ours still.
	if err := r.proven(ctx); err != nil {
		return err
	}
	if err := r.tag(ctx, todo, r.tags(nil)); err != nil {
		return explain(err, r.region)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range todo {
		r.mine[t.id] = true
	}
	return nil
}

// ownVPC is the network that bears the cluster's mark: empty when there is none.
func (a *account) ownVPC(ctx context.Context, m mark) (string, error) {
	vpcs, err := a.vpcs(ctx, tagID, m.id)
	if err != nil {
		return "", explain(err, a.region)
	}
	for _, v := range vpcs {
		if m.bears(tagsOfEC2(v.Tags)) {
			return aws.ToString(v.VpcId), nil
		}
	}
	return "", nil
}

// isHeld tells an error that the rest of a removal need not end for.
func isHeld(err error) bool { return errors.As(err, new(*HeldError)) }
