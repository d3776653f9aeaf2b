package eks

import (
	"maps"
	"slices"
)

// remembered is the mark of a cluster of this id that was begun in this account and
// region, as this machine remembers: with the zero time when it does not.
func (p *Provider) remembered(_ *account, m mark) mark { return m }

// rememberedIn are the clusters that this machine remembers in an account and region.
func (p *Provider) rememberedIn(*account) ([]scope, error) { return nil, nil }

// forget is called once nothing of a cluster is left.
func (p *Provider) forget(string, string) error { return nil }

// everywhere is where clusters may be, as far as is known.
func (p *Provider) everywhere() ([]settings, error) {
	declared, err := p.opts.Declared()
	if err != nil {
		return nil, err
	}
	var all []settings
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		if set, err := decode(declared[name]); err == nil { // a fault is told where it is declared
			all = append(all, set)
		}
	}
	return all, nil
}
