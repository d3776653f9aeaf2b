package daemon

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/schedule/keeper"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// TestMessages: a subject fits on a screen, the whole error is in the text, and
// times are the cluster's own.
func TestMessages(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 20, 12, 0, 0, time.UTC)
	o := outlook{zone: berlin, branch: "rekindle/dev", revision: "main", live: &show.Counts{Changed: 2, Unexpected: 1}}
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
			[]string{"the window ends\n", "rekindle keep dev --until TIME", "goes into branch rekindle/dev first", "What comes back is main\n",
				"come back only as far as main has them: 2 changed, 0 missing, 1 unexpected.", "rekindle drift adopt dev"}},
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

// TestNamed: a message names what a run failed at, causes before consequences and
// not more than anybody reads, in lines of its own.
func TestNamed(t *testing.T) {
	finding := func(what, object, text string) api.Finding {
		return api.Finding{What: what, Object: object, From: "shop.yaml:9", Text: text}
	}
	have := named([]api.Finding{
		finding("not applied", "Role.rbac.authorization.k8s.io shop/a", "skipped: it needs Namespace shop, which was not applied"),
		finding("not applied", "Deployment.apps shop/web", "invalid: the selector\nmatches nothing\x1b[2J"),
		finding("not applied", "Service shop/web", "Service shop/web was not applied (forbidden): quota"),
		finding("kept", "ConfigMap shop/old", "it is protected"),
		finding("not settled", "StatefulSet.apps shop/db", strings.Repeat("é", 400)),
		{What: "leftover", Object: "disk vol-1"},
		finding("missing", "ConfigMap shop/x", ""),
		finding("missing", "ConfigMap shop/y", ""),
	})
	want := []string{
		`- not applied: Deployment.apps shop/web (shop.yaml:9): invalid: the selector\nmatches nothing\x1b[2J`,
		"- not applied: Service shop/web (shop.yaml:9): (forbidden): quota",
		"- not settled: StatefulSet.apps shop/db (shop.yaml:9): " + strings.Repeat("é", 300) + "…",
		"- leftover: disk vol-1",
		"- missing: ConfigMap shop/x (shop.yaml:9)",
		"- and 2 more",
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
	m := messageOf(keeper.Notice{Kind: keeper.NoticeFailure, Cluster: "dev", Text: "not brought up, attempt 1: step verify: 1 not applied"},
		outlook{zone: time.UTC, why: want[:2]})
	if m.Text != "step verify: 1 not applied\n"+want[0]+"\n"+want[1] {
		t.Errorf("the message says %q", m.Text)
	}
}

// A cluster without live changes says so, one whose changes are not known nothing.
func TestLiveWords(t *testing.T) {
	if have := liveWords("dev", "main", &show.Counts{Compared: 9}); !strings.Contains(have, "no live changes") {
		t.Errorf("without changes: %q", have)
	}
	if have := liveWords("dev", "main", nil); have != "" {
		t.Errorf("without a count: %q", have)
	}
}
