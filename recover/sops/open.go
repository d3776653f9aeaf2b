package sops

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Opener decrypts what SOPS has encrypted, with the age keys of this machine:
// those in SOPS_AGE_KEY, in the file that SOPS_AGE_KEY_FILE names, in the place
// where sops looks for keys.txt, and the SSH key that
// SOPS_AGE_SSH_PRIVATE_KEY_FILE names. It reads them for each file anew and
// keeps none. It may be used by several goroutines.
type Opener struct {
	// Getenv reads the environment.
	Getenv func(string) string
}

// IsSealed tells whether root is a manifest with a sops section, which an
// Opener is to be asked about. Other files that SOPS has encrypted, values and
// the like, are none.
func IsSealed(root *yaml.Node) bool {
	section := child(root, Section)
	return section != nil && section.Kind == yaml.MappingNode && (child(root, "kind") != nil || child(root, "apiVersion") != nil)
}

// Open decrypts the sealed documents of one file and checks their MAC. Documents
// without a sops section stand beside them and are not looked at. All kinds but
// Secrets are refused, and so are Secrets of which more than content and
// annotations are encrypted: what other fields hold is shown in plans and reports.
//
// Its errors are *DocumentError, of which some wrap *NoKeyError or ErrMAC.
func (o *Opener) Open(documents []*yaml.Node) (Values, error) {
	values := Values{}
	for _, file := range filesOf(documents) {
		if err := o.openFile(documents, file, values); err != nil {
			var located *DocumentError
			if !errors.As(err, &located) {
				err = &DocumentError{Document: file[0], Line: documents[file[0]].Line, Err: err}
			}
			return nil, err
		}
	}
	return values, nil
}

// filesOf groups the sealed documents by the file that SOPS has encrypted: it
// gives all documents of a file the same section, and people put files that were
// encrypted one by one together.
func filesOf(documents []*yaml.Node) [][]int {
	var files [][]int
	byMAC := map[string]int{}
	for i, root := range documents {
		if !IsSealed(root) {
			continue
		}
		mac := textIn(child(root, Section), "mac")
		known, ok := byMAC[mac]
		if !ok {
			known = len(files)
			byMAC[mac] = known
			files = append(files, nil)
		}
		files[known] = append(files[known], i)
	}
	return files
}

func (o *Opener) openFile(documents []*yaml.Node, file []int, values Values) error {
	section := child(documents[file[0]], Section)
	m, err := readMetadata(section)
	if err != nil {
		return at(section, err)
	}
	key, err := o.dataKey(m)
	if err != nil {
		return err
	}
	return m.openWith(key, documents, file, values)
}

// openWith adds what file holds to values, when its MAC is right.
func (m metadata) openWith(key dataKey, documents []*yaml.Node, file []int, values Values) error {
	opened := Values{}
	var root *yaml.Node
	w := newWalker(key, m, func(path []string, n *yaml.Node, plain any) error {
		if !m.rule.encrypts(path) && !isSecret(root) {
			return nil
		}
		within, err := placeIn(root, path, m.rule)
		if err == nil && n.Value != "" {
			opened[place{within, n.Value}] = plain
		}
		return err
	})
	for _, i := range file {
		root = documents[i]
		err := checkList(root)
		if err == nil {
			err = w.document(root)
		}
		if err != nil {
			var located *DocumentError
			if errors.As(err, &located) {
				located.Document = i
			}
			return err
		}
	}
	mac, err := key.openAs(m.mac, m.modified)
	if err != nil {
		return ErrMAC
	}
	text, _ := mac.(string)
	if subtle.ConstantTimeCompare([]byte(text), []byte(w.sum())) != 1 {
		return ErrMAC
	}
	for at, plain := range opened {
		values[at] = plain
	}
	return nil
}

// placeIn returns where in its Secret the value at path of a document stands.
func placeIn(root *yaml.Node, path []string, r rule) (string, error) {
	if isList(root) && path[0] == "items" {
		path = path[1:]
	} else if !isSecret(root) {
		return "", onlySecrets(textIn(root, "kind"))
	}
	if len(path) == 0 {
		return "", errors.New("is no object, and a List holds objects")
	}
	switch path[0] {
	case "apiVersion", "kind", "metadata":
		annotation := len(path) > 2 && path[0] == "metadata" && path[1] == "annotations" // never shown
		if !r.ours() && !annotation {                                                    // with ours, somebody has a label of the name data
			return "", fmt.Errorf("is encrypted, and only the content of a Secret may be: encrypt the file anew with sops --encrypted-regex '%s'", Regex)
		}
	}
	return within(path), nil
}

// within is a path in a Secret as Values know it: without merge keys, which are
// gone once a document is read.
func within(path []string) string {
	return additional(slices.DeleteFunc(slices.Clone(path), func(key string) bool { return key == "<<" }))
}

func isSecret(n *yaml.Node) bool {
	return textIn(n, "kind") == "Secret" && textIn(n, "apiVersion") == "v1"
}

func isList(n *yaml.Node) bool {
	kind := textIn(n, "kind")
	return (kind == "List" || kind == "SecretList") && textIn(n, "apiVersion") == "v1"
}

// checkList refuses a list that holds anything but Secrets.
func checkList(root *yaml.Node) error {
	items := child(root, "items")
	if !isList(root) || items == nil {
		return nil
	}
	for _, item := range items.Content {
		bare := child(item, "kind") == nil && child(item, "apiVersion") == nil && textIn(root, "kind") == "SecretList"
		if !bare && !isSecret(item) {
			return at(item, onlySecrets(textIn(item, "kind")))
		}
	}
	return nil
}

func onlySecrets(kind string) error {
	if strings.HasPrefix(kind, Ciphertext) {
		return fmt.Errorf("has its very kind encrypted, so that nobody can tell what it is: encrypt it anew with sops --encrypted-regex '%s'", Regex)
	}
	return fmt.Errorf("is encrypted in a %s: only Secrets of v1 are decrypted, because the values of other kinds are shown in plans and reports. Move the value into a Secret, or exclude the file", cmp.Or(kind, "document without a kind"))
}

// Values are plain values by where in a Secret they stand and what they are
// encrypted as. Who holds them keeps them out of logs, reports and files.
type Values map[place]any

// place binds a plain value to its key: the same ciphertext under another key
// is not decrypted, as little as SOPS would.
type place struct {
	path, ciphertext string
}

// Add adds what other has.
func (v Values) Add(other Values) {
	for at, plain := range other {
		v[at] = plain
	}
}

// Fill decrypts content, a Secret, in place: its values become plain and its
// sops section goes. It returns whether nothing encrypted is left.
func (v Values) Fill(content map[string]any) bool {
	delete(content, Section)
	_, ok := v.fill(content, nil)
	return ok
}

func (v Values) fill(value any, path []string) (any, bool) {
	whole := true
	switch value := value.(type) {
	case map[string]any:
		for key, below := range value {
			filled, ok := v.fill(below, append(path[:len(path):len(path)], key))
			value[key], whole = filled, whole && ok
		}
	case []any:
		for i, item := range value {
			filled, ok := v.fill(item, path)
			value[i], whole = filled, whole && ok
		}
	case string:
		if !strings.HasPrefix(value, Ciphertext) {
			return value, true
		}
		plain, ok := v[place{within(path), value}]
		if !ok {
			return value, false
		}
		return manifestValue(plain), true
	}
	return value, whole
}

// manifestValue is v as it stands in a manifest.
func manifestValue(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case time.Time:
		text, err := v.MarshalText()
		if err != nil {
			return "" // it was read from such a text
		}
		return string(text)
	}
	return v
}
