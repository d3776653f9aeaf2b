package eks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// record is what is kept on disk of one cluster, ROOT/NAME.ID.json: where to look for
// it, when rekindle.yaml does not say so any more, and what cannot be asked of AWS once
// the cluster itself is gone. It is written before the first request that makes
// something, and removed once nothing is left. It is a hint: what counts is what AWS
// says.
type record struct {
	Name string `json:"name"`
	ID   string `json:"id"`
	// Account and Region are where the cluster is, or was to be.
	Account string `json:"account"`
	Region  string `json:"region"`
	// Created is the time that stands in the tags.
	Created time.Time `json:"created"`
	// Asked is when AWS was last asked to make something that holds the name, which it
	// may not show yet.
	Asked time.Time `json:"asked"`
	// KeepLogs is as in the settings.
	KeepLogs bool `json:"keepLogs,omitempty"`
	// VPC is the cluster's, whoever made it; Issuer signs the service accounts' tokens.
	// Both are empty until they are known.
	VPC    string `json:"vpc,omitempty"`
	Issuer string `json:"issuer,omitempty"`
}

const recordEnd = ".json"

// mark is whose the things of the record are.
func (r record) mark() mark { return mark{name: r.Name, id: r.ID, created: r.Created} }

// place is where the record says to look: settings with nothing else in them.
func (r record) place() settings {
	return settings{Region: r.Region, Allow: allow{Accounts: []string{r.Account}}, KeepLogs: r.KeepLogs}
}

// check refuses what cannot have been written here: its words become parts of
// requests and paths.
func (r record) check() error {
	err := errors.Join(providers.CheckName(ProviderName, r.Name), providers.CheckID(ProviderName, r.ID))
	if !accountShape.MatchString(r.Account) || !regionShape.MatchString(r.Region) {
		err = errors.Join(err, fmt.Errorf("account %q, region %q", r.Account, r.Region))
	}
	return err
}

func (p *Provider) recordPath(name, id string) string {
	return filepath.Join(p.opts.Root, name+"."+id+recordEnd)
}

// keep writes a record, so that it is there whole or not at all.
func (p *Provider) keep(r record) error {
	if err := r.check(); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(p.opts.Root, 0o700); err != nil {
		return unwritten(err)
	}
	f, err := os.CreateTemp(p.opts.Root, ".new-*")
	if err != nil {
		return unwritten(err)
	}
	_, err = f.Write(append(raw, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), p.recordPath(r.Name, r.ID))
	}
	if err != nil {
		return unwritten(errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

func unwritten(err error) error {
	return &Error{What: fmt.Sprintf("the record of the cluster cannot be written: %v", err), Err: err,
		Remedy: "make the state directory writable, or free some space: without the record nothing is made"}
}

// forget removes the record of a cluster of which nothing is left.
func (p *Provider) forget(name, id string) error {
	if err := errors.Join(providers.CheckName(ProviderName, name), providers.CheckID(ProviderName, id)); err != nil {
		return err
	}
	if err := os.Remove(p.recordPath(name, id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unwritten(err)
	}
	return nil
}

// recorded returns the records of the clusters of a name, or of all for "", by name
// and then the latest first. Files that are no records are passed over.
func (p *Provider) recorded(name string) ([]record, error) {
	entries, err := os.ReadDir(p.opts.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &Error{What: fmt.Sprintf("the records of clusters cannot be read: %v", err), Remedy: "make the state directory readable", Err: err}
	}
	var all []record
	for _, e := range entries {
		stem, ok := strings.CutSuffix(e.Name(), recordEnd)
		own, id, whole := strings.Cut(stem, ".")
		if !ok || !whole || own == "" || name != "" && own != name {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(p.opts.Root, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // its cluster was removed meanwhile
		}
		if err != nil {
			return nil, &Error{What: fmt.Sprintf("the record %s cannot be read: %v", e.Name(), err), Remedy: "make the file readable", Err: err}
		}
		r, err := parseRecord(raw)
		if err != nil || r.Name != own || r.ID != id {
			continue
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b record) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return b.Created.Compare(a.Created)
	})
	return all, nil
}

// recordOf returns the record of one cluster; false when there is none.
func (p *Provider) recordOf(name, id string) (record, bool, error) {
	all, err := p.recorded(name)
	for _, r := range all {
		if r.ID == id {
			return r, true, err
		}
	}
	return record{}, false, err
}

func parseRecord(raw []byte) (record, error) {
	var r record
	if err := json.Unmarshal(raw, &r); err != nil {
		return record{}, err
	}
	return r, r.check()
}
