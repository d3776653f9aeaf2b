package policy

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func must(t testing.TB, text string) *Document {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return d
}

// statementOf makes a policy of the members of one statement.
func statementOf(members string) string {
	return `{"Version":"2012-10-17","Statement":[{` + members + `}]}`
}

// allow makes a policy that allows everything under a condition.
func allow(condition string) string {
	return statementOf(`"Effect":"Allow","Action":"*","Resource":"*","Condition":` + condition)
}

func TestDecide(t *testing.T) {
	const (
		bucket  = "arn:aws:s3:::bucket"
		cluster = "arn:aws:eks:eu-central-1:123456789012:cluster/prod"
	)
	for _, c := range []struct {
		name, policy     string
		action, resource string
		want             Decision
	}{
		{"implicit deny", statementOf(`"Effect":"Allow","Action":"s3:GetObject","Resource":"*"`), "s3:PutObject", bucket, Decision{}},
		{"allowed", statementOf(`"Sid":"A","Effect":"Allow","Action":"s3:GetObject","Resource":"*"`), "s3:GetObject", bucket, Decision{Allowed: true, Sid: "A"}},
		{"explicit deny wins over an allow before it", `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"D","Effect":"Deny","Action":"s3:*","Resource":"*"}]}`, "s3:GetObject", bucket, Decision{Explicit: true, Sid: "D"}},
		{"explicit deny wins over an allow after it", `{"Version":"2012-10-17","Statement":[
			{"Effect":"Deny","Action":"s3:*","Resource":"*"},{"Effect":"Allow","Action":"*","Resource":"*"}]}`, "s3:GetObject", bucket, Decision{Explicit: true}},
		{"one statement without a list", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:List*"],"Resource":"*"}}`, "s3:ListBucket", bucket, Decision{Allowed: true}},
		{"actions have no case", statementOf(`"Effect":"Allow","Action":"S3:getobject","Resource":"*"`), "s3:GetObject", bucket, Decision{Allowed: true}},
		{"a question mark is one character", statementOf(`"Effect":"Allow","Action":"s3:Get?bject","Resource":"*"`), "s3:GetObject", bucket, Decision{Allowed: true}},
		{"a question mark is not none", statementOf(`"Effect":"Allow","Action":"s3:GetObject?","Resource":"*"`), "s3:GetObject", bucket, Decision{}},
		{"the service counts", statementOf(`"Effect":"Allow","Action":"ec2:*","Resource":"*"`), "eks:CreateCluster", cluster, Decision{}},
		{"resources have case", statementOf(`"Effect":"Allow","Action":"*","Resource":"arn:aws:eks:*:*:cluster/Prod"`), "eks:DeleteCluster", cluster, Decision{}},
		{"resource", statementOf(`"Effect":"Allow","Action":"*","Resource":["arn:aws:eks:*:*:nodegroup/*","arn:aws:eks:*:123456789012:cluster/pr*"]`), "eks:DeleteCluster", cluster, Decision{Allowed: true}},
		{"another account", statementOf(`"Effect":"Allow","Action":"*","Resource":"arn:aws:eks:*:210987654321:cluster/*"`), "eks:DeleteCluster", cluster, Decision{}},
		{"an incomplete ARN", statementOf(`"Effect":"Allow","Action":"*","Resource":"arn:aws:eks"`), "eks:DeleteCluster", cluster, Decision{Allowed: true}},
		{"a wildcard stays in its part", statementOf(`"Effect":"Allow","Action":"*","Resource":"arn:aws:eks:eu*:cluster/prod"`), "eks:DeleteCluster", cluster, Decision{}},
		{"no resource asks for all of them", statementOf(`"Effect":"Allow","Action":"*","Resource":"arn:aws:eks:*:*:*"`), "eks:ListClusters", "*", Decision{}},
		{"NotAction", statementOf(`"Effect":"Allow","NotAction":"iam:*","Resource":"*"`), "eks:ListClusters", "*", Decision{Allowed: true}},
		{"NotAction excepts", statementOf(`"Effect":"Allow","NotAction":["iam:*","sts:*"],"Resource":"*"`), "iam:CreateRole", "*", Decision{}},
		{"NotResource", statementOf(`"Effect":"Deny","Action":"*","NotResource":"arn:aws:eks:eu-central-1:*:*"`), "eks:DeleteCluster", strings.Replace(cluster, "eu-central-1", "us-east-1", 1), Decision{Explicit: true}},
	} {
		if got := Decide(Request{Action: c.action, Resource: c.resource}, must(t, c.policy)); got != c.want {
			t.Errorf("%s: %+v, not %+v", c.name, got, c.want)
		}
	}
}

// The rules are those of the IAM User Guide: "IAM JSON policy elements: Condition
// operators", "Set operators for multi-valued context keys".
func TestConditions(t *testing.T) {
	keys := map[string][]string{
		"aws:RequestTag/team": {"blue"}, "aws:TagKeys": {"team", "rekindle.io/id"}, "aws:ResourceTag/rekindle.io/id": {"x*y"},
		"aws:RequestedRegion": {"eu-central-1"}, "aws:PrincipalAccount": {"123456789012"}, "iam:PolicyARN": {"arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"},
		"aws:SecureTransport": {"true"},
	}
	for _, c := range []struct {
		condition string
		want      bool
	}{
		{`{"StringEquals":{"aws:RequestTag/team":"blue"}}`, true},
		{`{"StringEquals":{"aws:RequestTag/team":["red","blue"]}}`, true},
		{`{"StringEquals":{"aws:RequestTag/team":"Blue"}}`, false},
		{`{"StringEquals":{"AWS:requesttag/TEAM":"blue"}}`, true},
		{`{"StringEqualsIgnoreCase":{"aws:RequestTag/team":"BLUE"}}`, true},
		{`{"StringEquals":{"aws:RequestTag/team":"bl*"}}`, false},
		{`{"StringLike":{"aws:RequestTag/team":"bl*"}}`, true},
		{`{"StringLike":{"aws:RequestTag/team":"bl?"}}`, false},
		{`{"StringNotLike":{"aws:RequestTag/team":["r*","g*"]}}`, true},
		{`{"StringNotEquals":{"aws:RequestTag/team":["red","blue"]}}`, false},
		// All keys and operators have to hold.
		{`{"StringEquals":{"aws:RequestTag/team":"blue","aws:RequestedRegion":"us-east-1"}}`, false},
		{`{"StringEquals":{"aws:RequestTag/team":"blue"},"Null":{"aws:RequestTag/team":"true"}}`, false},
		// A key that is not there.
		{`{"StringEquals":{"aws:RequestTag/cost":"1"}}`, false},
		{`{"StringNotEquals":{"aws:RequestTag/cost":"1"}}`, true},
		{`{"StringEqualsIfExists":{"aws:RequestTag/cost":"1"}}`, true},
		{`{"StringEqualsIfExists":{"aws:RequestTag/team":"red"}}`, false},
		{`{"Null":{"aws:RequestTag/cost":"true"}}`, true},
		{`{"Null":{"aws:RequestTag/team":"false"}}`, true},
		{`{"Null":{"aws:RequestTag/team":true}}`, false},
		// Several values.
		{`{"ForAllValues:StringEquals":{"aws:TagKeys":["team","rekindle.io/id","cost"]}}`, true},
		{`{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}`, false},
		{`{"ForAllValues:StringLike":{"aws:TagKeys":["te*","rekindle.io/*"]}}`, true},
		{`{"ForAnyValue:StringEquals":{"aws:TagKeys":["team"]}}`, true},
		{`{"ForAnyValue:StringEquals":{"aws:TagKeys":["cost"]}}`, false},
		{`{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["team"]}}`, true},
		{`{"ForAllValues:StringNotEquals":{"aws:TagKeys":["team"]}}`, false},
		{`{"ForAllValues:StringEquals":{"aws:CalledVia":["x"]}}`, true},
		{`{"ForAnyValue:StringEquals":{"aws:CalledVia":["x"]}}`, false},
		// ARNs.
		{`{"ArnEquals":{"iam:PolicyARN":["arn:aws:iam::aws:policy/Other","arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"]}}`, true},
		{`{"ArnLike":{"iam:PolicyARN":"arn:*:iam::aws:policy/AmazonEKS*"}}`, true},
		{`{"ArnLike":{"iam:PolicyARN":"arn:aws:*:policy/AmazonEKS*"}}`, false},
		{`{"ArnNotLike":{"iam:PolicyARN":"arn:aws:iam::aws:policy/Admin*"}}`, true},
		{`{"Bool":{"aws:SecureTransport":"true"}}`, true},
		{`{"Bool":{"aws:SecureTransport":"false"}}`, false},
		// Variables.
		{`{"StringEquals":{"aws:PrincipalAccount":"${aws:PrincipalAccount}"}}`, true},
		{`{"StringEquals":{"aws:PrincipalAccount":"${aws:RequestTag/team}"}}`, false},
		{`{"StringEquals":{"aws:RequestTag/team":"${aws:username, 'blue'}"}}`, true},
		{`{"StringEquals":{"aws:RequestTag/team":"${aws:username}"}}`, false},
		{`{"StringLike":{"aws:ResourceTag/rekindle.io/id":"x${*}y"}}`, true},
		{`{"StringLike":{"aws:RequestTag/team":"b${*}e"}}`, false},
	} {
		got := Decide(Request{Action: "a:B", Resource: "*", Keys: keys}, must(t, allow(c.condition)))
		if got.Allowed != c.want {
			t.Errorf("%s: allowed is %v", c.condition, got.Allowed)
		}
	}
}

func TestValuesOfARequestAreNoPatterns(t *testing.T) {
	d := must(t, statementOf(`"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::home/${aws:username}/*"`))
	for name, want := range map[string]bool{"anna": true, "*": false, "an?a": false, "\xff": false} {
		r := Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::home/anna/x", Keys: map[string][]string{"aws:username": {name}}}
		if got := Decide(r, d).Allowed; got != want {
			t.Errorf("as %q: allowed is %v", name, got)
		}
	}
	old := must(t, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::home/${aws:username}/*"}}`)
	r := Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::home/anna/x", Keys: map[string][]string{"aws:username": {"anna"}}}
	if Decide(r, old).Allowed {
		t.Error("the language of 2008 has no variables")
	}
}

func TestTrust(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/"
	for _, c := range []struct {
		principal, kind, who string
		want                 bool
	}{
		{`{"Service":"eks.amazonaws.com"}`, "Service", "eks.amazonaws.com", true},
		{`{"Service":["ec2.amazonaws.com","eks.amazonaws.com"]}`, "Service", "eks.amazonaws.com", true},
		{`{"Service":"ec2.amazonaws.com"}`, "Service", "eks.amazonaws.com", false},
		{`{"AWS":"eks.amazonaws.com"}`, "Service", "eks.amazonaws.com", false},
		{`{"AWS":"` + role + `ci"}`, "AWS", role + "ci", true},
		{`{"AWS":"` + role + `ci"}`, "AWS", role + "other", false},
		{`{"AWS":"123456789012"}`, "AWS", role + "ci", true},
		{`{"AWS":"arn:aws:iam::123456789012:root"}`, "AWS", role + "ci", true},
		{`{"AWS":"210987654321"}`, "AWS", role + "ci", false},
		{`"*"`, "Service", "eks.amazonaws.com", true},
		{`{"AWS":"*"}`, "AWS", role + "ci", true},
	} {
		d, err := ParseTrust([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":` + c.principal + `,"Action":"sts:AssumeRole"}}`))
		if err != nil {
			t.Fatal(err)
		}
		r := Request{Action: "sts:AssumeRole", PrincipalType: c.kind, Principal: c.who}
		if got := Decide(r, d).Allowed; got != c.want {
			t.Errorf("%s: %s is let in: %v", c.principal, c.who, got)
		}
		r.Action = "sts:AssumeRoleWithWebIdentity"
		if Decide(r, d).Allowed {
			t.Errorf("%s lets %s do something else", c.principal, c.who)
		}
	}
}

func TestWhatIsNotUnderstoodIsAnError(t *testing.T) {
	const head = `"Effect":"Allow","Action":"*","Resource":"*"`
	for _, c := range []struct{ policy, says string }{
		{``, "no JSON object"},
		{`[]`, "no JSON object"},
		{`{}`, "no Statement"},
		{`{"Statement":[]}`, "no Statement"},
		{`{"Statement":[{}]}`, "no Effect"},
		{`{"Version":"2022-10-17","Statement":{` + head + `}}`, "2012-10-17"},
		{`{"Version":"2012-10-17","Statement":{` + head + `}} x`, "after"},
		{`{"Version":"2012-10-17","Statement":{` + head + `}}}`, "after"},
		{`{"Version":"2012-10-17","Statement":{` + head + `},"Statement":{` + head + `}}`, "twice"},
		{`{"Version":"2012-10-17","statement":{` + head + `}}`, "no such element"},
		{statementOf(head + `,"Actions":"*"`), "no such element"},
		{statementOf(head + `,"Principal":"*"`), "Principal"},
		{statementOf(head + `,"NotAction":"s3:*"`), "not both"},
		{statementOf(head + `,"NotResource":"*"`), "not both"},
		{statementOf(head + `,"Sid":"a b"`), "letters and digits"},
		{statementOf(`"Sid":"A",` + head + `},{"Sid":"A",` + head), "two statements"},
		{statementOf(`"Effect":"allow","Action":"*","Resource":"*"`), "neither Allow nor Deny"},
		{statementOf(`"Effect":"Allow","Action":"s3","Resource":"*"`), "no action"},
		{statementOf(`"Effect":"Allow","Action":[],"Resource":"*"`), "empty"},
		{statementOf(`"Effect":"Allow","Action":null,"Resource":"*"`), "no string"},
		{statementOf(`"Effect":"Allow","Action":"*","Resource":"bucket"`), "ARN"},
		{statementOf(`"Effect":"Allow","Action":"*","Resource":"arn:aws:*:::x"`), "service"},
		{statementOf(`"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username"`), "does not end"},
		{allow(`{"StringIs":{"aws:RequestedRegion":"x"}}`), "StringIs is not known"},
		{allow(`{"NumericLessThan":{"aws:MultiFactorAuthAge":"1"}}`), "not known"},
		{allow(`{"ForSomeValues:StringEquals":{"aws:TagKeys":"x"}}`), "ForSomeValues"},
		{allow(`{"ForAllValues:Null":{"aws:TagKeys":"true"}}`), "Null"},
		{allow(`{"NullIfExists":{"aws:TagKeys":"true"}}`), "Null"},
		{allow(`{"Null":{"aws:TagKeys":"yes"}}`), "true or false"},
		{allow(`{"StringEquals":{"aws:TagKeys":"x"}}`), "several values"},
		{allow(`{"StringEquals":"x"}`), "no JSON object"},
	} {
		if _, err := Parse([]byte(c.policy)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: the error is %v, and does not say %q", c.policy, err, c.says)
		}
	}
	if _, err := ParseTrust([]byte(statementOf(head + `,"Principal":"*"`))); err == nil {
		t.Error("a trust policy with resources is taken")
	}
	if _, err := ParseTrust([]byte(statementOf(`"Effect":"Allow","Action":"*"`))); err == nil {
		t.Error("a trust policy without a principal is taken")
	}
}

// A pattern made of a value by wildcards matches it, whatever is in it.
func TestGlob(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringOfN(rapid.SampledFrom([]rune("ab*?ß:/")), 0, 12, -1).Draw(t, "value")
		var pattern text
		for _, r := range value {
			switch rapid.IntRange(0, 3).Draw(t, "how") {
			case 0:
				pattern = append(pattern, piece{s: "?"})
			case 1:
				pattern = append(pattern, piece{s: "*"})
			default:
				pattern = append(pattern, piece{s: string(r), plain: true})
			}
		}
		if !glob(pattern, value) {
			t.Fatalf("%q does not match %q", pattern, value)
		}
		if glob(append(pattern, piece{s: "!"}), value) {
			t.Fatalf("%q and more matches %q", pattern, value)
		}
	})
}

func TestSize(t *testing.T) {
	if got := Size("{ \"a\":\n\t\"ä b\" }"); got != 10 {
		t.Errorf("%d characters", got)
	}
}

// FuzzParse: whatever is read can be decided by, and nothing is allowed without an Allow.
func FuzzParse(f *testing.F) {
	f.Add(statementOf(`"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username, 'x'}/*"`))
	f.Add(statementOf(`"Effect":"Deny","NotAction":["a:*","b:?"],"NotResource":"*","Condition":{"ForAllValues:StringLikeIfExists":{"aws:TagKeys":["a","${*}"]},"Null":{"k":true}}`))
	f.Add(`{"Version":"2008-10-17","Id":"x","Statement":{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":"sts:*"}}`)
	f.Add(`{"Statement":[null]}`)
	f.Add(`{"Statement":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		r := Request{Action: "a:B", Resource: "arn:aws:s3:::x/y", PrincipalType: "AWS", Principal: "x", Keys: map[string][]string{"aws:username": {"x"}, "aws:TagKeys": {"a", "b"}}}
		for _, read := range []func([]byte) (*Document, error){Parse, ParseTrust} {
			d, err := read([]byte(text))
			if (err == nil) != (d != nil) {
				t.Fatalf("%v and %v", d, err)
			}
			if err != nil {
				continue
			}
			if Decide(r, d).Allowed && !strings.Contains(text, "Allow") && !strings.Contains(text, `\u`) {
				t.Fatalf("allowed by %s", text)
			}
			if again := fmt.Sprint(Decide(r, d)); again != fmt.Sprint(Decide(r, d, d)) {
				t.Fatalf("twice the same policy decides otherwise: %s", text)
			}
		}
	})
}
