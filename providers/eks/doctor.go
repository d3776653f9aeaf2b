package eks

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rekindle-io/rekindle/providers"
)

// Diagnose says whether the credentials work, and whether they may be used where
// rekindle.yaml says that clusters are.
func (p *Provider) Diagnose(ctx context.Context) []providers.Finding {
	ctx, cancel := bounded(ctx, p.opts.Timeout, "asking AWS who we are")
	defer cancel()
	places, err := p.places("")
	if err != nil {
		return []providers.Finding{amiss("AWS", err)}
	}
	if len(places) == 0 {
		return []providers.Finding{{Subject: "AWS", Message: "not asked: no account and region is known in which clusters may be made",
			Remedy: "say so in rekindle.yaml, below providers.eks: region and allow.accounts (docs/providers/eks.md)"}}
	}
	var found []providers.Finding
	for _, set := range places {
		found = append(found, p.examine(ctx, set)...)
	}
	return found
}

// examine looks at one account and region.
func (p *Provider) examine(ctx context.Context, set settings) []providers.Finding {
	a, err := p.enter(ctx, set)
	subject := "AWS account, region " + set.Region
	if err != nil {
		return []providers.Finding{amiss(subject, err)}
	}
	found := []providers.Finding{{Subject: subject, OK: true, Message: fmt.Sprintf("%s as %s, which rekindle.yaml allows", a.number, a.caller)}}
	subject = "EKS in " + set.Region
	versions, err := a.versions(ctx)
	switch {
	case err != nil:
		return append(found, amiss(subject, err))
	case len(versions) == 0:
		return append(found, providers.Finding{Subject: subject, Message: "offers no version", Remedy: "take another region (settings.region)"})
	}
	offer := fmt.Sprintf("offers versions %s to %s", aws.ToString(versions[0].ClusterVersion), aws.ToString(versions[len(versions)-1].ClusterVersion))
	for _, v := range versions {
		if v.DefaultVersion {
			offer += ", by default " + aws.ToString(v.ClusterVersion)
		}
	}
	return append(found, providers.Finding{Subject: subject, OK: true, Message: offer})
}

// amiss is a finding of what went wrong.
func amiss(subject string, err error) providers.Finding {
	f := providers.Finding{Subject: subject, Message: err.Error(), Remedy: "run the same again"}
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		f.Remedy = hinted.Hint()
	}
	return f
}
