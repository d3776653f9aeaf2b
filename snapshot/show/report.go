// Package show writes down how a cluster differs from a commit, for whom it is
// to be read by: lines in the manner of git show for a terminal, Markdown for
// the README.md of an export, JSON for programs, SARIF and JUnit for CI.
//
// In go the values of a comparison; out come bytes, or lines of styled text that
// the caller paints. It does no I/O and knows no clock: the same values give the
// same bytes. Strings of the values may be hostile: none of them breaks out of
// the format it is written in, and no control character is passed on. No value
// of a Secret gets past Of.
package show

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/ignore"
	"github.com/rekindle-io/rekindle/snapshot/recoverability"
)

// Schema names the form of the JSON, in its field "schema". It changes when a
// reader of the old form would be led astray.
const Schema = "rekindle.io/drift-report/v1"

// Report is what is shown. Its JSON is a contract: docs/drift-report.md.
type Report struct {
	Schema  string `json:"schema"`
	Cluster string `json:"cluster"`
	Commit  Commit `json:"commit"`
	Counts  Counts `json:"counts"`
	// Fingerprint is of the live objects that the commit names, reduced to what
	// the commit sets.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Objects are those that differ, sorted by identity.
	Objects []Object `json:"objects"`
	// Carried are the Secrets that the commit does not have and that a restore brings
	// back from the last export, as is declared: they do not count as unexpected.
	Carried []object.ID `json:"carriedOver,omitempty"`
	// Unknown are the kinds that could not be listed, sorted.
	Unknown []Unknown `json:"unknown,omitempty"`
	// NotExported are live objects that an export has no file of, or one of an
	// earlier time, sorted by identity.
	NotExported []NotExported `json:"notExported,omitempty"`
	// Ignored are the differences that do not count, because a rule says so or
	// because they are a controller's business.
	Ignored []Ignored `json:"ignored,omitempty"`
	// Rules are the rules about differences, in their order, with what came of
	// them.
	Rules []ignore.Status `json:"rules,omitempty"`
	// Selection are the rules about which objects count, in their order, with what
	// came of them.
	Selection      []capture.Status       `json:"selection,omitempty"`
	Recoverability *recoverability.Report `json:"recoverability,omitempty"`
}

// Commit is what the cluster was compared with.
type Commit struct {
	SHA string `json:"sha"`
	// Revision is what the person typed; may be empty, as may what follows.
	Revision string `json:"revision,omitempty"`
	Subject  string `json:"subject,omitempty"`
	// Repo is the source's repository, without credentials; Path the folder in it.
	Repo string `json:"repo,omitempty"`
	Path string `json:"path,omitempty"`
}

// Counts are numbers of objects.
type Counts struct {
	// Compared are the objects that the commit has; Equal those of them that are
	// as it says.
	Compared   int `json:"compared"`
	Equal      int `json:"equal"`
	Changed    int `json:"changed"`
	Missing    int `json:"missing"`
	Unexpected int `json:"unexpected"`
	// Unknown are the commit's objects whose kinds could not be listed, Excluded
	// those that rules leave out.
	Unknown  int `json:"unknown"`
	Excluded int `json:"excluded"`
	// Ignored counts differences, not objects.
	Ignored int `json:"ignored"`
}

// Kind is how an object differs.
type Kind string

// The ways to differ.
const (
	Changed    Kind = drift.WhatChanged
	Missing    Kind = drift.WhatMissing
	Unexpected Kind = drift.WhatUnexpected
)

// Object is one object that differs.
type Object struct {
	Drift Kind      `json:"drift"`
	ID    object.ID `json:"object"`
	// From is where the commit has it.
	From object.Provenance `json:"from,omitzero"`
	// Fields are what differs in a changed object.
	Fields []Field `json:"fields,omitempty"`
	// Note says what else is known, in words; often empty.
	Note string `json:"note,omitempty"`
	// By is who is likely to have made an unexpected object, and when.
	By *Author `json:"by,omitempty"`
	// Restored: an earlier restore made the unexpected object.
	Restored bool `json:"restored,omitempty"`
}

