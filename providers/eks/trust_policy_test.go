package eks

import (
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const (
	oldIssuer = "https://oidc.eks.eu-central-1.amazonaws.com/id/0LD"
	newIssuer = "https://oidc.eks.eu-central-1.amazonaws.com/id/NEW"
	oldARN    = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/0LD"
	newARN    = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/NEW"
)

// usual is the trust policy that AWS' documentation gives.
const usual = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + oldARN + `"},"Action":"sts:AssumeRoleWithWebIdentity",
"Condition":{"StringEquals":{"oidc.eks.eu-central-1.amazonaws.com/id/0LD:sub":"system:serviceaccount:shop:app","oidc.eks.eu-central-1.amazonaws.com/id/0LD:aud":"sts.amazonaws.com"}}}]}`

func TestRenew(t *testing.T) {
	newer := strings.ReplaceAll(usual, "/0LD", "/NEW")
	for _, c := range []struct {
		name, policy, want string
		accounts           []string
	}{
		{name: "as AWS documents it", policy: usual, want: newer, accounts: []string{"shop/app"}},
		{name: "as IAM answers", policy: url.PathEscape(usual), want: newer, accounts: []string{"shop/app"}},
		{
			name: "one statement without a list, patterns, several service accounts, numbers and what nobody knows",
			policy: `{"Statement":{"Sid":"x","Effect":"Allow","Principal":{"Federated":["` + oldARN + `"],"Service":"ec2.amazonaws.com"},"Action":["sts:AssumeRoleWithWebIdentity"],"Unknown":12345678901234567890,
				"Condition":{"StringLike":{"oidc.eks.eu-central-1.amazonaws.com/id/0LD:sub":["system:serviceaccount:b:*","system:serviceaccount:a:x"]},"Bool":{"aws:SecureTransport":"true"}}}}`,
			want: `{"Statement":{"Sid":"x","Effect":"Allow","Principal":{"Federated":["` + newARN + `"],"Service":"ec2.amazonaws.com"},"Action":["sts:AssumeRoleWithWebIdentity"],"Unknown":12345678901234567890,
				"Condition":{"StringLike":{"oidc.eks.eu-central-1.amazonaws.com/id/NEW:sub":["system:serviceaccount:b:*","system:serviceaccount:a:x"]},"Bool":{"aws:SecureTransport":"true"}}}}`,
			accounts: []string{"a/x", "b/*"},
		},
		{
			name:   "other things that it trusts stay",
			policy: `{"Statement":[{"Effect":"Allow","Principal":{"Federated":["arn:aws:iam::123456789012:oidc-provider/other.example/id/0LD","` + oldARN + `"]}},{"Effect":"Allow","Principal":"*","Note":"<&>"}]}`,
			want:   `{"Statement":[{"Effect":"Allow","Principal":{"Federated":["arn:aws:iam::123456789012:oidc-provider/other.example/id/0LD","` + newARN + `"]}},{"Effect":"Allow","Principal":"*","Note":"<&>"}]}`,
		},
		{
			name:   "a condition on the earlier issuer in a statement about something else stays",
			policy: `{"Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/other"},"Condition":{"StringEquals":{"oidc.eks.eu-central-1.amazonaws.com/id/0LD:sub":"x"}}}]}`,
			want:   `{"Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/other"},"Condition":{"StringEquals":{"oidc.eks.eu-central-1.amazonaws.com/id/0LD:sub":"x"}}}]}`,
		},
		{
			name:   "an issuer whose name begins alike is another",
			policy: strings.ReplaceAll(usual, "/0LD", "/0LDER"), want: strings.ReplaceAll(usual, "/0LD", "/0LDER"),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := readTrust(c.policy)
			if err != nil {
				t.Fatal(err)
			}
			if have := p.accounts(oldIssuer); !slices.Equal(have, c.accounts) {
				t.Errorf("service accounts %v, want %v", have, c.accounts)
			}
			if err := p.renew(oldIssuer, newIssuer, newARN); err != nil {
				t.Fatal(err)
			}
			want, err := readTrust(c.want)
			if err != nil {
				t.Fatal(err)
			}
			if p.String() != want.String() {
				t.Fatalf("have %s\nwant %s", p, want)
			}
		})
	}
}

