package render

import (
	"strings"
	"testing"
	"text/template"
	"text/template/parse"
)

func TestInstrumentedTemplatesWriteTheSame(t *testing.T) {
	for _, text := range []string{
		"a {{ range .List }} x {{ . }} {{ end }} b",
		"a {{- range .List -}}\n  x {{- . }}\n{{- end }} b",
		"a\n{{- range .List }}\n  {{- . }}\n{{ end -}}\n b",
		"{{ range $i, $v := .List }}\n  {{ $i }}{{ else }} none {{ end }}",
		"{{ range .List -}}\n\n  {{ . }}{{ end }}",
		"{{ range .List }}{{ end }}|{{ range .List }}  {{- end }}",
		"{{ range .List }}  {{/* c */}}x{{ end }}|{{ range .List }}  {{- /* c */ -}} x{{ end }}",
		"{{ range .List }} {{ if . }}y{{ range $.List }}z{{ break }}{{ end }}{{ end }}{{ end }}",
		"{{ define \"n\" }}  in {{ . }} {{ end }}[{{ template \"n\" 1 }}][{{ template \"m\" 2 }}]{{ define \"m\" -}}  \n {{- . }} {{- end }}",
		"{{ block \"b\" . }} {{- range .List }} {{ . }} {{ end }} {{ end }}",
		"{{ with .List }}{{ range . }}\n{{- . }}{{ end }}{{ else }}{{ range $.List }}{{ end }}{{ end }}",
		"{{ range 3 }}{{ . }}{{ end }}",
		"no range {{ .Name }}",
		"{{ range }}",
	} {
		want, wantErr := run(text)
		got, err := run(instrument("t", text))
		if want != got || (err == nil) != (wantErr == nil) {
			t.Errorf("%q writes %q (%v), instrumented as %q it writes %q (%v)", text, want, wantErr, instrument("t", text), got, err)
		}
	}
}

func run(text string) (string, error) {
	t, err := template.New("t").Funcs(template.FuncMap{guardName: func() (string, error) { return "", nil }}).Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, map[string]any{"List": []int{1, 2}, "Name": "n"})
	return b.String(), err
}

// FuzzInstrument: an instrumented template is the same template with the guard
// in it, and has as many lines.
func FuzzInstrument(f *testing.F) {
	for _, s := range []string{
		"a {{- range .x -}} b {{ end }}", "{{define \"a\"}}\n{{- range .}}{{- end}}{{end}}",
		"{{range .}} {{- /* c */ -}} {{end}}", "{{with .}}{{range .}}{{else with .}}{{end}}{{end}}", "{{block \"x\" .}}{{end}}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out := instrument("t", text)
		if strings.Contains(text, guardName) || out == text {
			return
		}
		if strings.Count(out, "\n") != strings.Count(text, "\n") {
			t.Fatalf("lines differ: %q", out)
		}
		want, wantErr := shape(text)
		got, err := shape(out)
		if wantErr != nil {
			return
		}
		if err != nil || strings.ReplaceAll(got, "{{"+guardName+"}}", "") != want {
			t.Fatalf("%q became %q: %v", text, out, err)
		}
	})
}

// shape writes all trees of a template.
func shape(text string) (string, error) {
	trees := map[string]*parse.Tree{}
	tree := parse.New("t")
	tree.Mode = parse.SkipFuncCheck
	if _, err := tree.Parse(text, "", "", trees); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, name := range sortedKeys(trees) {
		b.WriteString(name + ": " + trees[name].Root.String() + "\n")
	}
	return b.String(), nil
}
