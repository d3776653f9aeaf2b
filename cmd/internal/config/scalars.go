package config

import (
	"errors"
	"reflect"
	"time"
)

// scalar is a type of ours that reads itself from the text of one YAML scalar.
type scalar interface {
	// parse sets the value, or says what was wanted.
	parse(text string) error
	// schema describes the accepted text as JSON Schema.
	schema() map[string]any
}

// scalarOf returns v as a scalar when its type is one.
func scalarOf(v reflect.Value) (scalar, bool) {
	if !v.CanAddr() {
		return nil, false
	}
	s, ok := v.Addr().Interface().(scalar)
	return s, ok
}

// maxDuration bounds durations: what waits longer than a week is a mistake.
const maxDuration = 7 * 24 * time.Hour

// Duration is a positive length of time, written as Go writes it: 90s, 1h30m.
type Duration struct{ time.Duration }

func (d *Duration) parse(text string) error {
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return errors.New("want a duration such as 90s, 10m or 1h30m")
	}
	if parsed <= 0 || parsed > maxDuration {
		return errors.New("want a duration of more than nothing and at most 168h")
	}
	d.Duration = parsed
	return nil
}

func (d *Duration) schema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`}
}
