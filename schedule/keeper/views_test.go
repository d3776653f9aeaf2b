package keeper

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// silence is the error of a teardown of a cluster that does not answer.
type silence struct{ refusal }

func (silence) Error() string { return "cluster dev does not answer" }
func (silence) Passing() bool { return true }

// A cluster that does not answer in the evening is tried again until the morning,
// and people are told once, and when it is down after all.
func TestSilentAtTeardown(t *testing.T) {
	for name, tc := range map[string]struct {
		answers float64 // the hour from which on it answers
		there   bool
		told    int
	}{"answers in the night": {26.3, false, 1}, "never answers": {99, true, 0}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				d := office(t, nil)
				attempts := 0
				answers := time.Now().Add(time.Duration(tc.answers * float64(time.Hour)))
				d.world.fail = func(to calendar.State, _ Job) error {
					if to == calendar.Awake || time.Now().After(answers) {
						return nil
					}
					attempts++
					return silence{}
				}
				d.start()
				at(24)
				d.stop()
				d.start() // also by the next daemon
				at(30.5)
				there, _ := d.world.is("dev")
				at(33)
				d.stop()
				if there != tc.there || attempts < 10 {
					t.Errorf("there: %v after %d attempts\n%s", there, attempts, d.log())
				}
				failures := d.told(NoticeFailure)
				if len(failures) != 1 || !strings.Contains(failures[0], "on until it answers or is wanted up again at Sun 07:00 UTC") {
					t.Errorf("people heard of failures: %q", failures)
				}
				if told := d.told(NoticeRecovery); len(told) != tc.told {
					t.Errorf("people heard that it is down: %q", told)
				}
				if told := d.told(NoticeMissed); len(told) > 0 {
					t.Errorf("people heard that it was missed: %q", told)
				}
				if up, _ := d.world.is("dev"); !up {
					t.Error("it is not up in the morning")
				}
			})
		})
	}
}

// A teardown that only a dead daemon cut off had not failed: nobody is told that it
// recovered.
func TestRestartIsNoRecovery(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := office(t, nil)
		d.start()
		at(20.02) // the run takes five minutes
		d.stop()
		d.start()
		at(23)
		d.stop()
		if there, _ := d.world.is("dev"); there || len(d.told(NoticeRecovery)) > 0 {
			t.Errorf("there: %v, recoveries %q\n%s", there, d.told(NoticeRecovery), d.log())
		}
	})
}

// Drills that were due before they were declared are none; those that were due
// while the daemon was dead are made up for.
func TestDrillsAreDeclared(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := office(t, nil)
		drills := func(line string) {
			t.Helper()
			c, err := calendar.Parse(calendar.Spec{Zone: "UTC", Recreate: []string{line}})
			if err != nil {
				t.Fatal(err)
			}
			d.clusters[0].Drill, d.clusters[0].DrillRule = c, line
		}
		count := func(want int, when string) {
			t.Helper()
			if n := strings.Count(d.log(), " drill "); n != want {
				t.Errorf("%s: %d drills, want %d\n%s", when, n, want, d.log())
			}
		}
		declare := func() {
			t.Helper()
			if err := d.keeper.Set(t.Context(), d.clusters); err != nil {
				t.Fatal(err)
			}
		}
		d.start()
		at(9.5)
		drills("0 9 * * *")
		declare()
		at(12)
		count(0, "declared after its hour")
		at(34)
		count(1, "the next day")
		d.stop()
		at(57.5) // 09:30 on the third day
		d.start()
		at(58)
		count(2, "made up for")
		drills("0 8 * * *")
		declare()
		at(58.5)
		count(2, "another hour")
		d.clusters[0].Drill, d.clusters[0].DrillRule = nil, ""
		declare()
		at(80.5)
		drills("0 8 * * *")
		declare()
		at(81)
		count(2, "taken out, and declared again")
		d.stop()
	})
}

// Sleep is refused when the cluster would have to be brought up before it is down.
func TestSleepTooLate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := office(t, nil)
		d.start()
		at(6.95) // it is up already, to be ready at 07:00
		w := calendar.Word{Kind: calendar.Sleep, Said: time.Now(), By: "ada"}
		_, _, err := d.keeper.Say(t.Context(), "dev", w)
		var late *TooLateError
		if !errors.As(err, &late) || !strings.Contains(err.Error(), "up again at Sat 07:00, in 3m, and its recreate begins 10m ahead") ||
			!strings.Contains(late.Hint(), "rekindle pause dev --until TIME") {
			t.Errorf("have %v", err)
		}
		status, _ := d.keeper.Status("dev")
		if len(status.Words) > 0 {
			t.Errorf("it was recorded: %+v", status.Words)
		}
		if status.Apart(true) != "ahead of its hour, to be ready at 07:00" {
			t.Errorf("why it is up: %q", status.Apart(true))
		}
		at(12)
		d.say(calendar.Sleep, time.Time{})
		at(13)
		d.stop()
		if there, _ := d.world.is("dev"); there {
			t.Error("it was not put to sleep")
		}
		alone := Alone{Records: d.records, Calendar: d.clusters[0].Calendar, Cluster: "dev", Lead: 10 * time.Minute}
		w.Said = time.Now().Add(18*time.Hour - 5*time.Minute)
		if _, _, err := alone.Say(t.Context(), w); !errors.As(err, &late) {
			t.Errorf("alone: %v", err)
		}
	})
}

