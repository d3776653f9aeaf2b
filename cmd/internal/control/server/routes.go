package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// route is one method of one path. The table of them is the only one: what is
// served and what OpenAPI says both come from it.
type route struct {
	method, path string
	// id and doc are for the OpenAPI description.
	id, doc        string
	query, headers []param
	// in is a value of the request's body, nil when there is none; out one of the
	// answer's, or of a line of the stream; nil for an answer of another's making.
	in, out any
	status  int
	media   string
	stream  bool
	// slow is a question: see Questions.
	slow bool
	// problems are those beyond what every route may answer.
	problems []api.ProblemKind
	serve    handler
}

const (
	mediaJSON   = "application/json"
	mediaLines  = "application/x-ndjson"
	mediaText   = "text/plain"
	runPattern  = `^[a-z0-9-]{1,64}$`
	namePattern = `^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`
)

func (s *Server) routes() []route {
	return slices.Concat(s.clusterRoutes(), s.runRoutes(), s.steerRoutes(), s.questionRoutes(), s.daemonRoutes())
}

func (s *Server) clusterRoutes() []route {
	return []route{
		{
			method: "GET", path: "/v1/clusters", id: "listClusters", doc: "Lists clusters and how they stand, by name.",
			out: api.ClusterList{}, serve: s.listClusters,
		}, {
			method: "GET", path: "/v1/clusters/{name}", id: "getCluster", doc: "Tells how one cluster stands.",
			out: api.Cluster{}, problems: kinds(api.NotFound), serve: s.getCluster,
		}, {
			method: "GET", path: "/v1/clusters/{name}/schedule", id: "getSchedule",
			doc: "Tells what a cluster's calendar brings, a week when nothing else is asked.",
			query: []param{
				timeParam("from", "The beginning of the span. Default: now."),
				timeParam("to", "Its end, at most 366 days later. Default: a week later."),
			},
			out: api.Schedule{}, problems: kinds(api.NotFound), serve: s.getSchedule,
		}, {
			method: "POST", path: "/v1/clusters/{name}/words", id: "say",
			doc: "Records a person's word about a cluster, which wins over the calendar.",
			in:  api.WordRequest{}, out: api.Said{}, status: http.StatusCreated,
			problems: kinds(api.NotFound, api.Refused), serve: s.say,
		}, {
			method: "DELETE", path: "/v1/clusters/{name}/words/{kind}", id: "unsay",
			doc: "Takes the words of a kind back, and tells what holds now.",
			out: api.Decision{}, problems: kinds(api.NotFound), serve: s.unsay,
		},
	}
}

func (s *Server) runRoutes() []route {
	return []route{
		{
			method: "GET", path: "/v1/runs", id: "listRuns", doc: "Lists runs, newest first, without requests and results.",
			query: []param{
				textParam("cluster", "Only runs of this cluster.", namePattern),
				textParam("recipe", "Only runs of this recipe.", `^[a-z]{1,20}$`),
				flagParam("unfinished", "Only runs that have not ended, or were interrupted."),
				numberParam("limit", "At most so many. Default: 100.", 1, api.MaxList),
			},
			out: api.RunList{}, serve: s.listRuns,
		}, {
			method: "POST", path: "/v1/runs", id: "startRun",
			doc:     "Starts a run on a declared cluster, or with repo a restore onto another one. With an Idempotency-Key a request that is sent twice starts one run.",
			headers: []param{textParam("Idempotency-Key", "Chosen by the client; 1 to 128 printable characters.", `^[!-~]{1,128}$`)},
			in:      api.StartRequest{}, out: api.Run{}, status: http.StatusAccepted,
			problems: kinds(api.NotFound, api.Refused, api.Held, api.Reused, api.Unsure), serve: s.startRun,
		}, {
			method: "GET", path: "/v1/runs/{id}", id: "getRun",
			doc: "Tells all of one run. The ID may be the whole, its beginning or its last part.",
			out: api.Run{}, problems: kinds(api.NotFound, api.Ambiguous), serve: s.getRun,
		}, {
			method: "GET", path: "/v1/runs/{id}/events", id: "followRun",
			doc: "Sends a run's events, numbered without holes, one a line. Who comes back goes on behind the last number. " +
				"Lines of the types stream.heartbeat and stream.end have no number; the last line is a stream.end whose message tells the reason: " +
				"ended (nothing more is to be expected: look at the run's outcome), reached or shutdown. A stream without one was cut off.",
			query: []param{
				numberParam("since", "Only events behind this number.", 0, 0),
				flagParam("follow", "Wait for more until the run has ended or its process is gone."),
			},
			out: run.Event{}, media: mediaLines, stream: true, problems: kinds(api.NotFound, api.Ambiguous), serve: s.followRun,
		}, {
			method: "POST", path: "/v1/runs/{id}/abort", id: "abortRun",
			doc: "Ends a run for good. A live one stops at its next chance: abortAsked is there until it has an outcome.",
			in:  nothing{}, out: api.Run{}, status: http.StatusAccepted,
			problems: kinds(api.NotFound, api.Ambiguous, api.Ended), serve: s.abortRun,
		},
	}
}

