package kind

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/providers"
)

const born = "2026-11-22T10:00:00Z"

func marks(name, id string, more ...string) map[string]string {
	l := map[string]string{
		labelProvider: ProviderName, labelRealm: "default", labelCluster: name, labelID: id,
		labelCreated: born, labelNodes: "1", labelControls: "1",
	}
	for i := 0; i < len(more); i += 2 {
		l[more[i]] = more[i+1]
	}
	return l
}

func claimOf(name, id string, more ...string) volume {
	return volume{Name: claimName(name), CreatedAt: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), Labels: marks(name, id, more...)}
}

func nodeOf(name, id, role, state string, more ...string) container {
	c := container{ID: name + id + role, Name: "/" + name + "-" + role, Created: time.Date(2026, 11, 22, 10, 0, 5, 0, time.UTC)}
	c.Config.Labels = marks(name, id, append([]string{labelPart, partNode, labelVersion, "v1.36.3", kindCluster, name, kindRole, strings.TrimRight(role, "0123456789")}, more...)...)
	c.State.Status, c.State.Running = state, state == "running"
	c.NetworkSettings.Ports = map[string][]binding{apiPort: {{HostIP: "127.0.0.1", HostPort: "40000"}}}
	return c
}

func tagOf(repository, name, id, attempt string) image {
	return image{ID: "sha256:" + id, Repository: repository, Tag: strings.TrimSuffix(name+"."+id+"."+attempt, ".")}
}

func ready(name, id string) []image {
	return []image{tagOf(nodeImages, name, id, "0123456789ab"), tagOf(phaseReady.repository(), name, id, "")}
}

// strange is a container that is none of ours.
func strange(name string, labels map[string]string) container {
	c := container{ID: "strange", Name: "/" + name}
	c.Config.Labels = labels
	return c
}

// What Docker holds is all that is known of a cluster.
func TestState(t *testing.T) {
	paused := nodeOf("dev", "1", "control-plane", "running")
	paused.State.Paused = true
	dead := nodeOf("dev", "1", "control-plane", "exited")
	dead.State.ExitCode = 137
	whole := nodeOf("dev", "1", "control-plane", "running", labelNodes, "2")
	whole.whole = true
	wholeWorker := nodeOf("dev", "1", "worker", "running", labelNodes, "2")
	tests := map[string]struct {
		survey survey
		want   providers.State
		reason string
	}{
		"a claim":                  {survey{claims: []volume{claimOf("dev", "1")}}, providers.StateCreating, "not finished"},
		"a node, not yet ready":    {survey{claims: []volume{claimOf("dev", "1")}, containers: []container{nodeOf("dev", "1", "control-plane", "running")}, images: ready("dev", "1")[:1]}, providers.StateCreating, "not finished"},
		"ready":                    {survey{claims: []volume{claimOf("dev", "1")}, containers: []container{nodeOf("dev", "1", "control-plane", "running")}, images: ready("dev", "1")}, providers.StateRunning, ""},
		"the claim was pruned":     {survey{containers: []container{nodeOf("dev", "1", "control-plane", "running")}, images: ready("dev", "1")}, providers.StateRunning, ""},
		"killed":                   {survey{claims: []volume{claimOf("dev", "1")}, containers: []container{dead}, images: ready("dev", "1")}, providers.StateBroken, "dev-control-plane does not run (exit code 137)"},
		"paused":                   {survey{claims: []volume{claimOf("dev", "1")}, containers: []container{paused}, images: ready("dev", "1")}, providers.StateBroken, "paused"},
		"its node was removed":     {survey{claims: []volume{claimOf("dev", "1")}, images: ready("dev", "1")}, providers.StateBroken, "nodes are gone"},
		"its worker was removed":   {survey{claims: []volume{claimOf("dev", "1")}, containers: []container{nodeOf("dev", "1", "control-plane", "running", labelNodes, "2")}, images: ready("dev", "1")}, providers.StateBroken, "1 of its 2 nodes"},
		"its balancer was removed": {survey{claims: []volume{claimOf("dev", "1")}, containers: []container{nodeOf("dev", "1", "control-plane", "running", labelPort, "40000")}, images: ready("dev", "1")}, providers.StateBroken, "load balancer is gone"},
		"stopped":                  {survey{claims: []volume{claimOf("dev", "1")}, containers: []container{dead}, images: append(ready("dev", "1"), tagOf(phaseStopped.repository(), "dev", "1", ""))}, providers.StateStopped, ""},
		"stopped, but it runs":     {survey{claims: []volume{claimOf("dev", "1")}, containers: []container{nodeOf("dev", "1", "control-plane", "running")}, images: append(ready("dev", "1"), tagOf(phaseStopped.repository(), "dev", "1", ""))}, providers.StateBroken, "dev-control-plane runs"},
		"stopped, and pruned":      {survey{claims: []volume{claimOf("dev", "1")}, images: append(ready("dev", "1"), tagOf(phaseStopped.repository(), "dev", "1", ""))}, providers.StateBroken, "nodes are gone"},
		"stopped, tags pruned":     {survey{claims: []volume{claimOf("dev", "1")}, containers: []container{dead}, images: []image{tagOf(phaseStopped.repository(), "dev", "1", "")}}, providers.StateStopped, ""},
		"all tags pruned":          {survey{claims: []volume{claimOf("dev", "1")}, containers: []container{whole, wholeWorker}}, providers.StateRunning, ""},
		"all pruned but a node":    {survey{claims: []volume{claimOf("dev", "1")}, containers: []container{whole}}, providers.StateBroken, "1 of its 2 nodes"},
		"deleting":                 {survey{claims: []volume{claimOf("dev", "1")}, containers: []container{dead}, images: append(ready("dev", "1"), tagOf(phaseDeleting.repository(), "dev", "1", ""))}, providers.StateDeleting, "not finished"},
		"phases of another":        {survey{claims: []volume{claimOf("dev", "1")}, images: ready("dev", "2")}, providers.StateCreating, "not finished"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.survey.realm = "default"
			h, err := test.survey.owned("dev", "1")
			if err != nil {
				t.Fatal(err)
			}
			state, reason := h.state()
			if state != test.want || !strings.Contains(reason, test.reason) || (reason == "") != (test.reason == "") {
				t.Errorf("have %s, %q; want %s, %q", state, reason, test.want, test.reason)
			}
		})
	}
}