// A keep that is said later takes the place of a longer one, and once it has
// ended there is nothing to take back.
func TestShorterKeep(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := office(t, nil)
		d.start()
		at(19)
		d.say(calendar.Keep, time.Now().Add(5*time.Hour))
		d.say(calendar.Keep, time.Now().Add(2*time.Hour))
		at(20)
		status, err := d.keeper.Status("dev")
		if err != nil || len(status.Words) != 1 || len(status.All) != 2 {
			t.Errorf("words: %+v, %v", status.Words, err)
		}
		at(22)
		there, _ := d.world.is("dev")
		_, err = d.keeper.Unsay(t.Context(), "dev", calendar.Keep)
		d.stop()
		if there || !errors.As(err, new(*UnsaidError)) {
			t.Errorf("there: %v, taken back: %v\n%s", there, err, d.log())
		}
	})
}

// What a keeper tells of a cluster is what its records tell while none runs.
func TestRecall(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := office(t, func(c *Cluster) { c.Protected = true })
		d.start()
		at(12)
		d.say(calendar.Skip, time.Time{})
		at(13)
		want, err := d.keeper.Status("dev")
		d.stop()
		if err != nil {
			t.Fatal(err)
		}
		have, err := Recall(t.Context(), d.records, d.clusters[0], d.world.clusters["dev"].made, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		want.Sight, want.Lead = nil, have.Lead
		if diff := cmp.Diff(want, have, cmpopts.IgnoreUnexported(Status{})); diff != "" {
			t.Errorf("-want +have:\n%s", diff)
		}
	})
}

// A time to live ends what woke the cluster: nobody's word decides any more, and
// people were told before.
func TestExpiredWake(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := office(t, nil)
		c, err := calendar.Parse(calendar.Spec{TTL: 3 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		d.clusters[0].Calendar = c
		d.start()
		at(1)
		d.say(calendar.Wake, time.Time{})
		at(2)
		before, err := d.keeper.Status("dev")
		if err != nil || len(before.Words) != 1 || before.Next == nil || !before.Next.Expired {
			t.Errorf("%+v, %v", before, err)
		}
		at(6)
		after, err := d.keeper.Status("dev")
		d.stop()
		there, _ := d.world.is("dev")
		if err != nil || there || len(after.Words) != 0 || !strings.HasPrefix(after.Decision.Reason, "asleep since ") {
			t.Errorf("there: %v, %+v, %v", there, after, err)
		}
		if told := d.told(NoticeTeardown); len(told) != 1 || !strings.HasSuffix(told[0], " its time to live of 3h is over") {
			t.Errorf("people were told %q", told)
		}
	})
}

// Why a cluster is not what is wanted of it.
func TestApart(t *testing.T) {
	c, err := calendar.Parse(calendar.Spec{Zone: "Europe/Berlin", Awake: []string{"daily 07:00-20:00"}})
	if err != nil {
		t.Fatal(err)
	}
	evening := time.Date(2026, 11, 23, 20, 0, 0, 0, c.Zone())
	night := calendar.Decision{State: calendar.Asleep, Since: evening, Until: evening.Add(11 * time.Hour)}
	day := calendar.Decision{State: calendar.Awake, Since: evening.Add(-13 * time.Hour), Until: evening}
	ended := func(e Ending, why string) func(*Status) {
		return func(s *Status) { s.Last = &Last{State: s.Decision.State, Since: s.Decision.Since, Ending: e, Why: why} }
	}
	for name, tc := range map[string]struct {
		decision calendar.Decision
		up       bool
		change   func(*Status)
		want     string
	}{
		"as it should be":  {day, true, nil, ""},
		"nothing is known": {night, true, nil, ""},
		"paused":           {calendar.Decision{State: calendar.Asleep, Hold: true}, true, func(s *Status) { s.Error = "x" }, ""},
		"missed":           {night, true, ended(Missed, "its time was Mon 20:00"), "left up: its time was Mon 20:00"},
		"refused":          {night, true, ended(Refused, "its data is saved nowhere"), "refused: its data is saved nowhere"},
		"left":             {day, false, ended(Left, "ada made it asleep by hand (run x)"), "ada made it asleep by hand (run x)"},
		"of another night": {night, true, func(s *Status) {
			s.Last = &Last{State: calendar.Asleep, Since: evening.Add(-24 * time.Hour), Ending: Missed}
		}, ""},
		"protected": {night, true, func(s *Status) { s.declared.Protected = true }, "protected: never taken down"},
		"borrowed":  {night, true, func(s *Status) { s.declared.Borrowed = true }, "somebody else's: never taken down"},
		"waiting":   {day, false, func(s *Status) { s.Waiting = true }, "waits for its turn"},
		"failing": {day, false, func(s *Status) {
			s.Error, s.Attempts, s.Retry = "no capacity\nmore of it", 3, evening.Add(-time.Hour)
		}, "attempt 3 failed, again at 19:00: no capacity"},
		"held": {night, true, func(s *Status) { s.Error, s.Retry = (&run.HeldError{Key: "cluster/dev"}).Error(), evening }, "waits, again at 20:00: "},
		"by hand": {day, false, func(s *Status) {
			s.Sight = &Sight{Person: &Deed{To: calendar.Asleep, By: "ada", Run: "x"}}
		}, "taken down by ada by hand (run x)"},
		"early": {night, true, func(s *Status) {
			s.Last = &Last{State: calendar.Awake, Since: s.Decision.Until, Ending: Done}
		}, "ahead of its hour, to be ready at 07:00"},
	} {
		t.Run(name, func(t *testing.T) {
			s := Status{Decision: tc.decision, declared: Cluster{Calendar: c}}
			if tc.change != nil {
				tc.change(&s)
			}
			if have := s.Apart(tc.up); have != tc.want && !(strings.HasSuffix(tc.want, ": ") && strings.HasPrefix(have, tc.want)) {
				t.Errorf("have %q, want %q", have, tc.want)
			}
		})
	}
}
