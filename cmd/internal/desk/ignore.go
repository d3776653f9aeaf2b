package desk

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/snapshot/adopt/edit"
	"github.com/rekindle-io/rekindle/snapshot/ignore"
)

// AddRule writes a rule into a rekindle.yaml, in place and with everything else as
// it is, by which a difference of a cluster does not count any more. The file is
// replaced at once and only by one that is valid. It is the caller's to see that
// nobody else of this process writes it; an edit of others meanwhile is not lost.
// Errors are problems of the API, or say why the file cannot be written.
func AddRule(file, cluster string, rule api.Ignore) (api.Ignoring, error) {
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return api.Ignoring{}, unwritable(file, err)
	}
	was, err := os.ReadFile(real)
	if err != nil {
		return api.Ignoring{}, unwritable(file, err)
	}
	id, err := parseID(rule.Object)
	if err != nil {
		return api.Ignoring{}, err
	}
	written := map[string]any{"kind": literal(id.Kind), "name": literal(id.Name), "reason": rule.Reason}
	if id.Group != "" {
		written["kind"] = literal(id.Kind + "." + id.Group)
	}
	if id.Namespace != "" {
		written["namespace"] = literal(id.Namespace)
	}
	if rule.Pointer != "" {
		written["fields"] = []any{rule.Pointer}
	}
	if !rule.Expires.IsZero() {
		written["until"] = rule.Expires.Add(-1).UTC().Format(ignore.DateLayout) // its last day
	}
	is, err := withRule(file, cluster, was, written)
	if err != nil {
		return api.Ignoring{}, err
	}
	if err := replaceFile(real, was, is); err != nil {
		return api.Ignoring{}, unwritable(file, err)
	}
	return api.Ignoring{File: file, Rule: string(edit.Write([]any{written}))}, nil
}

// withRule is the content of a file with one more rule, proven to be just that.
func withRule(file, cluster string, was []byte, rule map[string]any) ([]byte, error) {
	before, err := config.Load(file, was)
	if err != nil {
		return nil, invalidFile(err)
	}
	if _, declared := before.Clusters[cluster]; !declared {
		p := api.UnknownCluster(cluster)
		return nil, p.WithHint("a rule needs a cluster that rekindle.yaml declares")
	}
	f, err := edit.Parse(was)
	if err != nil {
		return nil, byHand(file, err)
	}
	at := edit.Address{}.At(edit.Key("clusters"), edit.Key(cluster), edit.Key("drift"))
	rules := at.At(edit.Key("ignore"))
	have, _ := f.Value(rules)
	list, _ := have.([]any)
	drift, _ := f.Value(at)
	switch {
	case len(list) > 0:
		f, err = f.Set(rules.At(edit.Index(len(list))), rule)
	case drift != nil:
		f, err = f.Set(rules, []any{rule})
	default:
		f, err = f.Set(at, map[string]any{"ignore": []any{rule}})
	}
	if err != nil {
		return nil, byHand(file, err)
	}
	is := f.Bytes()
	after, err := config.Load(file, is)
	if err != nil {
		return nil, ruleProblem(err)
	}
	if len(after.IgnoreRules(cluster)) != len(before.IgnoreRules(cluster))+1 {
		return nil, byHand(file, errors.New("the rule does not arrive where it belongs"))
	}
	return is, nil
}

// literal writes a text so that a glob means just that.
func literal(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`, "{", `\{`, "}", `\}`).Replace(text)
}

// replaceFile puts new content in the place of a file, unless it is not as it was
// any more.
func replaceFile(file string, was, is []byte) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already when all went well
	_, err = tmp.Write(is)
	err = errors.Join(err, tmp.Chmod(info.Mode().Perm()), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	now, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, was) {
		return errors.New("somebody changed it meanwhile")
	}
	return os.Rename(tmp.Name(), file)
}

func invalidFile(err error) error {
	p := api.NewProblem(api.BadConfig, "rekindle.yaml is wrong, and is left as it is")
	for line := range strings.Lines(err.Error()) {
		p.Lines = append(p.Lines, strings.TrimSpace(line))
	}
	return p.WithHint("rekindle config validate shows what is wrong")
}

// ruleProblem: the file is right without the rule.
func ruleProblem(err error) error {
	return api.NewProblem(api.Invalid, "such a rule cannot be: %v", err)
}

func byHand(file string, err error) error {
	return api.NewProblem(api.BadConfig, "%s cannot be edited safely: %v", file, err).WithHint("write the rule by hand, under drift.ignore of the cluster")
}

func unwritable(file string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return api.NewProblem(api.BadConfig, "%s cannot be changed: %v", file, err).WithHint("write the rule by hand, under drift.ignore of the cluster")
}