func TestRenewRefusesWhatNamesBoth(t *testing.T) {
	p, err := readTrust(strings.Replace(usual, `"oidc.eks.eu-central-1.amazonaws.com/id/0LD:aud"`, `"oidc.eks.eu-central-1.amazonaws.com/id/NEW:sub"`, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.renew(oldIssuer, newIssuer, newARN); !errors.Is(err, errBoth) {
		t.Fatalf("have %v", err)
	}
}

func TestReadTrustRefuses(t *testing.T) {
	for _, bad := range []string{"", "null", "[]", `"x"`, "{", "%7B", "%zz", "{} {}"} {
		if p, err := readTrust(bad); err == nil {
			t.Errorf("%q is read as %v", bad, p)
		}
	}
}

// anyPolicy draws a policy with statements about the earlier issuer and others.
func anyPolicy(t *rapid.T) string {
	arns := rapid.SampledFrom([]string{oldARN, oldARN + "X", "arn:aws:iam::123456789012:saml-provider/corp", "cognito-identity.amazonaws.com"})
	var list []any
	for range rapid.IntRange(0, 4).Draw(t, "statements") {
		s := map[string]any{"Effect": rapid.SampledFrom([]string{"Allow", "Deny"}).Draw(t, "effect"), "Sid": rapid.String().Draw(t, "sid")}
		switch rapid.IntRange(0, 2).Draw(t, "principal") {
		case 0:
			s["Principal"] = map[string]any{"Federated": arns.Draw(t, "arn"), "AWS": "123456789012"}
		case 1:
			s["Principal"] = map[string]any{"Federated": rapid.SliceOfNDistinct(arns, 1, 3, rapid.ID[string]).Draw(t, "arns")}
		default:
			s["Principal"] = "*"
		}
		keys := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "keys") {
			key := rapid.SampledFrom([]string{issuerPath(oldIssuer) + ":sub", issuerPath(oldIssuer) + ":aud", issuerPath(oldIssuer) + "X:sub", "aws:SourceIp"}).Draw(t, "key")
			keys[key] = rapid.OneOf(rapid.Just[any]("system:serviceaccount:a:b"), rapid.Just[any]([]any{"x", "y"}), rapid.Just[any](json.Number("7"))).Draw(t, "value")
		}
		s["Condition"] = map[string]any{"StringLike": keys}
		list = append(list, s)
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": list})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Renewed, a policy trusts the new issuer where it trusted the earlier one; renewed
// back, it is what it was.
func TestRenewThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := anyPolicy(t)
		before, err := readTrust(text)
		if err != nil {
			t.Fatal(err)
		}
		p, err := readTrust(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.renew(oldIssuer, newIssuer, newARN); err != nil {
			t.Fatal(err)
		}
		if p.trusts(oldIssuer) || p.trusts(newIssuer) != before.trusts(oldIssuer) {
			t.Fatalf("%s became %s", before, p)
		}
		if !slices.Equal(p.accounts(newIssuer), before.accounts(oldIssuer)) {
			t.Fatalf("service accounts %v, then %v", before.accounts(oldIssuer), p.accounts(newIssuer))
		}
		if err := p.renew(newIssuer, oldIssuer, oldARN); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(p, before) {
			t.Fatalf("there and back:\n%s\n%s", before, p)
		}
	})
}

func FuzzReadTrust(f *testing.F) {
	for _, seed := range []string{usual, url.PathEscape(usual), `{"Statement":{"Principal":{"Federated":7},"Condition":{"a":[],"b":{"c":null}},"Effect":"Allow"}}`, `{"Statement":[null,1,[]]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, document string) {
		p, err := readTrust(document)
		if err != nil {
			return
		}
		before := p.trusts(oldIssuer)
		_ = p.accounts(oldIssuer)
		if err := p.renew(oldIssuer, newIssuer, newARN); err != nil {
			return
		}
		if p.trusts(oldIssuer) || before && !p.trusts(newIssuer) {
			t.Fatalf("%s became %s", document, p)
		}
		if _, err := readTrust(p.String()); err != nil {
			t.Fatalf("%s became %s: %v", document, p, err)
		}
	})
}
