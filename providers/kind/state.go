package kind

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// holding is what Docker has of one cluster of ours.
type holding struct {
	name, id  string
	claim     *volume
	nodes     []container // control planes first, each in the order of their names
	templates []container
	balancer  *container // kind's, before several control planes
	images    []image    // the node image and the phases
}

// ours tells whether labels are our mark, in this realm.
func (s survey) ours(labels map[string]string) bool {
	return labels[labelProvider] == ProviderName && labels[labelRealm] == s.realm && checkSpec(labels[labelCluster], labels[labelID]) == nil
}

// of returns what there is of the cluster of that name: ErrNotFound when the
// name is free, a *ForeignError when something without our mark holds it.
//
// The claim says whose the name is. Where it is lost (docker volume prune) the
// nodes do, which cannot be two clusters' at once: they have the same names.
func (s survey) of(name string) (holding, error) {
	var foreigner error
	id := ""
	for _, v := range s.claims {
		if v.Name != claimName(name) {
			continue
		}
		if s.ours(v.Labels) && v.Labels[labelCluster] == name {
			id = v.Labels[labelID]
		} else {
			foreigner = foreign(name, "the volume "+v.Name)
		}
	}
	for _, c := range s.containers {
		switch {
		case s.ours(c.Config.Labels):
			if id == "" && foreigner == nil && c.label(labelCluster) == name && c.label(labelPart) == partNode {
				id = c.label(labelID)
			}
		case c.label(kindCluster) == name && c.label(kindRole) != roleBalancer:
			foreigner = cmp.Or(foreigner, foreign(name, "the kind cluster of that name (container "+c.name()+")"))
		case c.name() == name+"-"+roleControl:
			foreigner = cmp.Or(foreigner, foreign(name, "the container "+c.name()))
		}
	}
	switch {
	case id != "":
		return s.holding(name, id), nil
	case foreigner != nil:
		return holding{}, foreigner
	}
	return holding{}, providers.ErrNotFound
}

// holding collects all that bears the mark, the name and the id.
func (s survey) holding(name, id string) holding {
	h := holding{name: name, id: id}
	for _, v := range s.claims {
		if v.Name == claimName(name) && s.ours(v.Labels) && v.Labels[labelID] == id {
			h.claim = &v
		}
	}
	for _, c := range s.containers {
		if !s.ours(c.Config.Labels) || c.label(labelCluster) != name || c.label(labelID) != id {
			continue
		}
		if c.label(labelPart) == partTemplate {
			h.templates = append(h.templates, c)
		} else {
			h.nodes = append(h.nodes, c)
		}
	}
	slices.SortFunc(h.nodes, func(a, b container) int {
		return cmp.Or(strings.Compare(a.label(kindRole), b.label(kindRole)), cmp.Compare(len(a.Name), len(b.Name)), strings.Compare(a.Name, b.Name))
	})
	for _, i := range s.images {
		if n, d, ok := parseTag(i.Tag); ok && n == name && d == id {
			h.images = append(h.images, i)
		}
	}
	for _, c := range s.containers {
		if h.balances(c) {
			h.balancer = &c
		}
	}
	return h
}

// balances tells whether a container is the load balancer of this cluster. kind
// makes it from an image of somebody else, so it cannot bear our mark: what it
// has to bear is kind's labels of this cluster, the port that the claim chose
// for it, and an age below the claim's, both by Docker's clock. While the claim
// holds the name nobody else's has all three.
func (h holding) balances(c container) bool {
	port := h.label(labelPort)
	if port == "" || c.label(kindCluster) != h.name || c.label(kindRole) != roleBalancer || h.claim != nil && c.Created.Before(h.claim.CreatedAt) {
		return false
	}
	for _, b := range c.HostConfig.PortBindings[apiPort] {
		if b.HostPort == port {
			return true
		}
	}
	return false
}

// label returns a label of the cluster, from whatever bears it.
func (h holding) label(key string) string {
	if len(h.nodes) > 0 {
		return h.nodes[0].label(key)
	}
	if h.claim != nil {
		return h.claim.Labels[key]
	}
	return ""
}

