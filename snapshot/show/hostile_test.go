package show_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/mattn/go-runewidth"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/ignore"
	"github.com/rekindle-io/rekindle/snapshot/recoverability"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

func schema(t testing.TB, file string) *jsonschema.Schema {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(file, "testdata") {
		strict(doc)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("file.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("file.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// strict makes a schema refuse fields that it does not describe. Readers allow
// them; we describe all that we write.
func strict(schema any) {
	switch v := schema.(type) {
	case map[string]any:
		if _, ok := v["properties"].(map[string]any); ok && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, below := range v {
			strict(below)
		}
	case []any:
		for _, item := range v {
			strict(item)
		}
	}
}

// fits fails when raw is not what the schema describes.
func fits(t interface{ Fatalf(string, ...any) }, s *jsonschema.Schema, raw []byte) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err == nil {
		err = s.Validate(doc)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
}

// nasty draws strings that mean something to a terminal, Markdown, HTML, XML or
// JSON.
func nasty() *rapid.Generator[string] {
	parts := rapid.SampledFrom([]string{
		"web", "\x1b[2J", "\u009b31m", "\u202e", "\x00", "\r\n", "\n\n# title\n", "```", "````diff", "`", "|", "\\", "<script>alert(1)</script>",
		"</details>", "]]>", "<!--", "-->", "[x](http://e.example)", "![x](y)", "&amp;", "&#60;", "**b**", "_i_", "~~~", "www.e.example", "http://e.example",
		"a@e.example", "\t", "- item", "+", "\xff\xfe", "𝕏", "e\u0301", "日本", "{{ x }}", "$(id)", "%00", "../..", "\u2028", `"`, "'", "1. ", "    ", "===", "> ", "# ", "* ",
	})
	return rapid.Map(rapid.SliceOfN(parts, 1, 5), func(l []string) string { return strings.Join(l, "") })
}

// value draws what a field may hold.
func value() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.Map(nasty(), func(s string) any { return s }),
		rapid.Map(nasty(), func(s string) any { return strings.Repeat(s+"\n", 30) }),
		rapid.Map(rapid.Int64(), func(i int64) any { return i }),
		rapid.Just[any](nil),
		rapid.Map(rapid.MapOfN(nasty(), nasty(), 0, 3), func(m map[string]string) any {
			out := map[string]any{}
			for k, v := range m {
				out[k] = []any{v, k, nil, true}
			}
			return out
		}),
	)
}

// hostile draws a report of which strangers chose every string.
func hostile() *rapid.Generator[show.Input] {
	return rapid.Custom(func(t *rapid.T) show.Input {
		word := func() string { return nasty().Draw(t, "word") }
		name := func() object.ID {
			return object.ID{Group: word(), Kind: rapid.OneOf(nasty(), rapid.Just("Secret")).Draw(t, "kind"), Namespace: word(), Name: word()}
		}
		from := object.Provenance{File: word(), Line: rapid.IntRange(0, 9).Draw(t, "line"), Made: word()}
		by := drift.Author{Manager: word(), Subresource: word(), Time: at(1, 2)}
		d := &drift.Report{Compared: 3, Unlisted: map[string]string{word(): word()}}
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			f := drift.Field{Path: word(), Want: value().Draw(t, "want"), Have: value().Draw(t, "have"), By: []drift.Author{by}}
			d.Changed = append(d.Changed, drift.Change{ID: name(), From: from, Refused: word(), Fields: []drift.Field{f, f}})
			d.Missing = append(d.Missing, drift.Missing{ID: name(), From: from, Why: word()})
			d.Unexpected = append(d.Unexpected, drift.Unexpected{ID: name(), By: &by})
			d.Ignored = append(d.Ignored, drift.Ignored{ID: name(), What: drift.WhatChanged, Rule: word(), Field: &f})
			d.Left = append(d.Left, drift.Left{ID: name(), Path: word(), Why: word()})
			d.Unknown = append(d.Unknown, drift.Unknown{Kind: word(), Reason: word(), Objects: []object.ID{name()}})
		}
		return show.Input{
			Cluster: word(), Commit: show.Commit{SHA: word(), Revision: word(), Subject: word(), Repo: word(), Path: word()}, Drift: d,
			Rules: []ignore.Status{{Rule: ignore.Rule{Reason: word(), At: word()}, State: ignore.Unmatched}},
			Recoverability: &recoverability.Report{
				Findings:   []recoverability.Finding{{Category: recoverability.Images, Subject: word(), What: word(), Do: word(), Size: word(), Class: word()}},
				Categories: []recoverability.CategoryScore{{Category: recoverability.Images, Findings: 1}},
			},
		}
	})
}

