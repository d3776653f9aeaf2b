package kube

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/object"
)

func refusal(code int32, reason metav1.StatusReason, message string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Code: code, Reason: reason, Message: message}}
}

func TestRefusedReason(t *testing.T) {
	tests := map[string]struct {
		err    error
		reason Reason
	}{
		"webhook denies": {refusal(403, "Forbidden", `admission webhook "policy.example.com" denied the request: no latest tags`), ReasonWebhook},
		"webhook away":   {refusal(500, "InternalError", `Internal error occurred: failed calling webhook "x": failed to call webhook: Post "https://x.y.svc:443/": no endpoints available for service "x"`), ReasonWebhook},
		"conversion":     {refusal(500, "InternalError", `conversion webhook for example.com/v1, Kind=Lamp failed: Post "https://x": refused`), ReasonWebhook},
		"quota":          {refusal(403, "Forbidden", `pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1`), ReasonQuota},
		"quota needs":    {refusal(403, "Forbidden", `pods "x" is forbidden: failed quota: q: must specify limits.cpu`), ReasonQuota},
		"limit range":    {refusal(403, "Forbidden", `pods "x" is forbidden: maximum cpu usage per Container is 1, but limit is 2`), ReasonForbidden},
		"role ref":       {refusal(422, "Invalid", `RoleBinding.rbac.authorization.k8s.io "x" is invalid: roleRef: Invalid value: {}: cannot change roleRef`), ReasonImmutable},
		"stateful set":   {refusal(422, "Invalid", `StatefulSet.apps "x" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden`), ReasonImmutable},
		"cluster IP":     {refusal(422, "Invalid", `Service "x" is invalid: spec.clusterIPs[0]: Invalid value: "10.0.0.1": may not change once set`), ReasonImmutable},
		"too large":      {refusal(413, "RequestEntityTooLarge", `Request entity too large: limit is 3145728`), ReasonInvalid},
		"no such page":   {refusal(404, "NotFound", `Not Found: 404 page not found`), ReasonKindNotServed},
		"terminating":    {refusal(403, "Forbidden", `configmaps "x" is forbidden: unable to create new content in namespace y because it is being terminated`), ReasonNamespaceTerminating},
		"overloaded":     {refusal(429, "TooManyRequests", "later"), ReasonUnavailable},
		"timeout":        {refusal(504, "Timeout", "request did not complete within the allotted timeout"), ReasonTimeout},
		"teapot":         {refusal(418, "", "teapot"), ReasonOther},
	}
	u := configMap("n", "c")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if e := applyErrorOf(object.IDOf(u), configMaps(), u, test.err); e.Reason != test.reason {
				t.Errorf("got %s", e)
			}
		})
	}
}

// The server explains the immutability of a claim with a comparison of its own data
// structures, which is nobody's business.
func TestDataStructuresStayWithTheServer(t *testing.T) {
	const plain = `PersistentVolumeClaim "data" is invalid: spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims`
	u := configMap("n", "c")
	e := applyErrorOf(object.IDOf(u), configMaps(), u, refusal(422, "Invalid", plain+"\n  core.PersistentVolumeClaimSpec{\n  \t... // 2 identical fields\n- \tx: nil,\n  }\n"))
	if e.Message != plain || e.Reason != ReasonImmutable {
		t.Errorf("%s: %q", e.Reason, e.Message)
	}
	if e := applyErrorOf(object.IDOf(u), configMaps(), u, refusal(422, "Invalid", "one: {\ntwo\nthree")); e.Message != "one: {\ntwo\nthree" {
		t.Errorf("%q", e.Message)
	}
}

// Whatever the server quotes, a Secret's value of some length is not shown.
func TestSecretsStaySecret(t *testing.T) {
	kind := coreKind("Secret", "secrets")
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[A-Za-z0-9!%&/()=?+*~#-]{6,40}`).Draw(t, "value")
		encoded := base64.StdEncoding.EncodeToString([]byte(value))
		field, stored := "stringData", value
		if rapid.Bool().Draw(t, "data") {
			field, stored = "data", encoded
		}
		u := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"namespace": "n", "name": "s"},
			field: map[string]any{"password": stored},
		}}
		quoted := rapid.SampledFrom([]string{value, encoded, fmt.Sprintf("%q", value)}).Draw(t, "quoted")
		code := rapid.SampledFrom([]int32{400, 403, 404, 409, 418, 422, 429, 500, 503}).Draw(t, "code")
		message := rapid.SampledFrom([]string{"data: Invalid value: %s", "admission webhook \"x\" denied the request: %s", "exceeded quota: %s", "failed calling webhook: %s"}).Draw(t, "message")
		e := applyErrorOf(object.IDOf(u), kind, u, refusal(code, "Any", fmt.Sprintf(message, quoted)))
		for _, secret := range []string{value, encoded} {
			if strings.Contains(e.Error(), secret) {
				t.Fatalf("%q is in %q", secret, e.Error())
			}
		}
	})
}

func TestConnectErrors(t *testing.T) {
	const good = `
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: a, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
current-context: a
`
	if _, err := Connect([]byte(good), "", Options{Now: time.Now}); err != nil {
		t.Error(err)
	}
	tests := map[string]struct{ config, context, want string }{
		"no YAML":         {"{", "", "cannot be read"},
		"empty":           {"", "", "not complete"},
		"no such context": {good, "b", `no context "b"`},
		"no such cluster": {strings.Replace(good, "cluster: c,", "cluster: d,", 1), "", "not complete"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Connect([]byte(test.config), test.context, Options{Now: time.Now}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
