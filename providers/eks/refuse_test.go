package eks

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rekindle-io/rekindle/providers"
	testaws "github.com/rekindle-io/rekindle/testenv/aws"
	"github.com/rekindle-io/rekindle/testenv/aws/iam"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// wantRefused fails unless an error says all these words and what to do.
func wantRefused(t *testing.T, err error, words ...string) {
	t.Helper()
	var hinted interface{ Hint() string }
	if err == nil || !errors.As(err, &hinted) || hinted.Hint() == "" {
		t.Errorf("%v: does not say what to do", err)
		return
	}
	for _, w := range words {
		if text := err.Error() + "\n" + hinted.Hint(); !strings.Contains(text, w) {
			t.Errorf("%q does not say %q", text, w)
		}
	}
}

func TestBadInputIsAClearErrorAndNothingIsMade(t *testing.T) {
	w := inAWS(t)
	c := inAccount(t, w)
	key, err := w.Grant(c.account, "rekindle", testaws.Everything)
	if err != nil {
		t.Fatal(err)
	}
	poor, err := w.Grant(c.account, "poor", `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["ec2:*", "cloudformation:*", "iam:*", "eks:Describe*"], "Resource": "*"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	other, err := w.Grant("999999999999", "rekindle", testaws.Everything)
	if err != nil {
		t.Fatal(err)
	}
	unknown := key
	unknown.Access = "AKIANOBODY"
	for _, b := range []struct {
		name  string
		job   job
		words []string
	}{
		{"an expired session", c.with(t, w.Lend(key, time.Now().Add(-time.Minute)), c.job.Settings), []string{"expired", "aws sso login"}},
		{"unknown keys", c.with(t, unknown, c.job.Settings), []string{"AWS_PROFILE"}},
		{"a wrong secret", c.with(t, testaws.Key{Access: key.Access, Secret: "wrong"}, c.job.Settings), []string{"secret key"}},
		{"another account", c.with(t, other, c.job.Settings), []string{"999999999999", c.account, "allow"}},
		{"a missing permission", c.with(t, poor, c.job.Settings), []string{"give the caller the permission eks:CreateCluster"}},
		{"a version that is not offered", c.with(t, key, plain(c.job.Settings, providers.Settings{"version": "1.10"})), []string{"1.10 is not offered", "1.35", "settings.version"}},
		{"subnets that are not there", c.with(t, key, plain(c.job.Settings, providers.Settings{"network": map[string]any{"subnets": []any{"subnet-00000001", "subnet-00000002"}}})),
			[]string{"subnet-00000001", "settings.network.subnets"}},
	} {
		t.Run(b.name, func(t *testing.T) {
			_, err := b.job.open(t).Create(t.Context(), b.job.spec("refused", "id-1"), nil)
			wantRefused(t, err, b.words...)
			c.wantNothing(t)
			if left, err := b.job.open(t).recorded(""); err != nil || len(left) > 0 {
				t.Errorf("records: %+v, %v", left, err)
			}
		})
	}
}

func TestNothingIsAskedInAnAccountThatIsNotAllowed(t *testing.T) {
	w := inAWS(t)
	c := inAccount(t, w)
	j := c.as(t, "rekindle", testaws.Everything, plain()) // which allows another account
	w.Fault(nil)
	p := j.open(t)
	_, err := p.Create(t.Context(), j.spec("prod", "1"), nil)
	wantRefused(t, err, c.account, "123456789012")
	wantRefused(t, p.Delete(t.Context(), "prod", "1", nil))
	_, err = p.Find(t.Context(), "prod")
	wantRefused(t, err)
	_, err = p.List(t.Context())
	wantRefused(t, err)
	for _, call := range w.Calls() {
		if call.Operation != "GetCallerIdentity" {
			t.Errorf("asked: %s", call.Operation)
		}
	}
	found := p.Diagnose(t.Context())
	if len(found) != 1 || found[0].OK || !strings.Contains(found[0].Remedy, "allow") {
		t.Errorf("the doctor finds %+v", found)
	}
}

func TestAQuotaThatIsUsedUpLeavesNothing(t *testing.T) {
	w := inAWS(t)
	c := inAccount(t, w)
	w.Fault(func(call wire.Call, _ int) testaws.Fault {
		if call.Operation == "CreateCluster" {
			return testaws.Fault{Error: &wire.Error{Status: 400, Code: "ResourceLimitExceededException", Message: "Cluster limit exceeded for account"}}
		}
		return testaws.Fault{}
	})
	_, err := c.job.open(t).Create(t.Context(), c.job.spec("prod", "1"), nil)
	wantRefused(t, err, "limit exceeded", "quota", "is removed again")
	c.wantNothing(t)
}

// TestAClusterThatWasMadeElsewhereIsNotMadeTwice: the settings name another region now.
func TestAClusterThatWasMadeElsewhereIsNotMadeTwice(t *testing.T) {
	w := inAWS(t)
	c := inAccount(t, w)
	p := c.job.open(t)
	sp := c.job.spec("prod", "1")
	if _, err := p.Create(t.Context(), sp, nil); err != nil {
		t.Fatal(err)
	}
	moved := c.job
	moved.Settings = plain(c.job.Settings, providers.Settings{"region": "eu-west-1"})
	q := moved.open(t)
	_, err := q.Create(t.Context(), moved.spec("prod", "1"), nil)
	wantRefused(t, err, "eu-central-1", "eu-west-1", "delete it first")
	var taken *providers.TakenError
	if _, err := q.Create(t.Context(), moved.spec("prod", "2"), nil); !errors.As(err, &taken) {
		t.Errorf("another id: %v", err)
	}
	if found, err := q.Find(t.Context(), "prod"); err != nil || found.ID != "1" || found.State != providers.StateRunning || found.Detail["region"] != "eu-central-1" {
		t.Errorf("found %+v, %v", found, err)
	}
	if err := q.Delete(t.Context(), "prod", "1", nil); err != nil {
		t.Error(err)
	}
	c.wantNothing(t)
}

// TestAStackOfThatNameThatIsNotOursIsRefused: it holds the name as a cluster does.
func TestAStackOfThatNameThatIsNotOursIsRefused(t *testing.T) {
	w := inAWS(t)
	c := inAccount(t, w)
	j := c.as(t, "somebody", testaws.Everything, c.job.Settings)
	a, err := j.open(t).enter(t.Context(), j.settings(t))
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{T: t, account: a, set: j.settings(t)}
	s.ground(t.Context(), stackName("prod"))
	p := c.job.open(t)
	var foreign *providers.ForeignError
	if _, err := p.Create(t.Context(), c.job.spec("prod", "1"), nil); !errors.As(err, &foreign) {
		t.Errorf("create: %v", err)
	}
	if err := p.Delete(t.Context(), "prod", "1", nil); !errors.As(err, &foreign) {
		t.Errorf("delete: %v", err)
	}
	if there, err := a.stack(t.Context(), "prod"); err != nil || there == nil || !standing(there.StackStatus) {
		t.Errorf("the stack is %+v, %v", there, err)
	}
	if left := c.records(t); len(left) > 0 {
		t.Errorf("records: %v", left)
	}
}

func TestTheSettingsMayAskForMoreLater(t *testing.T) {
	w := inAWS(t)
	c := inAccount(t, w)
	p, sp := c.job.open(t), c.job.spec("prod", "1")
	sp.Settings = plain(sp.Settings, providers.Settings{"addons": []any{map[string]any{"name": driver}}}) // whose role is in the stack
	if _, err := p.Create(t.Context(), sp, nil); err != nil {
		t.Fatal(err)
	}
	sp.Settings = plain(sp.Settings, c.whole(t))
	if _, err := p.Create(t.Context(), sp, nil); err != nil {
		t.Fatal(err)
	}
	h, err := p.find(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	m := &making{account: h.account, mark: h.mark, pace: p.pace(nil)}
	if n, err := m.nodeGroup(t.Context(), "workers"); err != nil || n == nil {
		t.Errorf("the node group: %v", err)
	}
	for _, name := range []string{"coredns", agent} {
		if a, err := m.findAddOn(t.Context(), name); err != nil || a == nil {
			t.Errorf("add-on %s: %v", name, err)
		}
	}
	found := h.describe()
	if !strings.HasPrefix(found.Issuer, "https://oidc.eks.") || !strings.HasPrefix(found.Version, "v1.") || found.Endpoint == "" {
		t.Errorf("found is %+v", found)
	}
	records, err := p.recorded("prod")
	if err != nil || len(records) != 1 || records[0].Issuer != found.Issuer || records[0].VPC != aws.ToString(h.cluster.ResourcesVpcConfig.VpcId) {
		t.Errorf("records: %+v, %v", records, err)
	}
	if err := p.Delete(t.Context(), "prod", "1", nil); err != nil {
		t.Error(err)
	}
	c.wantNothing(t)
}

// TestWhoeverComesAtTheSameMomentKeepsTheName: somebody makes a cluster of that name
// while our stack is made.
func TestWhoeverComesAtTheSameMomentKeepsTheName(t *testing.T) {
	c := inAccount(t, inAWS(t))
	var untouched func(*testing.T)
	_, err := c.job.open(t).Create(t.Context(), c.job.spec("prod", "1"), func(line string) {
		if strings.HasPrefix(line, "making the control plane") {
			untouched = c.foreign(t, "prod", nil)
			c.Fault(nil)
		}
	})
	var foreign *providers.ForeignError
	if !errors.As(err, &foreign) || untouched == nil {
		t.Fatalf("%v", err)
	}
	for _, thing := range c.Things() {
		if thing.Account == c.account && thing.Tags[tagID] != "" {
			t.Errorf("ours is left: %s", thing)
		}
	}
	c.Fault(nil)
	untouched(t)
	c.wantNothing(t)
}

// TestWhoDidNotMakeTheClusterIsToldHowToGetIn: EKS lets in who made it, and whom the
// settings name.
func TestWhoDidNotMakeTheClusterIsToldHowToGetIn(t *testing.T) {
	c := inAccount(t, inAWS(t))
	if _, err := c.job.open(t).Create(t.Context(), c.job.spec("prod", "1"), nil); err != nil {
		t.Fatal(err)
	}
	colleague := c.as(t, "colleague", testaws.Everything, c.job.Settings)
	p := colleague.open(t)
	_, err := p.Create(t.Context(), colleague.spec("prod", "1"), nil)
	wantRefused(t, err, "does not let us in", "role/colleague", "settings.access")
	principal := "arn:aws:iam::" + c.account + ":role/colleague"
	if _, err := c.IAM.At(c.account).CreateRole(iam.Role{Name: "colleague", Trust: trustsPods}); err != nil {
		t.Fatal(err)
	}
	sp := colleague.spec("prod", "1")
	sp.Settings = plain(sp.Settings, providers.Settings{"access": []any{map[string]any{"principal": principal, "policy": "AmazonEKSClusterAdminPolicy"}}})
	if _, err := p.Create(t.Context(), sp, nil); err != nil {
		t.Error(err)
	}
	if err := p.Delete(t.Context(), "prod", "1", nil); err != nil {
		t.Error(err)
	}
}

func TestTheDoctorFindsAnAccountThatCanBeUsed(t *testing.T) {
	c := inAccount(t, inAWS(t))
	found := c.job.open(t).Diagnose(t.Context())
	if len(found) != 2 || !found[0].OK || !found[1].OK || !strings.Contains(found[0].Message, c.account) || !strings.Contains(found[1].Message, "1.36") {
		t.Errorf("the doctor finds %+v", found)
	}
}
