package eks

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

func estimator(t *testing.T, now string) *Provider {
	t.Helper()
	at, err := time.Parse(time.DateOnly, now)
	if err != nil {
		t.Fatal(err)
	}
	return &Provider{opts: Options{Now: func() time.Time { return at }}}
}

func TestAnHourCostsWhatItsPartsDo(t *testing.T) {
	nodes := func(more string) providers.Settings {
		g := map[string]any{"name": "workers", "instanceTypes": []any{"m6i.large"}, "size": 3}
		for word := range strings.FieldsSeq(more) {
			k, v, _ := strings.Cut(word, "=")
			if k == "instanceTypes" {
				g[k] = []any{v}
			} else {
				g[k] = v
			}
		}
		return providers.Settings{"nodeGroups": []any{g}}
	}
	disks := 3 * 20 * 0.0952 / 730
	for _, c := range []struct {
		name     string
		more     providers.Settings
		want     float64
		unpriced string
	}{
		{"nothing but a control plane", nil, 0.10, "load balancers"},
		{"extended support", providers.Settings{"version": "1.31"}, 0.60, ""},
		{"older than the table", providers.Settings{"version": "1.24"}, 0.60, ""},
		{"newer than the table", providers.Settings{"version": "1.36"}, 0.10, ""},
		{"three nodes", nodes(""), 0.10 + 3*0.115 + disks + 3*0.005, "traffic"},
		{"larger ones", nodes("instanceTypes=m6i.4xlarge"), 0.10 + 3*8*0.115 + disks + 3*0.005, ""},
		{"small ones", nodes("instanceTypes=t3.small"), 0.10 + 3*0.024 + disks + 3*0.005, ""},
		{"spot", nodes("capacity=spot"), 0.10 + disks + 3*0.005, "on demand they would cost 0.345"},
		{"unknown machines", nodes("instanceTypes=p5.48xlarge"), 0.10 + disks + 3*0.005, "the table has no price of p5.48xlarge"},
		{"no such size", nodes("instanceTypes=m6i.medium"), 0.10 + disks + 3*0.005, "no price of m6i.medium"},
		{"another region", providers.Settings{"region": "sa-east-1", "nodeGroups": nodes("")["nodeGroups"]}, 0, "no prices of region sa-east-1"},
		{"keys and logs", providers.Settings{"logging": []any{"api"}, "encryptionKey": "arn:aws:kms:eu-central-1:123456789012:key/1"}, 0.10, "CloudWatch"},
	} {
		e, err := estimator(t, "2026-11-23").Estimate(plain(c.more))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if math.Abs(e.Hourly-c.want) > 1e-9 || e.Currency != "USD" || e.AsOf == "" {
			t.Errorf("%s: %.5f, want %.5f: %+v", c.name, e.Hourly, c.want, e)
		}
		if !strings.Contains(strings.Join(e.Unpriced, "\n"), c.unpriced) {
			t.Errorf("%s: unpriced are %q, want %q", c.name, e.Unpriced, c.unpriced)
		}
		sum := 0.0
		for _, p := range e.Parts {
			if p.Hourly != nil {
				sum += *p.Hourly
			}
		}
		if math.Abs(sum-e.Hourly) > 1e-9 {
			t.Errorf("%s: the parts cost %.5f, all %.5f", c.name, sum, e.Hourly)
		}
	}
	if _, err := estimator(t, "2026-11-23").Estimate(providers.Settings{"region": "x"}); err == nil || !strings.Contains(err.Error(), "settings.region") {
		t.Errorf("bad settings: %v", err)
	}
}

func TestSupportOfAVersionEndsOnItsDay(t *testing.T) {
	for day, want := range map[string]bool{"2026-12-01": false, "2026-12-02": false, "2026-12-03": true} {
		e, err := estimator(t, day).Estimate(plain(providers.Settings{"version": "1.34"}))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(fmt.Sprint(e.Parts[0].What), "extended"); got != want {
			t.Errorf("%s: extended is %t", day, got)
		}
	}
}

// TestPricesAreNoSlips compares regions and families: a wrong digit stands out.
func TestPricesAreNoSlips(t *testing.T) {
	for region, p := range priceTable {
		if p.storage < 0.05 || p.storage > 0.2 || p.network > p.classic || p.network < 0.01 {
			t.Errorf("%s: %+v", region, p)
		}
		for family, price := range p.large {
			base, known := american[family]
			if !known || price < base || price > 1.5*base {
				t.Errorf("%s %s: %v, in America %v", region, family, price, base)
			}
		}
	}
	if _, err := time.Parse(time.DateOnly, pricesAsOf); err != nil {
		t.Error(err)
	}
}
