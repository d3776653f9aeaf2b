package clouds

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/eks/permissions"
	"github.com/rekindle-io/rekindle/testenv/aws"
	"github.com/rekindle-io/rekindle/testenv/aws/iam"
)

const disk = `---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: gp3}
provisioner: ebs.csi.aws.com
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: orders, namespace: shop}
spec:
  storageClassName: gp3
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 8Gi}}
`

// An API server that is dead cannot remove what it asked for: AWS is asked what bears
// the cluster's tags. Load balancers go; a volume may hold data, and is named instead.
func TestADeadAPIServerLeavesItsDataAlone(t *testing.T) {
	p := newPerson(t, aws.Options{Own: true})
	p.write("repo/disk.yaml", disk)
	p.git("-C", "repo", "add", "-A")
	p.git("-C", "repo", "commit", "-q", "-m", "Keep the orders")
	p.must(restore...)
	p.balanced()
	p.eventually("a volume", func() bool {
		return slices.ContainsFunc(p.things(), func(s string) bool {
			return strings.HasPrefix(s, "volume ") && strings.Contains(s, "kubernetes.io/created-for/pvc/name=orders")
		})
	})
	if err := p.world.Deaden(account, region, "prod", true); err != nil {
		t.Fatal(err)
	}
	if r := p.run(teardown...); r.code != 5 || !strings.Contains(r.errors, "does not answer") {
		t.Errorf("a silent cluster is taken down without anybody's word: %s", r)
	}
	t.Log(p.must(append(slices.Clone(teardown), "--silent", "abandon", "--allow-data-loss")...))
	left := p.things()
	if len(left) != 1 || !strings.HasPrefix(left[0], "volume ") {
		t.Fatalf("left:\n%s", strings.Join(left, "\n"))
	}
	out := p.must("clusters", "leftovers", "prod")
	t.Log(out)
	if !strings.Contains(out, "vol-") || !strings.Contains(out, "kept") || !strings.Contains(out, "shop/orders") {
		t.Errorf("leftovers: %s", out)
	}
}

// A role that trusts the service accounts of a cluster trusts those of the next one once
// somebody says so.
func TestRolesTrustTheNextCluster(t *testing.T) {
	p := newPerson(t, aws.Options{})
	const role = "arn:aws:iam::" + account + ":role/shop-web"
	policy, err := permissions.Policy(permissions.Scope{Account: account, Regions: []string{region}, Roles: []string{role}})
	if err != nil {
		t.Fatal(err)
	}
	key, err := p.world.Grant(account, "rekindle", policy)
	if err != nil {
		t.Fatal(err)
	}
	p.as(key)
	p.must(restore...)
	first := read[providers.Cluster](p, "clusters", "show", "prod", "--json")
	issuer := strings.TrimPrefix(first.Issuer, "https://")
	if _, err := p.world.IAM.At(account).CreateRole(iam.Role{Name: "shop-web", Trust: fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::%s:oidc-provider/%s"}, "Action": "sts:AssumeRoleWithWebIdentity",
		 "Condition": {"StringEquals": {"%s:sub": "system:serviceaccount:shop:web", "%s:aud": "sts.amazonaws.com"}}}]}`, account, issuer, issuer, issuer)}); err != nil {
		t.Fatal(err)
	}
	p.must(teardown...)
	p.must(restore...)
	second := read[providers.Cluster](p, "clusters", "show", "prod", "--json")
	if out := p.must("clusters", "trust", "prod"); !strings.Contains(out, "shop-web") || !strings.Contains(out, first.Issuer) {
		t.Errorf("trust: %s", out)
	}
	t.Log(p.must("clusters", "trust", "prod", "--update", "--confirm", "prod"))
	now, err := p.world.IAM.At(account).Role("shop-web")
	if err != nil {
		t.Fatal(err)
	}
	next := strings.TrimPrefix(second.Issuer, "https://")
	if strings.Contains(now.Trust, issuer) || strings.Count(now.Trust, next) != 3 || !strings.Contains(now.Trust, "system:serviceaccount:shop:web") {
		t.Errorf("it trusts %s", now.Trust)
	}
	if out := p.must("clusters", "trust", "prod"); strings.Contains(out, "arn:aws:iam::"+account+":role/shop-web") {
		t.Errorf("afterwards: %s", out)
	}
	p.must(teardown...)
	p.nothing("role/shop-web")
}
