package show

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
)

// The parts of SARIF 2.1.0 that are written:
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool            `json:"tool"`
		Invocations []sarifInvocation    `json:"invocations"`
		Origin      []sarifOrigin        `json:"versionControlProvenance,omitempty"`
		Bases       map[string]sarifBase `json:"originalUriBaseIds"`
		Automation  map[string]string    `json:"automationDetails"`
		Results     []sarifResult        `json:"results"`
		Column      string               `json:"columnKind"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string            `json:"id"`
		Name             string            `json:"name"`
		ShortDescription sarifText         `json:"shortDescription"`
		FullDescription  sarifText         `json:"fullDescription"`
		Help             sarifText         `json:"help"`
		Default          map[string]string `json:"defaultConfiguration"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifOrigin struct {
		Repo     string `json:"repositoryUri"`
		Revision string `json:"revisionId,omitempty"`
	}
	sarifBase struct {
		Description sarifText `json:"description"`
	}
	sarifResult struct {
		Rule         string             `json:"ruleId"`
		Index        int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId"`
	}
	sarifRegion struct {
		Line int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"name"`
		Full string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	}
)

// maxResults is how many results code scanning takes from one run: GitHub
// refuses more than 25,000.
const maxResults = 20_000

// sourceRoot is how SARIF calls the root of the source's repository.
const sourceRoot = "SRCROOT"

// sarifKinds are the rules, in the order of their index.
var sarifKinds = []struct {
	kind                           Kind
	name, short, full, help, level string
}{
	{Changed, "ObjectChanged", "A live object differs from git.",
		"Fields of the object in the cluster have other values than the commit says.",
		"Write the live values into git with rekindle drift adopt, or restore the object with rekindle restore.", "warning"},
	{Missing, "ObjectMissing", "An object of git is not in the cluster.",
		"The commit has the object and the cluster lacks it.",
		"Restore it with rekindle restore, or take it out of git.", "error"},
	{Unexpected, "ObjectUnexpected", "A live object is not in git.",
		"The cluster has the object, nothing derives it, and the commit does not have it: it would be lost with the cluster.",
		"Write it into git with rekindle drift adopt, or delete it.", "warning"},
}

// SARIF writes the report for code scanning: one result for each object that
// differs, at the place in git that made it. Kinds that could not be listed are
// notifications; ignored differences are suppressed results.
func (r *Report) SARIF() ([]byte, error) {
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "rekindle", InformationURI: "https://github.com/rekindle-io/rekindle"}},
		Bases:      map[string]sarifBase{sourceRoot: {sarifText{"The root of the source's repository."}}},
		Automation: map[string]string{"id": "rekindle/drift/" + visible(r.Cluster, "") + "/"},
		Results:    []sarifResult{}, Column: "utf16CodeUnits",
	}
	for _, k := range sarifKinds {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: string(k.kind), Name: k.name, ShortDescription: sarifText{k.short}, FullDescription: sarifText{k.full},
			Help: sarifText{k.help}, Default: map[string]string{"level": k.level},
		})
	}
	if origin, ok := r.Commit.uri(); ok {
		run.Origin = []sarifOrigin{{origin, r.Commit.SHA}}
	}
	inv := sarifInvocation{Successful: len(r.Unknown) == 0}
	for _, u := range r.Unknown {
		inv.Notifications = append(inv.Notifications, sarifNotification{"error", sarifText{visible(u.Kind+" could not be listed: "+clip(u.Reason, 1000), "")}})
	}
	if more := len(r.Objects) + len(r.Ignored) - maxResults; more > 0 {
		inv.Notifications = append(inv.Notifications, sarifNotification{"warning", sarifText{count(more, "result") + " more are left out: the JSON report has all"}})
	}
	run.Invocations = []sarifInvocation{inv}
	for _, o := range r.Objects[:min(len(r.Objects), maxResults)] {
		run.Results = append(run.Results, r.result(o.Drift, o.ID, o.From, "", message(o)))
	}
	for _, i := range r.Ignored[:min(len(r.Ignored), maxResults-len(run.Results))] {
		words := label(i.ID) + " is " + string(i.Drift)
		if i.Path != "" {
			words += " in " + visible(i.Path, "")
		}
		s := r.result(i.Drift, i.ID, i.From, i.Path, words)
		s.Level = "note"
		s.Suppressions = []sarifSuppression{{"external", "accepted", visible(i.Why, "")}}
		run.Results = append(run.Results, s)
	}
	return indented(sarifLog{
		Schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	})
}

// result is about an object, or about the field at path of it.
func (r *Report) result(kind Kind, id object.ID, from object.Provenance, path, words string) sarifResult {
	res := sarifResult{Rule: string(kind), Level: "warning", Message: sarifText{words}}
	for i, k := range sarifKinds {
		if k.kind == kind {
			res.Index, res.Level = i, k.level
		}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q", kind, id.Group, id.Kind, id.Namespace, id.Name, path))
	res.Fingerprints = map[string]string{"rekindleDrift/v1": hex.EncodeToString(sum[:16])}
	place := sarifLocation{Logical: []sarifLogical{{
		Name: visible(id.Name, ""), Full: label(id), Kind: "object",
	}}}
	file := from.File
	if file == "" {
		file = r.Commit.Path // a folder: what is not in git has no file
	}
	if file != "" {
		place.Physical = &sarifPhysical{Artifact: sarifArtifact{URI: link(file), Base: sourceRoot}}
		if from.Line > 0 {
			place.Physical.Region = &sarifRegion{from.Line}
		}
	}
	res.Locations = []sarifLocation{place}
	return res
}

// uri is the repository as a URI; ok is false for what is none, such as a path
// on this machine.
func (c Commit) uri() (string, bool) {
	u, err := url.Parse(c.Repo)
	if err != nil || u.Host == "" || u.Scheme == "file" {
		return "", false
	}
	return u.String(), true
}

// maxMessage is how many lines of difference a message has.
const maxMessage = 20

// message says in a few lines how an object differs.
func message(o Object) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is %s", label(o.ID), o.Drift)
	if s := o.From.Made; s != "" {
		fmt.Fprintf(&b, " (%s makes it)", visible(s, ""))
	}
	if o.By != nil {
		fmt.Fprintf(&b, " (made with %s)", visible(o.By.String(), ""))
	}
	if o.Note != "" {
		fmt.Fprintf(&b, ": %s", visible(clip(o.Note, 600), ""))
	}
	for i, line := range strings.Split(strings.TrimSuffix(unified(o), "\n"), "\n") {
		if i == maxMessage {
			b.WriteString("\n…")
			break
		}
		if line != "" {
			b.WriteString("\n" + line)
		}
	}
	return b.String()
}