func (h holding) created() time.Time {
	t, err := time.Parse(time.RFC3339, h.label(labelCreated))
	if err != nil {
		return time.Time{}
	}
	return t
}

func (h holding) in(ph phase) bool {
	return slices.ContainsFunc(h.images, func(i image) bool { return i.Repository == ph.repository() })
}

// finished tells whether the cluster was made whole once. Tags say so, and where
// somebody removed those (docker image prune --all), its control planes.
func (h holding) finished() bool {
	return h.in(phaseReady) || h.in(phaseStopped) || slices.ContainsFunc(h.nodes, func(c container) bool { return c.whole })
}

// empty: nothing is there but perhaps the claim.
func (h holding) empty() bool {
	return len(h.nodes) == 0 && len(h.templates) == 0 && len(h.images) == 0 && h.balancer == nil
}

// containers are all that have to be removed.
func (h holding) containers() []container {
	all := append(slices.Clone(h.nodes), h.templates...)
	if h.balancer != nil {
		all = append(all, *h.balancer)
	}
	return all
}

// running are the containers that do the work, dead or alive.
func (h holding) working() []container {
	all := slices.Clone(h.nodes)
	if h.balancer != nil {
		all = append(all, *h.balancer)
	}
	return all
}

// state says where the cluster is in its life as far as Docker knows, and why
// it is not running. Whether the API server answers is not known here.
func (h holding) state() (state providers.State, reason string) {
	switch {
	case h.in(phaseDeleting):
		return providers.StateDeleting, "it was not finished"
	case !h.finished():
		return providers.StateCreating, "it was not finished"
	case h.lacking() != "":
		return providers.StateBroken, h.lacking()
	case h.in(phaseStopped):
		for _, c := range h.working() {
			if c.State.Running {
				return providers.StateBroken, "it was stopped, and " + c.name() + " runs"
			}
		}
		return providers.StateStopped, ""
	}
	for _, c := range h.working() {
		switch {
		case c.State.Paused:
			return providers.StateBroken, c.name() + " is paused"
		case !c.State.Running:
			return providers.StateBroken, c.name() + " does not run" + c.exit()
		}
	}
	return providers.StateRunning, ""
}

// lacking names what somebody removed, "" for nothing.
func (h holding) lacking() string {
	want, err := strconv.Atoi(h.label(labelNodes))
	switch {
	case len(h.nodes) == 0:
		return "its nodes are gone"
	case err == nil && len(h.nodes) < want:
		return fmt.Sprintf("%d of its %d nodes are gone", want-len(h.nodes), want)
	case h.label(labelPort) != "" && h.balancer == nil:
		return "its load balancer is gone"
	}
	return ""
}

func (c container) exit() string {
	if c.State.Status != "exited" {
		return " (" + c.State.Status + ")"
	}
	if c.State.Error != "" {
		return ": " + c.State.Error
	}
	return fmt.Sprintf(" (exit code %d)", c.State.ExitCode)
}

// controlPlane is a node whose API server can be asked, one that runs if there
// is one.
func (h holding) controlPlane() (container, bool) {
	var found *container
	for i, c := range h.nodes {
		if c.controls() && (found == nil || c.State.Running && !found.State.Running) {
			found = &h.nodes[i]
		}
	}
	if found == nil {
		return container{}, false
	}
	return *found, true
}

// endpoint is the URL of the API server from this machine, "" while unknown.
func (h holding) endpoint() string {
	front, ok := h.controlPlane()
	if h.balancer != nil {
		front, ok = *h.balancer, true
	}
	if !ok {
		return ""
	}
	// Docker Desktop says here where a remote machine is reached.
	if at := front.label("desktop.docker.io/ports/" + apiPort); at != "" {
		return "https://" + at
	}
	for _, ports := range []map[string][]binding{front.NetworkSettings.Ports, front.HostConfig.PortBindings} {
		for _, b := range ports[apiPort] {
			if b.HostPort != "" && b.HostPort != "0" {
				return "https://" + joinHost(b.HostIP, b.HostPort)
			}
		}
	}
	return ""
}