// Field is one field that differs. A side that does not have it is null.
type Field struct {
	Path string `json:"path"`
	Want any    `json:"want"`
	Have any    `json:"have"`
	// By is who set what the cluster holds, who was last first.
	By []Author `json:"by,omitempty"`
}

// Author is who set something.
type Author struct {
	Manager     string `json:"manager"`
	Subresource string `json:"subresource,omitempty"`
	// Time is in UTC, "2026-11-22T14:03:00Z"; empty when unknown or not wanted.
	Time string `json:"time,omitempty"`
}

// Unknown is a kind that could not be listed: what became of its objects nobody
// can say.
type Unknown struct {
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
	// Objects are those that the commit has of it.
	Objects []object.ID `json:"objects,omitempty"`
}

// NotExported is a live object that could not be written into an export.
type NotExported struct {
	ID     object.ID `json:"object"`
	Reason string    `json:"reason"`
}

// Ignored is a difference that does not count.
type Ignored struct {
	Drift Kind              `json:"drift"`
	ID    object.ID         `json:"object"`
	From  object.Provenance `json:"from,omitzero"`
	// Path is the field; empty for an object as a whole.
	Path string `json:"path,omitempty"`
	// Why is the rule in words, or whose business it is.
	Why string `json:"why"`
}

// Input is what a Report is made of. Nothing in it is changed.
type Input struct {
	Cluster string
	Commit  Commit
	Drift   *drift.Report
	Rules   []ignore.Status
	// Selection are the include and exclude rules.
	Selection []capture.Status
	// Recoverability may be nil.
	Recoverability *recoverability.Report
	// Times: say when something was changed. Without them a report stays the same
	// as long as the drift does.
	Times bool
}

// hidden stands for a value of a Secret.
const hidden = "(hidden)"

// Of makes a report. What Secrets hold stays behind.
func Of(in Input) *Report {
	d := in.Drift
	r := &Report{
		Schema: Schema, Cluster: in.Cluster, Commit: in.Commit, Fingerprint: d.Fingerprint,
		Objects: []Object{}, Carried: d.Carried, Recoverability: in.Recoverability,
	}
	r.Commit.SHA = cmp.Or(r.Commit.SHA, d.Commit)
	r.Commit.Repo = withoutCredentials(r.Commit.Repo)
	r.Rules = slices.Clone(in.Rules)
	for i := range r.Rules {
		r.Rules[i].At = baseOf(r.Rules[i].At)
	}
	r.Selection = slices.Clone(in.Selection)
	for i := range r.Selection {
		r.Selection[i].At = baseOf(r.Selection[i].At)
	}
	for _, c := range d.Changed {
		r.Objects = append(r.Objects, changed(c, in.Times))
	}
	for _, m := range d.Missing {
		r.Objects = append(r.Objects, Object{Drift: Missing, ID: m.ID, From: m.From, Note: m.Why})
	}
	for _, u := range d.Unexpected {
		r.Objects = append(r.Objects, unexpected(u, in.Times))
	}
	slices.SortFunc(r.Objects, func(a, b Object) int { return a.ID.Compare(b.ID) })
	for _, u := range d.Unknown {
		r.Unknown = append(r.Unknown, Unknown{Kind: u.Kind, Reason: u.Reason, Objects: u.Objects})
		r.Counts.Unknown += len(u.Objects)
	}
	for what, reason := range d.Unlisted {
		r.Unknown = append(r.Unknown, Unknown{Kind: what, Reason: reason})
	}
	slices.SortFunc(r.Unknown, func(a, b Unknown) int { return cmp.Compare(a.Kind, b.Kind) })
	r.ignored(d)
	r.count(d)
	return r
}

