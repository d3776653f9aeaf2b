package run_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/run"
)

// wantTrouble checks that an error says what is wrong, where, and what to do.
func wantTrouble(t testing.TB, err error, want run.Trouble, path string) {
	t.Helper()
	e, ok := run.Troubled(err)
	if !ok || e.Trouble != want {
		t.Fatalf("want trouble %q, got %v", want, err)
	}
	if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), e.Remedy()) {
		t.Errorf("the error names no path or remedy: %v", err)
	}
}

func filledStore(t testing.TB, dir string) *run.Store {
	t.Helper()
	s := openStore(t, dir, run.StoreOptions{LockTimeout: 5 * time.Second})
	for n := range 10 {
		if err := s.Begin(t.Context(), someRun(n)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(t.Context(), someRun(n).ID, someEvents(200)...); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// readAll reads every run and event, writes a little, and returns the first error.
func readAll(t testing.TB, s *run.Store) error {
	all, err := s.Runs(t.Context(), run.Filter{})
	if err != nil {
		return err
	}
	for _, r := range all {
		if _, err := s.Events(t.Context(), r.ID, 0, 0); err != nil {
			return err
		}
	}
	return s.PutRecord(t.Context(), "cluster", "dev", json.RawMessage(`1`))
}

func TestCutOffFile(t *testing.T) {
	whole, err := os.ReadFile(filledStore(t, t.TempDir()).Path())
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, 4096, 8191, 16384, 20000, len(whole) / 2, len(whole) - 70000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			s := openStore(t, t.TempDir(), run.StoreOptions{LockTimeout: 5 * time.Second})
			if err := os.WriteFile(s.Path(), whole[:size], 0o600); err != nil {
				t.Fatal(err)
			}
			wantTrouble(t, readAll(t, s), run.Corrupt, s.Path())
			err := s.Check(t.Context())
			wantTrouble(t, err, run.Corrupt, s.Path())
			if got, err := os.ReadFile(s.Path()); err != nil || !bytes.Equal(got, whole[:size]) {
				t.Errorf("a damaged file was written to")
			}
		})
	}
}

func TestForeignFiles(t *testing.T) {
	for name, content := range map[string][]byte{
		"text":  bytes.Repeat([]byte("this is not a journal\n"), 5000),
		"zeros": make([]byte, 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir(), run.StoreOptions{})
			if err := os.WriteFile(s.Path(), content, 0o600); err != nil {
				t.Fatal(err)
			}
			wantTrouble(t, readAll(t, s), run.Corrupt, s.Path())
			wantTrouble(t, s.Begin(t.Context(), someRun(1)), run.Corrupt, s.Path())
		})
	}
}

// TestFlippedBytes damages a journal anywhere: the answer may be right or an
// error, but the process lives and other calls are not locked out.
func TestFlippedBytes(t *testing.T) {
	whole, err := os.ReadFile(filledStore(t, t.TempDir()).Path())
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "state")
		if err != nil {
			t.Fatal(err)
		}
		damaged := bytes.Clone(whole)
		at := rapid.IntRange(0, len(damaged)-1).Draw(rt, "at")
		flip := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(rt, "flip")
		for i := range rapid.IntRange(1, 2000).Draw(rt, "length") {
			damaged[(at+i)%len(damaged)] ^= flip[i%len(flip)]
		}
		s := openStore(t, dir, run.StoreOptions{LockTimeout: 5 * time.Second})
		if err := os.WriteFile(s.Path(), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			err := readAll(t, s)
			if e, ok := run.Troubled(err); err != nil && (!ok || e.Trouble == run.Busy) && !run.IsNotFound(err) {
				rt.Fatalf("%v", err)
			}
		}
	})
}

func TestNewerSchema(t *testing.T) {
	s := filledStore(t, t.TempDir())
	db, err := bbolt.Open(s.Path(), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("schema"), []byte("3")) })
	if err != nil || db.Close() != nil {
		t.Fatal(err)
	}
	wantTrouble(t, readAll(t, s), run.NewerSchema, s.Path())
	wantTrouble(t, s.Check(t.Context()), run.NewerSchema, s.Path())
}

func TestBusy(t *testing.T) {
	s := openStore(t, t.TempDir(), run.StoreOptions{LockTimeout: 50 * time.Millisecond})
	if err := s.Begin(t.Context(), someRun(1)); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(s.Path(), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = s.Runs(t.Context(), run.Filter{})
	wantTrouble(t, err, run.Busy, s.Path())
	wantTrouble(t, s.Begin(t.Context(), someRun(2)), run.Busy, s.Path())
}

func TestUnusableStateDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, filepath.Join(file, "state"), run.StoreOptions{})
	wantTrouble(t, s.Check(t.Context()), run.NotWritable, file)
	wantTrouble(t, s.Begin(t.Context(), someRun(1)), run.NotWritable, file)
	_, err := s.Leases().Acquire(t.Context(), "cluster/dev", run.Holder{Run: "x"})
	wantTrouble(t, err, run.NotWritable, file)
	few := openStore(t, t.TempDir(), run.StoreOptions{MinFree: 1 << 60})
	wantTrouble(t, few.Check(t.Context()), run.NoSpace, few.Dir())
}

// TestNotPermitted runs as a person without rights on the folder.
func TestNotPermitted(t *testing.T) {
	if os.Getuid() != 0 {
		dir := filepath.Join(t.TempDir(), "ro")
		if err := os.Mkdir(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		s := openStore(t, dir, run.StoreOptions{})
		wantTrouble(t, s.Check(t.Context()), run.NotWritable, dir)
		return
	}
	// Root may everything: ask a child that is nobody.
	dir, err := os.MkdirTemp("", "rekindle-journal")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	me := filepath.Join(dir, "test")
	self, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(me, self, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o755, 0o777} {
		state := filepath.Join(dir, fmt.Sprintf("state-%o", mode))
		if err := os.Mkdir(state, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(state, mode); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), me)
		cmd.Env = childEnv("check", state)
		cmd.Dir = dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, _ := cmd.CombinedOutput()
		if !strings.Contains(string(out), string(run.NotWritable)) || !strings.Contains(string(out), state) {
			t.Errorf("mode %o: %s", mode, out)
		}
	}
}

// TestDiskFull fills a real, small file system. Where mounting is not permitted,
// a limit on the size of files makes writes fail instead.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = childEnv("fill-limited", dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	if err := fill(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil {
		t.Fatal(err)
	}
	// Full before the journal was ever made: nothing half made stays.
	ballast := filepath.Join(dir, "ballast")
	s := openStore(t, filepath.Join(dir, "new"), run.StoreOptions{MinFree: 1})
	if err := os.MkdirAll(s.Dir(), 0o700); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Create(ballast); err == nil {
		_, _ = f.Write(make([]byte, 4<<20))
		f.Close()
	}
	wantTrouble(t, s.Check(t.Context()), run.NoSpace, s.Dir())
	wantTrouble(t, s.Begin(t.Context(), someRun(1)), run.NoSpace, s.Dir())
	if _, err := os.Stat(s.Path()); !os.IsNotExist(err) {
		t.Error("half a journal was left")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := s.Begin(t.Context(), someRun(1)); err != nil {
		t.Errorf("with space again: %v", err)
	}
}
