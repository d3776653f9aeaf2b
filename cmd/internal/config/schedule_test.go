package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One mistake is one line, at the place where it stands.
func TestLoadSaysItOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		lines []string
		want  string
	}{
		"a zone that drills have, too": {[]string{"  zone: Local", "  awake: daily 07:00-20:00", "  drill: {at: 0 3 * * *}"}, "f.yaml:6:13: clusters.dev.schedule.zone: "},
		"no zone":                      {[]string{"  awake: daily 07:00-20:00", "  drill: {at: 0 3 * * *}"}, "f.yaml:6:7: clusters.dev.schedule.zone: a schedule needs"},
		"no such day":                  {[]string{"  zone: UTC", "  awake: daily 07:00-20:00", "  except: [{on: 2026-13-01}]"}, "f.yaml:8:21: clusters.dev.schedule.except[0].on: "},
		"no such state":                {[]string{"  zone: UTC", "  awake: daily 07:00-20:00", "  except: [{on: 2026-12-01, state: up}]"}, "f.yaml:8:40: clusters.dev.schedule.except[0].state: "},
		"the end before the begin":     {[]string{"  zone: UTC", "  awake: daily 07:00-20:00", "  except: [{from: 2026-12-24, to: 2026-12-01}]"}, "f.yaml:8:39: clusters.dev.schedule.except[0].to: "},
		"half a range":                 {[]string{"  zone: UTC", "  awake: daily 07:00-20:00", "  except: [{from: 2026-12-24}]"}, "f.yaml:8:16: clusters.dev.schedule.except[0]: from and to"},
		"a drill that never comes":     {[]string{"  zone: UTC", "  drill: {at: [0 3 * * *, 0 3 30 2 *]}"}, "f.yaml:7:31: clusters.dev.schedule.drill.at[1]: "},
		"a life too short":             {[]string{"  ttl: 5s"}, "f.yaml:6:12: clusters.dev.schedule.ttl: 5s is too short"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load("f.yaml", []byte(scheduled(tc.lines...)))
			if err == nil || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("have %v\nwant %s", err, tc.want)
			}
		})
	}
}

// What is wrong with calendar files is found when they are read, and said where
// rekindle.yaml names them.
func TestScheduleError(t *testing.T) {
	c, err := Load("f.yaml", []byte(scheduled("  zone: UTC", "  awake: daily 07:00-20:00", "  except:", "    - on: 2026-12-24", "    - {file: hol.ics}")))
	if err != nil {
		t.Fatal(err)
	}
	for want, read := range map[string]func(string) ([]byte, error){
		"f.yaml:10:18: clusters.dev.schedule.except[1].file: gone":      func(string) ([]byte, error) { return nil, errors.New("gone") },
		"f.yaml:10:18: clusters.dev.schedule.except[1].file: hol.ics: ": func(string) ([]byte, error) { return []byte("no calendar"), nil },
	} {
		_, err := c.Clusters["dev"].Schedule.Calendar(read)
		if have := c.ScheduleError("dev", err); err == nil || !strings.HasPrefix(have.Error(), want) {
			t.Errorf("have %v\nwant %s", have, want)
		}
	}
	if have := c.ScheduleError("dev", errors.New("odd")).Error(); have != "f.yaml:6:7: clusters.dev.schedule: odd" {
		t.Errorf("have %s", have)
	}
}

// A schedule that nobody can carry out is no mistake, and people are told.
func TestHollow(t *testing.T) {
	text := "clusters:\n  dev:\n    source: {repo: https://example.com/r}\n    provider: local\n    protected: true\n    schedule: {ttl: 3h}\n" +
		"  prod:\n    source: {repo: https://example.com/r}\n    provider: existing\n    schedule: {ttl: 3h}\n" +
		"  none:\n    source: {repo: https://example.com/r}\n    provider: existing\n    protected: true\n"
	c, err := Load("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, p := range c.Hollow(func(provider string) bool { return provider == "existing" }) {
		have = append(have, p.Error())
	}
	want := []string{"f.yaml:6:15: clusters.dev.schedule: dev is protected and never taken down, whatever the schedule says",
		"f.yaml:10:15: clusters.prod.schedule: prod is somebody else's (provider existing) and never taken down, whatever the schedule says"}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
}
