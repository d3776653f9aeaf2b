package eks

// remembered is the mark of a cluster of this id, with the time that it was made when
// this machine remembers that it was begun in this account and region; and whether it
// does.
func (p *Provider) remembered(a *account, m mark) (record, bool, error) {
	r, there, err := p.recordOf(m.name, m.id)
	if err != nil || !there || r.Account != a.number || r.Region != a.region {
		return record{}, false, err
	}
	return r, true, nil
}

// rememberedIn are the clusters that this machine remembers in an account and region.
func (p *Provider) rememberedIn(a *account) ([]scope, error) {
	all, err := p.recorded("")
	if err != nil {
		return nil, err
	}
	var found []scope
	for _, r := range all {
		if r.Account == a.number && r.Region == a.region {
			found = append(found, scope{mark: r.mark(), named: true, since: r.Created, vpc: r.VPC})
		}
	}
	return found, nil
}
