package clouds

import (
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/testenv/aws"
)

// A cluster is restored, drifts, is taken down for the night and comes back, with
// nothing left in between, and with what has changed in the report.
func TestLife(t *testing.T) {
	p := newPerson(t, aws.Options{Own: true})
	t.Log(p.must("plan", "prod"))
	t.Log(p.must("restore", "prod", "--yes"))
	first := read[providers.Cluster](p, "clusters", "show", "prod", "--json")
	if first.State != providers.StateRunning || first.Issuer == "" || first.Version != "v1.36" {
		t.Errorf("it is %+v", first)
	}
	if r := p.run("drift", "prod", "--exit-code"); r.code != 0 {
		t.Errorf("drift right after: %s", r)
	}
	p.recolor("red")
	if r := p.run("drift", "prod", "--exit-code"); r.code != 3 || !strings.Contains(r.out, "settings") {
		t.Errorf("drift: %s", r)
	}
	p.balanced()
	t.Log(p.must("teardown", "prod", "--confirm", "prod"))
	p.nothing()
	if out := p.must("clusters", "leftovers", "prod"); strings.Contains(out, "prod") {
		t.Errorf("leftovers: %s", out)
	}
	t.Log(p.must("restore", "prod", "--yes"))
	second := read[providers.Cluster](p, "clusters", "show", "prod", "--json")
	if second.ID == first.ID || second.Issuer == first.Issuer || second.Endpoint == first.Endpoint {
		t.Errorf("it is the same: %+v, %+v", first, second)
	}
	t.Log(p.must("teardown", "prod", "--confirm", "prod"))
	p.nothing()
}
