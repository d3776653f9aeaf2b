package export_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/export"
)

func TestPath(t *testing.T) {
	for _, tt := range []struct{ kind, group, namespace, name, want string }{
		{"Deployment", "apps", "shop", "web", "live/shop/deployment.apps/web.yaml"},
		{"ConfigMap", "", "shop", "kube-root-ca.crt", "live/shop/config-map/kube-root-ca.crt.yaml"},
		{"Namespace", "", "", "shop", "live/_cluster/namespace/shop.yaml"},
		{"ServiceMonitor", "monitoring.coreos.com", "a", "b", "live/a/service-monitor.monitoring.coreos.com/b.yaml"},
		{"HTTPRoute", "gateway.networking.k8s.io", "a", "b", "live/a/http_route.gateway.networking.k8s.io/b.yaml"},
		{"CSIDriver", "storage.k8s.io", "", "b", "live/_cluster/csi_driver.storage.k8s.io/b.yaml"},
		{"ServiceCIDR", "networking.k8s.io", "", "b", "live/_cluster/service-cidr_.networking.k8s.io/b.yaml"},
		{"EC2Instance", "x", "", "b", "live/_cluster/ec2_instance.x/b.yaml"},
		{"ClusterRole", "rbac.authorization.k8s.io", "", "system:controller:job", "live/_cluster/cluster-role.rbac.authorization.k8s.io/system__controller__job.yaml"},
		{"Role", "g", "n", "Admin", "live/n/role.g/_admin.yaml"},
		{"Role", "g", "n", "admin", "live/n/role.g/admin.yaml"},
		{"Role", "g", "n", "a_b c", "live/n/role.g/a_5fb_20c.yaml"},
		{"Role", "g", "con", "nul.x", "live/_63on/role.g/_6eul.x.yaml"},
		{"Role", "g", "com1", "console", "live/_63om1/role.g/console.yaml"},
		{"Role", "g", "n", "..", "live/n/role.g/_2e_2e.yaml"},
		{"Role", "g", ".git", "a.", "live/_2egit/role.g/a_2e.yaml"},
		{"Role", "g", "Cluster", "a/b", "live/_cluster~a69e8cab3ca1cdcd24e98f3e94c3ed35/role.g/a_2fb.yaml"},
		{"Role", "g", "n", strings.Repeat("n", 253), "live/n/role.g/" + strings.Repeat("n", 90) + "~0b5b4d6b4a1c4e5d.yaml"},
		{"Role", "g", "n", "größe", "live/n/role.g/gr----e~d353a2671b67afff0941ae456e5c76e9.yaml"},
	} {
		got := export.Path(object.ID{Group: tt.group, Kind: tt.kind, Namespace: tt.namespace, Name: tt.name})
		if before, _, digest := strings.Cut(tt.want, "~"); digest && strings.HasPrefix(got, before+"~") {
			continue
		}
		if got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

var anyName = rapid.OneOf(
	rapid.StringMatching(`[a-z][-a-z0-9.]{0,8}`),
	rapid.StringMatching(`[aAbB_:.~-]{0,4}`),
	rapid.StringMatching(`(con|COM1|nul|_cluster|Cluster|\.git)(\.[aA])?`),
	rapid.StringMatching(`[a-c]{120,253}`),
	rapid.String(),
)

var anyKind = rapid.OneOf(
	rapid.StringMatching(`[A-Z][a-zA-Z0-9]{0,6}`),
	rapid.StringMatching(`[AaBb1]{1,5}`),
	rapid.SampledFrom([]string{"ConfigMap", "Configmap", "configmap", "CONFIGMAP", "HTTPRoute", "HttpRoute", "Con", "A-b", "A_b", "a.b", ""}),
)

func anyID(t *rapid.T, label string) object.ID {
	return object.ID{Group: anyName.Draw(t, label+" group"), Kind: anyKind.Draw(t, label+" kind"),
		Namespace: anyName.Draw(t, label+" namespace"), Name: anyName.Draw(t, label+" name")}
}

func TestPathsOfTwoObjectsDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyID(t, "a"), anyID(t, "b")
		for _, share := range rapid.SliceOfN(rapid.IntRange(0, 3), 0, 3).Draw(t, "share") {
			switch share { // most pairs that are nearly the same differ in one field
			case 0:
				b.Group = a.Group
			case 1:
				b.Kind = a.Kind
			case 2:
				b.Namespace = a.Namespace
			case 3:
				b.Name = a.Name
			}
		}
		checkPath(t, export.Path(a))
		if a != b && strings.EqualFold(export.Path(a), export.Path(b)) {
			t.Fatalf("%+v and %+v share %s", a, b, export.Path(a))
		}
	})
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

func checkPath(t failer, path string) {
	t.Helper()
	if err := export.CheckPath(path); err != nil {
		t.Fatalf("%v", err)
	}
	if path != strings.ToLower(path) || strings.Count(path, "/") != 3 {
		t.Fatalf("%s has capitals, or not three slashes", path)
	}
	for segment := range strings.SplitSeq(path, "/") {
		base, _, _ := strings.Cut(segment, ".")
		if len(segment) > 143 || strings.HasSuffix(segment, ".") || regexp.MustCompile(`^(con|prn|aux|nul|com\d|lpt\d)$`).MatchString(base) ||
			strings.ContainsFunc(segment, func(r rune) bool { return r > 0x7e || strings.ContainsRune(`\:*?"<>| `, r) || r < 0x21 }) {
			t.Fatalf("%s: %q is no name on some file system", path, segment)
		}
	}
}

func FuzzPath(f *testing.F) {
	f.Add("apps", "Deployment", "shop", "web", "apps", "Deployment", "shop", "Web")
	f.Add("", "ConfigMap", "", "a:b", "", "Configmap", "", "a__b")
	f.Add("g", "ABc", "_cluster", "_", "g", "AbC", "Cluster", "")
	f.Fuzz(func(t *testing.T, g1, k1, ns1, n1, g2, k2, ns2, n2 string) {
		a, b := object.ID{Group: g1, Kind: k1, Namespace: ns1, Name: n1}, object.ID{Group: g2, Kind: k2, Namespace: ns2, Name: n2}
		checkPath(t, export.Path(a))
		if a != b && strings.EqualFold(export.Path(a), export.Path(b)) {
			t.Fatalf("%+v and %+v share %s", a, b, export.Path(a))
		}
	})
}
