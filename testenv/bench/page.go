package main

import (
	"errors"
	"io/fs"
	"os"
	"strings"
)

// A page is a title and sections, which are written by different runs: a run
// replaces those that it measured and leaves the others as they are.

const pageTitle = "# Benchmarks\n\nWritten by `make bench`. Each section says when and on what it was measured.\n"

// The sections' headings, in the order of the page.
const (
	applyHeading = "## Apply"
	driftHeading = "## Drift"
)

// section is a part of the page: a heading and what follows it.
type section struct{ heading, text string }

func (s section) String() string { return s.heading + "\n\n" + strings.TrimSpace(s.text) + "\n" }

// joined is the page with the measured sections, and of old those that were not
// measured.
func joined(old string, measured []section) string {
	page := pageTitle
	for _, heading := range []string{applyHeading, driftHeading} {
		text := sectionOf(old, heading)
		for _, s := range measured {
			if s.heading == heading {
				text = s.text
			}
		}
		if text != "" {
			page += "\n" + section{heading, text}.String()
		}
	}
	return page
}

// sectionOf returns what a page has below a heading, without it; "" when it has
// no such heading.
func sectionOf(page, heading string) string {
	_, rest, found := strings.Cut("\n"+page, "\n"+heading+"\n")
	if !found {
		return ""
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	return text
}

// writePage writes the measured sections into the page in file.
func writePage(file string, measured []section) error {
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(file, []byte(joined(string(old), measured)), 0o644)
}
