package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// The directory of one cluster, ROOT/NAME, mode 0700:
//
//	cluster.json       our mark: provider, name, id, state; there before all else
//	controlplane.json  what the supervisor is to run
//	pki/               certificates and keys of this cluster alone
//	kubeconfig         an administrator's, certificates embedded, mode 0600
//	ports.json         the loopback ports, written by the supervisor
//	run/               status.json, lock and files of the running components
//	etcd/  logs/       data and logs
//
// Beside them, while something is being made or removed, ROOT/.new-NAME.ID.*
// and ROOT/.deleted-NAME.ID.

// schema is the version of the files that provider and supervisor exchange; it
// equals layout.Schema of testenv/controlplane.
const schema = 1

// mark is cluster.json: whoever bears it is ours.
type mark struct {
	Schema   int             `json:"schema"`
	Provider string          `json:"provider"`
	Name     string          `json:"name"`
	ID       string          `json:"id"`
	State    providers.State `json:"state"`
	Created  time.Time       `json:"created"`
	Version  string          `json:"version,omitempty"`
	Settings settings        `json:"settings"`
}

// spec is controlplane.json.
type spec struct {
	Schema  int    `json:"schema"`
	Name    string `json:"name"`
	ID      string `json:"id"`
	Nodes   int    `json:"nodes"`
	Durable bool   `json:"durable"`
}

// status is run/status.json, as far as the provider reads it.
type status struct {
	ID      string `json:"id"`
	Phase   string `json:"phase"`
	Message string `json:"message"`
	PID     int    `json:"pid"`
	Version string `json:"version"`
	Ports   ports  `json:"ports"`
	// Moved: a port of an earlier run was taken, so others are used now.
	Moved      bool        `json:"moved"`
	Components []component `json:"components"`
}

type ports struct {
	API int `json:"api"`
}

type component struct {
	Name      string `json:"name"`
	PID       int    `json:"pid"`
	Restarts  int    `json:"restarts"`
	LastError string `json:"lastError"`
}

// Phases of the supervisor that matter here.
const (
	phaseFailed   = "failed"
	phaseStopping = "stopping"
)

// home is the directory of one cluster.
type home string

func (p *Provider) home(name string) home { return home(filepath.Join(p.opts.Root, name)) }

func (h home) path(elem ...string) string {
	return filepath.Join(append([]string{string(h)}, elem...)...)
}

func (h home) log(component string) string { return h.path("logs", component+".log") }

// inspect reads the mark of the cluster of that name: ErrNotFound when the name
// is free, a *ForeignError when something without our mark holds it.
func (p *Provider) inspect(name string) (mark, error) {
	h := p.home(name)
	foreign := func(what string) error {
		return &providers.ForeignError{Provider: ProviderName, Name: name, Holder: what}
	}
	info, err := os.Lstat(string(h))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return mark{}, providers.ErrNotFound
	case err != nil:
		return mark{}, fmt.Errorf("provider local: %w", err)
	case info.Mode()&fs.ModeSymlink != 0:
		return mark{}, foreign("the symbolic link " + string(h))
	case !info.IsDir():
		return mark{}, foreign("the file " + string(h))
	}
	m, err := readMark(h)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !h.exists():
		return mark{}, providers.ErrNotFound // deleted just now
	case err != nil || m.Provider != ProviderName || m.Name != name || m.ID == "":
		return mark{}, foreign("the directory " + string(h))
	case m.Schema != schema:
		return mark{}, fmt.Errorf("provider local: cluster %q was made by another version of rekindle (schema %d, this one knows %d): use that one, or remove it with it",
			name, m.Schema, schema)
	}
	return m, nil
}

// empty removes what an earlier attempt made of a cluster that was never ready,
// or whose deletion had begun: all but the mark and the logs. Nobody has put
// anything into it yet, and what is half-made may never become whole: an etcd that
// was cut off before its first entry never elects a leader, a full disk leaves
// empty files. The caller holds the lock, and none of its processes run.
func (h home) empty() error {
	entries, err := os.ReadDir(string(h))
	for _, e := range entries {
		if e.Name() != "cluster.json" && e.Name() != "logs" {
			err = errors.Join(err, os.RemoveAll(h.path(e.Name())))
		}
	}
	return err
}

func (h home) exists() bool {
	_, err := os.Lstat(string(h))
	return err == nil
}

func readMark(h home) (mark, error) {
	var m mark
	err := readJSON(h.path("cluster.json"), &m)
	return m, err
}

func (m mark) write(h home) error { return writeJSON(h.path("cluster.json"), m) }

// readStatus returns what the supervisor of this cluster said last; the zero
// value when it has said nothing yet.
func readStatus(h home, id string) status {
	var s status
	if err := readJSON(h.path("run", "status.json"), &s); err != nil || s.ID != id {
		return status{}
	}
	return s
}

func readJSON(path string, into any) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func writeJSON(path string, value any) error {
	raw, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, append(raw, '\n'))
}

// writeFile replaces path in one step, readable by the owner only, and waits
// until the disk has it: after a crash there is the old content or the new one.
func writeFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}
