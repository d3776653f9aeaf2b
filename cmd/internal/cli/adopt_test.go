package cli_test

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// edit changes a cluster as a person does with kubectl, one request of a line:
// edit KUBECONFIG FILE, with lines METHOD PATH [JSON] in it. A patch is a
// strategic one.
func (o others) edit(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: edit KUBECONFIG FILE")
	}
	config, err := clientcmd.RESTConfigFromKubeConfig([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	client, err := rest.HTTPClientFor(config)
	ts.Check(err)
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Minute)
	defer cancel()
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		method, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		path, body, _ := strings.Cut(rest, " ")
		req, err := http.NewRequestWithContext(ctx, method, config.Host+path+"?fieldManager=kubectl-edit", strings.NewReader(body))
		ts.Check(err)
		req.Header.Set("Content-Type", "application/json")
		if method == http.MethodPatch {
			req.Header.Set("Content-Type", "application/strategic-merge-patch+json")
		}
		res, err := client.Do(req)
		ts.Check(err)
		answer, err := io.ReadAll(res.Body)
		ts.Check(err)
		ts.Check(res.Body.Close())
		if res.StatusCode/100 != 2 {
			ts.Fatalf("%s %s: %s: %s", method, path, res.Status, answer)
		}
	}
}

// githttp serves the repositories in a folder with basic auth (robot, s3cret) and
// puts the address into a variable: githttp FOLDER VARIABLE
func (o others) githttp(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: githttp FOLDER VARIABLE")
	}
	root, err := filepath.EvalSymlinks(ts.MkAbs(args[0]))
	ts.Check(err)
	server := gitserver.ServeHTTP(o.t, root)
	server.RequireAuth("robot", "s3cret")
	ts.Setenv(args[1], server.URL)
}
