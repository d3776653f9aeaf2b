package eks

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var clusterMade = time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)

func ourScope() scope {
	return scope{
		mark: mark{name: "prod", id: "id1", created: clusterMade}, named: true, since: clusterMade,
		vpc: "vpc-ours", group: "sg-cluster",
	}
}

func ofCluster(name string) map[string]string {
	return map[string]string{tagShared + name: owned}
}

func TestClaims(t *testing.T) {
	before, after := clusterMade.Add(-time.Second), clusterMade.Add(time.Minute)
	ownMark := ourScope().tags(nil)
	rival := thing{kind: kindInstance, id: "i-rival", tags: ofCluster("prod"), vpc: "vpc-theirs", created: after}
	for _, c := range []struct {
		name  string
		scope func(*scope)
		also  []thing
		thing thing
		want  bool
	}{
		{name: "load balancer after the cluster, in its network", thing: thing{kind: kindClassic, tags: ofCluster("prod"), vpc: "vpc-ours", created: after}, want: true},
		{name: "by the tag of the load balancer controller", thing: thing{kind: kindBalancer, tags: map[string]string{"elbv2.k8s.aws/cluster": "prod"}, vpc: "vpc-ours", created: after}, want: true},
		{name: "load balancer before the cluster", thing: thing{kind: kindClassic, tags: ofCluster("prod"), vpc: "vpc-ours", created: before}},
		{name: "before the cluster, in the network of its stack", scope: func(s *scope) { s.ownsVPC = true }, thing: thing{kind: kindClassic, tags: ofCluster("prod"), vpc: "vpc-ours", created: before}, want: true},
		{name: "before the cluster, in its security group", thing: thing{kind: kindClassic, tags: ofCluster("prod"), vpc: "vpc-ours", created: before, groups: []string{"sg-cluster"}}, want: true},
		{name: "in another network", thing: thing{kind: kindClassic, tags: ofCluster("prod"), vpc: "vpc-theirs", created: after}},
		{name: "of a cluster of another name", thing: thing{kind: kindClassic, tags: ofCluster("prod2"), vpc: "vpc-ours", created: after}},
		{name: "shared with others", thing: thing{kind: kindGroup, tags: map[string]string{tagShared + "prod": "shared"}, vpc: "vpc-ours", groups: []string{"sg-cluster"}}},
		{name: "of two clusters", thing: thing{kind: kindGroup, tags: map[string]string{tagShared + "prod": owned, tagShared + "dev": owned}, vpc: "vpc-ours", groups: []string{"sg-cluster"}}},
		{name: "of two clusters, by different tags", thing: thing{kind: kindGroup, tags: map[string]string{tagShared + "prod": owned, "KubernetesCluster": "dev"}, vpc: "vpc-ours", groups: []string{"sg-cluster"}}},
		{name: "without tags, in our network", scope: func(s *scope) { s.ownsVPC = true }, thing: thing{kind: kindGroup, vpc: "vpc-ours"}},
		{name: "with the mark of our next cluster", scope: func(s *scope) { s.ownsVPC = true }, thing: thing{kind: kindClassic, vpc: "vpc-ours", created: after,
			tags: map[string]string{tagShared + "prod": owned, tagCluster: "prod", tagID: "id2"}}},
		{name: "the network is not known", scope: func(s *scope) { s.vpc = "" }, thing: thing{kind: kindClassic, tags: ofCluster("prod"), created: after}},
		{name: "the name is not ours", scope: func(s *scope) { s.named = false }, thing: thing{kind: kindClassic, tags: ofCluster("prod"), vpc: "vpc-ours", created: after}},
		{name: "when it was made is not known", thing: thing{kind: kindGroup, tags: ofCluster("prod"), vpc: "vpc-ours"}},
		{name: "when the cluster was made is not known", scope: func(s *scope) { s.since = time.Time{} }, thing: thing{kind: kindClassic, tags: ofCluster("prod"), vpc: "vpc-ours", created: after}},
		{name: "somebody's security group for nodes", also: []thing{{kind: kindGroup, id: "sg-cluster", tags: ofCluster("prod"), vpc: "vpc-ours", groups: []string{"sg-b"}}},
			thing: thing{kind: kindGroup, id: "sg-b", label: "prod-node", tags: ofCluster("prod"), vpc: "vpc-ours", groups: []string{"sg-cluster"}}},
		{name: "EKS's own security group", thing: thing{kind: kindGroup, id: "sg-cluster", tags: ofCluster("prod"), vpc: "vpc-ours"}, want: true},
		{name: "security group that a load balancer of ours is in", also: []thing{{kind: kindClassic, id: "b", tags: ofCluster("prod"), vpc: "vpc-ours", created: after, groups: []string{"sg-b"}}},
			thing: thing{kind: kindGroup, id: "sg-b", label: "k8s-elb-b", tags: ofCluster("prod"), vpc: "vpc-ours"}, want: true},
		{name: "security group that EKS's own names", also: []thing{{kind: kindGroup, id: "sg-cluster", tags: ofCluster("prod"), vpc: "vpc-ours", groups: []string{"sg-b"}}},
			thing: thing{kind: kindGroup, id: "sg-b", label: "k8s-elb-b", tags: ofCluster("prod"), vpc: "vpc-ours"}, want: true},
		{name: "target group of a load balancer of ours", also: []thing{{kind: kindBalancer, id: "b", tags: ofCluster("prod"), vpc: "vpc-ours", created: after}},
			thing: thing{kind: kindTargets, tags: ofCluster("prod"), vpc: "vpc-ours", holders: []string{"b"}}, want: true},
		{name: "target group of nobody", thing: thing{kind: kindTargets, tags: ofCluster("prod"), vpc: "vpc-ours"}},
		{name: "target group of a load balancer that was marked before", also: []thing{{kind: kindBalancer, id: "b", tags: ownMark, vpc: "vpc-ours"}},
			thing: thing{kind: kindTargets, tags: ofCluster("prod"), vpc: "vpc-ours", holders: []string{"b"}}, want: true},
		{name: "interface of the network add-on", thing: thing{kind: kindInterface, tags: map[string]string{tagNode: "i-1"}, vpc: "vpc-ours", groups: []string{"sg-cluster"}}, want: true},
		{name: "somebody's interface in the cluster's security group", thing: thing{kind: kindInterface, vpc: "vpc-ours", groups: []string{"sg-cluster"}}},
		{name: "interface of the network add-on of another cluster", thing: thing{kind: kindInterface, tags: map[string]string{tagNode: "i-1"}, vpc: "vpc-ours", groups: []string{"sg-other"}}},
		{name: "volume", thing: thing{kind: kindVolume, tags: ofCluster("prod"), created: after}, want: true},
		{name: "volume from before", thing: thing{kind: kindVolume, tags: ofCluster("prod"), created: before}},
		{name: "volume, and another cluster is called the same", also: []thing{rival}, thing: thing{kind: kindVolume, tags: ofCluster("prod"), created: after}},
		{name: "volume of a node of ours, and another cluster is called the same", also: []thing{rival, {kind: kindInstance, id: "i-1", tags: ofCluster("prod"), vpc: "vpc-ours", created: after}},
			thing: thing{kind: kindVolume, tags: ofCluster("prod"), created: after, holders: []string{"i-1"}}, want: true},
		{name: "volume of somebody's instance", thing: thing{kind: kindVolume, tags: ofCluster("prod"), created: after, holders: []string{"i-9"}}},
		{name: "snapshot of a volume of ours", also: []thing{rival, {kind: kindVolume, id: "vol-1", tags: ownMark}}, thing: thing{kind: kindSnapshot, tags: ofCluster("prod"), holders: []string{"vol-1"}}, want: true},
		{name: "log group", thing: thing{kind: kindLogs, id: "/aws/eks/prod/cluster", created: after}, want: true},
		{name: "log group from before", thing: thing{kind: kindLogs, id: "/aws/eks/prod/cluster", created: before}},
		{name: "log group of another", thing: thing{kind: kindLogs, id: "/aws/eks/prod2/cluster", created: after}},
		{name: "OIDC provider", thing: thing{kind: kindIssuer, tags: ofCluster("prod"), created: after}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := ourScope()
			if c.scope != nil {
				c.scope(&s)
			}
			if c.thing.id == "" {
				c.thing.id = "it"
			}
			claimed := slices.ContainsFunc(s.claims(append(c.also, c.thing)), func(have claim) bool { return have.id == c.thing.id })
			if claimed != c.want {
				t.Fatalf("claimed: %t, want %t", claimed, c.want)
			}
		})
	}
}

