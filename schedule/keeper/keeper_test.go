package keeper

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// refusal is an error of a run that a guard ended.
type refusal struct{}

func (refusal) Error() string        { return "nothing saves the data of shop/db" }
func (refusal) Outcome() run.Outcome { return run.Refused }

// office is a cluster that is up from 07:00 to 20:00. Simulated time begins at
// midnight of a Saturday in UTC.
func office(t *testing.T, change func(*Cluster)) *daemon {
	t.Helper()
	c, err := calendar.Parse(calendar.Spec{Zone: "UTC", Awake: []string{"daily 07:00-20:00"}})
	if err != nil {
		t.Fatal(err)
	}
	cluster := Cluster{Name: "dev", Calendar: c, Warn: warn, Late: late}
	if change != nil {
		change(&cluster)
	}
	return &daemon{t: t, records: newRecords(), world: newSimulation("dev"), clusters: []Cluster{cluster}}
}

// at sleeps until the hour of simulated time that is so far from the first
// midnight.
func at(hours float64) {
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	time.Sleep(time.Until(begin.Add(time.Duration(hours * float64(time.Hour)))))
}

func (d *daemon) told(kind NoticeKind) (texts []string) {
	d.world.mu.Lock()
	defer d.world.mu.Unlock()
	for _, n := range d.notices {
		if n.Kind == kind {
			texts = append(texts, n.Time.UTC().Format("15:04")+" "+n.Text)
		}
	}
	return texts
}

func (d *daemon) log() string { return strings.Join(d.world.clusters["dev"].log, "\n") }

func (d *daemon) say(kind calendar.WordKind, until time.Time) {
	d.t.Helper()
	if _, _, err := d.keeper.Say(d.t.Context(), "dev", calendar.Word{Kind: kind, Said: time.Now(), By: "ada", Until: until}); err != nil {
		d.t.Fatal(err)
	}
}

// inBubble runs a test in simulated time, with the keeper stopped at its end.
func inBubble(t *testing.T, test func(t *testing.T)) { synctest.Test(t, test) }

// A day: up before its hour by as long as it takes, people warned, down at its
// hour.
func TestDay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := office(t, nil)
		d.start()
		at(23)
		d.stop()
		want := "2000-01-01T06:55:00Z awake 2000-01-01T07:00:00Z\n2000-01-01T20:05:00Z asleep 2000-01-01T20:00:00Z"
		if d.log() != want {
			t.Errorf("have\n%s\nwant\n%s", d.log(), want)
		}
		if warned := d.told(NoticeTeardown); len(warned) != 1 || !strings.HasPrefix(warned[0], "19:50 ") {
			t.Errorf("people were warned: %q", warned)
		}
	})
}

// Who is kept during the warning stays; who is kept too late is brought back.
func TestKeepAgainstATeardown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := office(t, nil)
		d.start()
		at(19.9)
		d.say(calendar.Keep, time.Now().Add(2*time.Hour)) // until 21:54
		at(21)
		if there, _ := d.world.is("dev"); !there {
			t.Errorf("it went down although it was kept:\n%s", d.log())
		}
		at(21.92) // the teardown has begun and cannot be taken back
		d.say(calendar.Keep, time.Now().Add(2*time.Hour))
		at(22.5)
		d.stop()
		if there, _ := d.world.is("dev"); !there || !strings.Contains(d.log(), "asleep") {
			t.Errorf("it was not brought back:\n%s", d.log())
		}
	})
}

// A teardown that begins late warns and waits: who says skip then means this one.
func TestSkipALateTeardown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := office(t, nil)
		at(12)
		d.start()
		at(13)
		d.stop()
		at(21)
		d.start()
		at(21.1)
		d.say(calendar.Skip, time.Time{})
		at(23)
		there, _ := d.world.is("dev")
		status, err := d.keeper.Status("dev")
		d.stop()
		if err != nil || !there || status.Decision.State != calendar.Awake {
			t.Errorf("there: %v, %+v, %v\n%s", there, status.Decision, err, d.log())
		}
	})
}

// After three failures the last commit that verified is restored, if the cluster
// allows that; people hear of failures, and of the recovery.
func TestFallback(t *testing.T) {
	for _, allowed := range []bool{true, false} {
		t.Run(fmt.Sprint(allowed), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				d := office(t, func(c *Cluster) { c.Fallback = allowed })
				var attempts []bool
				d.world.fail = func(_ calendar.State, j Job) error {
					attempts = append(attempts, j.Fallback)
					if j.Fallback {
						return nil
					}
					return errors.New("image not found")
				}
				d.start()
				at(8)
				d.stop()
				there, _ := d.world.is("dev")
				if want := []bool{false, false, false, true}; allowed && !slices.Equal(attempts, want) || slices.Contains(attempts, true) != allowed {
					t.Errorf("attempts that fell back: %v", attempts)
				}
				if failures := d.told(NoticeFailure); len(failures) < 3 || !strings.Contains(failures[0], "image not found") {
					t.Errorf("failures that people heard of: %q", failures)
				}
				if recovered := d.told(NoticeRecovery); there != allowed && len(d.world.clusters["dev"].log) == 0 || len(recovered) != map[bool]int{true: 1}[allowed] {
					t.Errorf("there %v, recoveries %q", there, recovered)
				}
			})
		})
	}
}

