package keeper

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// A cluster that fell back gets the declared revision once that was mended, however
// the day goes on; one that fails again falls back at once; one that people work on
// is left to them, and they are told once.
func TestMendedSource(t *testing.T) {
	const commit = "2222222222222222222222222222222222222222"
	for name, tc := range map[string]struct {
		found Mended
		fails bool
		// attempts are those that fell back, after the first four.
		attempts []bool
		fallback string
		told     NoticeKind
		text     string
		times    int
	}{
		"still what failed": {found: Mended{}, fallback: lastVerified, told: NoticeRecovery, text: "fell back on 111111111111", times: 1},
		"mended":            {found: Mended{Commit: commit}, attempts: []bool{false}, told: NoticeRecovery, text: "the declared revision is back: it had fallen back on 111111111111", times: 1},
		"fails again": {found: Mended{Commit: commit}, fails: true, attempts: []bool{false, true}, fallback: lastVerified,
			told: NoticeFailure, text: "the declared revision failed again: image not found; it falls back again at once", times: 1},
		"people work on it": {found: Mended{Commit: commit, Why: "it has live changes"}, fallback: lastVerified,
			told: NoticeFailure, text: "was not tried: it has live changes", times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				d := office(t, func(c *Cluster) { c.Fallback = true })
				var attempts, mends []bool
				d.world.mended = func() Mended {
					if len(attempts) > 4 { // it was tried
						return Mended{}
					}
					return tc.found
				}
				d.world.fail = func(_ calendar.State, j Job) error {
					attempts, mends = append(attempts, j.Fallback), append(mends, j.Mends)
					if !j.Fallback && (len(attempts) < 4 || tc.fails) {
						return errors.New("image not found")
					}
					return nil
				}
				d.start()
				at(12)
				status, err := d.keeper.Status("dev")
				d.stop()
				if err != nil || status.Last == nil || status.Last.Fallback != tc.fallback {
					t.Fatalf("at noon: %+v, %v\n%s", status, err, d.log())
				}
				if want := slices.Concat([]bool{false, false, false, true}, tc.attempts); !slices.Equal(attempts, want) {
					t.Errorf("attempts that fell back: %v, want %v", attempts, want)
				}
				for i, mending := range mends {
					if mending != (i == 4) {
						t.Errorf("attempt %d mends: %v", i+1, mending)
					}
				}
				told := slices.DeleteFunc(d.told(tc.told), func(text string) bool { return !strings.Contains(text, tc.text) })
				if len(told) != tc.times {
					t.Errorf("told %d times %q: %q", len(told), tc.text, d.told(tc.told))
				}
			})
		})
	}
}