// all writes a report in every format.
func all(t interface{ Fatalf(string, ...any) }, r *show.Report) map[string][]byte {
	out := map[string][]byte{
		"text": []byte(text(r, show.LineOptions{})), "narrow": []byte(text(r, show.LineOptions{Width: 50, MaxLines: 5})),
		"markdown": r.Markdown(show.MarkdownOptions{Path: func(id object.ID) string { return "live/" + id.Name }, Data: "report.json"}),
	}
	for name, write := range map[string]func() ([]byte, error){"json": r.JSON, "sarif": r.SARIF, "junit": r.JUnit} {
		raw, err := write()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = raw
	}
	return out
}

func TestHostileStringsBreakNothing(t *testing.T) {
	ours, sarif := schema(t, "../../docs/drift-report.schema.json"), schema(t, "testdata/sarif-schema-2.1.0.json")
	rapid.Check(t, func(rt *rapid.T) {
		in := hostile().Draw(rt, "report")
		r := show.Of(in)
		out := all(rt, r)
		for name, raw := range out {
			if i := bytes.IndexFunc(raw, func(r rune) bool { return !unicode.IsGraphic(r) && r != '\n' && r != '\t' }); i >= 0 {
				rt.Fatalf("%s holds %q", name, raw[i:min(len(raw), i+10)])
			}
		}
		fits(rt, ours, out["json"])
		fits(rt, sarif, out["sarif"])
		dec := xml.NewDecoder(bytes.NewReader(out["junit"]))
		for {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				rt.Fatalf("JUnit: %v\n%s", err, out["junit"])
			}
		}
		for line := range r.Lines(show.LineOptions{Width: 60}) {
			if w := runewidth.StringWidth(line.String()); w > 60 {
				rt.Fatalf("a line of %d columns: %s", w, line)
			}
		}
		checkMarkdown(rt, string(out["markdown"]))
	})
}

// target is where a link goes: a relative path.
var target = regexp.MustCompile(`\]\(live/[A-Za-z0-9/._~%-]*\)`)

// listed is a line that begins a list, a quotation or indented code.
var listed = regexp.MustCompile(`^(\d+[.)] |[*+] |>|    )`)

// checkMarkdown takes out what Markdown does not look into (fenced blocks, code
// spans) and wants nothing in the rest that strangers could have meant.
func checkMarkdown(t *rapid.T, page string) {
	var rest strings.Builder
	fence := ""
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		ticks := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case fence != "":
			if body := strings.TrimLeft(line, " "); len(line)-len(body) < 4 && strings.HasPrefix(body, fence) && strings.Trim(body, "`") == "" {
				if line != fence {
					t.Fatalf("a block is closed by a stranger: %q", line)
				}
				fence = ""
			}
		case len(ticks) >= 3 && line == ticks+"diff":
			fence = ticks
		default:
			rest.WriteString(withoutCode(t, line) + "\n")
		}
	}
	if fence != "" {
		t.Fatalf("a block is not closed:\n%s", page)
	}
	open := 0
	for line := range strings.Lines(rest.String()) {
		line = target.ReplaceAllString(line, "]()")
		switch {
		case strings.HasPrefix(line, "<details><summary>"):
			open++
			line = strings.NewReplacer("<details><summary>", "", "<code>", "", "</code>", "", "</summary>", "").Replace(line)
		case line == "</details>\n":
			open--
			continue
		}
		if listed.MatchString(line) {
			t.Fatalf("a stranger began a list or a quotation: %q", line)
		}
		if strings.ContainsAny(line, "<>") || strings.Contains(line, "![") || strings.Contains(line, "://") || strings.Contains(line, "www.") {
			t.Fatalf("a stranger wrote %q", line)
		}
		if strings.HasPrefix(line, "|") && strings.Count(line, "|") > 5 {
			t.Fatalf("a row has too many cells: %q", line)
		}
	}
	if open != 0 {
		t.Fatalf("%d blocks are left open", open)
	}
}

// withoutCode takes code spans out of a line, as CommonMark finds them.
func withoutCode(t *rapid.T, line string) string {
	var out strings.Builder
	for line != "" {
		start := strings.IndexByte(line, '`')
		if start < 0 {
			break
		}
		out.WriteString(line[:start])
		line = line[start:]
		n := len(line) - len(strings.TrimLeft(line, "`"))
		end := -1
		for i := n; i < len(line); {
			run := len(line[i:]) - len(strings.TrimLeft(line[i:], "`"))
			if run == n {
				end = i
				break
			}
			i += max(run, 1)
		}
		if end < 0 {
			t.Fatalf("a code span is not closed: %q", line)
		}
		out.WriteString(strings.Repeat("|", strings.Count(line[:end], "|"))) // a table is split first
		line = line[end+n:]
	}
	return out.String() + line
}

