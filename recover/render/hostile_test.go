package render

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// memoryBound is what hostile input may take.
const memoryBound = 64 << 20

// allocated returns how many bytes do has allocated in all, a bound of what it
// held at any time.
func allocated(do func()) uint64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	do()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}

func files(pairs ...string) fstest.MapFS {
	tree := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		tree[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1]), Mode: 0o644}
	}
	return tree
}

// longText is one text of a megabyte, aliased a thousand times: few nodes, a
// gigabyte of JSON.
func longText() string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  a: &a " + strings.Repeat("x", 1<<20) + "\n  b: [" + strings.Repeat("*a, ", 1000) + "]\n"
}

const chartYAML = "apiVersion: v2\nname: web\nversion: 1.0.0\n"

const object1 = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"

// TestBombs: YAML whose aliases expand without bound is refused with its place,
// before it takes memory, wherever YAML is read.
func TestBombs(t *testing.T) {
	for name, bomb := range map[string]string{"laughs": billionLaughs(9), "few": billionLaughs(6), "text": longText()} {
		for where, tree := range map[string]fs.FS{
			"a.yaml":             files("a.yaml", bomb),
			"r.yaml":             files("kustomization.yaml", "resources: [r.yaml]", "r.yaml", bomb),
			"kustomization.yaml": files("kustomization.yaml", bomb),
			"t.yaml":             files("kustomization.yaml", "resources: [r.yaml]\ntransformers: [t.yaml]", "t.yaml", bomb, "r.yaml", object1),
			"values.yaml":        files("Chart.yaml", chartYAML, "values.yaml", bomb),
			"Chart.yaml":         files("Chart.yaml", chartYAML+bomb),
			"templates/t.yaml":   files("Chart.yaml", chartYAML, "templates/t.yaml", bomb),
			"charts/s/values.yaml": files("Chart.yaml", chartYAML, "charts/s/Chart.yaml", strings.Replace(chartYAML, "web", "s", 1),
				"charts/s/values.yaml", bomb),
		} {
			t.Run(name+" in "+where, func(t *testing.T) {
				if where == "Chart.yaml" && name == "text" {
					t.Skip("bears the keys of the chart twice")
				}
				var err error
				took := allocated(func() { _, err = Render(t.Context(), tree, Options{}) })
				if err == nil || !strings.Contains(err.Error(), where) {
					t.Errorf("error does not name %s: %v", where, err)
				}
				if took > memoryBound {
					t.Errorf("allocated %d MiB", took>>20)
				}
			})
		}
	}
}

func TestInlinePatchBomb(t *testing.T) {
	bomb := "patches:\n- patch: |\n    " + strings.ReplaceAll(billionLaughs(9), "\n", "\n    ") + "\nresources: [r.yaml]\n"
	var err error
	took := allocated(func() {
		_, err = Render(t.Context(), files("kustomization.yaml", bomb, "r.yaml", object1), Options{})
	})
	if err == nil || took > memoryBound {
		t.Errorf("allocated %d MiB, error %v", took>>20, err)
	}
}

func TestDeepAndLarge(t *testing.T) {
	cases := map[string]struct {
		tree   fs.FS
		limits Limits
		want   string
	}{
		"flow":      {tree: files("a.yaml", "a: "+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)), want: "a.yaml:1:"},
		"unclosed":  {tree: files("a.yaml", strings.Repeat("{a: ", 200_000)), want: "a.yaml:1: is not valid YAML"},
		"dashes":    {tree: files("a.yaml", strings.Repeat("- ", 20_000)+"x"), want: "a.yaml:1"},
		"json":      {tree: files("a.json", `{"a":`+strings.Repeat("[", 100_000)), want: "a.json:1"},
		"file":      {tree: files("a.yaml", strings.Repeat("#", 2000)), limits: Limits{FileBytes: 1000}, want: "a.yaml: is larger than the limit"},
		"files":     {tree: files("a.yaml", object1, "b.yaml", object1), limits: Limits{Files: 1}, want: "more than 1 manifest files"},
		"total":     {tree: files("a.yaml", object1, "b.yaml", object1), limits: Limits{TotalBytes: 60}, want: "more than 60 bytes"},
		"documents": {tree: files("a.yaml", object1+"---\n"+strings.Replace(object1, "name: a", "name: b", 1)), limits: Limits{Documents: 1}, want: "a.yaml:5:1: more than 1 objects"},
		"kustomize file": {tree: files("kustomization.yaml", "resources: [a.yaml]", "a.yaml", object1+strings.Repeat("#", 2000)),
			limits: Limits{FileBytes: 1000}, want: "a.yaml: is larger than the limit"},
		"chart": {tree: files("Chart.yaml", chartYAML, "big", strings.Repeat("#", 2000)), limits: Limits{TotalBytes: 1000}, want: "chart . is larger than the limits"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var err error
			took := allocated(func() { _, err = Render(t.Context(), c.tree, Options{Limits: c.limits}) })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %.300v, want %q", err, c.want)
			}
			if took > 2*memoryBound {
				t.Errorf("allocated %d MiB", took>>20)
			}
		})
	}
}