// baseOf is a place in a file without the folder, the same on each machine.
func baseOf(at string) string { return at[strings.LastIndexAny(at, `/\`)+1:] }

// withoutCredentials takes the user and password out of a repository's URL.
func withoutCredentials(repo string) string {
	if u, err := url.Parse(repo); err == nil && u.User != nil && u.Host != "" {
		u.User = nil
		return u.String()
	}
	return repo
}

func (r *Report) ignored(d *drift.Report) {
	for _, i := range d.Ignored {
		path := ""
		if i.Field != nil {
			path = i.Field.Path
		}
		r.Ignored = append(r.Ignored, Ignored{Drift: Kind(i.What), ID: i.ID, From: i.From, Path: path, Why: i.Rule})
	}
	for _, l := range d.Left {
		r.Ignored = append(r.Ignored, Ignored{Drift: Changed, ID: l.ID, Path: l.Path, Why: l.Why})
	}
	slices.SortFunc(r.Ignored, func(a, b Ignored) int {
		return cmp.Or(a.ID.Compare(b.ID), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Why, b.Why))
	})
}

func (r *Report) count(d *drift.Report) {
	c := &r.Counts
	c.Compared, c.Changed, c.Missing, c.Unexpected = d.Compared, len(d.Changed), len(d.Missing), len(d.Unexpected)
	c.Excluded, c.Ignored = len(d.Excluded), len(r.Ignored)
	c.Equal = max(0, c.Compared-c.Changed-c.Missing-c.Unknown)
	for _, i := range d.Ignored {
		if i.What == drift.WhatMissing {
			c.Equal = max(0, c.Equal-1)
		}
	}
}

// Clean tells whether nothing differs that counts.
func (r *Report) Clean() bool { return len(r.Objects) == 0 }

func changed(c drift.Change, times bool) Object {
	o := Object{Drift: Changed, ID: c.ID, From: c.From}
	for _, f := range c.Fields {
		shown := Field{Path: f.Path, Want: veiled(c.ID, f.Path, f.Want), Have: veiled(c.ID, f.Path, f.Have)}
		for _, a := range f.By {
			shown.By = append(shown.By, author(a, times))
		}
		o.Fields = append(o.Fields, shown)
	}
	switch {
	case c.Terminating:
		o.Note = "it is being deleted"
	case c.Refused != "" && drift.Hides(c.ID):
		o.Note = "the server refuses to change it back, in words that are not shown: they may hold values"
	case c.Refused != "":
		o.Note = "the server refuses to change it back: " + c.Refused
	case c.Unconfirmed != "" && drift.Hides(c.ID):
		o.Note = "compared here alone, without what the server knows of defaults: it could not be asked"
	case c.Unconfirmed != "":
		o.Note = "compared here alone, without what the server knows of defaults: " + c.Unconfirmed
	}
	return o
}

func unexpected(u drift.Unexpected, times bool) Object {
	o := Object{Drift: Unexpected, ID: u.ID, Restored: u.Restored}
	o.Note = u.Why
	if u.Restored {
		o.Note = "an earlier restore made it"
	}
	if u.By != nil {
		by := author(*u.By, times)
		o.By = &by
	}
	if times && u.Created != nil && o.By != nil && u.Why == "" {
		o.By.Time = u.Created.UTC().Format(timeLayout)
	}
	return o
}

const timeLayout = "2006-01-02T15:04:05Z"

func author(a drift.Author, times bool) Author {
	shown := Author{Manager: a.Manager, Subresource: a.Subresource}
	if times && a.Time != nil {
		shown.Time = a.Time.UTC().Format(timeLayout)
	}
	return shown
}

// veiled is the value as it may be shown: of a Secret only labels are.
func veiled(id object.ID, path string, value any) any {
	if !drift.Hides(id) || value == nil || path == "metadata.labels" ||
		strings.HasPrefix(path, "metadata.labels.") || strings.HasPrefix(path, "metadata.labels[") {
		return value
	}
	return hidden
}
