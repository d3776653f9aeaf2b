package server

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
)

// whileOpen calls cancel when the daemon stops: nobody waits for a question then.
func (s *Server) whileOpen(cancel func()) (done func()) {
	over := make(chan struct{})
	go func() {
		select {
		case <-s.closing:
			cancel()
		case <-over:
		}
	}()
	return func() { close(over) }
}

// patiently lifts the server's deadlines, which are for requests that end soon.
func (s *Server) patiently(w http.ResponseWriter) (http.ResponseWriter, error) {
	ctl := http.NewResponseController(w)
	err := errors.Join(ctl.SetReadDeadline(time.Time{}), ctl.SetWriteDeadline(time.Time{}))
	return &patient{lines{w: w, ctl: ctl, limit: s.opts.WriteTimeout}}, err
}

// patient writes answers of any length: it is each part of them that the reader
// must take within the limit.
type patient struct{ lines }

const answerPart = 256 << 10

func (p *patient) Header() http.Header    { return p.w.Header() }
func (p *patient) WriteHeader(status int) { p.w.WriteHeader(status) }

func (p *patient) Write(b []byte) (n int, err error) {
	for part := range slices.Chunk(b, answerPart) {
		err = p.watched(func() error {
			_, err := p.w.Write(part)
			return err
		})
		if err != nil {
			return n, err
		}
		n += len(part)
	}
	return n, nil
}

// Unwrap lets http.ResponseController reach the real one.
func (p *patient) Unwrap() http.ResponseWriter { return p.w }

func targetParams() []param {
	return []param{
		textParam("cluster", "A declared cluster, or with repo: the name of one that is not.", namePattern),
		freeParam("repo", "A repository, URL or absolute path. Default: the declared cluster's.", 1024),
		freeParam("path", "The folder in it. Default: as declared, or its root.", 1024),
		freeParam("revision", "SHA, tag, branch, HEAD~3, or a time. Default: as declared, or the default branch.", 1024),
		freeParam("provider", "Who makes the cluster. Default: as declared.", 40),
	}
}

func (r *asked) target() api.Target {
	return api.Target{Cluster: r.query["cluster"], Repo: r.query["repo"], Path: r.query["path"],
		Revision: r.query["revision"], Provider: r.query["provider"]}
}

func (s *Server) questionRoutes() []route {
	return []route{
		{
			method: "GET", path: "/v1/log", id: "getLog", doc: "Tells the history behind a revision, newest first, a page at a time.",
			query: append(targetParams(),
				freeParam("search", "Only commits with this in subject, message, author, SHA, tag or branch, in any case.", 200),
				flagParam("onlyPath", "Only commits that changed the folder."),
				freeParam("after", "The next of the page before.", 1024),
				numberParam("limit", "At most so many. Default: 50.", 1, api.MaxLog)),
			out: api.Log{}, slow: true, problems: kinds(api.NotFound), serve: s.getLog,
		}, {
			method: "GET", path: "/v1/compare", id: "compare", doc: "Tells what a revision makes differently from another, by object.",
			query: append(targetParams(), freeParam("from", "The revision to compare with. Default: what was restored last.", 1024)),
			out:   api.Comparison{}, slow: true, problems: kinds(api.NotFound), serve: s.compare,
		}, {
			method: "GET", path: "/v1/providers", id: "listProviders", doc: "Lists who makes clusters, and who of them can do so here and now.",
			out: api.ProviderList{}, slow: true, serve: s.listProviders,
		}, {
			method: "POST", path: "/v1/plan", id: "plan", doc: "Tells what a restore would make, in which order and why, and what to mind. Changes nothing.",
			in: api.Target{}, out: api.Planned{}, slow: true, problems: kinds(api.NotFound), serve: s.plan,
		}, {
			method: "GET", path: "/v1/clusters/{name}/drift", id: "getDrift", doc: "Compares a live cluster with a commit, now. Changes nothing.",
			query: []param{freeParam("against", "The revision to compare with. Default: what was restored last.", 1024)},
			out:   api.DriftReport{}, slow: true, problems: kinds(api.NotFound, api.Refused), serve: s.getDrift,
		}, {
			method: "GET", path: "/v1/clusters/{name}/objects", id: "lookAt", doc: "Looks at one live object: its state, why it is not healthy, its events and log.",
			query: []param{freeParam("object", "The object, as reports and events name it. Required.", 600)},
			out:   api.ObjectLook{}, slow: true, problems: kinds(api.NotFound), serve: s.lookAt,
		}, {
			method: "POST", path: "/v1/clusters/{name}/ignores", id: "ignore",
			doc: "Writes a rule into rekindle.yaml by which a difference does not count any more, and puts it in force.",
			in:  api.Ignore{}, out: api.Ignoring{}, status: http.StatusCreated, slow: true,
			problems: kinds(api.NotFound, api.BadConfig), serve: s.ignore,
		}, {
			method: "GET", path: "/v1/runs/{id}/report", id: "getReport", doc: "Tells what came of a run, for people.",
			out: api.RunReport{}, slow: true, problems: kinds(api.NotFound, api.Ambiguous), serve: s.getReport,
		},
	}
}

