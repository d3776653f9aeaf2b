package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"

	"github.com/rekindle-io/rekindle/recover/run"
)

// ProblemKind is what went wrong, in one word; the last part of a problem's type.
type ProblemKind string

// Kinds of problems.
const (
	Invalid     ProblemKind = "invalid"       // the request cannot be meant
	Forbidden   ProblemKind = "forbidden"     // who asks may not
	NotFound    ProblemKind = "not-found"     // no such cluster, run, word or path
	Method      ProblemKind = "method"        // the path does not know the method
	TooLarge    ProblemKind = "too-large"     // the body is too long
	Media       ProblemKind = "media-type"    // the body is no JSON
	Ambiguous   ProblemKind = "ambiguous"     // what was typed fits several runs
	Held        ProblemKind = "held"          // another run works on the cluster
	Ended       ProblemKind = "ended"         // the run has ended for good
	Reused      ProblemKind = "key-reused"    // the idempotency key came with another request
	Unsure      ProblemKind = "unsure"        // whether the run was begun is not known
	Refused     ProblemKind = "refused"       // a guard refused
	BadConfig   ProblemKind = "config"        // rekindle.yaml is wrong; the old one stays in force
	Busy        ProblemKind = "busy"          // at its limits; try again
	Unavailable ProblemKind = "unavailable"   // not ready, or stopping
	Storage     ProblemKind = "storage"       // the journal cannot be used
	TimedOut    ProblemKind = "timeout"       // took too long
	Unanswered  ProblemKind = "unanswered"    // a repository, a cluster or a provider failed
	Internal    ProblemKind = "internal"      // a bug
	Foreign     ProblemKind = "not-an-answer" // made by a client: what answered is no daemon of ours
)

// problemType is the form of a problem's type, a tag URI as of RFC 4151.
const problemType = "tag:rekindle.io,2026:problem/"

// The command line's exit codes, as far as an API needs them.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 5
)

// rules are what each kind is in HTTP, for people, and as an exit code.
var rules = map[ProblemKind]struct {
	status, exit int
	title        string
}{
	Invalid:     {http.StatusBadRequest, exitUsage, "The request is not valid"},
	Forbidden:   {http.StatusForbidden, exitRefused, "You may not do that"},
	NotFound:    {http.StatusNotFound, exitFailed, "Not found"},
	Method:      {http.StatusMethodNotAllowed, exitUsage, "The path does not know this method"},
	TooLarge:    {http.StatusRequestEntityTooLarge, exitUsage, "The request is too large"},
	Media:       {http.StatusUnsupportedMediaType, exitUsage, "The body must be JSON"},
	Ambiguous:   {http.StatusConflict, exitFailed, "The name fits several runs"},
	Held:        {http.StatusConflict, exitRefused, "Another run works on the cluster"},
	Ended:       {http.StatusConflict, exitFailed, "The run has ended"},
	Reused:      {http.StatusUnprocessableEntity, exitUsage, "The idempotency key belongs to another request"},
	Unsure:      {http.StatusConflict, exitFailed, "It is not known whether the run was begun"},
	Refused:     {http.StatusConflict, exitRefused, "Refused by a guard"},
	BadConfig:   {http.StatusUnprocessableEntity, exitUsage, "The configuration is not valid"},
	Busy:        {http.StatusServiceUnavailable, exitFailed, "The daemon is at its limits"},
	Unavailable: {http.StatusServiceUnavailable, exitFailed, "The daemon is not ready"},
	Storage:     {http.StatusInsufficientStorage, exitFailed, "The journal cannot be used"},
	TimedOut:    {http.StatusGatewayTimeout, exitFailed, "It took too long"},
	Unanswered:  {http.StatusBadGateway, exitFailed, "The question could not be answered"},
	Internal:    {http.StatusInternalServerError, exitFailed, "The daemon has failed"},
	Foreign:     {http.StatusBadGateway, exitFailed, "The answer cannot be read"},
}

