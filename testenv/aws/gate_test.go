package aws_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/rekindle-io/rekindle/testenv/aws"
)

// Only who brings a fresh token for this cluster, and is let in there, reaches the API
// server, and with no more rights than the access entry gives.
func TestWhoReachesAnAPIServer(t *testing.T) {
	w := world(t, aws.Options{})
	creator := key(t, w, aws.Everything)
	guest, err := w.Grant(account, "guest", aws.Everything)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := w.Grant(account, "stranger", aws.Everything)
	if err != nil {
		t.Fatal(err)
	}
	k := running(t, w, creator)
	if _, err := awseks.NewFromConfig(w.Config(creator, region)).CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{
		ClusterName: k.Name, PrincipalArn: awssdk.String(guest.Principal), KubernetesGroups: []string{"guests"}}); err != nil {
		t.Fatal(err)
	}
	forged := creator
	forged.Secret += "x"
	now := time.Now()
	for name, c := range map[string]struct {
		token  string
		header http.Header
		want   int
	}{
		"who made it":               {token: token(t, w, creator, "a", now), want: http.StatusOK},
		"a session of who made it":  {token: token(t, w, w.Lend(creator, now.Add(time.Hour)), "a", now), want: http.StatusOK},
		"14 minutes old":            {token: token(t, w, creator, "a", now.Add(-14*time.Minute)), want: http.StatusOK},
		"16 minutes old":            {token: token(t, w, creator, "a", now.Add(-16*time.Minute)), want: http.StatusUnauthorized},
		"of a session that is over": {token: token(t, w, w.Lend(creator, now.Add(-time.Hour)), "a", now), want: http.StatusUnauthorized},
		"for another cluster":       {token: token(t, w, creator, "b", now), want: http.StatusUnauthorized},
		"forged":                    {token: token(t, w, forged, "a", now), want: http.StatusUnauthorized},
		"no token of EKS":           {token: "secret", want: http.StatusUnauthorized},
		"nobody let them in":        {token: token(t, w, stranger, "a", now), want: http.StatusUnauthorized},
		"let in without any rights": {token: token(t, w, guest, "a", now), want: http.StatusForbidden},
		"taking others' rights":     {token: token(t, w, guest, "a", now), header: http.Header{"Impersonate-Group": {"system:masters"}}, want: http.StatusForbidden},
		"taking another's identity": {token: token(t, w, guest, "a", now), header: http.Header{"Impersonate-Uid": {"1"}, "Impersonate-Extra-A": {"1"}}, want: http.StatusForbidden},
		"who may be whom they like": {token: token(t, w, creator, "a", now), header: http.Header{"Impersonate-User": {"nobody"}}, want: http.StatusForbidden},
		"more than one says who":    {token: token(t, w, guest, "a", now), header: http.Header{"Impersonate-User": {"root"}}, want: http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ask(t, k, c.token, c.header); got != c.want {
				t.Errorf("the API server answers %d, not %d", got, c.want)
			}
		})
	}
}

// running makes a cluster a and waits for it.
func running(t *testing.T, w *aws.World, by aws.Key) *types.Cluster {
	t.Helper()
	client := awseks.NewFromConfig(w.Config(by, region))
	role, subnets := ground(t, w)
	if _, err := client.CreateCluster(t.Context(), &awseks.CreateClusterInput{Name: awssdk.String("a"), RoleArn: awssdk.String(role), ResourcesVpcConfig: vpcOf(subnets),
		AccessConfig: &types.CreateAccessConfigRequest{AuthenticationMode: types.AuthenticationModeApi}}); err != nil {
		t.Fatal(err)
	}
	out, err := awseks.NewClusterActiveWaiter(client, func(o *awseks.ClusterActiveWaiterOptions) {
		o.MinDelay, o.MaxDelay = 10*time.Millisecond, 50*time.Millisecond
	}).
		WaitForOutput(t.Context(), &awseks.DescribeClusterInput{Name: awssdk.String("a")}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return out.Cluster
}

// token is one as EKS takes them, made at a time.
func token(t *testing.T, w *aws.World, k aws.Key, cluster string, at time.Time) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, *w.Config(k, region).BaseEndpoint+"/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-K8s-Aws-Id", cluster)
	empty := sha256.Sum256(nil)
	signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), awssdk.Credentials{AccessKeyID: k.Access, SecretAccessKey: k.Secret, SessionToken: k.Session},
		r, hex.EncodeToString(empty[:]), "sts", region, at)
	if err != nil {
		t.Fatal(err)
	}
	return "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(signed))
}

// ask lists namespaces at a cluster's address, trusting its certificate authority alone.
func ask(t *testing.T, k *types.Cluster, token string, header http.Header) int {
	t.Helper()
	authority, err := base64.StdEncoding.DecodeString(awssdk.ToString(k.CertificateAuthority.Data))
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(authority) {
		t.Fatal("its certificate authority cannot be read")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, awssdk.ToString(k.Endpoint)+"/api/v1/namespaces", nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}
