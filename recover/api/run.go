package api

import (
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
)

// Run is a journaled run, and whether a process works on it. Lists leave out
// its request, its result, its orders and what its steps made.
type Run struct {
	run.Run
	Live bool `json:"live" doc:"A process works on it now. A run without an outcome that is not live was interrupted."`
}

// Brief is r as lists show it.
func (r Run) Brief() Run {
	steps := make([]run.Step, len(r.Steps))
	for i, s := range r.Steps {
		s.Made = nil
		steps[i] = s
	}
	r.Steps, r.Request, r.Result, r.Orders = steps, nil, nil, nil
	return r
}

// Ref is r in short.
func (r Run) Ref() RunRef {
	return RunRef{ID: r.ID, Recipe: r.Recipe, Outcome: string(r.Outcome), Created: r.Created, Ended: r.Ended}
}

// RunList is the answer to a list of runs, newest first.
type RunList struct {
	Runs []Run `json:"runs" doc:"Newest first, without requests and results."`
	// Feed and Seq are as in ClusterList.
	Feed string `json:"feed" doc:"The daemon's life, for /v1/events."`
	Seq  uint64 `json:"seq" doc:"The number of the last change that the list surely has, for /v1/events."`
}

// Recipe is what a client may start.
type Recipe string

// Recipes.
const (
	Restore  Recipe = "restore"
	Teardown Recipe = "teardown"
	Compare  Recipe = "drift"
	Drill    Recipe = "drill"
	Adopt    Recipe = "adopt"
	Delete   Recipe = "delete"
)

// StartRequest starts a run on a cluster that is declared in the daemon's
// rekindle.yaml; what it leaves out is as declared. With Repo it restores any
// repository onto a cluster that is not declared. Delete removes any cluster of
// ours, and exports nothing before: Teardown is what a cluster with work in it
// wants.
type StartRequest struct {
	Recipe  Recipe `json:"recipe" required:"true" enum:"restore,teardown,drift,drill,adopt,delete" doc:"What to do."`
	Cluster string `json:"cluster" required:"true" pattern:"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$" doc:"A declared cluster, or with repo: the name of one that is not."`
	// Repo and Path are for restore: together with Provider they are a target
	// that nobody declares.
	Repo string `json:"repo,omitempty" maxLength:"1024" doc:"restore: a repository, URL or absolute path, for a cluster that is not declared; needs provider."`
	Path string `json:"path,omitempty" maxLength:"1024" doc:"restore with repo: the folder in it. Empty: its root."`
	// Revision is for restore, drift, drill and adopt.
	Revision string `json:"revision,omitempty" maxLength:"1024" doc:"What to restore or to compare with: SHA, tag, branch, HEAD~3, or a time. Empty: as declared."`
	Confirm  string `json:"confirm,omitempty" maxLength:"40" doc:"The cluster's name: consent to its deletion, by teardown and by restore with fresh."`
	Agree    bool   `json:"agree,omitempty" doc:"restore: consent to changes on a cluster that exists."`
	Fresh    bool   `json:"fresh,omitempty" doc:"restore: delete the cluster first."`
	// The pointers override what rekindle.yaml says when they are there.
	Prune         *bool `json:"prune,omitempty" doc:"restore: remove what an earlier restore made and this commit lacks."`
	Convert       *bool `json:"convert,omitempty" doc:"restore, drill: convert removed API versions where that is mechanical."`
	AllowUnserved *bool `json:"allowUnserved,omitempty" doc:"restore, drill: go on without objects whose kind is not served."`
	AllowDataLoss bool  `json:"allowDataLoss,omitempty" doc:"restore, teardown: accept that data is lost which nothing saves."`
	// AcceptLoss and the decisions after it are added to what rekindle.yaml says.
	AcceptLoss []string `json:"acceptLoss,omitempty" maxItems:"100" maxLength:"320" doc:"teardown: globs, namespace/name, of claims and Secrets that may be lost although nothing saves them."`
	Unread     string   `json:"unread,omitempty" enum:"fail,proceed" doc:"teardown: when a part of the cluster cannot be read. Empty: fail."`
	Silent     string   `json:"silent,omitempty" enum:"fail,last-export,abandon" doc:"teardown: when the API server does not answer. Empty: as declared."`
	Stuck      string   `json:"stuck,omitempty" enum:"fail,proceed" doc:"teardown: when something outside of the cluster could not be removed in time. Empty: as declared."`
	WarnMS     int64    `json:"warnMs,omitempty" minimum:"0" doc:"teardown: how long before anything is done people are warned. 0: not at all."`

	Export bool `json:"export,omitempty" doc:"drift: export the live state into git."`
	// Only and Branch are for adopt.
	Only     []string `json:"only,omitempty" maxItems:"1000" maxLength:"1024" doc:"adopt: what to take over, KIND/NAME, KIND/NAMESPACE/NAME or with #FIELD behind it. Empty: everything that differs."`
	Branch   string   `json:"branch,omitempty" maxLength:"250" doc:"adopt: the branch to propose it on. Empty: rekindle/adopt-CLUSTER."`
	Provider string   `json:"provider,omitempty" maxLength:"40" doc:"drill: the provider of the throwaway cluster. restore with repo: who makes the cluster. Empty: as declared."`
	WaitMS   int64    `json:"waitMs,omitempty" minimum:"0" doc:"restore, drill: how long objects may take to become healthy. 0: as declared."`
	Hold     bool     `json:"hold,omitempty" doc:"restore: when objects fail, wait up to an hour for orders (retry, skip, continue) before the run goes on."`

	// Key is the request's Idempotency-Key and By who asks; the server fills them in.
	Key string `json:"-"`
	By  string `json:"-"`
}

