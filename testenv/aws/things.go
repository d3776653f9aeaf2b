package aws

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Thing is something that is there, and costs or belongs to somebody.
type Thing struct {
	// Kind is "volume", "eks cluster"; ID how AWS calls it.
	Kind, ID        string
	Account, Region string
	Tags            map[string]string
}

func (t Thing) String() string {
	tags := make([]string, 0, len(t.Tags))
	for _, k := range slices.Sorted(maps.Keys(t.Tags)) {
		tags = append(tags, k+"="+t.Tags[k])
	}
	return fmt.Sprintf("%s %s (%s, %s) [%s]", t.Kind, t.ID, t.Account, t.Region, strings.Join(tags, " "))
}

// Things lists all that is there and that somebody made: what AWS has for itself, and
// what goes with something else, is left out.
func (w *World) Things() []Thing {
	var all []Thing
	// Stacks move on when they are looked at, and with them what they are made of.
	for _, i := range w.CloudFormation.Things() {
		all = append(all, Thing{i.Type, i.ID, i.Account, i.Region, i.Tags})
	}
	for _, i := range w.EKS.Things() {
		all = append(all, Thing{"eks " + i.Type, i.ID, i.Account, i.Region, i.Tags})
	}
	for _, i := range w.EC2.Things() {
		if !i.Implied {
			all = append(all, Thing{i.Type, i.ID, i.Account, i.Region, i.Tags})
		}
	}
	for _, i := range w.ELB.Things() {
		all = append(all, Thing{i.Type, i.ID, i.Account, i.Region, i.Tags})
	}
	for _, i := range w.IAM.Things() {
		if !i.Implied {
			all = append(all, Thing{i.Type, i.ID, i.Account, "", i.Tags})
		}
	}
	for _, i := range w.Logs.Things() {
		all = append(all, Thing{i.Type, i.ID, i.Account, i.Region, i.Tags})
	}
	return all
}
