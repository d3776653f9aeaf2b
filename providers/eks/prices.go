package eks

import (
	"strconv"
	"strings"
	"time"
)

// List prices of AWS in US dollars, without taxes, discounts and commitments, as its
// pages on pricing had them on pricesAsOf. What is not here is named as unpriced: a
// price that is left out is better than a wrong one.
const (
	pricesAsOf = "2025-11-01"
	currency   = "USD"

	// A control plane costs the same in all regions of the table, and more once the
	// version of Kubernetes is out of standard support.
	priceStandard = 0.10
	priceExtended = 0.60
	// A public IPv4 address, in use or not.
	priceAddress = 0.005
	// hoursPerMonth is what AWS reckons with where it has a price for a month.
	hoursPerMonth = 730
)

// regionPrices are those of one region, for an hour on demand with Linux.
type regionPrices struct {
	// storage is a GiB of gp3 for a month.
	storage float64
	// network and classic are load balancers, without their traffic.
	network, classic float64
	// large is the size "large" of each family; other sizes are multiples of it.
	large map[string]float64
}

// american are the families that cost the same in us-east-1, us-east-2 and us-west-2.
var american = map[string]float64{
	"t3": 0.0832, "t3a": 0.0752, "t4g": 0.0672,
	"m5": 0.096, "m5a": 0.086, "m6i": 0.096, "m6a": 0.0864, "m6g": 0.077, "m7i": 0.1008, "m7g": 0.0816,
	"c5": 0.085, "c5a": 0.077, "c6i": 0.085, "c6a": 0.0765, "c6g": 0.068, "c7i": 0.08925, "c7g": 0.0725,
	"r5": 0.126, "r6i": 0.126, "r6g": 0.1008, "r7i": 0.1323, "r7g": 0.1071,
}

var priceTable = map[string]regionPrices{
	"us-east-1": {storage: 0.08, network: 0.0225, classic: 0.025, large: american},
	"us-east-2": {storage: 0.08, network: 0.0225, classic: 0.025, large: american},
	"us-west-2": {storage: 0.08, network: 0.0225, classic: 0.025, large: american},
	"eu-west-1": {storage: 0.088, network: 0.0252, classic: 0.028, large: map[string]float64{
		"t3": 0.0912, "t3a": 0.0816, "t4g": 0.0736, "m5": 0.107, "m6i": 0.107, "m6a": 0.0963, "m6g": 0.086, "c5": 0.096, "c6g": 0.073, "r5": 0.141, "r6i": 0.141, "r6g": 0.113,
	}},
	"eu-central-1": {storage: 0.0952, network: 0.027, classic: 0.03, large: map[string]float64{
		"t3": 0.096, "t3a": 0.0864, "t4g": 0.0768, "m5": 0.115, "m6i": 0.115, "m6a": 0.1035, "m6g": 0.092, "c5": 0.097, "c6i": 0.097, "c6g": 0.0776, "r5": 0.152, "r6i": 0.152,
	}},
	"ap-southeast-1": {storage: 0.096, network: 0.0252, classic: 0.028, large: map[string]float64{
		"t3": 0.1056, "m5": 0.12, "m6i": 0.12, "c5": 0.098, "r5": 0.152, "r6i": 0.152,
	}},
	"ap-northeast-1": {storage: 0.096, network: 0.0243, classic: 0.027, large: map[string]float64{
		"t3": 0.1088, "m5": 0.124, "m6i": 0.124, "c5": 0.107, "r5": 0.152, "r6i": 0.152,
	}},
}

// sizes are how many times the price of "large" a size costs, where it is not a number
// of "xlarge", which is two.
var sizes = map[string]float64{"medium": 0.5, "large": 1, "xlarge": 2}

// smaller are the sizes below medium, which only the families for changing loads have.
var smaller = map[string]float64{"small": 0.25, "micro": 0.125, "nano": 0.0625}

// noMedium are the families that begin with large.
var noMedium = map[string]bool{
	"m5": true, "m5a": true, "m6i": true, "m7i": true, "c5": true, "c5a": true, "c6i": true, "c7i": true, "r5": true, "r6i": true, "r7i": true,
	"m6a": true, "c6a": true,
}

// machine is the price of a machine of that type, "m6i.2xlarge", for an hour; false when
// the table does not have it.
func (p regionPrices) machine(kind string) (float64, bool) {
	family, size, _ := strings.Cut(kind, ".")
	large, known := p.large[family]
	if !known {
		return 0, false
	}
	if factor, ok := smaller[size]; ok && strings.HasPrefix(family, "t") {
		return factor * large, true
	}
	if size == "medium" && noMedium[family] {
		return 0, false
	}
	if factor, ok := sizes[size]; ok {
		return factor * large, true
	}
	n, err := strconv.Atoi(strings.TrimSuffix(size, "xlarge"))
	if !strings.HasSuffix(size, "xlarge") || err != nil || n < 2 || n > 48 {
		return 0, false
	}
	return 2 * float64(n) * large, true
}

// standardUntil is the last day of standard support of EKS' versions of Kubernetes. A
// version that is older than all of them is in extended support, a newer one is not.
var standardUntil = map[string]string{
	"1.30": "2025-07-23", "1.31": "2025-11-26", "1.32": "2026-03-23", "1.33": "2026-07-29", "1.34": "2026-12-02",
}

const oldestKnown = "1.30"

// extended tells whether a version is in extended support at that time.
func extended(version string, now time.Time) bool {
	until, known := standardUntil[version]
	if !known {
		return version != "" && version < oldestKnown // both have three digits, by settings.check
	}
	return now.UTC().Format(time.DateOnly) > until
}
