package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with the file.
type Problem struct {
	Position
	// Field is the path of the field, "clusters.dev.source.repo"; empty for
	// what concerns the file as a whole.
	Field   string
	Message string
	// Suggestion is what the writer may have meant; empty when nothing is near.
	Suggestion string
}

func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Position.String())
	b.WriteString(": ")
	if p.Field != "" {
		b.WriteString(p.Field + ": ")
	}
	b.WriteString(p.Message)
	if p.Suggestion != "" {
		fmt.Fprintf(&b, ", did you mean %q?", p.Suggestion)
	}
	return b.String()
}

// InvalidError holds all that is wrong with one file, in the file's order.
type InvalidError struct{ Problems []Problem }

// Error returns one line for each problem.
func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// invalid returns an *InvalidError of problems, or nil when there are none.
func invalid(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &InvalidError{Problems: problems}
}

// UnknownClusterError: the file declares no cluster of that name.
type UnknownClusterError struct {
	Name, File string
	Known      []string
	// Suggestion is the nearest declared name, empty when none is near.
	Suggestion string
}

func (e *UnknownClusterError) Error() string {
	msg := fmt.Sprintf("%s declares no cluster %q", e.File, e.Name)
	if e.Suggestion != "" {
		msg += fmt.Sprintf(", did you mean %q?", e.Suggestion)
	}
	if len(e.Known) == 0 {
		return msg + " (it declares none)"
	}
	return fmt.Sprintf("%s (declared: %s)", msg, strings.Join(e.Known, ", "))
}