// Whose a name is.
func TestOwnership(t *testing.T) {
	byHand := strange("dev-control-plane", map[string]string{kindCluster: "dev", kindRole: roleControl})
	tests := map[string]struct {
		survey survey
		want   string // the id, or part of the error
	}{
		"nobody's":                 {survey{}, "not found"},
		"of another name":          {survey{claims: []volume{claimOf("dev2", "1")}, containers: []container{nodeOf("dev2", "1", "control-plane", "running")}}, "not found"},
		"claimed":                  {survey{claims: []volume{claimOf("dev", "7")}}, "7"},
		"a volume of others":       {survey{claims: []volume{{Name: claimName("dev")}}}, "the volume rekindle-kind-dev"},
		"a lie about the name":     {survey{claims: []volume{{Name: claimName("dev"), Labels: marks("prod", "1")}}}, "the volume"},
		"a bad id":                 {survey{claims: []volume{{Name: claimName("dev"), Labels: marks("dev", "../x")}}}, "the volume"},
		"of another realm":         {survey{claims: []volume{claimOf("dev", "1", labelRealm, "other")}}, "the volume"},
		"made by hand with kind":   {survey{containers: []container{byHand}}, "the kind cluster of that name (container dev-control-plane)"},
		"a container of that name": {survey{containers: []container{strange("dev-control-plane", nil)}}, "the container dev-control-plane"},
		"ours beside theirs":       {survey{claims: []volume{claimOf("dev", "7")}, containers: []container{byHand}}, "7"},
		"the mark of others":       {survey{containers: []container{strange("dev-control-plane", map[string]string{labelProvider: "local", kindCluster: "dev"})}}, "the kind cluster"},
		"a balancer alone":         {survey{containers: []container{strange("dev-"+roleBalancer, map[string]string{kindCluster: "dev", kindRole: roleBalancer})}}, "not found"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.survey.realm = "default"
			h, err := test.survey.of("dev")
			have := h.id
			if err != nil {
				have = err.Error()
			}
			if have != test.want && (err == nil || !strings.Contains(have, test.want)) {
				t.Errorf("have %q, want %q", have, test.want)
			}
		})
	}
	s := survey{realm: "default", claims: []volume{claimOf("dev", "7")}}
	var other *providers.TakenError
	if _, err := s.owned("dev", "8"); !errors.As(err, &other) || other.Have != "7" {
		t.Errorf("with another id: %v", err)
	}
}

