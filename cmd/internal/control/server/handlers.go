package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
)

// nothing is the body of a request that has nothing to say.
type nothing struct{}

// answer writes a value as JSON.
func answer(w http.ResponseWriter, status int, value any) error {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(value); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", mediaJSON)
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a reader that is gone needs no answer
	return nil
}

// answered passes an error on, or answers with the value.
func answered[T any](w http.ResponseWriter, status int, value T, err error) error {
	if err != nil {
		return err
	}
	return answer(w, status, value)
}

var nameRule = regexp.MustCompile(namePattern)

// cluster is the name in the path.
func (r *asked) cluster() (string, error) {
	name := r.PathValue("name")
	if !nameRule.MatchString(name) {
		return "", api.UnknownCluster(cut(name))
	}
	return name, nil
}

func (s *Server) listClusters(w http.ResponseWriter, r *asked) error {
	list := api.ClusterList{Feed: s.feed.id, Seq: s.feed.position()} // before the list is made
	all, err := s.backend.Clusters(r.Context())
	list.Clusters = all
	if all == nil {
		list.Clusters = []api.Cluster{}
	}
	return answered(w, http.StatusOK, list, err)
}

func (s *Server) getCluster(w http.ResponseWriter, r *asked) error {
	name, err := r.cluster()
	if err != nil {
		return err
	}
	c, err := s.backend.Cluster(r.Context(), name)
	return answered(w, http.StatusOK, c, err)
}

// parseTime reads a time and refuses years that JSON cannot write.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err == nil && (t.UTC().Year() < 1 || t.UTC().Year() > 9000) {
		err = strconv.ErrRange
	}
	return t, err
}

func (s *Server) getSchedule(w http.ResponseWriter, r *asked) error {
	name, err := r.cluster()
	if err != nil {
		return err
	}
	from, err := parseTime(r.query["from"])
	if err != nil {
		from = s.opts.Now()
	}
	to, err := parseTime(r.query["to"])
	if err != nil {
		to = from.AddDate(0, 0, 7)
	}
	if span := to.Sub(from); span <= 0 || span > api.MaxSpan {
		return invalid("to", "not within %d days behind from", int(api.MaxSpan/(24*time.Hour)))
	}
	sched, err := s.backend.Schedule(r.Context(), name, from, to)
	if sched.Events == nil {
		sched.Events = []api.Event{}
	}
	return answered(w, http.StatusOK, sched, err)
}

func (s *Server) say(w http.ResponseWriter, r *asked) error {
	name, err := r.cluster()
	if err != nil {
		return err
	}
	var word api.WordRequest
	if err := readBody(w, r.Request, &word); err != nil {
		return err
	}
	if err := checkWord(word, s.opts.Now()); err != nil {
		return err
	}
	said, err := s.backend.Say(r.Context(), name, word, r.peer.Name)
	return answered(w, http.StatusCreated, said, err)
}

func checkWord(word api.WordRequest, now time.Time) error {
	switch {
	case word.Kind == api.Keep && word.Until.IsZero():
		return invalid("until", "is missing: keep needs an end")
	case word.Kind != api.Keep && word.Kind != api.Pause && !word.Until.IsZero():
		return invalid("until", "%s ends by the calendar", word.Kind).WithHint("leave it out")
	case !word.Until.IsZero() && !word.Until.After(now):
		return invalid("until", "%s is over", word.Until.Format(time.RFC3339))
	}
	return nil
}

func (s *Server) unsay(w http.ResponseWriter, r *asked) error {
	name, err := r.cluster()
	if err != nil {
		return err
	}
	kind := api.WordKind(r.PathValue("kind"))
	if !slices.Contains(api.WordKinds(), kind) {
		return invalid("kind", "%q is none of %v", cut(string(kind)), api.WordKinds())
	}
	d, err := s.backend.Unsay(r.Context(), name, kind, r.peer.Name)
	return answered(w, http.StatusOK, d, err)
}

func (s *Server) reload(w http.ResponseWriter, r *asked) error {
	if err := readBody(w, r.Request, &nothing{}); err != nil {
		return err
	}
	done, err := s.backend.Reload(r.Context(), r.peer.Name)
	return answered(w, http.StatusOK, done, err)
}

func (s *Server) getVersion(w http.ResponseWriter, r *asked) error {
	return answer(w, http.StatusOK, s.version(r.peer))
}

func (s *Server) healthz(w http.ResponseWriter, _ *asked) error {
	return answer(w, http.StatusOK, api.Health{Status: "ok"})
}

func (s *Server) readyz(w http.ResponseWriter, r *asked) error {
	select {
	case <-s.closing:
		return api.NewProblem(api.Unavailable, "the daemon is stopping")
	default:
	}
	if err := s.backend.Ready(r.Context()); err != nil {
		p := *s.problemOf(err)
		why := api.NewProblem(api.Unavailable, "%s", p.Error())
		why.Next = p.Next
		return why
	}
	return answer(w, http.StatusOK, api.Health{Status: "ok"})
}

func (s *Server) metrics(w http.ResponseWriter, r *asked) error {
	if s.opts.Metrics == nil {
		return unknownPath(r.Request)
	}
	s.opts.Metrics.ServeHTTP(w, r.Request)
	return nil
}

func (s *Server) describe(w http.ResponseWriter, _ *asked) error {
	h := w.Header()
	h.Set("Content-Type", mediaJSON)
	h.Set("Content-Length", strconv.Itoa(len(s.openapi)))
	_, _ = w.Write(s.openapi) // a reader that is gone needs no answer
	return nil
}
