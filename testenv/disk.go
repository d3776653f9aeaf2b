package testenv

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// FillDisk takes all that is left of the disk that dir is on, which should be a
// small one of the test's own, and returns the file that does. Called again, it
// takes what has become free since: what was being written when the disk was full
// is taken back by whoever wrote it.
func FillDisk(t testing.TB, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	for chunk := int64(1 << 20); chunk >= 4096; chunk /= 4 {
		for err = nil; err == nil; end += chunk {
			err = syscall.Fallocate(int(f.Fd()), 0, end, chunk)
		}
		end -= chunk
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	return path
}
