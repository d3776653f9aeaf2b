package server

import (
	"cmp"
	"context"
	"net/http"
	"regexp"
	"slices"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

var runRule = regexp.MustCompile(runPattern)

// run finds the run in the path.
func (s *Server) run(ctx context.Context, r *asked) (api.Run, error) {
	typed := r.PathValue("id")
	if !runRule.MatchString(typed) {
		return api.Run{}, &run.NotFoundError{What: "run", Name: cut(typed)}
	}
	return s.backend.Run(ctx, typed)
}

func (s *Server) listRuns(w http.ResponseWriter, r *asked) error {
	list := api.RunList{Feed: s.feed.id, Seq: s.feed.position(), Runs: []api.Run{}}
	found, err := s.backend.Runs(r.Context(), run.Filter{
		Cluster: r.query["cluster"], Recipe: r.query["recipe"], Unfinished: r.query["unfinished"] == "true",
		Limit: int(r.number("limit", 100)),
	})
	for _, one := range found {
		list.Runs = append(list.Runs, one.Brief())
	}
	return answered(w, http.StatusOK, list, err)
}

func (s *Server) getRun(w http.ResponseWriter, r *asked) error {
	found, err := s.run(r.Context(), r)
	return answered(w, http.StatusOK, found, err)
}

func (s *Server) abortRun(w http.ResponseWriter, r *asked) error {
	if err := readBody(w, r.Request, &nothing{}); err != nil {
		return err
	}
	found, err := s.run(r.Context(), r)
	if err != nil {
		return err
	}
	aborted, err := s.backend.Abort(r.Context(), found.ID, r.peer.Name)
	return answered(w, http.StatusAccepted, aborted, err)
}

func (s *Server) startRun(w http.ResponseWriter, r *asked) error {
	var req api.StartRequest
	if err := readBody(w, r.Request, &req); err != nil {
		return err
	}
	if err := checkStart(req); err != nil {
		return err
	}
	key, err := keyOf(r.Request)
	if err != nil {
		return err
	}
	req.Key, req.By = key, r.peer.Name
	// A client that hangs up does not stop what it has asked for.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), s.opts.RequestTimeout)
	defer cancel()
	begun, err := s.keys.once(ctx, req, s.backend)
	if err == nil {
		w.Header().Set("Location", "/v1/runs/"+begun.ID)
	}
	return answered(w, http.StatusAccepted, begun, err)
}

// checkStart refuses what a recipe does not know, so that nobody believes in a
// flag that is ignored.
func checkStart(req api.StartRequest) error {
	only := func(field string, set bool, recipes ...api.Recipe) error {
		if set && !slices.Contains(recipes, req.Recipe) {
			return invalid(field, "is not for %s", req.Recipe).WithHint("leave it out")
		}
		return nil
	}
	err := cmp.Or(
		only("revision", req.Revision != "", api.Restore, api.Compare, api.Drill, api.Adopt),
		only("repo", req.Repo != "", api.Restore),
		only("path", req.Path != "", api.Restore),
		only("only", req.Only != nil, api.Adopt),
		only("branch", req.Branch != "", api.Adopt),
		only("confirm", req.Confirm != "", api.Restore, api.Teardown, api.Delete),
		only("hold", req.Hold, api.Restore),
		only("agree", req.Agree, api.Restore),
		only("fresh", req.Fresh, api.Restore),
		only("prune", req.Prune != nil, api.Restore),
		only("convert", req.Convert != nil, api.Restore, api.Drill),
		only("allowUnserved", req.AllowUnserved != nil, api.Restore, api.Drill),
		only("allowDataLoss", req.AllowDataLoss, api.Restore, api.Teardown),
		only("acceptLoss", req.AcceptLoss != nil, api.Teardown),
		only("unread", req.Unread != "", api.Teardown),
		only("silent", req.Silent != "", api.Teardown),
		only("stuck", req.Stuck != "", api.Teardown),
		only("warnMs", req.WarnMS != 0, api.Teardown),
		only("export", req.Export, api.Compare),
		only("provider", req.Provider != "", api.Drill, api.Restore, api.Delete),
		only("waitMs", req.WaitMS != 0, api.Restore, api.Drill),
	)
	if err != nil {
		return err
	}
	switch {
	case req.Repo != "" && req.Provider == "":
		return invalid("provider", "is missing: who makes a cluster that is not declared?")
	case req.Repo == "" && req.Path != "":
		return invalid("path", "is not for a declared cluster").WithHint("leave it out, or name the repository")
	case req.Repo == "" && req.Recipe == api.Restore && req.Provider != "":
		return invalid("provider", "is not for a declared cluster").WithHint("leave it out, or name the repository")
	}
	if (req.Recipe == api.Teardown || req.Fresh) && req.Confirm != req.Cluster {
		p := api.NewProblem(api.Refused, "%s deletes cluster %s, and nobody confirmed it", req.Recipe, req.Cluster)
		p.Field = "confirm"
		return p.WithHint("confirm must be the cluster's name")
	}
	return nil
}

// keyOf is the request's Idempotency-Key; empty without one.
func keyOf(r *http.Request) (string, error) {
	list := r.Header.Values("Idempotency-Key")
	switch {
	case len(list) == 0:
		return "", nil
	case len(list) > 1 || len(list[0]) == 0 || len(list[0]) > api.MaxKey:
		return "", invalid("Idempotency-Key", "want one, of 1 to %d characters", api.MaxKey)
	}
	for _, c := range []byte(list[0]) {
		if c <= ' ' || c > '~' {
			return "", invalid("Idempotency-Key", "has a character that is not printable ASCII")
		}
	}
	return list[0], nil
}
