package rebuild

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/export"
	"github.com/rekindle-io/rekindle/snapshot/ignore"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// writeReport puts what is written about the objects. The same drift gives the
// same bytes, whoever exports it: times are left out, and so are the words that
// one typed for the commit and the folder of this machine where it was found.
func (d *drifting) writeReport(ctx context.Context, files *liveFiles) error {
	without, err := d.writePatches(ctx)
	if err != nil {
		return err
	}
	commit := d.result.Commit
	if commit.Revision = ""; filepath.IsAbs(commit.Repo) {
		commit.Repo = ""
	}
	same := show.Of(show.Input{Cluster: d.result.Cluster, Commit: commit, Drift: d.result.raw,
		Rules: d.result.Rules, Selection: d.result.Selection, Recoverability: d.result.Recoverability})
	same.Fingerprint, same.NotExported = d.result.Fingerprint, d.result.NotExported
	raw, err := same.JSON()
	if err != nil {
		return err
	}
	page := same.Markdown(show.MarkdownOptions{Data: reportFile, Path: func(id object.ID) string {
		if !files.has(id) {
			return ""
		}
		return export.Path(id)
	}})
	page = slices.Concat(page, notPatched(without), d.wayBack(files))
	return errors.Join(d.branch.Put(reportFile, raw), d.branch.Put(summaryFile, page))
}

// unpatched is a changed object for which there is no patch.
type unpatched struct {
	id  object.ID
	why string
}

// notPatched names on the page for which objects there is no patch.
func notPatched(list []unpatched) []byte {
	if len(list) == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n## Without a patch\n\nThe folder `%s` says nothing of these, which differ:\n\n", patchFolder)
	for _, u := range list {
		fmt.Fprintf(&b, "    %s: %s\n", oneLine(u.id.String()), oneLine(u.why))
	}
	return []byte(b.String())
}

// oneLine keeps what servers say from looking like more of the page.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}

// wayBack says on the page how to make a cluster from it.
func (d *drifting) wayBack(files *liveFiles) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## Back to this state\n\nThe folder `%s` is what the cluster held, one file for each object.\n\n", export.Live)
	fmt.Fprintf(&b, "    rekindle restore --repo REPOSITORY --at %s --path %s --provider local --name again\n\n", shellWord(d.req.Export.Branch), export.Live)
	b.WriteString("REPOSITORY is the address of this one. A commit of this branch in the place of its name gives an earlier state.\n")
	switch {
	case len(files.secrets) == 0:
	case files.sealer != nil:
		b.WriteString("Secrets are encrypted (SOPS, age): give the secret key of one of the recipients in `SOPS_AGE_KEY_FILE`.\n")
	default:
		fmt.Fprintf(&b, "Secrets are digests, which cannot be restored: add `--exclude '%s'` and make them by hand,\nor name age recipients for the next export.\n", secretFiles)
	}
	return []byte(b.String())
}

// secretFiles are the files of Secrets, from the folder of the objects.
const secretFiles = "*/secret/*"

// shellWord writes a text so that a shell takes it for one word.
func shellWord(text string) string {
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("-_./:@%+=,", r) && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	}) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// writePatches puts a JSON merge patch for each changed object: applied to the
// commit's it gives the cluster's. It returns the objects that could not be read,
// or not any more.
func (d *drifting) writePatches(ctx context.Context) (without []unpatched, err error) {
	byID := map[object.ID]drift.Expected{}
	for _, e := range expected(d.plan, d.catalogue) {
		byID[e.Object.ID()] = e
	}
	for _, change := range d.result.raw.Changed {
		e, known := byID[change.ID]
		if !known || drift.Hides(change.ID) || change.Terminating {
			continue
		}
		u, err := d.cluster.Get(ctx, e.Kind, change.ID.Namespace, change.ID.Name)
		if why := skipped(err); why != "" {
			without = append(without, unpatched{change.ID, why})
			continue
		}
		if err != nil {
			return nil, err
		}
		patch, err := mergePatch(object.Canonical(e.Object.Unstructured), object.Canonical(u), change.Fields)
		if err != nil {
			return nil, fmt.Errorf("patch of %s: %w", change.ID, err)
		}
		if patch == nil {
			continue
		}
		name := path.Join(patchFolder, strings.TrimPrefix(export.Path(change.ID), export.Live+"/"))
		if err := d.branch.Put(name, patch); err != nil {
			return nil, err
		}
	}
	return without, nil
}

// mergePatch is the JSON merge patch (RFC 7386) that makes live of want, as far
// as fields differ: what the server has added stays out. Lists are replaced
// whole, as such patches do.
func mergePatch(want, live map[string]any, fields []drift.Field) ([]byte, error) {
	touched := map[string]any{}
	for _, f := range fields {
		carry(touched, live, ignore.Steps(f.Path))
	}
	original, err := json.Marshal(want)
	if err != nil {
		return nil, err
	}
	overlay, err := json.Marshal(touched)
	if err != nil {
		return nil, err
	}
	modified, err := jsonpatch.MergePatch(original, overlay)
	if err != nil {
		return nil, err
	}
	patch, err := jsonpatch.CreateMergePatch(original, modified)
	if err != nil || bytes.Equal(patch, []byte("{}")) {
		return nil, err
	}
	return yaml.JSONToYAML(patch)
}

// carry copies into out what live has at the steps, or a null where it has
// nothing. A list on the way is copied whole.
func carry(out, live map[string]any, steps []string) {
	for i, step := range steps {
		value, there := live[step]
		below, isMap := value.(map[string]any)
		if !there || !isMap || i == len(steps)-1 {
			out[step] = value // nil removes it
			return
		}
		next, ok := out[step].(map[string]any)
		if !ok {
			next = map[string]any{}
			out[step] = next
		}
		out, live = next, below
	}
}
