package show_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/recoverability"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// body is what is printed about one field that differs.
func body(f drift.Field, o show.LineOptions) string {
	f.Path = "spec.x"
	r := show.Of(show.Input{Drift: &drift.Report{Changed: []drift.Change{{ID: id("ConfigMap", "", "a"), Fields: []drift.Field{f}}}}})
	_, after, _ := strings.Cut(text(r, o), "@@ spec.x @@\n")
	return after
}

func TestFieldsAsLines(t *testing.T) {
	type m = map[string]any
	long := ""
	for i := range 20 {
		long += fmt.Sprintf("a%d\n", i)
	}
	for _, tc := range []struct {
		name       string
		want, have any
		lines      []string
	}{
		{"numbers", int64(3), int64(5), []string{"-3", "+5"}},
		{"a number and its text", int64(3), "3", []string{"-3", `+"3"`}},
		{"truth and its text", true, "true", []string{"-true", `+"true"`}},
		{"text that is nothing", nil, "", []string{`+""`}},
		{"words stay bare", "a: b", "it's", []string{"-a: b", "+it's"}},
		{"gone", m{"b": int64(1), "a": "x"}, nil, []string{"-a: x", "-b: 1"}},
		{"came", nil, []any{"x", m{"k": "v"}}, []string{"+- x", "+- k: v"}},
		{"a line in the middle", "a\nb\nc\n", "a\nB\nc\n", []string{" a", "-b", "+B", " c"}},
		{"only the last end of a line", "a\nb\n", "a\nb", []string{`-"a\nb\n"`, `+"a\nb"`}},
		{"far apart", "1\n" + long + "2\n", "x\n" + long + "y\n", []string{"-1", "+x", " a0", " a1", " a2", " …", " a17", " a18", " a19", "-2", "+y"}},
		{"of two kinds", "x", m{"a": "b"}, []string{"-x", "+a: b"}},
		{"empty ones", m{}, []any{}, []string{"-{}", "+[]"}},
		{"controls and tabs", "a\x1b[2J\tb", "c", []string{`-a\x1b[2J    b`, "+c"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			have := body(drift.Field{Want: tc.want, Have: tc.have}, show.LineOptions{})
			if diff := cmp.Diff(strings.Join(tc.lines, "\n")+"\n", have); diff != "" {
				t.Errorf("lines (-want +have):\n%s", diff)
			}
		})
	}
}

func TestLongLinesAreFolded(t *testing.T) {
	have := body(drift.Field{Want: strings.Repeat("0123456789", 9), Have: strings.Repeat("日", 30)}, show.LineOptions{Width: 40})
	want := "-" + strings.Repeat("0123456789", 3) + "012345678\n-… 9" + strings.Repeat("0123456789", 3) + "012345\n-… 6789" + "01234567890123456789"
	if !strings.HasPrefix(have, want[:80]) {
		t.Errorf("have\n%s", have)
	}
	whole := strings.NewReplacer("\n-… ", "", "\n+… ", "").Replace(have)
	if whole != "-"+strings.Repeat("0123456789", 9)+"\n+"+strings.Repeat("日", 30)+"\n" {
		t.Errorf("folding loses something:\n%s", have)
	}
}

func TestLongDifferencesAreCut(t *testing.T) {
	var list []string
	for i := range 50 {
		list = append(list, fmt.Sprint("line ", i))
	}
	have := body(drift.Field{Have: strings.Join(list, "\n")}, show.LineOptions{MaxLines: 10})
	if !strings.HasSuffix(have, "+line 9\n  … and 40 more lines\n") {
		t.Errorf("have\n%s", have)
	}
	var fields []drift.Field
	for i := range 30 {
		fields = append(fields, drift.Field{Path: fmt.Sprint("data.k", i), Have: "v"})
	}
	r := show.Of(show.Input{Drift: &drift.Report{Changed: []drift.Change{{ID: id("ConfigMap", "", "a"), Fields: fields}}}})
	if have := text(r, show.LineOptions{MaxLines: 10}); !strings.HasSuffix(have, "@@ data.k9 @@\n+v\n  … and 20 more fields\n") {
		t.Errorf("have\n%s", have)
	}
}

// Findings of a category are folded behind the costly ones, and what is free is
// only counted.
func TestFindingsAreFolded(t *testing.T) {
	in := clean()
	var list []recoverability.Finding
	for i := range 6 {
		list = append(list, recoverability.Finding{Category: recoverability.Images, Subject: fmt.Sprint("web", i), Points: max(0, 4-i), What: "moves", Do: "pin it"})
	}
	in.Recoverability = &recoverability.Report{
		Score: 90, Findings: list,
		Categories: []recoverability.CategoryScore{{Category: recoverability.Images, Points: 10, Most: 10, Lost: 10, Findings: 6}},
	}
	have := text(show.Of(in), show.Folded(80))
	want := `  images      −10
   −4  web0
       moves
       → pin it
   −3  web1
       moves
   −2  web2
       moves
       … and 1 more finding, 2 findings without a cost: --all lists them
`
	if !strings.HasSuffix(have, want) {
		t.Errorf("have\n%s", have)
	}
	if all := text(show.Of(in), show.LineOptions{Width: 80}); strings.Contains(all, "--all") || !strings.Contains(all, "    0  web5") {
		t.Errorf("have\n%s", all)
	}
}

