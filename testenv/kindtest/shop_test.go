package kindtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/testenv/corpora"
	"github.com/rekindle-io/rekindle/testenv/workload"
)

// TestShop takes one cluster through what happens to a shop: it comes from
// nothing, each thing fails once, and a good commit heals it.
func TestShop(t *testing.T) {
	m := newMachine(t, workload.Repo(t), 1)
	on := func(name string, test func(*machine)) {
		t.Helper()
		if !t.Run(name, func(t *testing.T) {
			sub := *m
			sub.t = t
			test(&sub)
		}) && t.Failed() && name == "from nothing" {
			t.FailNow()
		}
	}
	on("from nothing", fromNothing)
	on("again", again)
	on("simulated", simulated)
	for _, trouble := range workload.Troubles() {
		on(trouble.Name, func(m *machine) { inTrouble(m, trouble) })
	}
	on("stuck StatefulSet", stuckStatefulSet)
	on("healed", healed)
	on("provisioned", provisioned)
	on("webhook in place", webhookInPlace)
	on("dark site", darkSite)
	on("deleted", deleted)
}

// fromNothing: everything runs, answers and is what the commit says.
func fromNothing(m *machine) {
	report, r := m.restore(0, workload.Good, "--wait", "90s")
	m.t.Logf("restored in %s: %+v", r.took.Round(time.Second), report.Steps)
	if !report.Verified || len(report.Unsettled) > 0 || len(report.Unjudged) > 0 {
		m.t.Errorf("verified %t, unsettled %+v, not judged %+v", report.Verified, report.Unsettled, report.Unjudged)
	}
	running := map[string]int{}
	pods(m, workload.Namespace, func(p *unstructured.Unstructured) {
		phase, _, _ := unstructured.NestedString(p.Object, "status", "phase")
		app := p.GetLabels()["app"]
		if p.GetLabels()["job-name"] != "" {
			app = "job"
		}
		running[app+" "+phase]++
	})
	for what, want := range map[string]int{"web Running": 2, "worker Running": 1, "store Running": 2, "agent Running": 2, "job Succeeded": 1} {
		if running[what] != want {
			m.t.Errorf("%d Pods are %q, want %d; all: %v", running[what], what, want, running)
		}
	}
	answers(m, fmt.Sprintf("http://127.0.0.1:%d/", m.hostPort), workload.Greeting)
	inspect := "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
	nodes := m.containers()
	if len(nodes) != 2 {
		m.t.Errorf("there are the nodes %v, want two", nodes)
	}
	for _, container := range nodes {
		address := docker(m.t, "inspect", "--format", inspect, container)[0]
		answers(m, fmt.Sprintf("http://%s:%d/", address, workload.NodePort), workload.Greeting)
	}
	m.must(0, "verify", m.cluster, "--at", workload.Good)
}

// again: the same restore changes nothing and starts nothing anew.
func again(m *machine) {
	before := uids(m)
	report, _ := m.restore(0, workload.Good, "--wait", "60s")
	for _, k := range report.Kinds {
		if k.Unchanged != k.Total {
			m.t.Errorf("of %d %s only %d are unchanged: %+v", k.Total, k.Kind, k.Unchanged, k)
		}
	}
	if now := uids(m); !slices.Equal(before, now) {
		m.t.Errorf("before there were the Pods %v, now %v", before, now)
	}
}

// simulated: the same commit on the other provider is the same.
func simulated(m *machine) {
	other := m.must(0, "restore", "simulated", "--at", workload.Good, "--wait", "60s", "--json").report(m.t)
	here := m.must(0, "verify", m.cluster, "--at", workload.Good, "--json").report(m.t)
	if here.Live == "" || here.Live != other.Live || here.Fingerprint != other.Fingerprint {
		m.t.Errorf("live on kind %q, on local %q; commit %q and %q", here.Live, other.Live, here.Fingerprint, other.Fingerprint)
	}
	m.must(0, "clusters", "delete", "simulated", "--confirm", "simulated")
}

