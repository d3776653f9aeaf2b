// Package recoverability answers the question of the day before the disaster:
// what would be lost if the cluster died now, and could only be made again from
// the commit?
//
// In go the objects of a commit and, one by one, the live objects as a
// comparison lists them (a Survey is an observer of snapshot/drift); out comes a
// Report: what would be lost, what to do about it, and a score that says how
// many points each finding costs. It does no I/O, keeps no more than what it
// found, and never a value of a Secret. The same cluster gives the same report,
// in whatever order its objects come.
package recoverability

import (
	"cmp"
	"slices"

	"github.com/rekindle-io/rekindle/recover/object"
)

// SavedBy is the annotation by which people say who keeps what git does not: on
// a claim, its volume, its StorageClass or its Namespace that its data is saved;
// on a Secret that it is kept elsewhere. The value says by whom, in words:
// "nightly dump to S3", "not needed: a cache".
const SavedBy = object.SavedByAnnotation

// Category is what a finding is about.
type Category string

// The categories, from what is worst to lose.
const (
	Data        Category = "data"        // volumes whose content is nowhere else
	Secrets     Category = "secrets"     // Secrets that nobody makes again
	Objects     Category = "objects"     // what people made or changed in the cluster alone
	Definitions Category = "definitions" // custom resources whose definition is not in git
	Images      Category = "images"      // tags behind which the image may change
	Versions    Category = "versions"    // API versions that newer Kubernetes does not serve
)

// budget is how many of the 100 points each category can cost. Data comes first:
// what is in a volume cannot be written again by anybody.
var budget = []struct {
	category Category
	points   int
}{
	{Data, 40}, {Secrets, 20}, {Objects, 15}, {Definitions, 10}, {Images, 10}, {Versions, 5},
}

// Report is what would be lost.
type Report struct {
	// Score is 100 without the points that findings cost: 100 − Σ min(points of a
	// category's findings, the most that the category can cost). At 100 the commit
	// makes the cluster again as it is, as far as anybody can see from outside.
	Score int `json:"score"`
	// AtMost: some kinds could not be listed, so that the score is no more than
	// an upper bound.
	AtMost bool `json:"atMost,omitempty"`
	// Categories are all six, in the order of their weight.
	Categories []CategoryScore `json:"categories"`
	// Findings are sorted by category, points and subject.
	Findings []Finding `json:"findings,omitempty"`
	// Claims counts the claims that hold data, Saved those of them that something
	// saves.
	Claims int `json:"claims"`
	Saved  int `json:"saved"`
	// Images counts the images that run, Pinned those named with a digest.
	Images int `json:"images"`
	Pinned int `json:"pinned"`
	// Makers are who makes Secrets that are not in git, with how many.
	Makers []Maker `json:"makers,omitempty"`
	// Unknown are the kinds that could not be listed, sorted: "Secret".
	Unknown []string `json:"unknown,omitempty"`
}

// CategoryScore is what the findings of a category cost.
type CategoryScore struct {
	Category Category `json:"category"`
	// Points is the sum over the findings, Most what the category can cost, Lost
	// the smaller of the two.
	Points int `json:"points"`
	Most   int `json:"most"`
	Lost   int `json:"lost"`
	// Findings is how many there are.
	Findings int `json:"findings"`
}

// Finding is something that would be lost, or that could not be made again just
// as it is.
type Finding struct {
	Category Category `json:"category"`
	// Rule names the reason for programs: "claim-unsaved".
	Rule string `json:"rule"`
	// Subject is what it is about: an object, a kind or an image.
	Subject string `json:"subject"`
	// Object is the subject when it is one object.
	Object *object.ID `json:"object,omitempty"`
	// What says what would be lost, Do what to do about it.
	What string `json:"what"`
	Do   string `json:"do"`
	// Points is what it costs; 0 for what is worth knowing and no more.
	Points int `json:"points"`
	// Size and Class are a claim's.
	Size  string `json:"size,omitempty"`
	Class string `json:"class,omitempty"`
	// Digests are the digests that run under an image's tag, sorted.
	Digests []string `json:"digests,omitempty"`
	// UsedBy are the workloads that run an image, sorted.
	UsedBy []string `json:"usedBy,omitempty"`
}

// Maker is somebody who makes Secrets.
type Maker struct {
	By    string `json:"by"`
	Count int    `json:"count"`
}

// sum sorts the findings and makes the score of them.
func (r *Report) sum() {
	order := map[Category]int{}
	for i, b := range budget {
		order[b.category] = i
	}
	slices.SortFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(order[a.Category], order[b.Category]), cmp.Compare(b.Points, a.Points),
			cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Rule, b.Rule))
	})
	r.Score = 100
	for _, b := range budget {
		c := CategoryScore{Category: b.category, Most: b.points}
		for _, f := range r.Findings {
			if f.Category == b.category {
				c.Points += f.Points
				c.Findings++
			}
		}
		c.Lost = min(c.Points, c.Most)
		r.Score -= c.Lost
		r.Categories = append(r.Categories, c)
	}
}

// of returns a finding about one object.
func of(id object.ID, f Finding) Finding {
	f.Subject, f.Object = id.String(), &id
	return f
}
