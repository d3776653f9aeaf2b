package nights

import (
	"strings"
	"testing"
)

// The warning of a teardown counts what was changed by hand, so that it can still
// be kept, and says so when nothing was.
func TestWarningCountsLiveChanges(t *testing.T) {
	e := newEvening(t, at(6, 19, 0), "")
	e.up()
	e.clock.set(at(6, 19, 50))
	if n := e.told("teardown", "goes down at 20:00"); !strings.Contains(n.Text, "It has no live changes") {
		t.Errorf("without changes: %q", n.Text)
	}
	e.sleepOver(6)
	e.await("awake")
	if err := e.create("dev", "by-hand", at(7, 12, 0)); err != nil {
		t.Fatal(err)
	}
	e.clock.set(at(7, 19, 50))
	n := e.told("teardown", "which come back only as far as HEAD has them: 0 changed, 0 missing, 1 unexpected")
	if !n.At.Equal(at(7, 20, 0)) || !strings.Contains(n.Text, "rekindle drift adopt dev") {
		t.Errorf("with a change: %+v", n)
	}
}
