package rebuild

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/export"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// liveFiles writes each live object into the branch as a file of its own.
type liveFiles struct {
	branch *export.Branch
	key    []byte
	sealer *sops.Sealer // nil: Secrets become digests
	// dropping: encrypted Secrets on the branch may become digests.
	dropping bool
	// carried are rules about Secrets that a restore is to bring back.
	carried []*capture.Filter

	mu      sync.Mutex
	digests map[object.ID]object.Digest // of all but Secrets
	secrets map[object.ID]bool
	marks   map[string]sops.Mark // of Secrets that were encrypted, by path
	listed  map[string]bool      // kinds of which everything was seen
	gaps    map[string]show.NotExported
	// encrypted are files that must not become digests, rekeyed the keys of files
	// of which nobody here can tell whether they are the same; each by path.
	encrypted map[string]bool
	rekeyed   map[string]string
}

var _ drift.Observer = (*liveFiles)(nil)

func (d *drifting) liveFiles() (*liveFiles, error) {
	key, err := d.e.SealKey(d.req.Cluster)
	if err != nil {
		return nil, err
	}
	carried, err := d.req.CarryOver.filters()
	if err != nil {
		return nil, err
	}
	f := &liveFiles{
		carried: carried, branch: d.branch, key: key, dropping: d.req.Export.ReplaceEncrypted,
		digests: map[object.ID]object.Digest{}, secrets: map[object.ID]bool{}, marks: map[string]sops.Mark{},
		listed: map[string]bool{}, gaps: map[string]show.NotExported{}, encrypted: map[string]bool{}, rekeyed: map[string]string{},
	}
	if d.recipients.Len() > 0 {
		f.sealer = &sops.Sealer{Recipients: d.recipients, Key: key, Opener: d.e.Secrets, Now: d.e.Now, Rand: d.e.Rand}
	}
	return f, nil
}

// See writes the object, if it belongs into an export. One that cannot be
// written is a gap, and no end of the rest.
func (f *liveFiles) See(s drift.Sighting) error {
	if s.Expected == nil && !s.Verdict.Taken() && !f.toCarry(s) || s.Live.GetDeletionTimestamp() != nil {
		return nil
	}
	content := s.Canonical
	if content == nil {
		content = object.Canonical(s.Live)
	}
	path := export.Path(s.ID)
	file, err := f.file(s.ID, path, content)
	if err != nil {
		f.gap(s.ID, path, err)
		return nil
	}
	err = f.branch.Put(path, file)
	var bad *export.PathError
	if errors.As(err, &bad) {
		f.gap(s.ID, path, errors.New("the path of its file "+bad.Reason))
		return nil
	}
	return err
}

func (f *liveFiles) gap(id object.ID, path string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gaps[path] = show.NotExported{ID: id, Reason: err.Error()}
}

// notExported are the gaps, sorted.
func (f *liveFiles) notExported() []show.NotExported {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []show.NotExported
	for _, g := range f.gaps {
		list = append(list, g)
	}
	slices.SortFunc(list, func(a, b show.NotExported) int { return a.ID.Compare(b.ID) })
	return list
}

// isGap tells whether a file of the branch is one that could not be written.
func (f *liveFiles) isGap(path string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, is := f.gaps[path]
	return is
}

func (f *liveFiles) file(id object.ID, path string, content map[string]any) ([]byte, error) {
	if !isSecret(id) {
		digest := object.DigestOf(content)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.digests[id] = digest
		return object.YAML(content), nil
	}
	file, err := f.secret(path, content)
	if err == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.secrets[id] = true
	}
	return file, err
}

func (f *liveFiles) secret(path string, content map[string]any) ([]byte, error) {
	if f.sealer == nil {
		digests, err := sops.Digest(content, f.key)
		if err != nil {
			return nil, err
		}
		return object.YAML(digests), nil
	}
	mark, err := f.sealer.Mark(content)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.marks[path] = mark
	f.mu.Unlock()
	previous, err := f.branch.Read(path)
	if err != nil {
		previous = nil // what cannot be read is written anew
	}
	return f.sealer.Seal(content, previous)
}

// replace decides whether the file of a Secret takes the place of the one that
// the branch has, see export.Message: that one may be from another exporter, who
// has sealed the same at the same time, or with another key.
func (f *liveFiles) replace(path string, was func() ([]byte, error)) (bool, error) {
	if !isSecretFile(path) {
		return true, nil
	}
	before, err := was()
	if f.sealer != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		mark, sealed := f.marks[path]
		if err != nil || !sealed {
			return true, nil // it cannot be read: it is written anew
		}
		switch f.sealer.Compare(before, mark) {
		case sops.Same:
			return false, nil
		case sops.Unknown:
			_, f.rekeyed[path] = sops.Look(before)
		}
		return true, nil
	}
	if err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch form, by := sops.Look(before); {
	case form == sops.Encrypted && !f.dropping:
		f.encrypted[path] = true
		return false, &encryptedError{files: f.encrypted}
	case form == sops.Digests && by != sops.KeyID(f.key):
		f.rekeyed[path] = by
	}
	return true, nil
}

// notes say what else came of the export, in sentences.
func (f *liveFiles) notes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.rekeyed) == 0 {
		return nil
	}
	var keys []string
	for _, by := range f.rekeyed {
		keys = append(keys, cmp.Or(by, "no name"))
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	files := fmt.Sprintf("the files of %d Secrets", len(f.rekeyed))
	if len(f.rekeyed) == 1 {
		files = "the file of one Secret"
	}
	return []string{fmt.Sprintf("%s had been written with another key (%s) than the one here (%s) and could not be compared, so that they are written anew: whether the Secrets have changed is unknown. Give all who export to this branch the same key",
		files, listOf(keys), sops.KeyID(f.key))}
}

// maxKeys is how many keys a sentence names.
const maxKeys = 3

func listOf(words []string) string {
	text := ""
	for i, word := range words[:min(len(words), maxKeys)] {
		if i > 0 {
			text += ", "
		}
		text += word
	}
	if len(words) > maxKeys {
		text += ", …"
	}
	return text
}

func (f *liveFiles) has(id object.ID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, there := f.digests[id]
	return there || f.secrets[id]
}

// Listed notes which kinds were seen whole: what could not be listed is in the
// report.
func (f *liveFiles) Listed(kind object.Kind, err error) {
	if err == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.listed[kind.GroupKind().String()] = true
	}
}

func isSecret(id object.ID) bool { return id.Kind == "Secret" && id.Group == "" }
