package nights

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/providers/eks/permissions"
	"github.com/rekindle-io/rekindle/testenv"
	"github.com/rekindle-io/rekindle/testenv/aws"
	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
)

// A cluster in the cloud is made when the day begins, drifts, is taken down at night so
// that nothing is left that costs anything, and is back, another one, in the morning.
// All of it with the permissions that are published, and no others.
func TestNightsInTheCloud(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	t.Parallel()
	const account, region = "123456789012", "eu-central-1"
	world := aws.Start(t, aws.Options{Root: t.TempDir(), Binary: testenv.Binary(t), Own: true})
	policy, err := permissions.Policy(permissions.Scope{Account: account, Regions: []string{region}})
	if err != nil {
		t.Fatal(err)
	}
	key, err := world.Grant(account, "rekindle", policy)
	if err != nil {
		t.Fatal(err)
	}
	e := evening{newHouse(t, at(6, 19, 0))}
	e.env = append(append(e.env, world.Environment(key, region)...), "REKINDLE_AWS_PACE=25ms")
	e.repo("repo", map[string]string{"shop.yaml": shop})
	e.bare("live.git")
	e.write("rekindle.yaml", strings.Replace(e.dev(""), "    provider: local\n", fmt.Sprintf(`    provider: eks
    settings:
      region: %s
      allow: {accounts: [%q]}
      nodeGroups: [{name: workers, instanceTypes: [m6i.large], size: 1}]
      addons: [{name: vpc-cni}]
`, region, account), 1))
	e.up()
	for day := 6; day <= 7; day++ {
		e.clock.set(at(day, 20, 0))
		e.await("asleep")
		if left := world.Things(); len(left) > 0 {
			t.Fatalf("left for the night: %v", left)
		}
		e.clock.set(at(day+1, 7, 0))
		e.await("awake")
	}
	volume := e.volume(world.EC2.At(account, region))
	e.clock.set(at(8, 20, 0))
	e.await("asleep")
	if left := world.Things(); len(left) != 1 || left[0].ID != volume {
		t.Errorf("left for the night, beside volume %s: %v", volume, left)
	}
	if n := e.told("kept", volume); n.Subject != "dev: taken down; one thing stays, and goes on costing" || !strings.Contains(n.Text, "claim shop/data") {
		t.Errorf("people are told: %+v", n)
	}
	e.clock.set(at(9, 7, 0))
	e.await("awake")
	for _, recipe := range []string{"restore", "teardown"} {
		if list := outcomes(e.runs(recipe)); list != "done done done done" && list != "done done done" {
			t.Errorf("%ss: %s", recipe, list)
		}
	}
	restores := e.runs("restore")
	if show := e.must("runs", "show", restores[len(restores)-1].ID); !strings.Contains(show, "issuer") {
		t.Errorf("the report does not say what is new:\n%s", show)
	}
	if report := e.must("schedule", "report"); !strings.Contains(report, "USD") {
		t.Errorf("the report has no prices:\n%s", report)
	}
	e.must("clusters", "delete", "dev", "--confirm", "dev")
	if left := world.Things(); len(left) != 1 {
		t.Errorf("left in the end: %v", left)
	}
}

// volume makes one for a claim of the cluster, which is to outlive it.
func (e evening) volume(place *ec2.Place) string {
	e.t.Helper()
	v, err := place.CreateVolume(ec2.Volume{Zone: place.Zones()[0].Name, Size: 8, Thing: ec2.Thing{Tags: map[string]string{
		"kubernetes.io/cluster/dev": "owned", "kubernetes.io/created-for/pvc/namespace": "shop", "kubernetes.io/created-for/pvc/name": "data"}}})
	if err != nil {
		e.t.Fatal(err)
	}
	return v.ID
}
