package cloud

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

// Every address of the pool lies in a documentation network, each once.
func TestPool(t *testing.T) {
	networks := []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	}
	seen := map[string]bool{}
	for _, text := range pool() {
		address := netip.MustParseAddr(text)
		inside := false
		for _, n := range networks {
			inside = inside || n.Contains(address)
		}
		if !inside || seen[text] || text == "192.0.2.1" {
			t.Errorf("%s must not be in the pool", text)
		}
		seen[text] = true
	}
	if len(seen) < 700 {
		t.Errorf("only %d addresses", len(seen))
	}
}

// Each Service gets its own address, the same when asked again, the one it
// wants, and what is given back is given to others.
func TestAddresses(t *testing.T) {
	client := fake.NewClientset()
	b := newBalancers(client, informers.NewSharedInformerFactory(client, 0))
	want := func(key, wanted, address string) {
		t.Helper()
		have, err := b.address(key, wanted)
		if err != nil || have != address {
			t.Errorf("%s has %q, %v; want %q", key, have, err, address)
		}
	}
	want("ns/a", "", "192.0.2.10")
	want("ns/b", "", "192.0.2.11")
	want("ns/a", "", "192.0.2.10")
	want("ns/c", "10.1.2.3", "10.1.2.3")
	b.release("ns/a")
	want("ns/d", "", "192.0.2.10")
	for range pool() {
		if _, err := b.address("ns/rest", ""); err != nil {
			t.Fatalf("one Service that asks often uses the pool up: %v", err)
		}
	}
}

func TestVolumeIsForOneClaim(t *testing.T) {
	mode := corev1.PersistentVolumeBlock
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "data", UID: "u-1"},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}, VolumeMode: &mode,
		},
	}
	v := volumeFor(claim, "standard", corev1.PersistentVolumeReclaimRetain)
	if v.Name != "pvc-u-1" || v.Spec.ClaimRef.UID != "u-1" || v.Spec.ClaimRef.Namespace != "ns" || *v.Spec.VolumeMode != mode ||
		v.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain || v.Spec.AccessModes[0] != corev1.ReadWriteMany {
		t.Errorf("have %+v", v)
	}
}
