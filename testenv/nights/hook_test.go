package nights

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// notice is what the webhook was told.
type notice struct {
	Kind    string    `json:"kind"`
	Cluster string    `json:"cluster"`
	Time    time.Time `json:"time"`
	At      time.Time `json:"at"`
	Run     string    `json:"run"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
}

// hook receives the notices of the daemon.
type hook struct {
	URL string
	mu  sync.Mutex
	all []notice
}

func newHook(t *testing.T) *hook {
	h := &hook{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n notice
		if json.NewDecoder(r.Body).Decode(&n) == nil {
			h.mu.Lock()
			h.all = append(h.all, n)
			h.mu.Unlock()
		}
	}))
	t.Cleanup(server.Close)
	h.URL = server.URL
	return h
}

func (h *hook) notices() []notice {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.all)
}

// told tells whether there was a notice of that kind about an event.
func (h *hook) told(kind, cluster string, at time.Time) bool {
	return slices.ContainsFunc(h.notices(), func(n notice) bool { return n.Kind == kind && n.Cluster == cluster && n.At.Equal(at) })
}
