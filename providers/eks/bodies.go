package eks

import (
	"bytes"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// wholeBodies sends the bodies of requests from memory. The SDK hides them behind a reader
// that it closes once an answer begins to come; where net/http has not asked that reader
// for more by then, it takes the end for a failure and cuts the connection in the middle
// of the answer. On a busy machine that happens several times in a row, so that trying
// again does not help.
type wholeBodies struct{ client aws.HTTPClient }

// Do sends a request.
func (w wholeBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return w.client.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.WithContext(r.Context()) // the SDK goes on using its own
	r.Body = io.NopCloser(bytes.NewReader(body))
	return w.client.Do(r)
}
