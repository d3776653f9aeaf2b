package rebuild

import (
	"fmt"
	"sync"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/export"
)

// liveFiles writes each live object into the branch as a file of its own.
type liveFiles struct {
	branch *export.Branch
	sealer *sops.Sealer // nil: Secrets become digests
	key    []byte

	mu      sync.Mutex
	digests map[object.ID]object.Digest // of all but Secrets
	secrets map[object.ID]bool
}

var _ drift.Observer = (*liveFiles)(nil)

func (d *drifting) liveFiles() (*liveFiles, error) {
	key, err := d.e.SealKey()
	if err != nil {
		return nil, err
	}
	f := &liveFiles{branch: d.branch, key: key, digests: map[object.ID]object.Digest{}, secrets: map[object.ID]bool{}}
	if d.recipients.Len() > 0 {
		f.sealer = &sops.Sealer{Recipients: d.recipients, Key: key, Now: d.e.Now, Rand: d.e.Rand}
	}
	return f, nil
}

// See writes the object, if it belongs into an export.
func (f *liveFiles) See(s drift.Sighting) error {
	if s.Expected == nil && !s.Verdict.Taken() || s.Live.GetDeletionTimestamp() != nil {
		return nil
	}
	content := s.Canonical
	if content == nil {
		content = object.Canonical(s.Live)
	}
	file, err := f.file(s.ID, content)
	if err != nil {
		return fmt.Errorf("export %s: %w", s.ID, err)
	}
	return f.branch.Put(export.Path(s.ID), file)
}

func (f *liveFiles) file(id object.ID, content map[string]any) ([]byte, error) {
	if !isSecret(id) {
		digest := object.DigestOf(content)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.digests[id] = digest
		return object.YAML(content), nil
	}
	f.mu.Lock()
	f.secrets[id] = true
	f.mu.Unlock()
	if f.sealer == nil {
		digests, err := sops.Digest(content, f.key)
		if err != nil {
			return nil, err
		}
		return object.YAML(digests), nil
	}
	previous, err := f.branch.Read(export.Path(id))
	if err != nil {
		return nil, err
	}
	return f.sealer.Seal(content, previous)
}

func (f *liveFiles) has(id object.ID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, there := f.digests[id]
	return there || f.secrets[id]
}

// Listed does nothing: what could not be listed is in the report.
func (*liveFiles) Listed(object.Kind, error) {}

func isSecret(id object.ID) bool { return id.Kind == "Secret" && id.Group == "" }
