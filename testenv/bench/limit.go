package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/raw"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/testenv/bench/objects"
)

// The limit of a comparison is a process that sends the same list requests and
// throws the answers away. Which ones these are is not written down here: they
// are recorded from a comparison.

// listWorkers is how many lists go on at once, as in drift.Compare.
const listWorkers = 8

// listing is the first request of a list.
type listing struct {
	// Path with the query.
	Path   string `json:"path"`
	Accept string `json:"accept"`
}

// listed is what came of the lists.
type listed struct {
	Requests int   `json:"requests"`
	Bytes    int64 `json:"bytes"`
	// Alone is what the lists took, without the start of the process.
	Alone timed `json:"alone"`
}

// recorder notes the lists that a comparison asks for.
type recorder struct {
	mu       sync.Mutex
	first    []listing
	requests int
}

// wrap notes what passes. A list is what asks for pages.
func (r *recorder) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		if q := req.URL.Query(); req.Method == http.MethodGet && q.Has("limit") {
			r.mu.Lock()
			r.requests++
			if !q.Has("continue") {
				r.first = append(r.first, listing{Path: req.URL.RequestURI(), Accept: req.Header.Get("Accept")})
			}
			r.mu.Unlock()
		}
		return next.RoundTrip(req)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// listsOf compares a cluster that holds just the objects as rekindle drift does,
// and returns what it asked for, and how many requests that took.
func listsOf(ctx context.Context, kubeconfig []byte, list []objects.Object) (*recorder, error) {
	r := &recorder{}
	c, err := kube.Connect(kubeconfig, "", kube.Options{Now: time.Now, Wrap: r.wrap})
	if err != nil {
		return nil, err
	}
	catalogue, err := c.Discover(ctx)
	if err != nil {
		return nil, err
	}
	expected, err := expectedOf(list, catalogue)
	if err != nil {
		return nil, err
	}
	filter, err := capture.New(capture.Options{})
	if err != nil {
		return nil, err
	}
	found, err := compareAsDriftDoes(ctx, c, expected, catalogue, filter)
	if err != nil {
		return nil, err
	}
	if len(found.Unlisted) > 0 {
		return nil, fmt.Errorf("not everything could be listed: %v", found.Unlisted)
	}
	return r, nil
}

// onlyLists is a clean cluster: nothing has to be confirmed.
type onlyLists struct{ *kube.Cluster }

var (
	_ drift.Cluster = onlyLists{}
	_ drift.Scanner = onlyLists{}
)

func (l onlyLists) List(ctx context.Context, kind object.Kind, metadataOnly bool, each func(*unstructured.Unstructured) error) error {
	return l.Cluster.List(ctx, kind, kube.ListOptions{MetadataOnly: metadataOnly}, each)
}

func (l onlyLists) Scan(ctx context.Context, kind object.Kind, metadataOnly bool, each func(*raw.Object) error) error {
	return l.Cluster.Scan(ctx, kind, kube.ListOptions{MetadataOnly: metadataOnly}, each)
}

func (onlyLists) DryRun(_ context.Context, _ object.Kind, u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return nil, fmt.Errorf("%s %s/%s looks changed", u.GetKind(), u.GetNamespace(), u.GetName())
}

// bareListCommand makes this program the bare list instead of the benchmark.
const bareListCommand = "bare-list"

// bareList is the process behind bareListCommand: in go a kubeconfig and a file
// of listings, out comes what was listed.
func bareList(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("want a kubeconfig and a file of listings")
	}
	raw, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	var lists []listing
	if err := json.Unmarshal(raw, &lists); err != nil {
		return fmt.Errorf("%s: %w", args[1], err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", args[0])
	if err != nil {
		return err
	}
	config.DisableCompression = true
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	// Who compares has connected by now, to ask what the server serves.
	if err := connect(ctx, client, config.Host); err != nil {
		return err
	}
	var mu sync.Mutex
	var sum listed
	stop := clock()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(listWorkers)
	for _, l := range lists {
		g.Go(func() error {
			got, err := l.read(gctx, client, config.Host)
			mu.Lock()
			defer mu.Unlock()
			sum.Requests, sum.Bytes = sum.Requests+got.Requests, sum.Bytes+got.Bytes
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	sum.Alone = stop()
	return json.NewEncoder(out).Encode(sum)
}

// connect asks the server for its version.
func connect(ctx context.Context, client *http.Client, host string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, host+"/version", nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return errors.Join(err, res.Body.Close())
}

// read reads all pages, and keeps nothing but the token of the next one.
func (l listing) read(ctx context.Context, client *http.Client, host string) (sum listed, err error) {
	head := make([]byte, 4096)
	for token := ""; ; {
		address := host + l.Path
		if token != "" {
			address += "&continue=" + url.QueryEscape(token)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return sum, err
		}
		req.Header.Set("Accept", l.Accept)
		res, err := client.Do(req)
		if err != nil {
			return sum, err
		}
		n, _ := io.ReadFull(res.Body, head) // whether it was cut off, shows next
		rest, err := io.Copy(io.Discard, res.Body)
		_ = res.Body.Close() // it was read to its end
		if err != nil || res.StatusCode != http.StatusOK {
			return sum, errors.Join(fmt.Errorf("%s: %s", l.Path, res.Status), err)
		}
		sum.Requests, sum.Bytes = sum.Requests+1, sum.Bytes+int64(n)+rest
		if token = tokenOf(head[:n]); token == "" {
			return sum, nil
		}
	}
}

// tokenOf finds the token of the next page in the beginning of a list, where the
// server writes it for all kinds but custom ones.
func tokenOf(head []byte) string {
	_, rest, found := bytes.Cut(head, []byte(`"continue":"`))
	token, _, whole := bytes.Cut(rest, []byte(`"`))
	if !found || !whole {
		return ""
	}
	return string(token)
}
