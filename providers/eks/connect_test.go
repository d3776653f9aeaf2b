package eks

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/providers"
)

// unasked is an HTTP client of an AWS that must not be asked.
type unasked struct{ t *testing.T }

func (u unasked) Do(r *http.Request) (*http.Response, error) {
	u.t.Errorf("AWS is asked: %s %s", r.Method, r.URL)
	return nil, errors.New("not asked")
}

// offline returns a provider that knows these clusters, and has no AWS.
func offline(t *testing.T, keys aws.CredentialsProvider, declared map[string]providers.Settings) *Provider {
	t.Helper()
	p, err := New(Options{
		Load: func(context.Context, string) (aws.Config, error) {
			return aws.Config{Credentials: keys, HTTPClient: unasked{t}}, nil
		},
		Declared: func() (map[string]providers.Settings, error) { return declared, nil },
		Root:     t.TempDir(), Now: time.Now, Token: []string{"/usr/bin/rekindle", "--config", "/etc/rekindle.yaml", "clusters", "token"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestATokenIsASignedRequestThatIsNotSent(t *testing.T) {
	p := offline(t, credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "session"), map[string]providers.Settings{"prod": plain()})
	before := time.Now()
	token, err := p.Token(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	if life := token.Expires.Sub(before); life < 13*time.Minute || life > 15*time.Minute {
		t.Errorf("it is good for %s", life)
	}
	text, ok := strings.CutPrefix(token.Value, "k8s-aws-v1.")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if !ok || err != nil {
		t.Fatalf("%q: %v", token.Value, err)
	}
	u, err := url.Parse(string(raw))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.Scheme != "https" || u.Host != "sts.eu-central-1.amazonaws.com" || q.Get("Action") != "GetCallerIdentity" || q.Get("X-Amz-Expires") != "60" {
		t.Errorf("signed is %s", u)
	}
	if signed := q.Get("X-Amz-SignedHeaders"); signed != "host;x-k8s-aws-id" {
		t.Errorf("signed headers are %q", signed)
	}
	if q.Get("X-Amz-Security-Token") != "session" || strings.Contains(string(raw), "secret") {
		t.Errorf("credentials in %s", u)
	}
	for key := range q {
		switch key {
		case "Action", "Version", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Security-Token", "X-Amz-Signature":
		default:
			t.Errorf("EKS refuses a token with the parameter %s", key)
		}
	}
}

func TestATokenEndsWithTheCredentials(t *testing.T) {
	end := time.Now().Add(3 * time.Minute)
	keys := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b", SessionToken: "c", CanExpire: true, Expires: end}, nil
	})
	token, err := offline(t, keys, map[string]providers.Settings{"prod": plain()}).Token(t.Context(), "prod")
	if err != nil || !token.Expires.Equal(end) {
		t.Errorf("expires %s, want %s: %v", token.Expires, end, err)
	}
}

func TestWithoutCredentialsThereIsNoToken(t *testing.T) {
	keys := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no EC2 IMDS role found")
	})
	p := offline(t, keys, map[string]providers.Settings{"prod": plain()})
	_, err := p.Token(t.Context(), "prod")
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(e.What, "no AWS credentials") || !strings.Contains(e.Remedy, "AWS_PROFILE") {
		t.Errorf("%v", err)
	}
	if _, err := offline(t, keys, nil).Token(t.Context(), "prod"); !errors.Is(err, providers.ErrNotFound) {
		t.Errorf("a cluster nobody knows: %v", err)
	}
	if _, err := p.Token(t.Context(), "../prod"); err == nil {
		t.Error("a bad name is taken")
	}
}

func TestATokenOfAClusterThatIsDeclaredNoMoreIsSignedWhereItIs(t *testing.T) {
	p := offline(t, credentials.NewStaticCredentialsProvider("a", "b", ""), map[string]providers.Settings{"": plain(), "prod": plain()})
	if err := p.keep(record{Name: "drill", ID: "1", Account: "123456789012", Region: "us-east-2", Created: time.Now()}); err != nil {
		t.Fatal(err)
	}
	token, err := p.Token(t.Context(), "drill")
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token.Value, tokenStart))
	if !strings.Contains(string(raw), "sts.us-east-2.amazonaws.com") {
		t.Errorf("signed is %s", raw)
	}
}

func TestAKubeconfigNamesTheCommandAndHoldsNoCredentials(t *testing.T) {
	p := offline(t, credentials.NewStaticCredentialsProvider("a", "b", ""), nil)
	h := holding{mark: mark{name: "prod", id: "1"}, cluster: &awseks.Cluster{
		Endpoint: aws.String("https://x.example"), CertificateAuthority: &awseks.Certificate{Data: aws.String("Q0E=")},
	}}
	raw, err := h.kubeconfig(p.plugin("prod"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Users []struct {
			User map[string]struct {
				APIVersion, Command, InteractiveMode string
				Args                                 []string
			}
		}
	}
	if err := yaml.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	exec := got.Users[0].User["exec"]
	if exec.Command != "/usr/bin/rekindle" || strings.Join(exec.Args, " ") != "--config /etc/rekindle.yaml clusters token prod" || exec.InteractiveMode != "Never" {
		t.Errorf("the command is %+v", exec)
	}
	if again := p.plugin("other")["exec"].(map[string]any)["args"].([]string); again[len(again)-1] != "other" || len(again) != 5 {
		t.Errorf("the next cluster's command is %v", again)
	}
	h.cluster.Endpoint = nil
	if _, err := h.kubeconfig(nil); err == nil {
		t.Error("a kubeconfig without an address")
	}
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	good := Options{Load: func(context.Context, string) (aws.Config, error) { return aws.Config{}, nil },
		Declared: func() (map[string]providers.Settings, error) { return nil, nil }, Now: time.Now, Root: "/tmp/x"}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Options){
		"no Load": func(o *Options) { o.Load = nil }, "no Declared": func(o *Options) { o.Declared = nil }, "no clock": func(o *Options) { o.Now = nil },
		"relative root": func(o *Options) { o.Root = "x" }, "relative command": func(o *Options) { o.Token = []string{"rekindle"} },
	} {
		bad := good
		spoil(&bad)
		if _, err := New(bad); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestWhoAsksIsKnownAsARole(t *testing.T) {
	const number = "123456789012"
	for _, c := range []struct {
		caller, principal string
		want              bool
	}{
		{"arn:aws:sts::" + number + ":assumed-role/ops/ada", "arn:aws:iam::" + number + ":role/ops", true},
		{"arn:aws:sts::" + number + ":assumed-role/ops/ada", "arn:aws:iam::" + number + ":role/team/ops", true},
		{"arn:aws:sts::" + number + ":assumed-role/ops/ada", "arn:aws:iam::" + number + ":role/ada", false},
		{"arn:aws:sts::" + number + ":assumed-role/ops/ada", "arn:aws:iam::210987654321:role/ops", false},
		{"arn:aws:sts::" + number + ":assumed-role/ops/ada", "arn:aws:iam::" + number + ":user/ops", false},
		{"arn:aws:iam::" + number + ":user/ada", "arn:aws:iam::" + number + ":user/ada", true},
		{"arn:aws:iam::" + number + ":user/ada", "arn:aws:iam::" + number + ":role/", false},
		{"arn:aws-cn:sts::" + number + ":assumed-role/ops/ada", "arn:aws-cn:iam::" + number + ":role/ops", true},
	} {
		a := &account{number: number, caller: c.caller}
		if have := a.isCaller(c.principal); have != c.want {
			t.Errorf("%s is %s: %t", c.caller, c.principal, have)
		}
	}
}
