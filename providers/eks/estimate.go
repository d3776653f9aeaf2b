package eks

import (
	"fmt"
	"strings"

	"github.com/rekindle-io/rekindle/providers"
)

// defaultDisk is what EKS gives a node of Linux when nothing is said, in GiB.
const defaultDisk = 20

// Estimate is what would be made for settings and what an hour of it costs, by the
// table of prices.go. AWS is not asked.
func (p *Provider) Estimate(s providers.Settings) (providers.Estimate, error) {
	set, err := decode(s)
	if err != nil {
		return providers.Estimate{}, fmt.Errorf("provider %s: %w", ProviderName, err)
	}
	e := estimating{set: set, Estimate: providers.Estimate{Currency: currency, AsOf: pricesAsOf}}
	e.prices, e.known = priceTable[set.Region]
	e.control(extended(set.Version, p.opts.Now()))
	for _, g := range set.NodeGroups {
		e.nodes(g)
	}
	e.rest()
	return e.Estimate, nil
}

// estimating adds up an estimate.
type estimating struct {
	providers.Estimate
	set    settings
	prices regionPrices
	// known: the table has the region.
	known bool
}

// add adds a part with its price.
func (e *estimating) add(what string, hourly float64) {
	e.Parts = append(e.Parts, providers.EstimatedPart{What: what, Hourly: &hourly})
	e.Hourly += hourly
}

// unpriced adds a part without a price, and why it has none.
func (e *estimating) unpriced(what, why string) {
	e.Parts = append(e.Parts, providers.EstimatedPart{What: what})
	e.Unpriced = append(e.Unpriced, what+": "+why)
}

// free adds a part that costs nothing by the hour.
func (e *estimating) free(what string) { e.add(what, 0) }

const unlisted = "the table has no prices of region %s"

func (e *estimating) control(extended bool) {
	what, price := "control plane", priceStandard
	if e.set.Version != "" {
		what += " of version " + e.set.Version
	}
	if extended {
		what, price = what+", in extended support", priceExtended
	}
	if !e.known {
		e.unpriced(what, fmt.Sprintf(unlisted, e.set.Region))
		return
	}
	e.add(what, price)
}

// nodes adds a node group at the size that it begins with: its machines, their disks
// and, in our own network, their public addresses.
func (e *estimating) nodes(g nodeGroup) {
	least, size, most := g.scaling()
	what := fmt.Sprintf("node group %s: %d x %s", g.Name, size, g.InstanceTypes[0])
	price, priced := e.prices.machine(g.InstanceTypes[0])
	switch {
	case !e.known:
		e.unpriced(what, fmt.Sprintf(unlisted, e.set.Region))
	case g.Capacity == capacitySpot && priced:
		e.unpriced(what+", spot", fmt.Sprintf("the price of spot machines changes; on demand they would cost %.3f", float64(size)*price))
	case g.Capacity == capacitySpot:
		e.unpriced(what+", spot", "the price of spot machines changes")
	case !priced:
		e.unpriced(what, "the table has no price of "+g.InstanceTypes[0])
	default:
		e.add(what, float64(size)*price)
	}
	if least != size || most != size {
		e.Unpriced = append(e.Unpriced, fmt.Sprintf("node group %s: it is reckoned with %d nodes, and may have %d to %d", g.Name, size, least, most))
	}
	if len(g.InstanceTypes) > 1 {
		e.Unpriced = append(e.Unpriced, fmt.Sprintf("node group %s: it is reckoned with its first type, and may have %s", g.Name, strings.Join(g.InstanceTypes[1:], ", ")))
	}
	if !e.known || size == 0 {
		return
	}
	disk := g.Disk
	if disk == 0 {
		disk = defaultDisk
	}
	e.add(fmt.Sprintf("disks of node group %s: %d x %d GiB, gp3", g.Name, size, disk), float64(size)*float64(disk)*e.prices.storage/hoursPerMonth)
	if e.set.Network == nil {
		e.add(fmt.Sprintf("public IPv4 addresses of node group %s: %d", g.Name, size), float64(size)*priceAddress)
	}
}

// rest adds what is free, and says what is not reckoned.
func (e *estimating) rest() {
	if wantsStack(e.set) {
		what := "CloudFormation stack with roles"
		if e.set.Network == nil {
			what = fmt.Sprintf("CloudFormation stack with a VPC, %d public subnets and roles; no NAT gateway", zones)
		}
		e.free(what)
	}
	if e.set.IRSA {
		e.free("OIDC provider in IAM")
	}
	if e.set.Network != nil {
		e.Unpriced = append(e.Unpriced, "public addresses and NAT gateways of the network that the settings name")
	}
	if len(e.set.Logging) > 0 {
		e.Unpriced = append(e.Unpriced, "logs of the control plane in CloudWatch, by their size")
	}
	if e.set.EncryptionKey != "" {
		e.Unpriced = append(e.Unpriced, "requests to the KMS key")
	}
	balancers := "load balancers that the commit asks for"
	if e.known {
		balancers += fmt.Sprintf(" (%.4f an hour for a network one, %.4f for a classic one, and their traffic)", e.prices.network, e.prices.classic)
	}
	e.Unpriced = append(e.Unpriced, balancers, "volumes that the commit asks for", "traffic", "taxes and discounts")
}
