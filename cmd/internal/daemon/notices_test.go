package daemon

import (
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/schedule/keeper"
)

// TestMessages: a subject fits on a screen, the whole error is in the text, and
// times are the cluster's own.
func TestMessages(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 20, 12, 0, 0, time.UTC)
	o := outlook{zone: berlin, branch: "rekindle/dev", revision: "main"}
	long := "run 20261122-201200-abcd: step open: repository /srv/deploy.git: there is no such file or folder; check the path; again at Sun 21:40 CET"
	for _, c := range []struct {
		keeper.Notice
		subject string
		text    []string
	}{
		{keeper.Notice{Kind: keeper.NoticeFailure, Text: "not taken down, attempt 1: " + long}, "dev: could not be taken down, attempt 1", []string{long}},
		{keeper.Notice{Kind: keeper.NoticeFailure, Text: "not brought up, attempt 12: x: y"}, "dev: could not be brought up, attempt 12", []string{"x: y"}},
		{keeper.Notice{Kind: keeper.NoticeFailure, Text: "the drill failed: " + long}, "dev: the drill failed", []string{long}},
		{keeper.Notice{Kind: keeper.NoticeMissed, Text: "not taken down: the hour passed"}, "dev: not taken down", []string{"the hour passed"}},
		{keeper.Notice{Kind: keeper.NoticeRecovery, Text: "awake after 3 attempts"}, "dev: awake after 3 attempts", []string{""}},
		{keeper.Notice{Kind: keeper.NoticeTeardown, Text: "the window ends", At: at}, "dev goes down at 21:12 CET",
			[]string{"the window ends\n", "rekindle keep dev --until TIME", "goes into branch rekindle/dev first", "What comes back is main"}},
		{keeper.Notice{Kind: keeper.NoticeDrift, Text: "differs from its commit: 2 changed, 1 unexpected"}, "dev differs from its commit: 2 changed, 1 unexpected",
			[]string{"go into branch rekindle/dev", "brings back main, without them", "rekindle drift adopt dev", "rekindle restore dev --at rekindle/dev --path live"}},
	} {
		c.Cluster, c.Time = "dev", at // as the keeper tells it
		m := messageOf(c.Notice, o)
		if m.Subject != c.subject || m.Time.Format("15:04 MST") != "21:12 CET" {
			t.Errorf("subject %q at %s, want %q", m.Subject, m.Time, c.subject)
		}
		for _, want := range c.text {
			if !strings.Contains(m.Text, want) {
				t.Errorf("%s: %q is not in %q", m.Subject, want, m.Text)
			}
		}
	}
}
