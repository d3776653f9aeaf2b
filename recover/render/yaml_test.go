package render

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	k8syaml "k8s.io/apimachinery/pkg/util/yaml"
	"pgregory.net/rapid"
	sigsyaml "sigs.k8s.io/yaml"
)

// kubectlReads is what kubectl makes of one document.
func kubectlReads(text string) (any, error) {
	data, err := sigsyaml.YAMLToJSON([]byte(text))
	if err != nil {
		return nil, err
	}
	var v any
	err = utiljson.Unmarshal(data, &v)
	return v, err
}

// weRead returns the first document, converted.
func weRead(text string) (any, error) {
	docs, err := parseDocuments("x.yaml", []byte(text))
	if err != nil || len(docs) == 0 {
		return nil, err
	}
	return convertDocument(docs[0], Limits{}.withDefaults())
}

func TestScalarsAreReadAsKubectlReadsThem(t *testing.T) {
	scalars := []string{
		"yes", "y", "On", "oN", "no", "~", "null", "Null", "nULL", "", "true", "TRUE", "tRUE",
		"0", "-0", "+0", "007", "0777", "08", "0o17", "0x1f", "0X1F", "-0x1", "0b11", "-0b11", "+0b11", "0b", "1_000", "_1", "1__0",
		"1.0", "1.", ".5", "-.5", "+.5", "1e3", "1E3", "1e+3", "1e-7", "1e21", "1e20", "123456789012345678901234567890",
		"9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "-9223372036854775808", "-9223372036854775809",
		"0.1", "1.5e300", "1e400", "12e", "1:30", "190:20:30", "1.2.3", "v1", "1m", "500Mi", "-", "--", "+",
		"2020-01-01", "2020-1-1", "2020-01-01T00:00:00Z", "2020-01-01 00:00:00", "2020-13-01",
		"<<", "=", "'quoted'", `"1"`, "'yes'", "|\n  block\n  text", ">-\n  folded\n  text", "!!str 1", "!!int '1'", "!!float 1", "!!float '1.5'", "!!bool 'yes'", "!!binary aGk=", "!!null ''", "!!timestamp 2020-01-01", "!custom x",
		"[a, 1, [b]]", "{a: {b: c}}", "0x", "1e", ".e3", ".", "..", "+.e3", "0_7", "0x_1", "1_", "١",
	}
	for _, s := range scalars {
		text := "a: " + s + "\n"
		want, wantErr := kubectlReads(text)
		got, err := weRead(text)
		if (err != nil) != (wantErr != nil) {
			t.Errorf("%q: error %v, kubectl %v", s, err, wantErr)
			continue
		}
		if diff := cmp.Diff(want, got); err == nil && diff != "" {
			t.Errorf("%q: -kubectl +rekindle:\n%s", s, diff)
		}
		key := "? " + s + "\n: 1\n"
		want, wantErr = kubectlReads(key)
		if got, err = weRead(key); (err != nil) != (wantErr != nil) {
			t.Errorf("key %q: error %v, kubectl %v", s, err, wantErr)
		} else if diff := cmp.Diff(want, got); err == nil && diff != "" {
			t.Errorf("key %q: -kubectl +rekindle:\n%s", s, diff)
		}
	}
}

func TestMergeKeysAreReadAsKubectlReadsThem(t *testing.T) {
	for _, text := range []string{
		"a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}",
		"a: &x {k: 1, l: 2}\nb: {k: 3, <<: *x}",
		"a: &x {k: 1}\nc: &y {k: 2, m: 4}\nb: {<<: [*x, *y, {n: 5}]}",
		"a: &x {k: 1}\nc: &y {<<: *x, m: 4}\nb: {<<: *y, k: 2}",
		"b: {<<: {k: 1}}",
		"a: &x [1]\nb: {<<: *x}",
		"b: {<<: text}",
		"b: {'<<': 1}",
		"b: {? &k key : 1, *k : 2}",
		"a: &x 1\nb: *x\nc: [*x, *x]",
	} {
		want, wantErr := kubectlReads(text)
		got, err := weRead(text)
		if wantErr == nil && strings.Contains(text, "*k :") {
			continue // the same key twice: ours is an error
		}
		if (err != nil) != (wantErr != nil) {
			t.Errorf("%q: error %v, kubectl %v", text, err, wantErr)
		} else if diff := cmp.Diff(want, got); err == nil && diff != "" {
			t.Errorf("%q: -kubectl +rekindle:\n%s", text, diff)
		}
	}
}

// TestWhatIsWrittenIsRead writes random values as YAML and JSON, with Windows
// line ends and a byte order mark, and reads them back.
func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]any{"v": rapid.Custom(drawValue).Draw(t, "value")}
		text, err := sigsyaml.Marshal(want)
		if err != nil {
			t.Skip(err)
		}
		data, err := utiljson.Marshal(want)
		if err != nil {
			t.Skip(err)
		}
		// No empty line before the separator: at the end of a block scalar that
		// keeps them (|+) it is a part of the text, for kubectl too.
		for _, text := range []string{string(text), "\ufeff" + string(text), string(data), "---\n" + string(text) + "---\n# end\n"} {
			got, err := weRead(text)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if diff := cmp.Diff(any(want), got); diff != "" {
				t.Fatalf("%q: -written +read:\n%s", text, diff)
			}
		}
	})
}

