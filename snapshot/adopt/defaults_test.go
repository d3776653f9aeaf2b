package adopt_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/snapshot/adopt"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// TestDefaultsStayOutOfGit: the comparison speaks of what the server makes of
// git's objects; what it has added there is not written into git, and a field
// that git leaves out with all that is around it finds its place.
func TestDefaultsStayOutOfGit(t *testing.T) {
	const before = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  ports:
    - port: 80 # http
    - port: 443
`
	const after = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  ports:
    - port: 80 # http
      targetPort: 8080
    - port: 443
    - port: 9000
      protocol: TCP
      targetPort: 9000
  sessionAffinityConfig:
    clientIP:
      timeoutSeconds: 10
`
	port := func(n, target int64) map[string]any {
		return map[string]any{"port": n, "targetPort": target, "protocol": "TCP"}
	}
	id := object.ID{Kind: "Service", Namespace: "shop", Name: "web"}
	tree := fstest.MapFS{"web.yaml": {Data: []byte(before)}}
	result, err := adopt.Adopt(t.Context(), adopt.Request{Tree: tree, Renderer: adopt.RenderFunc(render.Render), Wanted: []adopt.Wanted{{ID: id, Fields: []drift.Field{
		{Path: "spec.ports", Want: []any{port(80, 80), port(443, 443)}, Have: []any{port(80, 8080), port(443, 443), port(9000, 9000)}},
		{Path: "spec.sessionAffinityConfig.clientIP.timeoutSeconds", Want: int64(10800), Have: int64(10)},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Refused) > 0 {
		t.Fatal(result.Refused)
	}
	if diff := cmp.Diff(after, string(result.Overlay["web.yaml"])); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
