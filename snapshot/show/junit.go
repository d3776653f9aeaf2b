package show

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// The parts of JUnit's XML that every reader of it knows.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		File    string        `xml:"file,attr,omitempty"`
		Line    int           `xml:"line,attr,omitempty"`
		Failure *junitTrouble `xml:"failure"`
		Error   *junitTrouble `xml:"error"`
	}
	junitTrouble struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",cdata"`
	}
)

// JUnit writes the report as test results: a case for each object that differs,
// which fails with the difference, an error for each kind that could not be
// listed, and one case that passes for all that is equal.
func (r *Report) JUnit() ([]byte, error) {
	s := junitSuite{Name: visible("drift "+r.Cluster, "")}
	if n := r.Counts.Equal; n > 0 || r.Clean() && len(r.Unknown) == 0 {
		s.Cases = append(s.Cases, junitCase{Class: "equal", Name: count(n, "object") + " as in commit " + visible(short(r.Commit.SHA), "")})
	}
	for _, o := range r.Objects {
		c := junitCase{Class: visible(o.ID.GroupKind().String(), ""), Name: label(o.ID), File: visible(o.From.File, ""), Line: o.From.Line}
		words := string(o.Drift)
		if n := len(o.Fields); n > 0 {
			words += " in " + count(n, "field")
		}
		c.Failure = &junitTrouble{Message: words, Type: string(o.Drift), Text: message(o)}
		s.Cases = append(s.Cases, c)
		s.Failures++
	}
	for _, u := range r.Unknown {
		s.Cases = append(s.Cases, junitCase{Class: visible(u.Kind, ""), Name: visible(u.Kind, "") + " can be listed", Error: &junitTrouble{
			Message: "could not be listed", Type: "unknown", Text: visible(u.Reason, ""),
		}})
		s.Errors++
	}
	s.Tests = len(s.Cases)
	out, err := xml.MarshalIndent(junitSuites{
		Name: "rekindle drift", Tests: s.Tests, Failures: s.Failures, Errors: s.Errors, Suites: []junitSuite{s},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the report as JUnit: %w", err)
	}
	return []byte(xml.Header + strings.TrimSuffix(string(out), "\n") + "\n"), nil
}
