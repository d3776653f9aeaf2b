package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Ready waits until the API server says that it is ready. When ctx ends first,
// the error says what was not ready; a server that will never answer (wrong
// certificates, no credentials) is an error at once.
func (c *Cluster) Ready(ctx context.Context) error {
	var last error
	for tries := 0; ; tries++ {
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := c.send(try, call{method: http.MethodGet, path: "/readyz", query: url.Values{"verbose": {""}}, accept: "*/*"}, discard)
		cancel()
		switch {
		case err == nil, apierrors.IsForbidden(err):
			return nil // forbidden: it answers and knows us, only not what its health is
		case apierrors.IsUnauthorized(err), hopeless(err):
			return fmt.Errorf("the API server at %s does not let us in: %w", c.host.Host, err)
		case ctx.Err() == nil, last == nil:
			last = unreadiness(err)
		}
		if stop := pause(ctx, min(time.Second, 50*time.Millisecond<<min(tries, 5))); stop != nil {
			return fmt.Errorf("the API server at %s did not become ready: %w (%w)", c.host.Host, last, stop)
		}
	}
}

// unreadiness reduces the verbose answer of /readyz to the checks that fail.
func unreadiness(err error) error {
	s := apierrors.APIStatus(nil)
	if !errors.As(err, &s) {
		return err
	}
	var failing []string
	for line := range strings.Lines(s.Status().Message) {
		if at := strings.Index(line, "[-]"); at >= 0 {
			name, _, _ := strings.Cut(line[at+3:], " ")
			failing = append(failing, strings.TrimSpace(name))
		}
	}
	if len(failing) == 0 {
		return err
	}
	return fmt.Errorf("not ready yet: %s", strings.Join(failing, ", "))
}

func discard(res *http.Response) error {
	_, err := io.Copy(io.Discard, res.Body)
	return err
}

// Version returns the version of the API server, "v1.36.3".
func (c *Cluster) Version(ctx context.Context) (string, error) {
	var info struct {
		GitVersion string `json:"gitVersion"`
	}
	err := c.do(ctx, call{method: http.MethodGet, path: "/version"}, func(res *http.Response) error {
		return json.NewDecoder(io.LimitReader(res.Body, errorBody)).Decode(&info)
	})
	if err != nil {
		return "", fmt.Errorf("the version of the API server: %w", err)
	}
	return info.GitVersion, nil
}

// Discover returns what the API server serves, without subresources. A group
// version that it cannot describe (an APIService without a running backend) is
// in the catalogue's Failed and no error.
func (c *Cluster) Discover(ctx context.Context) (*object.Catalogue, error) {
	version, err := c.Version(ctx)
	if err != nil {
		return nil, err
	}
	client, err := discovery.NewDiscoveryClientForConfigAndClient(c.config, c.client)
	if err != nil {
		return nil, err
	}
	groups, lists, err := client.ServerGroupsAndResourcesWithContext(ctx)
	failed, partial := discovery.GroupDiscoveryFailedErrorGroups(err)
	if err != nil && !partial {
		return nil, fmt.Errorf("what the API server at %s serves: %w", c.host.Host, err)
	}
	catalogue := object.NewCatalogue(version, kindsOf(groups, lists))
	for gv, cause := range failed {
		catalogue.Failed[gv] = cause.Error()
	}
	return catalogue, nil
}

// kindsOf flattens discovery: in each group the preferred version comes first.
func kindsOf(groups []*metav1.APIGroup, lists []*metav1.APIResourceList) []object.Kind {
	preferred := map[schema.GroupVersion]bool{}
	for _, g := range groups {
		preferred[schema.GroupVersion{Group: g.Name, Version: g.PreferredVersion.Version}] = true
	}
	var first, rest []object.Kind
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, r := range list.APIResources {
			if strings.Contains(r.Name, "/") || r.Kind == "" {
				continue
			}
			k := object.Kind{GroupVersionKind: gv.WithKind(r.Kind), Resource: r.Name, Namespaced: r.Namespaced, Verbs: slices.Clone(r.Verbs)}
			if preferred[gv] {
				first = append(first, k)
			} else {
				rest = append(rest, k)
			}
		}
	}
	return append(first, rest...)
}
