package run

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestNewID(t *testing.T) {
	at := time.Date(2026, 11, 22, 19, 5, 1, 0, time.FixedZone("CET", 3600))
	id, err := NewID(at, bytes.NewReader([]byte{0, 31, 32, 255}))
	if err != nil || id != "20261122-180501-0z0z" {
		t.Errorf("got %q, %v", id, err)
	}
	if _, err := NewID(at, bytes.NewReader([]byte{1, 2})); err == nil {
		t.Error("no chance, yet an id")
	}
	rapid.Check(t, func(rt *rapid.T) {
		var ids []string
		for n := range 3 {
			id, err := NewID(at.Add(time.Duration(n)*time.Second), bytes.NewReader(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(rt, "chance")))
			if err != nil || validID(id) != nil {
				rt.Fatalf("%q: %v, %v", id, err, validID(id))
			}
			ids = append(ids, id)
		}
		if !slices.IsSorted(ids) {
			rt.Fatalf("not in the order of time: %v", ids)
		}
	})
}

// FuzzLeasePath: no name of a cluster leaves the folder or meets another's file.
func FuzzLeasePath(f *testing.F) {
	for _, seed := range [][2]string{{"dev", "prod"}, {"../../etc/passwd", "a/b"}, {"a.b", "a/b"}, {"", "."}, {"Dev", "dev"}, {"x\x00y", strings.Repeat("n", 500)}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		l := &FileLeases{dir: "/state/locks"}
		pa, pb := l.path("cluster/"+a), l.path("cluster/"+b)
		if filepath.Dir(pa) != l.dir || len(filepath.Base(pa)) > 200 || strings.ContainsRune(pa, 0) {
			t.Errorf("%q has its lease at %q", a, pa)
		}
		if (a == b) != strings.EqualFold(pa, pb) {
			t.Errorf("%q and %q have their leases at %q and %q", a, b, pa, pb)
		}
	})
}

// FuzzReadHolder: whatever is in a lease's file, looking at it is harmless.
func FuzzReadHolder(f *testing.F) {
	f.Add([]byte(`{"run":"20261122-180501-k7x2","host":"h","pid":7,"since":"2026-11-22T18:05:01Z"}`))
	f.Add([]byte(`{"run":`))
	f.Add(bytes.Repeat([]byte("["), 9000))
	f.Fuzz(func(t *testing.T, raw []byte) {
		path := filepath.Join(t.TempDir(), "lock")
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := readHolder(file); err != nil {
			t.Errorf("%q: %v", raw, err)
		}
	})
}

func TestBounded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, limit := rapid.String().Draw(rt, "s"), rapid.IntRange(3, 40).Draw(rt, "limit")
		got := cut(s, limit)
		if len(got) > limit || !utf8.ValidString(got) || (len(s) <= limit && got != s) {
			rt.Fatalf("cut(%q, %d) is %q", s, limit, got)
		}
	})
	ev := bounded(Event{Data: []byte(`"` + strings.Repeat("x", maxData) + `"`)})
	if string(ev.Data) != `{"omittedBytes":65538}` {
		t.Errorf("data %.60s", ev.Data)
	}
}

// A child that was just forked holds the lease's file until it begins its own
// program. That keeps nobody out once the lease is released.
func TestReleasedDespiteAFork(t *testing.T) {
	s, err := OpenStore(t.TempDir(), StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		l, err := AcquireLease(t.Context(), s.Leases(), "dev", Holder{Run: "one"})
		if err != nil {
			t.Fatal(err)
		}
		inherited, err := syscall.Dup(int(l.(*fileLease).f.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Close(inherited) })
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
	}
}
