package local

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// endpoint is the URL of the API server.
func endpoint(port int) string { return fmt.Sprintf("https://127.0.0.1:%d", port) }

// kubeconfig returns an administrator's kubeconfig with everything embedded:
// it is valid as long as the cluster, wherever it is copied.
func kubeconfig(h home, name string, port int) ([]byte, error) {
	encoded := map[string]string{}
	for _, file := range []string{"ca.crt", "admin.crt", "admin.key"} {
		raw, err := os.ReadFile(h.path("pki", file))
		if err != nil {
			return nil, err
		}
		encoded[file] = base64.StdEncoding.EncodeToString(raw)
	}
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: rekindle-%[1]s
  cluster:
    server: %[2]s
    certificate-authority-data: %[3]s
users:
- name: rekindle-%[1]s
  user:
    client-certificate-data: %[4]s
    client-key-data: %[5]s
contexts:
- name: rekindle-%[1]s
  context:
    cluster: rekindle-%[1]s
    user: rekindle-%[1]s
current-context: rekindle-%[1]s
`, name, endpoint(port), encoded["ca.crt"], encoded["admin.crt"], encoded["admin.key"]), nil
}

// apiClient asks the API server the few questions that say whether it is ready.
// It trusts the cluster's own authority only, so that an answer proves that it
// is this cluster that answers.
type apiClient struct {
	http *http.Client
	base string
}

func newAPIClient(h home, port int) (*apiClient, error) {
	ca, err := os.ReadFile(h.path("pki", "ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", h.path("pki", "ca.crt"))
	}
	cert, err := tls.LoadX509KeyPair(h.path("pki", "admin.crt"), h.path("pki", "admin.key"))
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	return &apiClient{
		http: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: config}},
		base: endpoint(port),
	}, nil
}

func (c *apiClient) close() { c.http.CloseIdleConnections() }

// get returns the body of a successful answer.
func (c *apiClient) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return body, nil
}

// readySteps are what has to be true before the first apply, in the order in
// which it becomes true.
func (c *apiClient) readySteps(m mark) []readyStep {
	// What somebody deleted from a cluster that was ready once does not count.
	want := 0
	if m.State == providers.StateCreating {
		want = m.Settings.nodes()
	}
	exists := func(path string) func(context.Context) error {
		return func(ctx context.Context) error { _, err := c.get(ctx, path); return err }
	}
	return []readyStep{
		{"the API server is not ready", "kube-apiserver", exists("/readyz")},
		{"the default ServiceAccount does not exist", "kube-controller-manager", exists("/api/v1/namespaces/default/serviceaccounts/default")},
		{"the default StorageClass does not exist", "cloud", func(ctx context.Context) error {
			if want == 0 {
				return nil
			}
			_, err := c.get(ctx, "/apis/storage.k8s.io/v1/storageclasses/standard")
			return err
		}},
		{"the nodes do not exist", "cloud", func(ctx context.Context) error { return c.haveNodes(ctx, want) }},
	}
}

// readyStep is one thing to wait for, what it means while it is not there, and
// the component that brings it about.
type readyStep struct {
	lacking, component string
	check              func(context.Context) error
}

// haveNodes says whether at least so many nodes are there.
func (c *apiClient) haveNodes(ctx context.Context, want int) error {
	body, err := c.get(ctx, "/api/v1/nodes?resourceVersion=0")
	if err != nil {
		return err
	}
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return err
	}
	if len(list.Items) < want {
		return fmt.Errorf("%d of %d nodes", len(list.Items), want)
	}
	return nil
}