func (s *Server) daemonRoutes() []route {
	return []route{
		{
			method: "GET", path: "/v1/events", id: "followAll",
			doc: "Sends changes of all clusters and runs, one a line. The first line, of kind begin, tells where the feed stands; reset means " +
				"that changes were missed and lists are to be read anew; the last line is an end whose message tells the reason.",
			query: []param{
				textParam("feed", "The feed that since counts in.", `^[0-9a-f]{1,32}$`),
				numberParam("since", "Only changes behind this number; needs feed. Default: only what comes.", 0, 0),
				flagParam("events", "With the events of runs. Default: true; without them numbers have holes."),
				flagParam("follow", "Wait for more. Default: false."),
			},
			out: api.Change{}, media: mediaLines, stream: true, serve: s.followAll,
		}, {
			method: "POST", path: "/v1/reload", id: "reload",
			doc: "Reads rekindle.yaml again. When it is wrong the old one stays in force.",
			in:  nothing{}, out: api.Reloaded{}, problems: kinds(api.BadConfig), serve: s.reload,
		}, {
			method: "GET", path: "/v1/version", id: "getVersion", doc: "Tells who answers, and who asks.",
			out: api.Version{}, serve: s.getVersion,
		}, {
			method: "GET", path: "/healthz", id: "healthz", doc: "Answers as long as the daemon lives.",
			out: api.Health{}, serve: s.healthz,
		}, {
			method: "GET", path: "/readyz", id: "readyz", doc: "Answers ok when the daemon can do its work.",
			out: api.Health{}, serve: s.readyz,
		}, {
			method: "GET", path: "/metrics", id: "metrics", doc: "Metrics in the text format of Prometheus.",
			media: mediaText, problems: kinds(api.NotFound), serve: s.metrics,
		}, {
			method: "GET", path: "/openapi.json", id: "openapi", doc: "This description.",
			media: mediaJSON, serve: s.describe,
		},
	}
}

func kinds(k ...api.ProblemKind) []api.ProblemKind { return k }

// mux knows every path of the table; other methods and other paths are problems.
func (s *Server) mux() *http.ServeMux {
	m := http.NewServeMux()
	methods := map[string][]string{}
	for _, rt := range s.routes() {
		m.Handle(rt.method+" "+rt.path, s.adapt(rt))
		methods[rt.path] = append(methods[rt.path], rt.method)
		if rt.method == http.MethodGet {
			methods[rt.path] = append(methods[rt.path], http.MethodHead)
		}
	}
	for path, known := range methods {
		slices.Sort(known)
		allow := strings.Join(known, ", ")
		m.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			s.problem(w, r, api.NewProblem(api.Method, "%s is not for %s", r.Method, r.URL.Path).WithHint("use "+allow))
		})
	}
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.problem(w, r, unknownPath(r)) })
	return m
}
