// Package api holds what goes over the wire between the daemon and its clients:
// views of clusters, runs and schedules, requests, the lines of event streams, and
// problems. It is data alone; package server serves it, package client fetches it.
//
// Times are RFC 3339, durations whole milliseconds in fields that end in Ms. A
// reader takes no offence at fields that it does not know; the server refuses
// requests with such fields.
package api

import "time"

// State is what a cluster is, or is wanted to be.
type State string

// States. A schedule wants awake or asleep; the others are only seen.
const (
	Awake       State = "awake"
	Asleep      State = "asleep"
	Restoring   State = "restoring"
	TearingDown State = "tearing down"
	Failed      State = "failed"
	Unknown     State = "unknown"
)

// Cluster is how one cluster stands.
type Cluster struct {
	Name     string  `json:"name" doc:"The cluster's name, a DNS label of at most 40 characters."`
	Provider string  `json:"provider" doc:"Who makes and removes the cluster."`
	Declared bool    `json:"declared" doc:"It is in the daemon's rekindle.yaml."`
	Source   *Source `json:"source,omitempty" doc:"Where its manifests come from; absent when it is not declared."`
	// Labels group clusters for people; they mean nothing to the daemon.
	Labels map[string]string `json:"labels,omitempty" doc:"Labels of the cluster, to group by."`
	State  State             `json:"state" enum:"awake,asleep,restoring,tearing down,failed,unknown" doc:"What it is, as last seen."`
	// Wanted is nil when neither a calendar nor a person says anything.
	Wanted    *Decision `json:"wanted,omitempty" doc:"What it should be now, and why; absent without a schedule."`
	Next      *Event    `json:"next,omitempty" doc:"The next change that the calendar brings."`
	Words     []Word    `json:"words,omitempty" doc:"What people decided and still holds, newest first."`
	Protected bool      `json:"protected,omitempty" doc:"Teardowns of it are refused."`
	Commit    string    `json:"commit,omitempty" doc:"The full SHA that was restored last."`
	// Made is when the cluster that is there was made; zero when there is none.
	Made    time.Time `json:"made,omitzero" doc:"When the cluster that is there was made."`
	Run     *RunRef   `json:"run,omitempty" doc:"The run that works on it now."`
	LastRun *RunRef   `json:"lastRun,omitempty" doc:"The last run on it that has ended."`
	// Doing is what the schedule is about to do or does.
	Doing   string `json:"doing,omitempty" enum:"recreate,teardown,warning,drill" doc:"What goes on by the schedule."`
	Waiting bool   `json:"waiting,omitempty" doc:"It waits for its turn: too much goes on at once."`
	// LastError is cleared by the next run that ends well.
	LastError  string    `json:"lastError,omitempty" doc:"Why the last attempt to bring it where it should be failed."`
	Attempts   int       `json:"attempts,omitempty" doc:"How often that was tried in vain."`
	RetryAt    time.Time `json:"retryAt,omitzero" doc:"When it is tried again."`
	LeadTimeMS int64     `json:"leadTimeMs,omitempty" doc:"How long before it is wanted awake its restore begins."`
	RTOs       []RTO     `json:"rtos,omitempty" doc:"How long its last restores took, oldest first."`
	Drift      *Drift    `json:"drift,omitempty" doc:"What the last comparison with its commit found."`
}

// Source is where a cluster's manifests come from; never with credentials.
type Source struct {
	Repo     string `json:"repo" doc:"The repository."`
	Path     string `json:"path,omitempty" doc:"The folder in it; absent: its root."`
	Revision string `json:"revision,omitempty" doc:"What is restored when a request names no revision."`
}

// RunRef names a run and how it ended.
type RunRef struct {
	ID      string    `json:"id" doc:"The run's ID."`
	Recipe  string    `json:"recipe" doc:"What it does: restore, teardown, drift, drill."`
	Outcome string    `json:"outcome,omitempty" doc:"How it ended; absent while it has not."`
	Created time.Time `json:"created" doc:"When it began."`
	Ended   time.Time `json:"ended,omitzero" doc:"When it ended."`
}

// RTO is how long one restore took, from its beginning to a verified cluster.
type RTO struct {
	Run    string    `json:"run" doc:"The run."`
	At     time.Time `json:"at" doc:"When it ended."`
	TookMS int64     `json:"tookMs" doc:"How long it took."`
}

// Drift counts what a comparison found.
type Drift struct {
	Run        string    `json:"run,omitempty" doc:"The run that compared."`
	At         time.Time `json:"at" doc:"When."`
	Commit     string    `json:"commit" doc:"What the cluster was compared with."`
	Changed    int       `json:"changed" doc:"Objects that differ."`
	Missing    int       `json:"missing" doc:"Objects of the commit that are not there."`
	Unexpected int       `json:"unexpected" doc:"Objects that are there and not in the commit."`
	// Recoverable is nil when the run did not ask.
	Recoverable *float64 `json:"recoverable,omitempty" doc:"The part of the cluster that a restore would bring back, 0 to 1."`
}