// Problem is an error as it goes over the wire: application/problem+json of RFC
// 9457 with members of our own. It is an error itself, on both sides; Unwrap gives
// the errors of package run that it stands for.
type Problem struct {
	Type   string `json:"type" doc:"tag:rekindle.io,2026:problem/KIND."`
	Title  string `json:"title" doc:"What kind of problem, for people."`
	Status int    `json:"status" doc:"The HTTP status."`
	Detail string `json:"detail,omitempty" doc:"What went wrong, for people."`
	Next   string `json:"hint,omitempty" doc:"What to do next."`
	// Exit is what the command line exits with: 1 failed, 2 usage, 5 refused.
	Exit int `json:"exitCode" doc:"The exit code of the command line."`

	// What and Name say what was not found.
	What string `json:"what,omitempty" doc:"not-found: cluster, run, word or path."`
	Name string `json:"name,omitempty" doc:"The name or ID in question."`
	// Field is the member of the request that is wrong.
	Field   string   `json:"field,omitempty" doc:"invalid: the field of the request that is wrong."`
	Matches []string `json:"matches,omitempty" doc:"ambiguous: the runs that fit, newest first."`
	// Lines are problems of rekindle.yaml, each with its position.
	Lines   []string    `json:"problems,omitempty" doc:"config: what is wrong with the file, with positions."`
	Holder  *run.Holder `json:"holder,omitempty" doc:"held: who works on the cluster."`
	Outcome run.Outcome `json:"outcome,omitempty" doc:"ended: how the run ended."`
	// RetryAfterMS tells when to try again; 0 when it is not known.
	RetryAfterMS int64 `json:"retryAfterMs,omitempty" doc:"When to try again."`
}

// NewProblem makes a problem of a kind; detail is a format as of fmt.Sprintf.
func NewProblem(kind ProblemKind, detail string, args ...any) *Problem {
	rule, ok := rules[kind]
	if !ok {
		kind, rule = Internal, rules[Internal]
	}
	return &Problem{
		Type: problemType + string(kind), Title: rule.title, Status: rule.status, Exit: rule.exit,
		Detail: fmt.Sprintf(detail, args...),
	}
}

// WithHint says what to do next, and returns the problem.
func (p *Problem) WithHint(next string) *Problem {
	p.Next = next
	return p
}

// Hint is what to do next; may be empty.
func (p *Problem) Hint() string { return p.Next }

// Kind is the kind that Type names; empty for a type that is not ours.
func (p *Problem) Kind() ProblemKind {
	if len(p.Type) <= len(problemType) || p.Type[:len(problemType)] != problemType {
		return ""
	}
	return ProblemKind(p.Type[len(problemType):])
}

func (p *Problem) Error() string { return cmp.Or(p.Detail, p.Title, "a problem without a text") }

// ExitCode is the exit code of the command line.
func (p *Problem) ExitCode() int { return cmp.Or(p.Exit, exitFailed) }

// Unwrap gives the typed error that the daemon had, where package run has one.
func (p *Problem) Unwrap() error {
	switch p.Kind() {
	case NotFound:
		if p.What == "run" {
			return &run.NotFoundError{What: p.What, Name: p.Name}
		}
	case Ambiguous:
		return &run.AmbiguousError{Typed: p.Name, Matches: p.Matches}
	case Held:
		if p.Holder != nil {
			return &run.HeldError{Key: p.Name, Holder: *p.Holder}
		}
	case Ended:
		return &run.EndedError{ID: p.Name, Outcome: p.Outcome}
	}
	return nil
}

// IsKind tells whether err is a problem of that kind.
func IsKind(err error, kind ProblemKind) bool {
	var p *Problem
	return errors.As(err, &p) && p.Kind() == kind
}

// UnknownCluster is the problem of a cluster that is neither declared nor there.
func UnknownCluster(name string) *Problem {
	p := NewProblem(NotFound, "no cluster %q", name).WithHint("rekindle clusters lists them")
	p.What, p.Name, p.Exit = "cluster", name, exitUsage
	return p
}

// UnknownWord is the problem of taking back what nobody has said.
func UnknownWord(cluster string, kind WordKind) *Problem {
	p := NewProblem(NotFound, "nobody said %s of cluster %q, or it has ended", kind, cluster)
	p.What, p.Name = "word", string(kind)
	return p
}