// A teardown that a guard refuses is not tried again; one that somebody's run is
// in the way of waits, and its attempts are not counted; one that fails until it
// is too late is missed, and the cluster stays up.
func TestTeardownsThatDoNotHappen(t *testing.T) {
	held := &run.HeldError{Key: "cluster/dev", Holder: run.Holder{Run: "20000101-200000-abcd"}}
	for name, tc := range map[string]struct {
		fail     func() error
		attempts func(int) bool
		told     NoticeKind
		text     string
		there    bool
	}{
		"refused": {func() error { return refusal{} }, func(n int) bool { return n == 1 }, NoticeFailure, "nothing saves the data", true},
		"fails":   {func() error { return errors.New("the remote is down") }, func(n int) bool { return n > 3 && n < 12 }, NoticeMissed, "its time was", true},
		"busy": {func() error {
			if time.Now().Hour() < 21 {
				return held
			}
			return nil
		}, func(n int) bool { return n > 5 }, NoticeTeardown, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				d := office(t, nil)
				attempts := 0
				d.world.fail = func(to calendar.State, _ Job) error {
					if to == calendar.Awake {
						return nil
					}
					attempts++
					return tc.fail()
				}
				d.start()
				at(23.9)
				status, err := d.keeper.Status("dev")
				d.stop()
				if err != nil || !tc.attempts(attempts) {
					t.Errorf("%d attempts, %v", attempts, err)
				}
				if told := d.told(tc.told); len(told) == 0 || !strings.Contains(told[len(told)-1], tc.text) {
					t.Errorf("people were told %q", told)
				}
				if there, _ := d.world.is("dev"); there != tc.there {
					t.Errorf("there: %v; %+v", there, status.Last)
				}
			})
		})
	}
}

// A cluster that is protected or somebody else's never goes down, and nobody is
// warned.
func TestProtected(t *testing.T) {
	for name, change := range map[string]func(*Cluster){
		"it is protected":       func(c *Cluster) { c.Protected = true },
		"it is somebody else's": func(c *Cluster) { c.Borrowed = true },
	} {
		inBubble(t, func(t *testing.T) {
			d := office(t, change)
			d.start()
			at(21)
			status, err := d.keeper.Status("dev")
			at(40)
			d.stop()
			if there, _ := d.world.is("dev"); !there || len(d.told(NoticeTeardown)) > 0 {
				t.Errorf("there: %v, warned %q", there, d.told(NoticeTeardown))
			}
			if err != nil || status.Last == nil || status.Last.Ending != Refused || status.Last.Why != name {
				t.Errorf("%s: %+v, %v", name, status.Last, err)
			}
		})
	}
}

// A daemon that was down over an event brings up what should be up, however
// late, and leaves a teardown that is too late.
func TestDowntime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := office(t, nil)
		at(12)
		d.start()
		at(13)
		if there, _ := d.world.is("dev"); !there {
			t.Error("it is noon, and nobody brought it up")
		}
		d.stop()
		at(22.5)
		d.start()
		at(23)
		if there, _ := d.world.is("dev"); !there {
			t.Error("torn down in the middle of the night, when nobody expects it")
		}
		if missed := d.told(NoticeMissed); len(missed) != 1 {
			t.Errorf("people heard of teardowns that were missed: %q", missed)
		}
		d.stop()
		at(44.5) // half an hour late is not too late; the warning comes first
		d.start()
		at(45.5)
		d.stop()
		if there, _ := d.world.is("dev"); there {
			t.Errorf("half an hour late, it was left up:\n%s", d.log())
		}
	})
}

// While the journal cannot be written nothing is begun, and nothing is forgotten.
func TestFullDisk(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := office(t, nil)
		d.start()
		at(19.5)
		d.records.mu.Lock()
		d.records.full = true
		d.records.mu.Unlock()
		d.keeper.Tick = time.Minute
		if _, _, err := d.keeper.Say(t.Context(), "dev", calendar.Word{Kind: calendar.Skip, Said: time.Now(), By: "ada"}); err == nil {
			t.Error("a word that was not recorded was taken")
		}
		at(20.5)
		if there, busy := d.world.is("dev"); !there || busy {
			t.Error("something was done that cannot be remembered")
		}
		d.records.mu.Lock()
		d.records.full = false
		d.records.mu.Unlock()
		at(21.5)
		d.stop()
		if there, _ := d.world.is("dev"); there {
			t.Errorf("it was forgotten:\n%s", d.log())
		}
	})
}

// Drills come at their hour, once.
func TestDrills(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		drills, err := calendar.Parse(calendar.Spec{Zone: "UTC", Recreate: []string{"0 3 * * *"}})
		if err != nil {
			t.Fatal(err)
		}
		d := office(t, func(c *Cluster) { c.Drill = drills })
		d.start()
		at(30)
		d.stop()
		if n := strings.Count(d.log(), " drill "); n != 2 {
			t.Errorf("%d drills in two nights:\n%s", n, d.log())
		}
	})
}