func (s *Server) getLog(w http.ResponseWriter, r *asked) error {
	q := api.LogQuery{Target: r.target(), Search: r.query["search"], OnlyPath: r.query["onlyPath"] == "true",
		After: r.query["after"], Limit: int(r.number("limit", 50))}
	if q.Cluster == "" && q.Repo == "" {
		return invalid("cluster", "is missing, and so is repo")
	}
	found, err := s.backend.Log(r.Context(), q)
	if found.Commits == nil {
		found.Commits = []api.LogEntry{}
	}
	return answered(w, http.StatusOK, found, err)
}

func (s *Server) compare(w http.ResponseWriter, r *asked) error {
	q := api.CompareQuery{Target: r.target(), From: r.query["from"]}
	if q.Cluster == "" && q.Repo == "" {
		return invalid("cluster", "is missing, and so is repo")
	}
	c, err := s.backend.Compare(r.Context(), q)
	return answered(w, http.StatusOK, c, err)
}

func (s *Server) listProviders(w http.ResponseWriter, r *asked) error {
	all, err := s.backend.Providers(r.Context())
	if all == nil {
		all = []api.Provider{}
	}
	return answered(w, http.StatusOK, api.ProviderList{Providers: all}, err)
}

func (s *Server) plan(w http.ResponseWriter, r *asked) error {
	var t api.Target
	if err := readBody(w, r.Request, &t); err != nil {
		return err
	}
	switch {
	case t.Cluster == "" && t.Repo == "":
		return invalid("cluster", "is missing, and so is repo")
	case t.Cluster != "" && !nameRule.MatchString(t.Cluster):
		return invalid("cluster", "%q does not have the form %s", cut(t.Cluster), namePattern)
	}
	p, err := s.backend.Plan(r.Context(), t)
	return answered(w, http.StatusOK, p, err)
}

func (s *Server) getDrift(w http.ResponseWriter, r *asked) error {
	name, err := r.cluster()
	if err != nil {
		return err
	}
	d, err := s.backend.Drift(r.Context(), api.DriftQuery{Cluster: name, Against: r.query["against"]})
	return answered(w, http.StatusOK, d, err)
}

func (s *Server) lookAt(w http.ResponseWriter, r *asked) error {
	name, err := r.cluster()
	if err != nil {
		return err
	}
	if r.query["object"] == "" {
		return invalid("object", "is missing")
	}
	l, err := s.backend.Look(r.Context(), name, r.query["object"])
	return answered(w, http.StatusOK, l, err)
}

func (s *Server) ignore(w http.ResponseWriter, r *asked) error {
	name, err := r.cluster()
	if err != nil {
		return err
	}
	var rule api.Ignore
	if err := readBody(w, r.Request, &rule); err != nil {
		return err
	}
	if !rule.Expires.IsZero() && !rule.Expires.After(s.opts.Now()) {
		return invalid("expires", "%s is over", rule.Expires.Format(time.RFC3339))
	}
	done, err := s.backend.Ignore(r.Context(), name, rule, r.peer.Name)
	return answered(w, http.StatusCreated, done, err)
}

func (s *Server) getReport(w http.ResponseWriter, r *asked) error {
	found, err := s.run(r.Context(), r)
	if err != nil {
		return err
	}
	report, err := s.backend.Report(r.Context(), found.ID)
	return answered(w, http.StatusOK, report, err)
}
