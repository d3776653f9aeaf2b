package config

import (
	"errors"
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schedule says when a cluster is up. Without any rule it is nobody's business
// but people's.
type Schedule struct {
	Zone     string              `yaml:"zone" doc:"The time zone of all that follows, such as Europe/Berlin or UTC. Required with any rule."`
	Awake    Texts               `yaml:"awake" doc:"Windows in which the cluster is up, such as Mon-Fri 07:00-20:00 or Sat 10:00-02:00; outside of them it is down."`
	Teardown Texts               `yaml:"teardown" doc:"Cron expressions (five fields) of when the cluster goes down, with recreate instead of awake."`
	Recreate Texts               `yaml:"recreate" doc:"Cron expressions (five fields) of when the cluster is up again."`
	Except   []ScheduleException `yaml:"except" doc:"Days on which another rule holds."`
	TTL      Span                `yaml:"ttl" doc:"The cluster goes this long after it was made, such as 72h or 14d."`

	Warn     Span   `yaml:"warn" default:"10m" doc:"How long before a teardown people are told."`
	Late     Span   `yaml:"late" default:"2h" doc:"How long after its hour a teardown that was missed may still begin. A cluster that should be up is brought up however late."`
	Lead     Span   `yaml:"lead" doc:"How long before its hour a recreate begins. Empty: learned from how long the last ones took."`
	Fallback string `yaml:"fallback" enum:"none,last-verified" default:"none" doc:"What to restore when the revision fails three times."`
	Drill    *Drill `yaml:"drill" doc:"Restores of the source onto a throwaway cluster, to know that they work and how long they take."`
}

// ScheduleException is about some days: those from..to, or those of a calendar
// file.
type ScheduleException struct {
	On     Date   `yaml:"on" doc:"One day, such as 2026-12-24."`
	From   Date   `yaml:"from" doc:"The first day of several."`
	To     Date   `yaml:"to" doc:"The last day."`
	File   string `yaml:"file" doc:"An iCalendar file (.ics), relative to this file: the days of its events."`
	State  string `yaml:"state" enum:"asleep,awake" default:"asleep" doc:"What the cluster is on these days."`
	Reason string `yaml:"reason" doc:"Why, for those who read the schedule."`
}

// Drill says when and where the disaster is rehearsed.
type Drill struct {
	At       Texts          `yaml:"at" required:"true" doc:"Cron expressions (five fields), in the schedule's zone."`
	Provider string         `yaml:"provider" doc:"Who makes the throwaway cluster. Empty: the cluster's own provider."`
	Settings map[string]any `yaml:"settings" doc:"The provider's settings for it. Empty, with the cluster's own provider: the cluster's own."`
}

// Teardown says what a teardown of the cluster may do.
type Teardown struct {
	AcceptDataLoss []string `yaml:"acceptDataLoss" doc:"Globs of volume claims (namespace/name) whose data may go although nothing saves it."`
	Stuck          string   `yaml:"stuck" enum:"fail,proceed" default:"fail" doc:"What to do when load balancers or volumes do not go within their time: end without deleting the cluster, or go on and name them."`
	Silent         string   `yaml:"silent" enum:"fail,last-export" default:"fail" doc:"What to do when the cluster does not answer, so that nothing can be exported: end, or delete it all the same when an earlier export is there. Nobody knows then what its volumes hold, so that it needs acceptDataLoss: [*/*] as well."`
	Wait           Span     `yaml:"wait" default:"10m" doc:"How long each wait may take."`
}

// Scheduled tells whether any rule says when the cluster is up.
func (s Schedule) Scheduled() bool {
	return len(s.Awake)+len(s.Teardown)+len(s.Recreate)+len(s.Except) > 0 || s.TTL.Duration > 0
}

// Texts is one text or a list of texts.
type Texts []string

// maxSpan bounds spans: longer ones are mistakes.
const maxSpan = 10 * 366 * 24 * time.Hour

// Span is a length of time that may be days or weeks: 90m, 36h, 14d, 2w.
type Span struct{ time.Duration }

var dayRule = regexp.MustCompile(`^([0-9]{1,5})([dw])$`)

func (s *Span) parse(text string) error {
	if m := dayRule.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1]) // digits only
		if m[2] == "w" {
			n *= 7
		}
		s.Duration = time.Duration(n) * 24 * time.Hour
	} else {
		var err error
		if s.Duration, err = time.ParseDuration(text); err != nil {
			return errors.New("want a length of time such as 90m, 36h, 14d or 2w")
		}
	}
	if s.Duration < 0 || s.Duration > maxSpan {
		return errors.New("want a length of time of at most ten years")
	}
	return nil
}

func (*Span) schema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^([0-9]+[dw]|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+|0)$`}
}

// Count is a number of things.
type Count int

func (c *Count) parse(text string) error {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		return fmt.Errorf("want a number from 1 to %d", math.MaxInt32)
	}
	*c = Count(n)
	return nil
}

// number: a count is not put in quotes.
func (*Count) number() {}

func (*Count) schema() map[string]any { return map[string]any{"type": "integer", "minimum": 1} }

// schedule checks what can be checked without reading other files, and makes
// paths absolute.
func (k *checker) schedule(c *Cluster) {
	s := &c.Schedule
	for i := range s.Except {
		e, at := &s.Except[i], fmt.Sprintf("except[%d]", i)
		given := 0
		for _, is := range []bool{!e.On.IsZero(), !e.From.IsZero() || !e.To.IsZero(), e.File != ""} {
			if is {
				given++
			}
		}
		switch {
		case k.reported("schedule", at):
		case given != 1:
			k.fail("want just one of on, from with to, and file", "schedule", at)
		case e.To.IsZero() != e.From.IsZero():
			k.fail("from and to belong together; for one day write on", "schedule", at)
		}
		if e.File != "" {
			e.File = k.absolute(e.File)
		}
	}
	k.calendar(*s)
	if len(c.CarryOver) > 0 && len(c.Drift.Export.Recipients) == 0 {
		k.fail("Secrets can be brought back only from an export that has them: name drift.export.recipients", "carryOver")
	}
	for i, s := range c.CarryOver {
		at := fmt.Sprintf("carryOver[%d]", i)
		for _, p := range s.rule().Check() {
			k.fail(p.Message, slices.DeleteFunc([]string{at, p.Field}, empty)...)
		}
		if s.Kind != "" || s.Group != "" {
			k.fail("only Secrets are carried over: leave kind and group out", at)
		}
	}
	for i, glob := range c.Teardown.AcceptDataLoss {
		if _, err := path.Match(glob, ""); err != nil || strings.Count(glob, "/") != 1 {
			k.fail(fmt.Sprintf("%q is no glob of volume claims: write namespace/name, such as shop/cache-*", glob), "teardown", fmt.Sprintf("acceptDataLoss[%d]", i))
		}
	}
}
