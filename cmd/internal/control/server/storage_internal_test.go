package server

import (
	"errors"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/recover/run"
)

// TestAFullDiskIsToldOnce: what to do about it is the hint's alone.
func TestAFullDiskIsToldOnce(t *testing.T) {
	full := &run.StorageError{Path: "/state", Trouble: run.NoSpace, Err: errors.New("3 MB free, want 32 MB")}
	p := known(full)
	if p.Next != full.Remedy() || strings.Contains(p.Detail, full.Remedy()) || !strings.Contains(p.Detail, "3 MB free") {
		t.Errorf("detail %q, hint %q", p.Detail, p.Next)
	}
}
