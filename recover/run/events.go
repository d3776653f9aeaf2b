package run

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"
)

// What one event may hold, in bytes. Servers and repositories write messages,
// so they have to end somewhere.
const (
	maxMessage = 8 << 10
	maxData    = 64 << 10
	maxStack   = 16 << 10
)

// ofExecutor tells that an event marks the course of the run; those are few and
// are stored past the cap.
func (e *Event) ofExecutor() bool {
	return strings.HasPrefix(e.Type, "run.") || strings.HasPrefix(e.Type, "step.")
}

// droppedMarker says that events from here on are not kept.
func droppedMarker(limit uint64, at time.Time) Event {
	return Event{
		Time: at, Level: LevelWarn, Type: EventsDropped,
		Message: fmt.Sprintf("more than %d events: from here on only those of run and steps are kept", limit),
	}
}

// cut shortens s to at most limit bytes, at a character's border.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const mark = "…"
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}

// bounded returns e within the limits on one event.
func bounded(e Event) Event {
	e.Message = cut(e.Message, maxMessage)
	e.Object = cut(e.Object, maxMessage)
	if len(e.Data) > maxData {
		e.Data = json.RawMessage(fmt.Sprintf(`{"omittedBytes":%d}`, len(e.Data)))
	}
	return e
}

// newPanicError takes what recover returned, with the stack of the caller.
func newPanicError(v any) *PanicError {
	stack := debug.Stack()
	if len(stack) > maxStack {
		stack = stack[:maxStack]
	}
	return &PanicError{Value: cut(fmt.Sprint(v), 500), Stack: stack}
}
