package daemon

import (
	"slices"
	"testing"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
)

// TestWhatNeedsARestartIsTold: whoever adds a listener learns that it does not listen yet.
func TestWhatNeedsARestartIsTold(t *testing.T) {
	was, is := &config.Config{}, &config.Config{}
	if r := compare(was, is); r.Restart != nil {
		t.Errorf("nothing was changed: %v", r.Restart)
	}
	is.Daemon.MaxRuns = was.Daemon.MaxRuns + 3
	is.Daemon.Listen = &config.Listen{Address: "0.0.0.0:7443"}
	if r := compare(was, is); !slices.Equal(r.Restart, []string{"daemon.maxRuns", "daemon.listen"}) {
		t.Errorf("told are %v", r.Restart)
	}
}