// A thousand differences are an overview and some of each kind.
func TestManyDifferences(t *testing.T) {
	in := many(1000)
	have := text(show.Of(in), show.Folded(80))
	golden(t, "many-80.txt", []byte(have))
	if n := strings.Count(have, "\n"); n > 200 {
		t.Errorf("%d lines", n)
	}
	for line := range strings.Lines(have) {
		if n := runewidth.StringWidth(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if all := text(show.Of(in), show.LineOptions{}); strings.Count(all, "changed Deployment.apps") != 1000 || strings.Contains(all, "--all") {
		t.Error("without a limit something is left out")
	}
}

// many is a report with n changed objects, and some others.
func many(n int) show.Input {
	in := sample()
	d := *in.Drift
	in.Drift = &d
	d.Compared, d.Unlisted, d.Unknown, d.Ignored, d.Left = n+100, nil, nil, nil, nil
	in.Rules, in.Recoverability = nil, nil
	d.Changed, d.Unexpected = nil, nil
	for i := range n {
		d.Changed = append(d.Changed, drift.Change{
			ID: id("Deployment.apps", fmt.Sprintf("team-%d", i%12), fmt.Sprintf("web-%04d", i)), From: object.Provenance{File: fmt.Sprintf("apps/web-%04d.yaml", i), Line: 1},
			Fields: []drift.Field{{Path: "spec.replicas", Want: int64(2), Have: int64(3), By: []drift.Author{{Manager: "keda-operator", Subresource: "scale", Time: at(9, i%60)}}}},
		})
	}
	for i := range 40 {
		d.Unexpected = append(d.Unexpected, drift.Unexpected{ID: id(fmt.Sprintf("Kind%d.example.com", i%14), "team-1", fmt.Sprint("left-", i)), By: &drift.Author{Manager: "kubectl-create"}})
	}
	return in
}

func TestStylesSayWhatLinesMean(t *testing.T) {
	have := map[show.Style]string{}
	for line := range show.Of(sample()).Lines(show.LineOptions{}) {
		for _, s := range line {
			have[s.Style] += s.Text + "\n"
		}
	}
	for style, want := range map[show.Style]string{
		show.Removed: "-level = info", show.Added: "+level = debug", show.Hunk: "@@ spec.replicas @@", show.Strong: "changed Deployment.apps shop/web",
		show.Bad: "4 changed", show.Warn: "Cache.example.com", show.Faint: "kubectl/scale",
	} {
		if !strings.Contains(have[style], want) {
			t.Errorf("style %d lacks %q: %s", style, want, have[style])
		}
	}
}

func TestAReaderMayStop(t *testing.T) {
	n := 0
	for range show.Of(sample()).Lines(show.LineOptions{}) {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("%d lines came", n)
	}
}

func TestCounts(t *testing.T) {
	rule := drift.Ignored{What: drift.WhatMissing, ID: id("Pod", "a", "b"), Rule: "r"}
	r := show.Of(show.Input{Drift: &drift.Report{
		Compared: 10, Missing: []drift.Missing{{ID: id("Pod", "a", "a")}}, Ignored: []drift.Ignored{rule},
		Unknown: []drift.Unknown{{Kind: "Job.batch", Objects: []object.ID{id("Job.batch", "a", "a"), id("Job.batch", "a", "b")}}},
	}})
	want := show.Counts{Compared: 10, Equal: 6, Missing: 1, Unknown: 2, Ignored: 1}
	if diff := cmp.Diff(want, r.Counts); diff != "" {
		t.Errorf("counts (-want +have):\n%s", diff)
	}
}

func TestCredentialsStayBehind(t *testing.T) {
	in := clean()
	in.Commit.Repo = "https://me:hunter2@git.example.com/a.git"
	r := show.Of(in)
	if r.Commit.Repo != "https://git.example.com/a.git" {
		t.Errorf("have %s", r.Commit.Repo)
	}
	in.Commit.Repo = "git@git.example.com:a.git"
	if r := show.Of(in); r.Commit.Repo != in.Commit.Repo {
		t.Errorf("have %s", r.Commit.Repo)
	}
}

func TestDifferencesAreNotListedTwice(t *testing.T) {
	in := clean()
	a := id("ConfigMap", "shop", "a")
	in.Recoverability = &recoverability.Report{
		Score:      98,
		Categories: []recoverability.CategoryScore{{Category: recoverability.Objects, Points: 2, Most: 15, Lost: 2, Findings: 1}},
		Findings:   []recoverability.Finding{{Category: recoverability.Objects, Rule: "object-unexpected", Subject: a.String(), Object: &a, Points: 2, What: "w", Do: "d"}},
	}
	for name, page := range map[string]string{
		"text": text(show.Of(in), show.LineOptions{}), "markdown": string(show.Of(in).Markdown(show.MarkdownOptions{})),
	} {
		if strings.Contains(page, a.String()) || !strings.Contains(page, "1 difference of those above") {
			t.Errorf("%s:\n%s", name, page)
		}
	}
}

func BenchmarkFormats(b *testing.B) {
	in := sample()
	d := *in.Drift
	for i := range 3000 {
		for _, c := range in.Drift.Changed {
			c.ID.Name += fmt.Sprint(i)
			d.Changed = append(d.Changed, c)
		}
	}
	in.Drift = &d
	for name, write := range map[string]func(r *show.Report){
		"lines":    func(r *show.Report) { text(r, show.LineOptions{Width: 100}) },
		"markdown": func(r *show.Report) { r.Markdown(show.MarkdownOptions{}) },
		"json":     func(r *show.Report) { _, _ = r.JSON() },
		"sarif":    func(r *show.Report) { _, _ = r.SARIF() },
		"junit":    func(r *show.Report) { _, _ = r.JUnit() },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				write(show.Of(in))
			}
		})
	}
}
