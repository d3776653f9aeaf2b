package nights

import (
	"os"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// holidays is Labour Day in New South Wales.
const holidays = `BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:labour-day
DTSTART;VALUE=DATE:20261005
DTEND;VALUE=DATE:20261006
SUMMARY:Labour Day
END:VEVENT
END:VCALENDAR
`

// The schedules: office hours, and a Saturday shift that ends in the hour that a
// night of change skips or repeats.
const (
	sydneyYAML = `  sydney:
    source: {repo: ./repo}
    provider: local
    drift: {export: {repo: ./live.git}}
    schedule:
      zone: Australia/Sydney
      awake: ["Mon-Fri 07:00-20:00", "Sat 10:00-02:30"]
      except: [{file: holidays.ics}]
`
	berlinYAML = `  berlin:
    source: {repo: ./repo}
    provider: local
    drift: {export: {repo: ./live.git}}
    schedule:
      zone: Europe/Berlin
      awake: ["Mon-Fri 07:00-19:00", "Sat 10:00-02:30"]
`
	// berlinLater is declared in the second half: longer evenings.
	berlinLater = `  berlin:
    source: {repo: ./repo, revision: main}
    provider: local
    drift: {export: {repo: ./live.git}}
    schedule:
      zone: Europe/Berlin
      awake: ["Mon-Fri 07:00-21:00", "Sat 10:00-02:30"]
`
	brokenYAML = `  berlin:
    source: {repo: ./repo}
    provider: local
    schedule: {zone: Europe/Atlantis, awake: Mon-Fri 07:00-19:00}
`
)

func spec(zone string, except bool, awake ...string) calendar.Spec {
	s := calendar.Spec{Zone: zone, Awake: awake}
	if except {
		s.Except = []calendar.Exception{{ICS: []byte(holidays), Name: "holidays.ics"}}
	}
	return s
}

// move declares both clusters.
func (l *life) move() {
	l.write("holidays.ics", holidays)
	for _, name := range []string{"sydney", "berlin"} {
		l.models[name] = &model{name: name}
	}
	l.models["sydney"].declare(l.t, l.begin, spec("Australia/Sydney", true, "Mon-Fri 07:00-20:00", "Sat 10:00-02:30"))
	l.models["berlin"].declare(l.t, l.begin, spec("Europe/Berlin", false, "Mon-Fri 07:00-19:00", "Sat 10:00-02:30"))
	l.declare(l.config(sydneyYAML + berlinYAML))
}

// breakFile has a file in force for some hours that is wrong.
func (l *life) breakFile(at time.Time, hours int, mended func()) {
	l.at(at, "rekindle.yaml is broken", func() {
		l.write("rekindle.yaml", l.config(sydneyYAML+brokenYAML))
		if err := l.ask("POST", "/v1/reload", struct{}{}, nil); err == nil {
			l.t.Error("a broken file was taken")
		}
		rate := l.killRate
		l.killRate, l.broken = 0, true // no daemon starts with a broken file
		l.at(at.Add(time.Duration(hours)*time.Hour), "rekindle.yaml is mended", func() {
			l.killRate, l.broken = rate, false
			mended()
		})
	})
}

// words lets people speak now and then.
func (l *life) speak(every time.Duration) {
	kinds := []calendar.WordKind{calendar.Keep, calendar.Skip, calendar.Wake, calendar.Sleep, calendar.Pause}
	i := 0
	for at := l.begin.Add(every / 2); at.Before(l.end.Add(-24 * time.Hour)); at = at.Add(every/2 + time.Duration(l.rng.Int64N(int64(every)))) {
		name := []string{"sydney", "berlin"}[l.rng.IntN(2)]
		kind := kinds[i%len(kinds)]
		i++
		switch kind {
		case calendar.Keep:
			l.at(at, "keep "+name, l.say(name, kind, time.Duration(1+l.rng.IntN(14))*time.Hour))
		case calendar.Pause:
			if l.rng.IntN(2) == 0 {
				l.at(at, "pause "+name+" for some hours", l.say(name, kind, time.Duration(1+l.rng.IntN(20))*time.Hour))
				continue
			}
			l.at(at, "pause "+name, l.say(name, kind, 0))
			l.at(at.Add(time.Duration(1+l.rng.IntN(30))*time.Hour), "unpause "+name, l.unpause(name))
		default:
			l.at(at, string(kind)+" "+name, l.say(name, kind, 0))
		}
	}
}

func day(month time.Month, day, hour int) time.Time {
	return time.Date(2026, month, day, hour, 0, 0, 0, time.UTC)
}

// TestNights lives through Sydney's night of change and a holiday, or through
// the whole month with both nights.
func TestNights(t *testing.T) {
	if os.Getenv("REKINDLE_NIGHTS") == "month" {
		l := newLife(t, day(9, 25, 3), day(10, 27, 9), 0.35)
		l.move()
		l.start()
		l.speak(30 * time.Hour)
		l.breakFile(day(10, 7, 10), 30, func() { l.later() })
		l.breakFile(day(10, 20, 8), 5, func() { l.declare(l.config(sydneyYAML + berlinLater)) })
		l.live()
		l.audit()
		return
	}
	if testing.Short() {
		t.Skip("short")
	}
	t.Parallel()
	l := newLife(t, day(10, 2, 3), day(10, 5, 12), 0.8)
	l.move()
	l.start()
	l.at(day(10, 2, 15), "keep berlin", l.say("berlin", calendar.Keep, 3*time.Hour))
	l.breakFile(day(10, 3, 2), 12, func() { l.declare(l.config(sydneyYAML + berlinYAML)) })
	l.live()
	l.audit()
}

// later declares Berlin otherwise.
func (l *life) later() {
	l.declare(l.config(sydneyYAML + berlinLater))
	l.models["berlin"].declare(l.t, l.clock.now(), spec("Europe/Berlin", false, "Mon-Fri 07:00-21:00", "Sat 10:00-02:30"))
}