// anyThing draws something that may be anybody's.
func anyThing(t *rapid.T, i int) thing {
	ids := rapid.SampledFrom([]string{"sg-cluster", "sg-other", "i-0", "i-1", "b-2"})
	one := thing{
		kind: rapid.SampledFrom([]kind{kindClassic, kindBalancer, kindTargets, kindInstance, kindGroup, kindInterface, kindVolume, kindSnapshot, kindLogs, kindIssuer, kindStack}).Draw(t, "kind"),
		id:   fmt.Sprintf("%s%d", rapid.SampledFrom([]string{"i-", "b-", "sg-"}).Draw(t, "id"), i),
		vpc:  rapid.SampledFrom([]string{"", "vpc-ours", "vpc-theirs"}).Draw(t, "vpc"),
		tags: map[string]string{}, groups: rapid.SliceOfN(ids, 0, 2).Draw(t, "groups"), holders: rapid.SliceOfN(ids, 0, 2).Draw(t, "holders"),
		created: clusterMade.Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, "age")) * time.Hour),
	}
	if rapid.Bool().Draw(t, "logs") && one.kind == kindLogs {
		one.id = logGroup(rapid.SampledFrom([]string{"prod", "dev"}).Draw(t, "of"))
	}
	for range rapid.IntRange(0, 3).Draw(t, "tags") {
		key := rapid.SampledFrom([]string{tagShared + "prod", tagShared + "dev", "KubernetesCluster", "elbv2.k8s.aws/cluster", tagNode, tagCluster, tagID, "Name"}).Draw(t, "key")
		one.tags[key] = rapid.SampledFrom([]string{owned, "shared", "prod", "dev", "id1", "id2"}).Draw(t, "value")
	}
	return one
}

