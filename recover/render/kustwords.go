package render

import (
	"bytes"
	"io/fs"
	"path"
	"reflect"
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/api/types"

	"github.com/rekindle-io/rekindle/recover/nearest"
)

var (
	// resourceTwice is what kustomize says of a resource that it took for a file
	// and then for a folder: path, the first failure, the second one.
	resourceTwice = regexp.MustCompile(`(?s)^accumulating resources: accumulation err='accumulating resources from '(.*?)': (.*?)': (.*)$`)
	resourceOnce  = regexp.MustCompile(`(?s)^accumulating resources: accumulating resources from '(.*?)': (.*)$`)
	unknownField  = regexp.MustCompile(`^invalid Kustomization: json: unknown field "([^"]*)"`)
)

// kustomizationFault says in plain words, with file and line, what kustomize's
// message msg about the kustomization in dir means.
func kustomizationFault(tree fs.FS, dir, msg string) *FileError {
	fault := &FileError{File: dir, Message: plainWords(msg)}
	entries, err := fs.ReadDir(tree, dir)
	if err != nil {
		return fault
	}
	if name := kustomizationFile(entries); name != "" {
		fault.File = path.Join(dir, name)
	}
	if m := unknownField.FindStringSubmatch(msg); m != nil {
		fault.Line = lineOfKey(tree, fault.File, m[1])
		fault.Message = "a kustomization has no field \"" + m[1] + "\""
		if near := nearest.Name(m[1], kustomizationFields()); near != "" {
			fault.Message += ", did you mean \"" + near + "\"?"
		}
	}
	return fault
}

func plainWords(msg string) string {
	msg = strings.ReplaceAll(msg, "is outside of the repository: file does not exist", "is outside of the repository")
	if m := resourceTwice.FindStringSubmatch(msg); m != nil {
		asFile, asFolder := m[2], m[3]
		if strings.HasSuffix(asFile, "must resolve to a file") {
			return "resource " + m[1] + ": " + plainWords(asFolder)
		}
		return "resource " + m[1] + ": " + plainWords(asFile)
	}
	if m := resourceOnce.FindStringSubmatch(msg); m != nil {
		return "resource " + m[1] + ": " + plainWords(m[2])
	}
	return msg
}

// lineOfKey finds a top-level key in a file; 0 when it is not found.
func lineOfKey(tree fs.FS, file, key string) int {
	text, err := fs.ReadFile(tree, file)
	if err != nil {
		return 0
	}
	line := 0
	for l := range bytes.Lines(text) {
		line++
		if rest, ok := bytes.CutPrefix(l, []byte(key)); ok && bytes.HasPrefix(bytes.TrimLeft(rest, " "), []byte(":")) {
			return line
		}
	}
	return 0
}

// kustomizationFields are the names of the fields of a kustomization.
func kustomizationFields() []string {
	var names []string
	for f := range reflect.TypeFor[types.Kustomization]().Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "" {
			names = append(names, name)
		}
	}
	return names
}
