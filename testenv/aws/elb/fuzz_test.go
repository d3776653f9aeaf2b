package elb

import (
	"errors"
	"maps"
	"net/url"
	"testing"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Whatever a request holds, it is answered or refused as the service refuses.
func FuzzRequests(f *testing.F) {
	for _, form := range []string{
		"PageSize=1&Marker=MQ==", "PageSize=x", "LoadBalancerNames.member.1=web&Tags.member.1.Key=a&Tags.member.1.Value=b", "LoadBalancerName=web",
		"LoadBalancerArn=arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/net/web/1", "ResourceArns.member.1=x&Tags.member.1.Key=aws:a", "Marker=%FF&Names.member.1=web",
	} {
		f.Add(form)
	}
	f.Fuzz(func(t *testing.T, text string) {
		form, err := url.ParseQuery(text)
		if err != nil {
			t.Skip()
		}
		w := newWorld(t)
		must(w.place.Create(Balancer{Kind: Classic, Name: "web", Subnets: w.subnets}))
		must(w.place.Create(Balancer{Kind: Network, Name: "web", Subnets: w.subnets}))
		w.now = w.now.Add(delay)
		all := maps.Clone(w.cloud.V2().Operations())
		for name, o := range w.cloud.Classic().Operations() {
			all["classic "+name] = o
		}
		for name, o := range all {
			c := &wire.Call{Service: "elasticloadbalancing", Operation: name, Account: account, Region: region, Form: form}
			_, err := o.Needs(c)
			if err == nil {
				_, err = o.Do(t.Context(), c)
			}
			if err != nil && !errors.As(err, new(*wire.Error)) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