// Decision is what a cluster should be at an instant.
type Decision struct {
	State  State     `json:"state" enum:"awake,asleep" doc:"What the cluster should be."`
	Hold   bool      `json:"hold,omitempty" doc:"Paused: it is left as it is, whatever state says."`
	Since  time.Time `json:"since,omitzero" doc:"Since when; absent: always."`
	Until  time.Time `json:"until,omitzero" doc:"Until when, by what is known now; absent: for good."`
	Reason string    `json:"reason" doc:"Why, for people."`
	Word   *Word     `json:"word,omitempty" doc:"The person's word that decided; absent: the calendar did."`
}

// Event is one change of the wanted state by the calendar.
type Event struct {
	At     time.Time `json:"at" doc:"When."`
	To     State     `json:"to" enum:"awake,asleep" doc:"What the cluster is wanted to be from then on."`
	Reason string    `json:"reason" doc:"Why, for people."`
}

// Schedule is what a calendar and people's words bring in a span of time.
type Schedule struct {
	Cluster  string    `json:"cluster" doc:"The cluster's name."`
	Zone     string    `json:"zone,omitempty" doc:"The schedule's time zone, an IANA name; absent without a schedule."`
	From     time.Time `json:"from" doc:"The beginning of the span."`
	To       time.Time `json:"to" doc:"Its end, which is not part of it."`
	Decision *Decision `json:"decision,omitempty" doc:"What holds now; absent without a schedule."`
	Events   []Event   `json:"events" doc:"The calendar's changes in the span, in order."`
	Rests    []Rest    `json:"rests,omitempty" doc:"Days of the span of which no event tells, because an exception empties them, in order."`
	Drills   []Due     `json:"drills,omitempty" doc:"When drills are due in the span, in order."`
}

// Rest is some days in a row on which an exception keeps a cluster asleep that would
// come up otherwise.
type Rest struct {
	From   time.Time `json:"from" doc:"When the first of the days begins."`
	To     time.Time `json:"to" doc:"When the day after the last one begins."`
	Reason string    `json:"reason" doc:"Why, for people."`
}

// Due is when something is to be done.
type Due struct {
	At     time.Time `json:"at" doc:"When."`
	Reason string    `json:"reason" doc:"Why, for people."`
}

// WordKind is what a person may decide.
type WordKind string

// Kinds of words: stay up until a time, leave the next teardown out, wake now,
// sleep now, do nothing until told.
const (
	Keep  WordKind = "keep"
	Skip  WordKind = "skip"
	Wake  WordKind = "wake"
	Sleep WordKind = "sleep"
	Pause WordKind = "pause"
)

// WordKinds are all of them.
func WordKinds() []WordKind { return []WordKind{Keep, Skip, Wake, Sleep, Pause} }

// Word is what a person decided; it wins over the calendar and ends by itself.
type Word struct {
	Kind  WordKind  `json:"kind" enum:"keep,skip,wake,sleep,pause" doc:"What was decided."`
	Said  time.Time `json:"said" doc:"When."`
	By    string    `json:"by" doc:"Who: the user at the socket, or the name in the client's certificate."`
	Why   string    `json:"why,omitempty" doc:"Why."`
	From  time.Time `json:"from,omitzero" doc:"When it begins to hold; absent: when it was said."`
	Until time.Time `json:"until,omitzero" doc:"When it ends; absent: when it is taken back."`
}

// WordRequest says a word about a cluster. Who says it the connection tells.
type WordRequest struct {
	Kind  WordKind  `json:"kind" required:"true" enum:"keep,skip,wake,sleep,pause" doc:"What is decided."`
	Until time.Time `json:"until,omitzero" doc:"When it ends. Needed by keep, allowed for pause; the others end by the calendar."`
	Why   string    `json:"why,omitempty" maxLength:"500" doc:"Why, for those who see it later."`
}

// Said is a word as it was recorded, and what follows from it.
type Said struct {
	Word     Word     `json:"word" doc:"The word as recorded."`
	Decision Decision `json:"decision" doc:"What the cluster should be now."`
}

// ClusterList is the answer to a list of clusters, sorted by name.
type ClusterList struct {
	Clusters []Cluster `json:"clusters" doc:"By name."`
	// Feed and Seq tell where /v1/events stood before the list was made: who reads
	// on from there misses no change of what is in the list.
	Feed string `json:"feed" doc:"The daemon's life, for /v1/events."`
	Seq  uint64 `json:"seq" doc:"The number of the last change that the list surely has, for /v1/events."`
}
