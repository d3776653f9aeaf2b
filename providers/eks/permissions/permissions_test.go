package permissions

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

var scope = Scope{Account: "123456789012", Regions: []string{"eu-central-1"}}

func TestPolicy(t *testing.T) {
	text, err := Policy(scope)
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"PARTITION", "ACCOUNT", "REGION", "ROLE", "KEY", "null"} {
		if strings.Contains(text, word) {
			t.Errorf("%s is left in it", word)
		}
	}
	for _, s := range d.Statement {
		if s.Sid == "Trust" || s.Sid == "Encrypt" {
			t.Errorf("nothing is named, and there is the statement %s", s.Sid)
		}
		if !slices.IsSorted(s.Action) {
			t.Errorf("the actions of %s are in no order", s.Sid)
		}
	}
	t.Logf("%d of %d characters", size(text), Limit)
}

func TestPolicyOfMore(t *testing.T) {
	more := scope
	more.Regions = []string{"eu-central-1", "us-east-1", "ap-southeast-2", "eu-west-1"}
	more.Roles = []string{"arn:aws:iam::123456789012:role/shop", "arn:aws:iam::123456789012:role/team-*"}
	more.Keys = []string{"arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"}
	text, err := Policy(more)
	if err != nil {
		t.Fatal(err)
	}
	for word, times := range map[string]int{"ap-southeast-2": 4, "role/team-*": 2, "role/shop": 2, "1234567890ab": 1} {
		if n := strings.Count(text, word); n != times {
			t.Errorf("%s is there %d times", word, n)
		}
	}
	t.Logf("%d of %d characters", size(text), Limit)
	for len(more.Roles) < 40 {
		more.Roles = append(more.Roles, more.Roles[0])
	}
	if _, err := Policy(more); err == nil || !strings.Contains(err.Error(), "role/team-*") {
		t.Errorf("far too many roles: %v", err)
	}
}

func TestPartitions(t *testing.T) {
	for region, partition := range map[string]string{"cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "us-west-2": "aws"} {
		text, err := Policy(Scope{Account: "123456789012", Regions: []string{region}})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(text, "arn:") != strings.Count(text, "arn:"+partition+":") {
			t.Errorf("%s: not all ARNs are in %s", region, partition)
		}
	}
}

func TestScopesThatMeanNothing(t *testing.T) {
	for _, c := range []struct {
		change func(*Scope)
		says   string
	}{
		{func(s *Scope) { s.Account = "12345" }, "no AWS account"},
		{func(s *Scope) { s.Account = `123456789012","*` }, "no AWS account"},
		{func(s *Scope) { s.Regions = nil }, "no region"},
		{func(s *Scope) { s.Regions = []string{"Frankfurt"} }, "no region of AWS"},
		{func(s *Scope) { s.Regions = []string{"*"} }, "no region of AWS"},
		{func(s *Scope) { s.Regions = []string{"eu-central-1", "cn-north-1"} }, "in the partition aws-cn"},
		{func(s *Scope) { s.Partition = "aws-cn" }, "in the partition aws"},
		{func(s *Scope) { s.Roles = []string{"shop"} }, "no role of account"},
		{func(s *Scope) { s.Roles = []string{"arn:aws:iam::210987654321:role/shop"} }, "no role of account"},
		{func(s *Scope) { s.Keys = []string{"alias/shop"} }, "no key"},
	} {
		s := scope
		c.change(&s)
		if text, err := Policy(s); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %q, %v", s, text, err)
		}
	}
}