// Whatever there is: nothing is taken that bears anybody's mark, that names another
// cluster, that lies in another network, or of which no tag says that it is a
// cluster's; and nothing at all when the name is not ours.
func TestClaimsTakeNothingForeign(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := ourScope()
		s.named, s.ownsVPC = rapid.Bool().Draw(t, "named"), rapid.Bool().Draw(t, "owns")
		s.vpc = rapid.SampledFrom([]string{"", "vpc-ours"}).Draw(t, "where")
		var all []thing
		for i := range rapid.IntRange(0, 8).Draw(t, "things") {
			all = append(all, anyThing(t, i))
		}
		for _, c := range s.claims(all) {
			switch {
			case !s.named:
				t.Fatalf("%v is taken although the name is not ours", c)
			case c.proof == "":
				t.Fatalf("%v is taken without a proof", c)
			case marked(c.tags):
				t.Fatalf("%v bears a mark", c)
			case c.kind == kindLogs:
				if c.id != "/aws/eks/prod/cluster" || c.created.Before(clusterMade) {
					t.Fatalf("%v is another's", c)
				}
			case !names(c.tags, "prod") && c.tags[tagNode] == "":
				t.Fatalf("%v bears no tag of the cluster", c)
			case c.tags[tagShared+"dev"] != "" && !(c.kind == kindInterface && c.tags[tagNode] != ""):
				t.Fatalf("%v names another cluster", c)
			case !c.kept() && (c.vpc != "vpc-ours" || s.vpc == ""):
				t.Fatalf("%v is not in the cluster's network", c)
			case c.kind == kindIssuer || c.kind == kindStack:
				t.Fatalf("%v is ours by its mark alone", c)
			}
		}
	})
}

// What is proven once stays proven when it has got the mark: a removal that goes on
// after it died finds the same things, without the cluster.
func TestMarkedThingsStayTheClusters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := ourScope()
		var all []thing
		for i := range rapid.IntRange(1, 8).Draw(t, "things") {
			all = append(all, anyThing(t, i))
		}
		claimed := map[string]bool{}
		for _, c := range s.claims(all) {
			claimed[c.id] = true
		}
		before := &removal{scope: s, mine: claimed}
		half := rapid.IntRange(0, len(all)).Draw(t, "died after")
		for i := range all[:half] {
			if claimed[all[i].id] {
				all[i].tags = maps.Clone(all[i].tags)
				maps.Copy(all[i].tags, s.tags(nil))
			}
		}
		after := &removal{scope: s, mine: map[string]bool{}}
		for _, c := range s.claims(all) {
			after.mine[c.id] = true
		}
		for _, one := range all {
			if before.has(one) && !after.has(one) {
				t.Fatalf("%v was the cluster's, and is not any more", one)
			}
		}
	})
}

func TestHasNothingWithoutTheMark(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &removal{scope: ourScope(), mine: map[string]bool{}}
		one := anyThing(t, 0)
		if want := one.tags[tagCluster] == "prod" && one.tags[tagID] == "id1"; r.has(one) != want {
			t.Fatalf("has %v: %t, want %t", one, r.has(one), want)
		}
	})
}