// Types of the lines in a stream of a run's events that are no events of the
// run; they have no number. All lines are run.Event.
const (
	// StreamHeartbeat is sent when nothing happened for a while.
	StreamHeartbeat = "stream.heartbeat"
	// StreamEnd is the last line; its Message is one of the reasons below.
	StreamEnd = "stream.end"
)

// Reasons why a stream ended.
const (
	// EndEnded: nothing more will come; the run has ended, or its process is gone.
	EndEnded = "ended"
	// EndReached: everything that is there was sent, and follow was not asked for.
	EndReached = "reached"
	// EndShutdown: the daemon stops; read on when it is back.
	EndShutdown = "shutdown"
)

// ChangeKind is what a line of the feed is about.
type ChangeKind string

// Kinds of changes.
const (
	// FeedBegin is the first line: where the feed stands.
	FeedBegin ChangeKind = "begin"
	// ClusterChanged has the cluster as it is now; ClusterGone just its name.
	ClusterChanged ChangeKind = "cluster"
	ClusterGone    ChangeKind = "cluster.gone"
	// RunChanged has the run as it is now, in brief.
	RunChanged ChangeKind = "run"
	// RunEvent has one event of a run.
	RunEvent ChangeKind = "event"
	// ConfigChanged: rekindle.yaml was read; Message says what of it.
	ConfigChanged ChangeKind = "config"
	// FeedReset: changes were missed, because the reader was away for too long, too
	// slow, or read another life of the daemon. Lists are to be read anew.
	FeedReset     ChangeKind = "reset"
	FeedHeartbeat ChangeKind = "heartbeat"
	FeedEnd       ChangeKind = "end"
)

// Change is one line of /v1/events: something changed in any cluster or run.
type Change struct {
	Feed string `json:"feed,omitempty" doc:"The daemon's life; numbers count within it."`
	// Seq is 0 for heartbeat and end.
	Seq     uint64     `json:"seq,omitempty" doc:"The change's number, without holes. Of begin and reset: that of the last change before."`
	Time    time.Time  `json:"time" doc:"When."`
	Kind    ChangeKind `json:"kind" enum:"begin,cluster,cluster.gone,run,event,config,reset,heartbeat,end" doc:"What changed."`
	Name    string     `json:"name,omitempty" doc:"The cluster's name, or the run's ID."`
	Cluster *Cluster   `json:"cluster,omitempty" doc:"The cluster as it is now."`
	Run     *Run       `json:"run,omitempty" doc:"The run as it is now, without request and result."`
	Event   *run.Event `json:"event,omitempty" doc:"The run's event."`
	Message string     `json:"message,omitempty" doc:"For people; of end: the reason."`
}

// Reloaded is what became of reading rekindle.yaml again.
type Reloaded struct {
	File     string   `json:"file" doc:"The file that was read."`
	Clusters int      `json:"clusters" doc:"How many clusters it declares."`
	Added    []string `json:"added,omitempty" doc:"Clusters that are new."`
	Changed  []string `json:"changed,omitempty" doc:"Clusters that are declared otherwise."`
	Removed  []string `json:"removed,omitempty" doc:"Clusters that are no longer declared; they are left alone."`
	// Restart are settings that were changed and are read at the start alone.
	Restart []string `json:"needsRestart,omitempty" doc:"Settings that were changed and take effect when the daemon starts again."`
}

// Version is who answers.
type Version struct {
	Version string    `json:"version" doc:"The daemon's version."`
	API     string    `json:"api" doc:"The version of this API."`
	Feed    string    `json:"feed" doc:"The daemon's life, for /v1/events."`
	PID     int       `json:"pid" doc:"The daemon's process."`
	Started time.Time `json:"started" doc:"When the daemon began to serve."`
	You     string    `json:"you" doc:"Who you are to the daemon: what is recorded with your words."`
}

// V1 is the version of the API that this package describes.
const V1 = "v1"

// Health is the answer of /healthz and /readyz.
type Health struct {
	Status string `json:"status" enum:"ok" doc:"ok, or the answer is a problem."`
}

// Limits on requests, in bytes unless said otherwise.
const (
	MaxBody = 64 << 10
	MaxKey  = 128
	// MaxList is the most runs or events in one answer that is not a stream.
	MaxList = 1000
	// MaxSpan is the longest span of a schedule.
	MaxSpan = 366 * 24 * time.Hour
)