// TestTheEndOfADocumentIsReadAsKubectlReadsIt: what stands before a separator.
func TestTheEndOfADocumentIsReadAsKubectlReadsIt(t *testing.T) {
	for _, text := range []string{
		"v: |+\n  x\n\n---\nw: 1\n", "v: |+\n  x\n---\nw: 1\n", "v: |\n  x\n\n---\n", "v: |-\n  x\n\n\n---\n", "v: |2+\n\n\n---\n# end\n", "v: 'x\n\n  y'\n\n---\n",
	} {
		var want any
		if err := k8syaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 64).Decode(&want); err != nil {
			t.Fatal(err)
		}
		got, err := weRead(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v, -kubectl +rekindle:\n%s", text, err, diff)
		}
	}
}

func drawValue(t *rapid.T) any {
	switch rapid.IntRange(0, 6).Draw(t, "type") {
	case 0:
		m := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "len") {
			m[rapid.StringMatching(`[ -~]{0,8}`).Draw(t, "key")] = rapid.Custom(drawValue).Draw(t, "value")
		}
		return m
	case 1:
		list := make([]any, rapid.IntRange(0, 3).Draw(t, "len"))
		for i := range list {
			list[i] = rapid.Custom(drawValue).Draw(t, "item")
		}
		return list
	case 2:
		return rapid.Int64().Draw(t, "int")
	case 3:
		return rapid.Bool().Draw(t, "bool")
	case 4:
		return nil
	case 5:
		return float64(rapid.Int32().Draw(t, "halves")) + 0.5
	default:
		return rapid.StringMatching(`[ -~\n\tä€😀]{0,20}`).Draw(t, "text")
	}
}

func TestWindowsFiles(t *testing.T) {
	r := &renderer{limits: Limits{}.withDefaults(), result: &Result{}}
	list, err := manifests{r: r, lines: true}.read("a.yaml", []byte("\ufeffapiVersion: v1\r\nkind: ConfigMap\r\nmetadata:\r\n  name: a\r\n---\r\napiVersion: v1\r\nkind: ConfigMap\r\nmetadata:\r\n  name: b\r\ndata:\r\n  k: |\r\n    x\r\n    y\r\n"))
	if err != nil || len(list) != 2 || list[1].From.Line != 6 || list[0].GetName() != "a" {
		t.Fatalf("got %v, %v", list, err)
	}
	if got, _, _ := stringAt(list[1].Object, "data", "k"); got != "x\ny\n" {
		t.Errorf("block is %q", got)
	}
	_, err = manifests{r: r}.read("a.yaml", []byte("\xff\xfea\x00:\x00"))
	if err == nil || !strings.Contains(err.Error(), "UTF-16") {
		t.Errorf("UTF-16: %v", err)
	}
}

func stringAt(m map[string]any, a, b string) (string, bool, error) {
	inner, _ := m[a].(map[string]any)
	s, ok := inner[b].(string)
	return s, ok, nil
}

// billionLaughs doubles lists ten to the ninth times.
func billionLaughs(levels int) string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\na0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n")
	for i := 1; i <= levels; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	return b.String()
}

// FuzzDocuments: whatever is in a file, reading it ends in objects or in errors
// that name the file, and what kubectl reads we read alike.
func FuzzDocuments(f *testing.F) {
	for _, name := range []string{"plain-mixed", "plain-errors", "plain-scalars", "kustomize"} {
		data, err := os.ReadFile("testdata/" + name + ".txtar")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, s := range []string{billionLaughs(3), "a: &a [*a]", "{\"a\": [1, 2.0, {\"b\": null}]}", "? [a]\n: b", "%YAML 1.1\n---\na: b\n...\n---\nc: d", "a: !!binary x", "- - - -", "a: |2\n   b", "\"\\ud800\"", "{<<: [{a: 1}, {a: 2}]}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &renderer{limits: Limits{}.withDefaults(), result: &Result{}}
		_, err := manifests{r: r, lines: true}.read("x.yaml", data)
		if err != nil && !strings.Contains(err.Error(), "x.yaml:") {
			t.Errorf("the error names no place: %v", err)
		}
		compareWithKubectl(t, data)
	})
}

// compareWithKubectl reads documents that both can read.
func compareWithKubectl(t *testing.T, data []byte) {
	docs, err := parseDocuments("x.yaml", data)
	if err != nil || len(docs) != 1 || docs[0].json || strings.Contains(string(data), "!") || splitsElsewhere(data) {
		return
	}
	got, err := convertDocument(docs[0], Limits{}.withDefaults())
	if err != nil {
		return
	}
	// Aliased keys and the scanners of the two versions differ in corners that
	// no manifest has; only a different value counts.
	want, err := kubectlReads(string(data))
	if err != nil || hasAliasKey(docs[0].root) {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-kubectl +rekindle:\n%s", diff)
	}
}

func splitsElsewhere(data []byte) bool {
	return len(splitDocuments(data)) != 1 || strings.Contains(string(data), "...")
}

func hasAliasKey(n *yaml.Node) bool {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && child.Kind == yaml.AliasNode || hasAliasKey(child) {
			return true
		}
	}
	return false
}