// TestTemplatesThatDoNotEnd: loops, recursions and growing texts in a chart are
// stopped by time or by memory.
func TestTemplatesThatDoNotEnd(t *testing.T) {
	cases := map[string]string{
		"range":        `{{ range 1000000000000 }}{{ end }}`,
		"nested range": `{{ range until 1000000 }}{{ range until 1000000 }}x{{ end }}{{ end }}`,
		"recursion":    `{{ define "a" }}{{ include "b" . }}{{ include "b" . }}{{ end }}{{ define "b" }}{{ include "a" . }}{{ include "a" . }}{{ end }}{{ include "a" . }}`,
		"template":     `{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}`,
		"doubling":     `{{ $x := "xxxxxxxx" }}{{ range until 100 }}{{ $x = print $x $x }}{{ end }}{{ $x }}`,
		"until":        `{{ range until 100000000000 }}{{ end }}`,
		"repeat":       `{{ repeat 100000000000 "x" }}`,
		"step":         `{{ untilStep 0 100000000000 1 }}`,
		"no step":      `{{ untilStep 0 10 0 }}`,
		"seq":          `{{ seq 1 100000000000 }}`,
		"output":       `{{ range until 900000 }}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{{ end }}`,
		"tpl":          `{{ tpl "{{ range 300000000 }}{{ end }}" . }}`,
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			tree := files("c/Chart.yaml", chartYAML, "c/templates/t.yaml", text)
			start := time.Now()
			_, err := Render(t.Context(), tree, Options{Path: "c", Limits: Limits{TemplateTime: 500 * time.Millisecond, TemplateBytes: 16 << 20}})
			if err == nil || !strings.Contains(err.Error(), "chart c") {
				t.Errorf("error %.300v", err)
			}
			if len(fmt.Sprint(err)) > 2000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestRenderingIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tree := range map[string]fs.FS{
		"plain":     files("a.yaml", object1),
		"kustomize": files("kustomization.yaml", "resources: [a.yaml]", "a.yaml", object1),
		"helm":      files("Chart.yaml", chartYAML, "templates/a.yaml", "{{ range 1000000000000 }}{{ end }}"),
	} {
		if _, err := Render(ctx, tree, Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNothingOutsideIsRead: neither paths nor symlinks lead out of the tree,
// though the tree lies on a disk beside a secret.
func TestNothingOutsideIsRead(t *testing.T) {
	dir := t.TempDir()
	secret := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: topsecret}\n"
	write(t, filepath.Join(dir, "outside.yaml"), secret)
	write(t, filepath.Join(dir, "outside", "kustomization.yaml"), "resources: [x.yaml]")
	write(t, filepath.Join(dir, "outside", "x.yaml"), secret)
	cases := map[string]struct {
		files map[string]string
		links map[string]string
		want  string
	}{
		"symlinked file":        {links: map[string]string{"a.yaml": "../outside.yaml"}, want: "out of the repository"},
		"absolute symlink":      {links: map[string]string{"a.yaml": filepath.Join(dir, "outside.yaml")}, want: "out of the repository"},
		"symlink to symlink":    {links: map[string]string{"a.yaml": "sub/b.yaml", "sub": "..", "b.yaml": "x"}, want: "out of the repository"},
		"base above":            {files: map[string]string{"kustomization.yaml": "resources: [../outside]"}, want: "outside of the repository"},
		"base through symlink":  {files: map[string]string{"kustomization.yaml": "resources: [link]"}, links: map[string]string{"link": "../outside"}, want: "out of the repository"},
		"file through symlink":  {files: map[string]string{"kustomization.yaml": "resources: [link.yaml]"}, links: map[string]string{"link.yaml": "../outside.yaml"}, want: "out of the repository"},
		"file above":            {files: map[string]string{"kustomization.yaml": "configMapGenerator: [{name: x, files: [../outside.yaml]}]"}, want: "outside of the repository"},
		"chart through symlink": {files: map[string]string{"Chart.yaml": chartYAML}, links: map[string]string{"charts": "../outside"}, want: "out of the repository"},
		"chart file":            {files: map[string]string{"Chart.yaml": chartYAML}, links: map[string]string{"templates/x.yaml": "../../outside.yaml"}, want: "out of the repository"},
		"circle":                {links: map[string]string{"a.yaml": "b.yaml", "b.yaml": "a.yaml"}, want: "symlink"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			root := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
			write(t, filepath.Join(root, "README"), "x")
			for file, text := range c.files {
				write(t, filepath.Join(root, file), text)
			}
			for link, to := range c.links {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(root, link)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
					t.Fatal(err)
				}
			}
			result, err := Render(t.Context(), os.DirFS(root), Options{})
			if err == nil {
				t.Fatalf("rendered %d objects", result.Objects.Len())
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestSymlinksInsideAreFollowed(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "web/Chart.yaml"), chartYAML+"dependencies: [{name: lib, version: 1.0.0}]\n")
	write(t, filepath.Join(root, "lib/Chart.yaml"), strings.Replace(chartYAML, "web", "lib", 1))
	write(t, filepath.Join(root, "lib/templates/a.yaml"), object1)
	if err := os.Mkdir(filepath.Join(root, "web/charts"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../lib", filepath.Join(root, "web/charts/lib")); err != nil {
		t.Fatal(err)
	}
	result, err := Render(t.Context(), os.DirFS(root), Options{Path: "web"})
	if err != nil || result.Objects.Len() != 1 {
		t.Fatalf("got %+v, %v", result, err)
	}
	for o := range result.Objects.All() {
		if o.From.File != "web/charts/lib/templates/a.yaml" {
			t.Errorf("from %s", o.From)
		}
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// archived makes a chart archive of names and texts.
func archived(t *testing.T, pairs ...string) string {
	t.Helper()
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	tw := tar.NewWriter(gz)
	for i := 0; i < len(pairs); i += 2 {
		if err := tw.WriteHeader(&tar.Header{Name: pairs[i], Mode: 0o644, Size: int64(len(pairs[i+1]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(pairs[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(tw.Close(), gz.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestArchivedSubcharts(t *testing.T) {
	sub := strings.Replace(chartYAML, "web", "sub", 1)
	parent := chartYAML + "dependencies: [{name: sub, version: 1.0.0}]\n"
	inner := archived(t, "inner/Chart.yaml", strings.Replace(chartYAML, "web", "inner", 1), "inner/templates/b.yaml", strings.Replace(object1, "name: a", "name: b", 1))
	tree := files("c/Chart.yaml", parent, "c/charts/sub-1.0.0.tgz",
		archived(t, "sub/Chart.yaml", sub, "sub/templates/a.yaml", object1, "sub/charts/inner.tgz", inner))
	result, err := Render(t.Context(), tree, Options{Path: "c"})
	if err != nil || result.Objects.Len() != 2 {
		t.Fatalf("got %+v, %v", result, err)
	}
	for name, text := range map[string]string{
		"traversal": archived(t, "sub/../../../etc/passwd", "x"),
		"absolute":  archived(t, "sub//etc/passwd", "x"),
		"garbage":   "not an archive",
		"zeros":     archived(t, "sub/Chart.yaml", sub, "sub/zeros", strings.Repeat("\x00", 4<<20)),
	} {
		tree["c/charts/sub-1.0.0.tgz"] = &fstest.MapFile{Data: []byte(text)}
		_, err := Render(t.Context(), tree, Options{Path: "c", Limits: Limits{TotalBytes: 1 << 20}})
		if err == nil || !strings.Contains(err.Error(), "c") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSecretsStayOutOfErrors: what a Secret or a telling value holds is not in
// any error.
func TestSecretsStayOutOfErrors(t *testing.T) {
	const secret = "hunter2hunter2"
	for name, tree := range map[string]fs.FS{
		"anchor":        files("a.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  p: *"+secret),
		"broken":        files("a.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  p: "+secret+"\n q: x"),
		"literal":       files("kustomization.yaml", "secretGenerator: [{name: x, literals: ["+secret+"]}]"),
		"patch":         files("kustomization.yaml", "resources: [a.yaml]\npatches: [{patch: '{kind: Secret, stringData: {p: "+secret+"}}'}]", "a.yaml", object1),
		"patch file":    files("kustomization.yaml", "resources: [a.yaml]\npatches: [{path: p.yaml}]", "a.yaml", object1, "p.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: ["+secret),
		"resource":      files("kustomization.yaml", "resources: [a.yaml]", "a.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {p: *"+secret+"}"),
		"values":        files("Chart.yaml", chartYAML, "values.yaml", "password: "+secret, "templates/a.yaml", "{{ fail .Values.password }}"),
		"rendered":      files("Chart.yaml", chartYAML, "values.yaml", "password: "+secret, "templates/a.yaml", "kind: Secret\nx: *{{ .Values.password }}"),
		"subchart":      files("Chart.yaml", chartYAML, "values.yaml", "s: {token: "+secret+"}", "charts/s/Chart.yaml", strings.Replace(chartYAML, "web", "s", 1), "charts/s/templates/a.yaml", "{{ fail .Values.token }}"),
		"number format": files("Chart.yaml", chartYAML, "values.yaml", "auth: {p: "+secret+"}", "templates/a.yaml", "{{ atoi .Values.auth.p | add1 | fail }}"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Render(t.Context(), tree, Options{})
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("error %v", err)
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				if strings.Contains(e.Error(), secret) {
					t.Errorf("wrapped error %v", e)
				}
			}
		})
	}
}
