package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// problem answers with an error.
func (s *Server) problem(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		s.opts.Log.Warn("api request failed", "method", r.Method, "path", r.URL.Path, "status", p.Status, "error", err)
	}
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings, numbers and times
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	if p.RetryAfterMS > 0 {
		h.Set("Retry-After", strconv.FormatInt((p.RetryAfterMS+999)/1000, 10))
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // a reader that is gone needs no answer
}

// problemOf makes of an error what a client is told.
func (s *Server) problemOf(err error) *api.Problem {
	var p *api.Problem
	if errors.As(err, &p) {
		return p
	}
	p = known(err)
	if s.opts.ExitCode != nil {
		p.Exit = s.opts.ExitCode(err)
	}
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		p.Next = hinted.Hint()
	}
	return p
}

func known(err error) *api.Problem {
	var (
		missing   *run.NotFoundError
		ambiguous *run.AmbiguousError
		held      *run.HeldError
		over      *run.EndedError
		storage   *run.StorageError
		chosen    interface{ Outcome() run.Outcome }
	)
	switch {
	case errors.As(err, &missing):
		p := api.NewProblem(api.NotFound, "%s", err.Error())
		p.What, p.Name = missing.What, missing.Name
		return p
	case errors.As(err, &ambiguous):
		p := api.NewProblem(api.Ambiguous, "%s", err.Error())
		p.Name, p.Matches = ambiguous.Typed, ambiguous.Matches
		return p
	case errors.As(err, &held):
		p := api.NewProblem(api.Held, "%s", err.Error())
		holder := held.Holder
		p.Name, p.Holder = held.Key, &holder
		return p
	case errors.As(err, &over):
		p := api.NewProblem(api.Ended, "%s", err.Error())
		p.Name, p.Outcome = over.ID, over.Outcome
		return p
	case errors.As(err, &storage):
		return api.NewProblem(api.Storage, "%s", strings.Replace(err.Error(), ": "+storage.Remedy(), "", 1)).WithHint(storage.Remedy())
	case errors.As(err, &chosen) && chosen.Outcome() == run.Refused:
		return api.NewProblem(api.Refused, "%s", err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return api.NewProblem(api.TimedOut, "%s", err.Error())
	case errors.Is(err, context.Canceled):
		return api.NewProblem(api.Unavailable, "the request was given up")
	}
	return api.NewProblem(api.Internal, "%s", err.Error())
}

func unknownPath(r *http.Request) *api.Problem {
	p := api.NewProblem(api.NotFound, "no path %q", r.URL.Path).WithHint("/openapi.json describes all of them")
	p.What, p.Name = "path", r.URL.Path
	return p
}

// invalid is the problem of one field of a request.
func invalid(field, detail string, args ...any) *api.Problem {
	p := api.NewProblem(api.Invalid, field+": "+detail, args...)
	p.Field = field
	return p
}