// The load balancer cannot bear our mark; three things together make it ours.
func TestBalancer(t *testing.T) {
	make := func(port string, created time.Time, labels map[string]string) container {
		c := strange("dev-"+roleBalancer, labels)
		c.Created = created
		c.HostConfig.PortBindings = map[string][]binding{apiPort: {{HostIP: "127.0.0.1", HostPort: port}}}
		return c
	}
	after := time.Date(2026, 11, 22, 10, 0, 1, 0, time.UTC)
	labels := map[string]string{kindCluster: "dev", kindRole: roleBalancer}
	tests := map[string]struct {
		there container
		ours  bool
	}{
		"ours":             {make("40007", after, labels), true},
		"another port":     {make("40008", after, labels), false},
		"older":            {make("40007", after.AddDate(0, 0, -1), labels), false},
		"another cluster":  {make("40007", after, map[string]string{kindCluster: "dev2", kindRole: roleBalancer}), false},
		"a node":           {make("40007", after, map[string]string{kindCluster: "dev", kindRole: roleControl}), false},
		"none of kind's":   {make("40007", after, nil), false},
		"one of our nodes": {nodeOf("dev", "1", "control-plane", "running", labelPort, "40007"), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := survey{realm: "default", claims: []volume{claimOf("dev", "1", labelPort, "40007")}, containers: []container{test.there}}
			h := s.holding("dev", "1")
			if (h.balancer != nil) != test.ours {
				t.Errorf("ours: %v, want %v", h.balancer != nil, test.ours)
			}
			if test.ours && h.endpoint() != "https://127.0.0.1:40007" {
				t.Errorf("the endpoint is %q", h.endpoint())
			}
		})
	}
	without := survey{realm: "default", claims: []volume{claimOf("dev", "1")}, containers: []container{make("", after, labels)}}
	if without.holding("dev", "1").balancer != nil {
		t.Error("with one control plane there is no load balancer of ours")
	}
}

func TestFreeNames(t *testing.T) {
	set, err := decode(providers.Settings{"workers": 2})
	if err != nil {
		t.Fatal(err)
	}
	c, err := set.cluster("dev")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		there container
		want  string
	}{
		"nothing of it":       {strange("web", nil), ""},
		"a neighbour's":       {nodeOf("dev2", "9", "worker2", "running"), ""},
		"our own remains":     {nodeOf("dev", "1", "worker2", "running"), ""},
		"a worker of others":  {strange("dev-worker2", nil), "the container dev-worker2"},
		"another id of ours":  {nodeOf("dev", "9", "worker2", "running"), "with id 9"},
		"a kind node by hand": {strange("x", map[string]string{kindCluster: "dev"}), "the container x"},
		"our template's name": {strange(claimName("dev"), nil), "the container rekindle-kind-dev"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := survey{realm: "default", containers: []container{test.there}}.free(c, "1")
			if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("have %v, want %q", err, test.want)
			}
		})
	}
}

func TestLeftovers(t *testing.T) {
	s := survey{realm: "default", claims: []volume{claimOf("dev", "1")},
		containers: []container{nodeOf("dev", "1", "control-plane", "running"), nodeOf("dev", "2", "worker", "exited"), strange("web", nil), strange("dev-control-plane", nil)},
		images:     slices.Concat(ready("dev", "1"), ready("gone", "3"), []image{{Repository: nodeImages, Tag: "what?"}})}
	var have []string
	for _, l := range s.leftovers() {
		have = append(have, l.Cluster+" "+l.ID+" "+l.What)
	}
	want := []string{"dev 2 container dev-worker", "gone 3 image rekindle.invalid/kind-node:gone.3.0123456789ab", "gone 3 image rekindle.invalid/kind-ready:gone.3"}
	if !slices.Equal(have, want) {
		t.Errorf("have %q\nwant %q", have, want)
	}
}

// The control plane that is asked is one that runs.
func TestControlPlane(t *testing.T) {
	s := survey{realm: "default", claims: []volume{claimOf("dev", "1")}, containers: []container{
		nodeOf("dev", "1", "worker", "running"), nodeOf("dev", "1", "control-plane2", "running"), nodeOf("dev", "1", "control-plane", "exited"),
	}}
	c, ok := s.holding("dev", "1").controlPlane()
	if !ok || c.name() != "dev-control-plane2" {
		t.Errorf("have %s", c.name())
	}
	if names := nodeNames("dev", 2, 3); len(names) != 6 || !slices.Contains(names, "dev-worker3") || !slices.Contains(names, "dev-control-plane2") || !slices.Contains(names, "dev-external-load-balancer") {
		t.Errorf("have %q", names)
	}
}

// No name of one cluster is ever taken for that of another, and what is written
// in a tag is read from it.
func TestTags(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?`).Draw(t, "name")
		id := rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9_-]{0,63}`).Draw(t, "id")
		for _, ref := range []string{phaseReady.ref(name, id), nodeImage(name, id, "0123456789ab")} {
			repository, tag, _ := strings.Cut(ref, ":")
			if len(tag) > 128 || !strings.HasPrefix(repository, registry) || !imageShape.MatchString(ref) {
				t.Fatalf("%q is no reference", ref)
			}
			if n, i, ok := parseTag(tag); !ok || n != name || i != id {
				t.Fatalf("%q came back as %q, %q", ref, n, i)
			}
		}
	})
}

func FuzzParseTag(f *testing.F) {
	for _, seed := range []string{"dev.1", "dev.1.2", "a.b.c.d", "..", "dev.", ".1", "DEV.1", "x.\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, tag string) {
		if name, id, ok := parseTag(tag); ok && checkSpec(name, id) != nil {
			t.Fatalf("%q gives %q, %q", tag, name, id)
		}
	})
}
