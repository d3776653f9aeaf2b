package calendar

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Bounds of an iCalendar file. Files come from anywhere.
const (
	mostICS     = 1 << 20 // bytes
	mostEvents  = 5000
	longestLine = 16 << 10 // bytes, of the properties that are read
	deepest     = 8        // components within components
)

// icsProperties are those that say on which days an event falls. All others,
// and all other components, are left out before the file is parsed: what is
// not needed can do no harm.
var icsProperties = []string{
	"UID", "SUMMARY", "STATUS", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID",
}

// essence is the part of an iCalendar file that is read: its events, each with
// the properties needed, as a calendar of its own, and the lines on which they
// begin.
type essence struct {
	text  bytes.Buffer
	lines []int
	stack []string // open components, the outermost first
}

func extract(content []byte) (*essence, error) {
	if len(content) > mostICS {
		return nil, fmt.Errorf("a file of %d bytes: at most %d", len(content), mostICS)
	}
	e := &essence{}
	e.text.WriteString("BEGIN:VCALENDAR\r\n")
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	found := false
	for number, rest := 1, content; len(rest) > 0; {
		line, count, after := unfold(rest)
		if len(line) > 0 {
			if err := e.add(line, number); err != nil {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
			found = found || len(e.stack) > 0
		}
		number, rest = number+count, after
	}
	switch {
	case !found:
		return nil, errors.New("no iCalendar file: it does not begin with BEGIN:VCALENDAR")
	case len(e.stack) > 0:
		return nil, fmt.Errorf("the file ends within %s: is it cut off?", e.stack[len(e.stack)-1])
	}
	e.text.WriteString("END:VCALENDAR\r\n")
	return e, nil
}

// unfold takes the first line, put together of its folded parts, count lines
// of the file.
func unfold(rest []byte) (line []byte, count int, after []byte) {
	for {
		part, tail, _ := bytes.Cut(rest, []byte("\n"))
		part = bytes.TrimSuffix(part, []byte("\r"))
		switch {
		case count == 0:
			line = slices.Clip(part) // what is appended goes elsewhere
		case len(line) <= longestLine:
			line = append(line, part[1:]...)
		}
		count, rest = count+1, tail
		if len(rest) == 0 || rest[0] != ' ' && rest[0] != '\t' {
			return line, count, rest
		}
	}
}

// add takes one whole line.
func (e *essence) add(line []byte, number int) error {
	name, value := propertyName(line)
	switch {
	case name == "BEGIN":
		return e.begin(value, number)
	case name == "END":
		return e.end(value)
	case len(e.stack) == 0:
		return fmt.Errorf("%.40q outside of a calendar: is this an iCalendar file?", line)
	case !e.inEvent() || !slices.Contains(icsProperties, name):
		return nil
	case len(line) > longestLine:
		return fmt.Errorf("%s of more than %d bytes", name, longestLine)
	}
	e.text.WriteString(name)
	e.text.Write(line[len(name):])
	e.text.WriteString("\r\n")
	return nil
}

// propertyName is the part before the first ; or :, in capitals, and for a
// plain property the part after it.
func propertyName(line []byte) (name, value string) {
	end := bytes.IndexAny(line, ";:")
	if end < 0 {
		return "", ""
	}
	if line[end] == ':' && len(line)-end < 100 {
		value = strings.ToUpper(strings.TrimSpace(string(line[end+1:])))
	}
	if end > 40 {
		return "", ""
	}
	return strings.ToUpper(string(line[:end])), value
}

func (e *essence) inEvent() bool { return len(e.stack) == 2 && e.stack[1] == "VEVENT" }

func (e *essence) begin(component string, number int) error {
	if (len(e.stack) == 0) != (component == "VCALENDAR") {
		return fmt.Errorf("BEGIN:%.40s is not expected here", component)
	}
	if len(e.stack) == deepest {
		return fmt.Errorf("components more than %d deep", deepest)
	}
	e.stack = append(e.stack, component)
	if e.inEvent() {
		if len(e.lines) == mostEvents {
			return fmt.Errorf("more than %d events", mostEvents)
		}
		e.lines = append(e.lines, number)
		e.text.WriteString("BEGIN:VEVENT\r\n")
	}
	return nil
}

func (e *essence) end(component string) error {
	if len(e.stack) == 0 || e.stack[len(e.stack)-1] != component {
		return fmt.Errorf("END:%.40s is not expected here", component)
	}
	if e.inEvent() {
		e.text.WriteString("END:VEVENT\r\n")
	}
	e.stack = e.stack[:len(e.stack)-1]
	return nil
}