// inTrouble: the report names what is not well and why, in time, to people and
// to programs, and everything else is.
func inTrouble(m *machine, trouble workload.Trouble) {
	const wait = 20 * time.Second
	report, r := m.restore(4, trouble.Name, "--prune", "--allow-data-loss", "--wait", wait.String())
	if r.took > wait+20*time.Second {
		m.t.Errorf("with --wait %s it took %s", wait, r.took)
	}
	st := unsettled(report, trouble.Object)
	if report.Verified || st.Reason != trouble.Reason || st.Hint == "" {
		m.t.Errorf("verified %t; %s is %+v, want %s and a hint", report.Verified, trouble.Object, st, trouble.Reason)
	}
	for _, text := range trouble.Says {
		if !strings.Contains(st.Message, text) {
			m.t.Errorf("the message lacks %q: %s", text, st.Message)
		}
	}
	for _, text := range trouble.Log {
		if !strings.Contains(st.Log, text) {
			m.t.Errorf("the log lacks %q: %q", text, st.Log)
		}
	}
	shown := m.must(0, "runs", "show", report.Run).out
	if !strings.Contains(shown, trouble.Reason) {
		m.t.Errorf("people do not read %q in:\n%s", trouble.Reason, shown)
	}
	everything := r.out + r.err + shown + m.must(0, "runs", "events", report.Run).out
	for _, secret := range trouble.Never {
		if strings.Contains(everything, secret) {
			m.t.Errorf("%q is in the report, the events or the log", secret)
		}
	}
	for _, other := range report.Unsettled {
		if name(other.ID) != trouble.Object && other.Reason != trouble.Reason {
			m.t.Errorf("%s is not well either: %+v", name(other.ID), other)
		}
	}
}

// stuckStatefulSet: a StatefulSet waits for its broken Pod even when the commit
// is good again; the report says what to do, and that helps.
func stuckStatefulSet(m *machine) {
	m.restore(4, workload.StuckStore, "--prune", "--allow-data-loss", "--wait", "20s")
	const store = "StatefulSet.apps shop/store"
	report, _ := m.restore(4, workload.Greeted, "--prune", "--wait", "10s")
	if st := unsettled(report, store); st.Reason != "ImagePull" || !strings.Contains(st.Hint, "delete the Pod") {
		m.t.Fatalf("%s is %+v", store, st)
	}
	if err := m.connect().Delete(m.t.Context(), podKind(), workload.Namespace, "store-1", "", kube.DeleteOptions{}); err != nil {
		m.t.Fatal(err)
	}
}

// healed: the good commit brings everything back.
func healed(m *machine) {
	report, r := m.restore(0, workload.Greeted, "--prune", "--allow-data-loss", "--wait", "90s")
	m.t.Logf("healed in %s", r.took.Round(time.Second))
	if !report.Verified {
		m.t.Errorf("not verified: %s", report.Error)
	}
	answers(m, fmt.Sprintf("http://127.0.0.1:%d/", m.hostPort), workload.GreetingChanged)
}

// provisioned: a volume is made for a claim once a Pod wants it; the claim and
// what it holds go only with consent.
func provisioned(m *machine) {
	m.restore(0, workload.Provisioned, "--wait", "60s")
	report, _ := m.restore(4, workload.Greeted, "--prune", "--wait", "60s")
	if len(report.Kept) != 1 || name(report.Kept[0].ID) != "PersistentVolumeClaim shop/archive" {
		m.t.Errorf("kept %+v", report.Kept)
	}
	// The provisioner's own Pod, which clears the volume away, is there for some
	// seconds more.
	m.run("restore", m.cluster, "--at", workload.Greeted, "--yes", "--prune", "--allow-data-loss", "--wait", "60s")
	eventually(m.t, "the cluster is the commit again", func() bool { return m.run("verify", m.cluster, "--at", workload.Greeted).code == 0 })
}

// webhookInPlace: the webhook comes, judges, is restored while it judges, and
// goes again without standing in the way of itself.
func webhookInPlace(m *machine) {
	m.restore(0, workload.Guarded, "--wait", "60s")
	report, _ := m.restore(4, workload.Denied, "--wait", "60s")
	if len(report.NotApplied) != 1 || name(report.NotApplied[0].ID) != "ConfigMap shop/unwelcome" || !strings.Contains(report.NotApplied[0].Reason, workload.DeniedWords) {
		m.t.Errorf("not applied: %+v", report.NotApplied)
	}
	for _, k := range report.Kinds {
		if k.Kind == "ConfigMap" && (k.Created != 1 || k.Failed != 1) {
			m.t.Errorf("one ConfigMap is welcome and one is not: %+v", k)
		}
	}
	m.restore(0, workload.Guarded, "--prune", "--wait", "60s")
	m.restore(0, workload.Greeted, "--prune", "--wait", "60s")
}

