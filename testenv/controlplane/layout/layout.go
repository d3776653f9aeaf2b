// Package layout says where the files of one local cluster are and what the
// files that the maker of a cluster and its supervisor exchange look like.
//
// The maker (providers/local of the main module) writes the certificates under
// pki/ and controlplane.json; the supervisor reads them, and writes ports.json,
// status.json, its components' kubeconfigs and logs. Neither module imports the
// other, so this package is the contract's one side and providers/local/files.go
// its other.
package layout

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Names of the environment variables by which a process of a cluster is known.
const (
	EnvClusterID  = "REKINDLE_CLUSTER_ID"
	EnvClusterDir = "REKINDLE_CLUSTER_DIR"
)

// Program is argv[0] of every process of a cluster, wherever the binary lies.
const Program = "rekindle-controlplane"

// Schema is the version of the files that both sides exchange.
const Schema = 1

// Dir is the directory of one cluster.
type Dir string

// Path joins the elements below the directory.
func (d Dir) Path(elem ...string) string {
	return filepath.Join(append([]string{string(d)}, elem...)...)
}

// PKI returns the path of a file under pki/.
func (d Dir) PKI(name string) string { return d.Path("pki", name) }

// Log returns the path of a component's log.
func (d Dir) Log(component string) string { return d.Path("logs", component+".log") }

// Run returns the path of a file that belongs to the running processes.
func (d Dir) Run(name string) string { return d.Path("run", name) }

// Spec is controlplane.json: what the maker wants to run.
type Spec struct {
	Schema int    `json:"schema"`
	Name   string `json:"name"`
	ID     string `json:"id"`
	// Nodes is how many simulated nodes there are.
	Nodes int `json:"nodes"`
	// Durable: etcd waits for the disk at each write.
	Durable bool `json:"durable"`
}

// Ports is ports.json: the loopback ports of the cluster, kept over a stop and
// a start where nobody else took them.
type Ports struct {
	API      int `json:"api"`
	Etcd     int `json:"etcd"`
	EtcdPeer int `json:"etcdPeer"`
}

// Phase is how far the supervisor got.
type Phase string

// The phases of a supervisor's life.
const (
	// PhaseStarting: components are being started.
	PhaseStarting Phase = "starting"
	// PhaseReady: the API server was ready and the first objects exist.
	PhaseReady Phase = "ready"
	// PhaseFailed: the supervisor gave up; Message says why.
	PhaseFailed Phase = "failed"
	// PhaseStopping: components are being stopped.
	PhaseStopping Phase = "stopping"
)

// Status is run/status.json, written by the supervisor on every change.
type Status struct {
	Schema     int         `json:"schema"`
	ID         string      `json:"id"`
	Phase      Phase       `json:"phase"`
	Message    string      `json:"message,omitempty"`
	PID        int         `json:"pid"`
	Version    string      `json:"version"`
	Ports      Ports       `json:"ports"`
	Moved      bool        `json:"moved,omitempty"`
	Components []Component `json:"components,omitempty"`
}

// Component is one child of the supervisor. PID is 0 while it does not run.
type Component struct {
	Name      string    `json:"name"`
	PID       int       `json:"pid"`
	Restarts  int       `json:"restarts"`
	Started   time.Time `json:"started,omitzero"`
	LastError string    `json:"lastError,omitempty"`
}

// ReadSpec reads controlplane.json.
func ReadSpec(d Dir) (Spec, error) {
	var s Spec
	if err := readJSON(d.Path("controlplane.json"), &s); err != nil {
		return Spec{}, err
	}
	if s.Schema != Schema {
		return Spec{}, fmt.Errorf("%s: schema %d, this binary knows %d: rebuild it with make controlplane",
			d.Path("controlplane.json"), s.Schema, Schema)
	}
	return s, nil
}

// ReadPorts reads ports.json. A cluster that never ran has none, and a power cut
// may leave an empty one; both are the zero value, and others are chosen.
func ReadPorts(d Dir) (Ports, error) {
	var p Ports
	err := readJSON(d.Path("ports.json"), &p)
	var broken *json.SyntaxError
	if errors.Is(err, fs.ErrNotExist) || errors.As(err, &broken) {
		return Ports{}, nil
	}
	return p, err
}

// WritePorts writes ports.json.
func WritePorts(d Dir, p Ports) error { return writeJSON(d.Path("ports.json"), p) }

// WriteStatus writes run/status.json.
func WriteStatus(d Dir, s Status) error { return writeJSON(d.Run("status.json"), s) }

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

// writeJSON replaces path in one step, so that no reader sees half a file.
func writeJSON(path string, value any) error {
	raw, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(path, append(raw, '\n'))
}

// WriteFile replaces path with data in one step, readable by the owner only.
func WriteFile(path string, data []byte) error {
	tmp := path + ".tmp"
	err := os.WriteFile(tmp, data, 0o600)
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp)
	}
	return err
}
