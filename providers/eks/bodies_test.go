package eks

import (
	"io"
	"net/http"
	"strings"
	"testing"

	smithyhttp "github.com/aws/smithy-go/transport/http"
)

type doing func(*http.Request) (*http.Response, error)

func (d doing) Do(r *http.Request) (*http.Response, error) { return d(r) }

// TestBodiesOutliveTheSDKsOwn: what net/http reads is whole after the SDK has closed what
// it made, and ends as it should when it is asked for more in net/http's way.
func TestBodiesOutliveTheSDKsOwn(t *testing.T) {
	made, err := smithyhttp.NewStackRequest().(*smithyhttp.Request).SetStream(strings.NewReader("Action=DescribeVpcs"))
	if err != nil {
		t.Fatal(err)
	}
	made.ContentLength = 19
	built := made.Build(t.Context())
	sent := false
	got, err := wholeBodies{doing(func(r *http.Request) (*http.Response, error) {
		sent = true
		if built.Body == r.Body {
			t.Error("it is the SDK's own body")
		}
		if err := built.Body.Close(); err != nil {
			t.Error(err)
		}
		have, err := io.ReadAll(r.Body)
		if err != nil || string(have) != "Action=DescribeVpcs" {
			t.Errorf("the body is %q, %v", have, err)
		}
		if n, err := io.Copy(io.Discard, r.Body); n != 0 || err != nil {
			t.Errorf("after its end there are %d bytes, %v", n, err)
		}
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	})}.Do(built)
	if err != nil || !sent {
		t.Fatalf("sent: %t, %v", sent, err)
	}
	if err := got.Body.Close(); err != nil {
		t.Error(err)
	}
	if n, err := io.Copy(io.Discard, built.Body); err == nil {
		t.Logf("the SDK's own body ends well now (%d bytes): wholeBodies may go", n)
	}
}
