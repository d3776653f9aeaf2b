package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rekindle-io/rekindle/recover/api"
)

// readBody decodes a request's body into a struct, strictly: one JSON object, its
// members known, written exactly so and there once, within the limits that the
// tags of the fields set. No body at all is the empty object.
func readBody(w http.ResponseWriter, r *http.Request, into any) error {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, api.MaxBody))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return api.NewProblem(api.TooLarge, "the body has more than %d bytes", long.Limit)
	case err != nil:
		return api.NewProblem(api.Invalid, "the body could not be read: %s", err.Error())
	}
	if len(raw) > 0 {
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			return api.NewProblem(api.Media, "the body is of type %q, and application/json is wanted", r.Header.Get("Content-Type"))
		}
	}
	return decode(raw, into)
}

// decode is readBody without HTTP.
func decode(raw []byte, into any) error {
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	if !utf8.Valid(raw) {
		return api.NewProblem(api.Invalid, "the body is not UTF-8")
	}
	fields := requestFields(reflect.TypeOf(into).Elem())
	seen, err := members(raw, fields)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		var typed *json.UnmarshalTypeError
		if errors.As(err, &typed) {
			return invalid(typed.Field, "a %s is wanted, and this is a %s", typed.Type, typed.Value)
		}
		return api.NewProblem(api.Invalid, "the body cannot be read: %s", err.Error())
	}
	return checkLimits(reflect.ValueOf(into).Elem(), fields, seen)
}

// members reads a flat object token by token, and tells which members it has:
// package json itself takes members in another case, twice, or with null.
func members(raw []byte, fields []requestField) (map[string]bool, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	broken := func(err error) (map[string]bool, error) {
		return nil, api.NewProblem(api.Invalid, "the body is not a JSON object: %s", err.Error())
	}
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return broken(cmpErr(err, errors.New("it begins otherwise")))
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return broken(err)
		}
		name, _ := t.(string)
		if !slices.ContainsFunc(fields, func(f requestField) bool { return f.name == name }) {
			return nil, invalid(cut(name), "there is no such field").WithHint("fields are: " + strings.Join(names(fields), ", "))
		}
		if seen[name] {
			return nil, invalid(name, "is there twice")
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return broken(err)
		}
		if string(value) == "null" {
			return nil, invalid(name, "is null; leave it out instead")
		}
	}
	if _, err := d.Token(); err != nil {
		return broken(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return broken(errors.New("something comes after it"))
	}
	return seen, nil
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// cut shortens a name that somebody sent, for a message.
func cut(name string) string {
	if r := []rune(name); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return name
}

// requestField is one member of a request, as its tags describe it.
type requestField struct {
	index     int
	name      string
	required  bool
	enum      []string
	maxLength int
	maxItems  int
	minimum   *int64
	pattern   string
}

func requestFields(t reflect.Type) []requestField {
	var out []requestField
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || name == "" {
			continue
		}
		field := requestField{index: i, name: name, required: f.Tag.Get("required") == "true", pattern: f.Tag.Get("pattern")}
		if e := f.Tag.Get("enum"); e != "" {
			field.enum = strings.Split(e, ",")
		}
		field.maxLength, _ = strconv.Atoi(f.Tag.Get("maxLength"))
		field.maxItems, _ = strconv.Atoi(f.Tag.Get("maxItems"))
		if n, err := strconv.ParseInt(f.Tag.Get("minimum"), 10, 64); err == nil {
			field.minimum = &n
		}
		out = append(out, field)
	}
	return out
}

func names(fields []requestField) []string {
	var out []string
	for _, f := range fields {
		out = append(out, f.name)
	}
	return out
}

