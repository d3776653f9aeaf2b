package render

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/ignore"
	"helm.sh/helm/v4/pkg/strvals"
	"sigs.k8s.io/yaml"
)

// ignoreRules are those of a .helmignore file.
type ignoreRules struct{ *ignore.Rules }

func readIgnore(tree fs.FS, name string, max int64) (ignoreRules, error) {
	rules := ignore.Empty()
	data, err := readFile(tree, name, max)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return ignoreRules{}, fileFault(name, err)
	default:
		if rules, err = ignore.Parse(bytes.NewReader(data)); err != nil {
			return ignoreRules{}, &FileError{File: name, Message: err.Error(), Err: err}
		}
	}
	rules.AddDefaults()
	return ignoreRules{rules}, nil
}

// values returns what the caller says: values files, values, then set values.
func (c *helmChart) values() (map[string]any, error) {
	values := map[string]any{}
	for _, name := range c.r.opts.Helm.ValuesFiles {
		file, err := cleanPath(name)
		if err != nil {
			return nil, err
		}
		more, err := c.valuesFile(file)
		if err != nil {
			return nil, err
		}
		values = loader.MergeMaps(values, more)
	}
	more, err := copyValues(c.r.opts.Helm.Values)
	if err != nil {
		return nil, err
	}
	values = loader.MergeMaps(values, more)
	for i, set := range c.r.opts.Helm.Set {
		if err := strvals.ParseInto(set, values); err != nil {
			key, _, _ := strings.Cut(set, "=")
			return nil, fmt.Errorf("set value %d (%s=…) is not in Helm's syntax a.b=c: %s", i+1, key, withoutQuoted(err.Error(), set))
		}
	}
	return values, nil
}

// valuesFile reads a values file of the tree.
func (c *helmChart) valuesFile(file string) (map[string]any, error) {
	data, err := readFile(c.r.tree, file, c.r.limits.FileBytes)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, notThere("values file", file, err)
		}
		return nil, fileFault(file, err)
	}
	if err := checkAliases(file, data, c.r.limits); err != nil {
		return nil, err
	}
	values, err := loader.LoadValues(bytes.NewReader(data))
	if err != nil {
		return nil, &FileError{File: file, Message: "cannot be read as values: it must hold a mapping"}
	}
	return values, nil
}

// copyValues returns values as Helm would have read them from a file.
func copyValues(values map[string]any) (map[string]any, error) {
	if len(values) == 0 {
		return map[string]any{}, nil
	}
	data, err := yaml.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	return loader.LoadValues(bytes.NewReader(data))
}

// withoutQuoted takes text that a message repeats out of it.
func withoutQuoted(msg, text string) string {
	_, value, ok := strings.Cut(text, "=")
	if !ok || len(value) < 3 {
		return msg
	}
	return strings.ReplaceAll(strings.ReplaceAll(msg, text, "…"), value, "…")
}

// secretKey matches the keys of values that are likely to be secret.
var secretKey = regexp.MustCompile(`(?i)pass|secret|token|key|cred|cert|auth|private|dsn|conn|data`)

// redact takes values that may be secret out of what Helm and its templates
// say: those below telling keys, and whole texts of templates in values.
func (c *helmChart) redact(values map[string]any, err error) error {
	var secrets []string
	collectSecrets(values, false, &secrets)
	collectSecrets(c.chart.Values, false, &secrets)
	// The longest first: one may be part of another.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	msg := err.Error()
	for _, s := range slices.Compact(secrets) {
		msg = strings.ReplaceAll(msg, s, "[redacted]")
		msg = strings.ReplaceAll(msg, strings.Trim(fmt.Sprintf("%q", s), `"`), "[redacted]")
	}
	if msg == err.Error() && msg == shortened(msg) {
		return err
	}
	return redactedError{msg: shortened(msg), err: err}
}

// redactedError says less than the error that it stands for, which it does not
// give out: only what kind of error it is can be asked.
type redactedError struct {
	msg string
	err error
}

func (e redactedError) Error() string { return e.msg }

func (e redactedError) Is(target error) bool { return errors.Is(e.err, target) }

func collectSecrets(v any, secret bool, to *[]string) {
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			collectSecrets(child, secret || secretKey.MatchString(key), to)
		}
	case []any:
		for _, child := range v {
			collectSecrets(child, secret, to)
		}
	case string:
		if len(v) >= 4 && (secret || strings.Contains(v, "{{")) {
			*to = append(*to, v)
		}
	}
}