func TestWhatSecretsHoldIsShownNowhere(t *testing.T) {
	const marker = "hunter2-4711"
	coded := base64.StdEncoding.EncodeToString([]byte(marker))
	rapid.Check(t, func(rt *rapid.T) {
		held := rapid.SampledFrom([]any{
			marker, coded, "a\n" + marker + "\nb", map[string]any{"password": coded}, []any{marker}, map[string]any{"x": []any{map[string]any{"y": marker}}},
		})
		path := rapid.SampledFrom([]string{
			"data", "data.password", `data["a.b"]`, "stringData.x", "metadata.annotations", `metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"]`,
			"metadata", "immutable", "type", "metadata.labelsx", "",
		})
		secret := rapid.SampledFrom([]object.ID{id("Secret", "shop", "db"), id("ConfigMap", "shop", "sh.helm.release.v1.web.v3")}).Draw(rt, "of")
		f := drift.Field{Path: path.Draw(rt, "path"), Want: held.Draw(rt, "want"), Have: held.Draw(rt, "have")}
		r := show.Of(show.Input{Cluster: "c", Drift: &drift.Report{
			Changed: []drift.Change{{ID: secret, Fields: []drift.Field{f}, Refused: "invalid value: " + marker}},
			Ignored: []drift.Ignored{{ID: secret, What: drift.WhatChanged, Field: &f, Rule: "r"}},
		}})
		for name, raw := range all(rt, r) {
			if bytes.Contains(raw, []byte(marker)) || bytes.Contains(raw, []byte(coded)) {
				rt.Fatalf("%s shows it:\n%s", name, raw)
			}
		}
	})
}

func TestMarkdownStaysSmall(t *testing.T) {
	in := sample()
	d := *in.Drift
	for range 5000 {
		d.Changed = append(d.Changed, in.Drift.Changed...)
		d.Unexpected = append(d.Unexpected, in.Drift.Unexpected...)
	}
	huge := in.Drift.Changed[0]
	huge.Fields = []drift.Field{{Path: "data.x", Want: strings.Repeat("a\n", 1_000_000), Have: strings.Repeat("b", 1_000_000)}}
	d.Changed = append(d.Changed, huge)
	for i := range 3000 {
		d.Ignored = append(d.Ignored, drift.Ignored{ID: id("ConfigMap", "shop", strings.Repeat("x", i%250)), What: drift.WhatMissing, Rule: "r"})
	}
	in.Drift = &d
	for _, limit := range []int{0, 20_000, 100_000} {
		page := show.Of(in).Markdown(show.MarkdownOptions{MaxBytes: limit, Data: "report.json", Path: liveFile})
		if limit == 0 {
			limit = 400_000
		}
		if len(page) > limit || len(page) < limit/2 {
			t.Errorf("%d bytes, want at most %d and not much less", len(page), limit)
		}
		for _, want := range []string{"more objects: [report.json](report.json) has all", "more differences", "## What would be lost"} {
			if !strings.Contains(string(page), want) {
				t.Errorf("in %d bytes %q is missing", limit, want)
			}
		}
	}
}

func TestCodeScanningGetsNoMoreThanItTakes(t *testing.T) {
	d := &drift.Report{}
	for range 15_000 {
		d.Missing = append(d.Missing, drift.Missing{ID: id("ConfigMap", "shop", "a")})
		d.Left = append(d.Left, drift.Left{ID: id("ConfigMap", "shop", "b"), Path: "p", Why: "w"})
	}
	raw, err := show.Of(show.Input{Drift: d}).SARIF()
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(raw, []byte(`"ruleId"`)); n != 20_000 || !bytes.Contains(raw, []byte("10000 results more are left out")) {
		t.Errorf("%d results, and what is left out is not said", n)
	}
}

func TestTheSameDriftGivesTheSamePage(t *testing.T) {
	in := sample()
	in.Times = false
	first := all(t, show.Of(in))
	d := *in.Drift
	d.Changed = append([]drift.Change{}, d.Changed...)
	for i := range d.Changed {
		fields := append([]drift.Field{}, d.Changed[i].Fields...)
		for j := range fields {
			fields[j].By = append([]drift.Author{}, fields[j].By...)
			for k := range fields[j].By {
				fields[j].By[k].Time = at(23, 59)
			}
		}
		d.Changed[i].Fields = fields
	}
	in.Drift = &d
	for name, raw := range all(t, show.Of(in)) {
		if !bytes.Equal(first[name], raw) {
			t.Errorf("%s changes with the time", name)
		}
	}
}

func TestSchemas(t *testing.T) {
	ours, sarif := schema(t, "../../docs/drift-report.schema.json"), schema(t, "testdata/sarif-schema-2.1.0.json")
	for _, in := range []show.Input{sample(), clean()} {
		out := all(t, show.Of(in))
		fits(t, ours, out["json"])
		fits(t, sarif, out["sarif"])
	}
	for _, broken := range []string{`{}`, `{"schema": "rekindle.io/drift-report/v2"}`} {
		var doc any
		if err := json.Unmarshal([]byte(broken), &doc); err != nil {
			t.Fatal(err)
		}
		if ours.Validate(doc) == nil {
			t.Errorf("the schema accepts %s", broken)
		}
	}
}