func checkLimits(v reflect.Value, fields []requestField, seen map[string]bool) error {
	for _, f := range fields {
		value := v.Field(f.index)
		switch {
		case value.IsZero():
			switch {
			case f.required:
				return invalid(f.name, "is missing")
			case seen[f.name] && f.enum != nil && value.Kind() == reflect.String:
				return f.checkText("")
			}
		case value.CanInt():
			if f.minimum != nil && value.Int() < *f.minimum {
				return invalid(f.name, "is less than %d", *f.minimum)
			}
		case value.Kind() == reflect.String:
			if err := f.checkText(value.String()); err != nil {
				return err
			}
		case value.Kind() == reflect.Slice:
			if err := f.checkList(value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f requestField) checkList(list reflect.Value) error {
	if f.maxItems > 0 && list.Len() > f.maxItems {
		return invalid(f.name, "has more than %d items", f.maxItems)
	}
	for i := range list.Len() {
		if err := f.checkText(list.Index(i).String()); err != nil {
			return err
		}
	}
	return nil
}

func (f requestField) checkText(s string) error {
	switch {
	case f.enum != nil && !slices.Contains(f.enum, s):
		return invalid(f.name, "%q is none of %s", cut(s), strings.Join(f.enum, ", "))
	case f.maxLength > 0 && utf8.RuneCountInString(s) > f.maxLength:
		return invalid(f.name, "is longer than %d characters", f.maxLength)
	case f.pattern != "" && !regexp.MustCompile(f.pattern).MatchString(s):
		return invalid(f.name, "%q does not have the form %s", cut(s), f.pattern)
	}
	return nil
}

// readQuery takes the parameters that a route knows, each at most once.
func readQuery(u *url.URL, params []param) (map[string]string, error) {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, api.NewProblem(api.Invalid, "the query cannot be read: %s", err.Error())
	}
	out := map[string]string{}
	for name, list := range values {
		i := slices.IndexFunc(params, func(p param) bool { return p.name == name })
		switch {
		case i < 0:
			return nil, invalid(cut(name), "there is no such parameter")
		case len(list) > 1:
			return nil, invalid(name, "is there twice")
		}
		if err := params[i].check(list[0]); err != nil {
			return nil, err
		}
		out[name] = list[0]
	}
	return out, nil
}

// param is a parameter of a query.
type param struct {
	name, doc string
	// schema is its JSON Schema; check refuses a value.
	schema map[string]any
	check  func(string) error
}

func textParam(name, doc, pattern string) param {
	return param{name, doc, map[string]any{"type": "string", "pattern": pattern}, func(s string) error {
		if !regexp.MustCompile(pattern).MatchString(s) {
			return invalid(name, "%q does not have the form %s", cut(s), pattern)
		}
		return nil
	}}
}

// freeParam is text of people's own; control characters are nobody's.
func freeParam(name, doc string, most int) param {
	schema := map[string]any{"type": "string", "minLength": 1, "maxLength": most}
	return param{name, doc, schema, func(s string) error {
		switch {
		case s == "":
			return invalid(name, "is empty").WithHint("leave it out")
		case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
			return invalid(name, "has control characters, or is not UTF-8")
		case utf8.RuneCountInString(s) > most:
			return invalid(name, "is longer than %d characters", most)
		}
		return nil
	}}
}

func timeParam(name, doc string) param {
	return param{name, doc, map[string]any{"type": "string", "format": "date-time"}, func(s string) error {
		_, err := parseTime(s)
		if err != nil {
			return invalid(name, "%q is no time as of RFC 3339", cut(s))
		}
		return nil
	}}
}

func flagParam(name, doc string) param {
	return param{name, doc, map[string]any{"type": "boolean"}, func(s string) error {
		if s != "true" && s != "false" {
			return invalid(name, "%q is neither true nor false", cut(s))
		}
		return nil
	}}
}

func numberParam(name, doc string, least, most uint64) param {
	schema := map[string]any{"type": "integer", "minimum": least}
	if most > 0 {
		schema["maximum"] = most
	}
	return param{name, doc, schema, func(s string) error {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || n < least || most > 0 && n > most {
			bounds := fmt.Sprintf("of at least %d", least)
			if most > 0 {
				bounds = fmt.Sprintf("from %d to %d", least, most)
			}
			return invalid(name, "%q is not a number %s", cut(s), bounds)
		}
		return nil
	}}
}

// number is a parameter that numberParam has checked.
func (r *asked) number(name string, otherwise uint64) uint64 {
	if n, err := strconv.ParseUint(r.query[name], 10, 64); err == nil {
		return n
	}
	return otherwise
}
