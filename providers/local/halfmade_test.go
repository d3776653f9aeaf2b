package local

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// cutOff leaves of etcd's log what is written before the first entry: the
// checksum, whose log it is, and where it begins. Such an etcd has no members and
// never elects a leader. It is what a full disk or a kill leaves at that instant.
func cutOff(t *testing.T, h home) {
	t.Helper()
	logs, err := filepath.Glob(h.path("etcd", "member", "wal", "*.wal"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("etcd's logs: %v, %v", logs, err)
	}
	raw, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for range 3 {
		// A record: its length in 56 bits, in the upper byte how much it is padded.
		field := binary.LittleEndian.Uint64(raw[at:])
		at += 8 + int(field&(1<<56-1)) + int(field>>56&7)
	}
	clear(raw[at:])
	if err := os.WriteFile(logs[0], raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(h.path("etcd", "member", "snap")); err != nil {
		t.Fatal(err)
	}
}

// spoil empties files, as a disk that was full or a power cut leaves them.
func spoil(t *testing.T, h home, files ...string) {
	t.Helper()
	for _, file := range files {
		if err := os.WriteFile(h.path(file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A cluster that was never ready and cannot become it any more is made anew; of
// one that was, nothing is thrown away without being asked.
func TestDataThatNeverComesUp(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "clusters")
	p := newProvider(t, root)
	sp := providers.Spec{Name: "cut", ID: "id-of-cut"}
	if _, err := p.Create(t.Context(), sp, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(t.Context(), sp.Name, sp.ID, nil); err != nil {
		t.Fatal(err)
	}
	h := p.home(sp.Name)
	cutOff(t, h)
	hasty, err := New(Options{Root: root, Binary: testBinary(t), Now: time.Now, Tethered: true, StartTimeout: 4 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(h.path("pki", "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := hasty.Start(t.Context(), sp.Name, sp.ID, nil); err == nil || !strings.Contains(err.Error(), "rekindle clusters delete cut") {
		t.Fatalf("it does not say how to go on: %v", err)
	}
	if after, err := os.ReadFile(h.path("pki", "ca.crt")); err != nil || string(after) != string(before) {
		t.Errorf("a cluster that was ready was made anew (%v)", err)
	}

	m, err := readMark(h)
	if err != nil {
		t.Fatal(err)
	}
	m.State = providers.StateCreating
	if err := m.write(h); err != nil {
		t.Fatal(err)
	}
	spoil(t, h, "ports.json", "pki/ca.crt", "pki/server.key", "bootstrapped", "kubeconfig")
	if _, err := p.Create(t.Context(), sp, nil); err != nil {
		t.Fatal(err)
	}
	config, err := p.Connect(t.Context(), sp.Name)
	if err != nil {
		t.Fatal(err)
	}
	reach(t.Context(), t, config)
	if err := p.Delete(t.Context(), sp.Name, sp.ID, nil); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, root)
}
