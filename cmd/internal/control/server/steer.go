package server

import (
	"net/http"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

func (s *Server) steerRoutes() []route {
	return []route{
		{
			method: "POST", path: "/v1/runs/{id}/resume", id: "resumeRun",
			doc: "Goes on with a restore or teardown where it stopped. Consent that the run had not got before is not given by this.",
			in:  nothing{}, out: api.Run{}, status: http.StatusAccepted,
			problems: kinds(api.NotFound, api.Ambiguous, api.Ended, api.Held, api.Refused), serve: s.resumeRun,
		}, {
			method: "POST", path: "/v1/runs/{id}/orders", id: "orderRun",
			doc: "Tells a live run of the daemon what a person wants of it: to pause, to continue, to try an object again, to give one up.",
			in:  api.Order{}, out: nothing{}, status: http.StatusAccepted,
			problems: kinds(api.NotFound, api.Ambiguous, api.Ended, api.Refused), serve: s.orderRun,
		},
	}
}

func (s *Server) resumeRun(w http.ResponseWriter, r *asked) error {
	if err := readBody(w, r.Request, &nothing{}); err != nil {
		return err
	}
	found, err := s.run(r.Context(), r)
	if err != nil {
		return err
	}
	resumed, err := s.backend.Resume(r.Context(), found.ID, r.peer.Name)
	return answered(w, http.StatusAccepted, resumed, err)
}

func (s *Server) orderRun(w http.ResponseWriter, r *asked) error {
	var order api.Order
	if err := readBody(w, r.Request, &order); err != nil {
		return err
	}
	if err := checkOrder(order); err != nil {
		return err
	}
	found, err := s.run(r.Context(), r)
	if err != nil {
		return err
	}
	return answered(w, http.StatusAccepted, nothing{}, s.backend.Order(r.Context(), found.ID, order, r.peer.Name))
}

// checkOrder refuses what an order does not know, or lacks.
func checkOrder(o api.Order) error {
	about := o.Kind == run.RetryObject || o.Kind == run.SkipObject
	switch {
	case about && o.Object == "":
		return invalid("object", "is missing: %s is about one", o.Kind)
	case !about && o.Object != "":
		return invalid("object", "is not for %s", o.Kind).WithHint("leave it out")
	case o.Kind == run.SkipObject && o.Why == "":
		return invalid("why", "is missing: an object is given up for a reason")
	}
	return nil
}