// darkSite: a real repository whose images are nowhere to be had is planned and
// applied whole, and each workload says that it lacks its image, or that the
// machine is too small for it.
func darkSite(m *machine) {
	const wait = 30 * time.Second
	bundle := corpora.Path(m.t, corpora.MicroservicesDemo)
	report, r := m.restore(4, "main", "--repo", bundle, "--path", "kustomize", "--kind", "kustomize", "--prune", "--wait", wait.String())
	if r.took > wait+30*time.Second {
		m.t.Errorf("with --wait %s it took %s", wait, r.took)
	}
	if len(report.NotApplied) > 0 {
		m.t.Errorf("not applied: %+v", report.NotApplied)
	}
	reasons := map[string]int{}
	for _, st := range report.Unsettled {
		reasons[st.Reason]++
		names := func(image string) bool { return strings.Contains(st.Message, image) }
		if st.Reason == "ImagePull" && !slices.ContainsFunc([]string{"microservices-demo/", "redis:", "busybox:"}, names) {
			m.t.Errorf("%s does not name its image: %s", name(st.ID), st.Message)
		}
	}
	m.t.Logf("%d objects not healthy after %s: %v", len(report.Unsettled), r.took.Round(time.Second), reasons)
	for reason := range reasons {
		if reason != "ImagePull" && reason != "Unschedulable" {
			m.t.Errorf("%d objects are not healthy because of %q", reasons[reason], reason)
		}
	}
	if reasons["ImagePull"] == 0 {
		m.t.Error("no image is missing")
	}
	m.restore(0, workload.Greeted, "--prune", "--wait", "90s")
}

// deleted: nothing of the cluster is left, its anonymous volumes included.
func deleted(m *machine) {
	var volumes []string
	for _, container := range m.containers() {
		volumes = append(volumes, docker(m.t, "inspect", "--format", `{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}`, container)...)
	}
	if len(volumes) == 0 {
		m.t.Error("the node has no volume")
	}
	r := m.must(0, "clusters", "delete", m.cluster, "--confirm", m.cluster)
	m.t.Logf("deleted in %s", r.took.Round(100*time.Millisecond))
	if left := m.remains(); len(left) > 0 {
		m.t.Errorf("Docker has left %v", left)
	}
	all := docker(m.t, "volume", "ls", "--quiet")
	for _, v := range volumes {
		if slices.Contains(all, v) {
			m.t.Errorf("the volume %s is left", v)
		}
	}
}

func unsettled(report *rebuild.Report, id string) kube.Status {
	i := slices.IndexFunc(report.Unsettled, func(st kube.Status) bool { return name(st.ID) == id })
	if i < 0 {
		return kube.Status{}
	}
	return report.Unsettled[i]
}

func podKind() object.Kind {
	return object.Kind{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, Resource: "pods", Namespaced: true}
}

// pods hands over the Pods of a namespace.
func pods(m *machine, namespace string, each func(*unstructured.Unstructured)) {
	m.t.Helper()
	err := m.connect().List(m.t.Context(), podKind(), kube.ListOptions{Namespace: namespace}, func(u *unstructured.Unstructured) error {
		each(u)
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

// uids are those of the Pods, sorted.
func uids(m *machine) []string {
	m.t.Helper()
	var list []string
	pods(m, workload.Namespace, func(u *unstructured.Unstructured) { list = append(list, u.GetName()+" "+string(u.GetUID())) })
	slices.Sort(list)
	return list
}

// answers waits until the shop greets with want.
func answers(m *machine, address, want string) {
	m.t.Helper()
	last := ""
	eventually(m.t, address+" answers "+want, func() bool {
		last = get(m.t.Context(), address)
		return strings.Contains(last, want)
	})
	if !strings.HasPrefix(last, "web\n") {
		m.t.Errorf("%s answers %q", address, last)
	}
}

func get(ctx context.Context, address string) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err.Error()
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err != nil {
		return err.Error()
	}
	return string(body)
}
