package cli_test

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/testenv"
)

// others are the commands of scripts that play somebody else than rekindle.
type others struct{ t *testing.T }

// controlplane starts a cluster that nobody has restored onto, and writes its
// kubeconfig, whose context is named theirs: controlplane FILE
func (o others) controlplane(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: controlplane FILE")
	}
	c := testenv.Start(o.t)
	ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(args[0])), 0o755))
	config := strings.ReplaceAll(string(c.Kubeconfig), "rekindle-"+c.Name, "theirs")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(config), 0o600))
}

// team makes objects past rekindle, as a team with tools of its own:
// team KUBECONFIG MANIFESTS
func (o others) team(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: team KUBECONFIG MANIFESTS")
	}
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Minute)
	defer cancel()
	c, served := connect(ctx, ts, args[0])
	for manifest := range strings.SplitSeq(ts.ReadFile(args[1]), "\n---\n") {
		u := &unstructured.Unstructured{}
		ts.Check(yaml.Unmarshal([]byte(manifest), &u.Object))
		kind, ok := served.Lookup(u.GroupVersionKind())
		if !ok {
			ts.Fatalf("%s is not served", u.GroupVersionKind())
		}
		_, err := c.Apply(ctx, kind, u, kube.ApplyOptions{})
		ts.Check(err)
	}
}

// has wants an object, whose JSON matches: has KUBECONFIG KIND NAMESPACE NAME
// [PATTERN]. Negated, it wants none, or one that does not match.
func (o others) has(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 4 {
		ts.Fatalf("usage: has KUBECONFIG KIND NAMESPACE|- NAME [PATTERN]")
	}
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Minute)
	defer cancel()
	c, served := connect(ctx, ts, args[0])
	there, text := false, ""
	for _, kind := range served.Kinds() {
		if kind.Kind != args[1] || there {
			continue
		}
		u, err := c.Get(ctx, kind, strings.TrimPrefix(args[2], "-"), args[3])
		if err == nil {
			raw, err := json.Marshal(u.Object)
			ts.Check(err)
			there, text = true, string(raw)
		}
	}
	if len(args) > 4 {
		there = there && regexp.MustCompile(args[4]).MatchString(text)
	}
	if there == neg {
		ts.Fatalf("%v: %v: %s", args, there, text)
	}
}

// silent writes a kubeconfig of a server that accepts and never answers:
// silent FILE
func (o others) silent(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	config := `{"apiVersion":"v1","kind":"Config","clusters":[{"name":"c","cluster":{"server":"https://` + l.Addr().String() + `"}}],` +
		`"users":[{"name":"u","user":{"token":"sesame-open"}}],"contexts":[{"name":"away","context":{"cluster":"c","user":"u"}}]}`
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(config), 0o600))
}

func connect(ctx context.Context, ts *testscript.TestScript, kubeconfig string) (*kube.Cluster, *object.Catalogue) {
	c, err := kube.Connect([]byte(ts.ReadFile(kubeconfig)), "", kube.Options{FieldManager: "team-b", Now: time.Now})
	ts.Check(err)
	served, err := c.Discover(ctx)
	ts.Check(err)
	return c, served
}
