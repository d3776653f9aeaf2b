package rebuild

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/export"
)

// refusedExport makes a run that a guard of the export ended a refused one.
func refusedExport(err error) error {
	var mass *export.MassDeletionError
	var encrypted *encryptedError
	var lost *export.LostBranchError
	switch {
	case errors.As(err, &lost):
		return lostBranch{guarded{err}, lost.Commit, lost.Branch}
	case errors.As(err, &mass):
		return forcible{guarded{err}}
	case errors.As(err, &encrypted):
		return encrypted.refusal()
	case errors.Is(err, export.ErrRefused):
		return guarded{err}
	}
	return err
}

// forcible is a guard's word that a person may overrule.
type forcible struct{ guarded }

// Hint says how.
func (forcible) Hint() string {
	return "look at what would go (rekindle drift without --export); if the cluster is right as it is, add --force"
}

// lostBranch is the guard's word about a branch that is gone.
type lostBranch struct {
	guarded
	commit, branch string
}

// Hint says how.
func (l lostBranch) Hint() string {
	return fmt.Sprintf("bring it back from a clone that has it (git push origin %s:refs/heads/%s); if it was deleted on purpose, add --force", l.commit, l.branch)
}

// encryptedError: an export without recipients would put digests in the place
// of encrypted Secrets, which can be restored.
type encryptedError struct {
	files map[string]bool // it grows until all were asked about
}

func (e *encryptedError) Error() string {
	list := slices.Sorted(maps.Keys(e.files))
	if len(list) == 1 {
		return fmt.Sprintf("the branch has an encrypted Secret (%s), and without recipients no more than a digest of it could be written: it could not be restored any more", list[0])
	}
	return fmt.Sprintf("the branch has %d encrypted Secrets (%s), and without recipients no more than digests of them could be written: they could not be restored any more", len(list), listOf(list))
}

func (e *encryptedError) refusal() error {
	return &RefusedError{Reason: e.Error(),
		Remedy: "name whom to encrypt for, under drift.export.recipients in rekindle.yaml or with --recipient; if digests are what you want, add --replace-encrypted"}
}

// Outcome makes a run that ends with it a refused one.
func (*encryptedError) Outcome() run.Outcome { return run.Refused }

// isSecretFile tells whether a file of the branch is of a Secret.
func isSecretFile(file string) bool {
	return strings.HasPrefix(file, export.Live+"/") && path.Base(path.Dir(file)) == folderOf(object.ID{Kind: "Secret", Name: "x"})
}

func folderOf(id object.ID) string { return path.Base(path.Dir(export.Path(id))) }

// unknownFiles tells which files of an earlier export are about objects that
// could not be listed: they are unknown, not gone. listed are kinds that were
// seen whole: what is unknown of their objects is something else.
func unknownFiles(r *drift.Report, listed map[string]bool) func(string) bool {
	var kinds, groups []string
	for _, u := range r.Unknown {
		if !listed[u.Kind] {
			kinds = append(kinds, u.Kind)
		}
	}
	for name := range r.Unlisted {
		if group, _, ok := strings.Cut(name, "/"); ok { // a version of a group that could not be described
			groups = append(groups, group)
		} else {
			kinds = append(kinds, name)
		}
	}
	folders := map[string]bool{}
	for _, kind := range kinds {
		name, group, _ := strings.Cut(kind, ".")
		folders[folderOf(object.ID{Group: group, Kind: name, Name: "x"})] = true
	}
	return func(file string) bool {
		folder := path.Base(path.Dir(file))
		if folders[folder] {
			return true
		}
		for _, group := range groups {
			if strings.HasSuffix(folder, "."+group) {
				return true
			}
		}
		return false
	}
}
