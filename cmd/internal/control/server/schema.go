package server

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
)

// schemas are JSON Schemas (draft 2020-12) of Go types by name, as they are
// needed. The tags of the fields say the rest: json, doc, enum, and for requests
// required, maxLength, maxItems, minimum and pattern.
type schemas map[string]any

// of is a reference to the schema of a struct's type, or a schema.
func (d schemas) of(value any) map[string]any { return d.ofType(reflect.TypeOf(value)) }

func (d schemas) ofType(t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return map[string]any{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return d.ofType(t.Elem())
	case reflect.Slice:
		return map[string]any{"type": "array", "items": d.ofType(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": d.ofType(t.Elem())}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Uint64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Struct:
		if !described(t) {
			return map[string]any{"type": "object"}
		}
		name := schemaName(t)
		if d[name] == nil {
			d[name] = true // a type may hold itself
			d[name] = d.object(t)
		}
		return map[string]any{"$ref": "#/components/schemas/" + name}
	}
	panic("control: no schema for the type " + t.String())
}

// described tells whether a type is told field by field. Those of other packages
// have references of their own.
func described(t reflect.Type) bool {
	return t == reflect.TypeFor[source.Commit]() || slices.Contains([]string{
		reflect.TypeFor[api.Run]().PkgPath(), reflect.TypeFor[run.Run]().PkgPath(), reflect.TypeFor[nothing]().PkgPath(),
	}, t.PkgPath())
}

// schemaName is the type's name; those of package run that api has as well get
// another.
func schemaName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[run.Event]():
		return "RunEvent"
	case reflect.TypeFor[run.Order]():
		return "GivenOrder"
	case reflect.TypeFor[nothing]():
		return "Nothing"
	}
	return t.Name()
}

func isRequest(t reflect.Type) bool {
	return slices.Contains([]reflect.Type{
		reflect.TypeFor[api.WordRequest](), reflect.TypeFor[api.StartRequest](), reflect.TypeFor[nothing](),
		reflect.TypeFor[api.Target](), reflect.TypeFor[api.Ignore](), reflect.TypeFor[api.Order](),
	}, t)
}

func (d schemas) object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	var required []string
	request := isRequest(t)
	for _, f := range jsonFields(t) {
		p := d.ofType(f.Type)
		if doc := f.Tag.Get("doc"); doc != "" {
			p["description"] = doc
		} else if doc := runDocs[t.Name()+"."+f.name]; doc != "" {
			p["description"] = doc
		} else if doc := runDocs[f.owner+"."+f.name]; doc != "" {
			p["description"] = doc
		}
		f.limits(p)
		if f.Tag.Get("required") == "true" || !request && !f.optional {
			required = append(required, f.name)
		}
		properties[f.name] = p
	}
	s := map[string]any{"type": "object", "properties": properties}
	if required != nil {
		s["required"] = required
	}
	if request {
		s["additionalProperties"] = false
	}
	return s
}

// jsonField is a field as package json writes it.
type jsonField struct {
	reflect.StructField
	name     string
	optional bool
	// owner is the name of the struct that declares it.
	owner string
}

// jsonFields are the fields of a struct and of those that are embedded in it.
func jsonFields(t reflect.Type) []jsonField {
	var out []jsonField
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if f.Anonymous && tag == "" {
			embedded := f.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			out = append(out, jsonFields(embedded)...)
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if name == "-" || name == "" {
			continue
		}
		out = append(out, jsonField{f, name, strings.HasPrefix(options, "omit"), t.Name()})
	}
	return out
}

// limits adds to a schema what the tags of a field say.
func (f jsonField) limits(p map[string]any) {
	if n, err := strconv.Atoi(f.Tag.Get("maxItems")); err == nil {
		p["maxItems"] = n
		p = p["items"].(map[string]any) // the other limits are on each
	}
	if words := f.Tag.Get("enum"); words != "" {
		p["enum"] = strings.Split(words, ",")
	}
	if n, err := strconv.Atoi(f.Tag.Get("maxLength")); err == nil {
		p["maxLength"] = n
	}
	if n, err := strconv.Atoi(f.Tag.Get("minimum")); err == nil {
		p["minimum"] = n
	}
	if rule := f.Tag.Get("pattern"); rule != "" {
		p["pattern"] = rule
	}
}

// runDocs describe the fields of other packages, whose types bear no tags for it.
var runDocs = map[string]string{
	"Commit.sha":            "The full object name.",
	"Commit.time":           "The committer's date.",
	"Commit.author":         "The author's name, as the repository has it.",
	"Commit.subject":        "The first line of the message, as the repository has it.",
	"Commit.revision":       "What was asked for.",
	"Commit.ref":            "The ref that it was found by; absent for a SHA.",
	"Commit.at":             "The instant that the revision named.",
	"Commit.signer":         "Whose signature was verified, where signatures are required.",
	"Difference.from":       "The SHA of the one end.",
	"Difference.to":         "The SHA of the other end.",
	"Difference.added":      "Objects that only the other end makes: id, from (commit, file, line).",
	"Difference.removed":    "Objects that only the one end makes: id, from.",
	"Difference.changed":    "Objects that they make differently: id, from, fields (path, old and new as JSON, hidden for what a Secret holds).",
	"Report.schema":         "The form of the report; docs/drift-report.md describes it.",
	"Report.cluster":        "The cluster.",
	"Report.commit":         "What it was compared with.",
	"Report.counts":         "Numbers of objects.",
	"Report.fingerprint":    "Of the live objects that the commit names.",
	"Report.objects":        "Those that differ.",
	"Report.carriedOver":    "Secrets that a restore brings back from the last export.",
	"Report.unknown":        "Kinds that could not be listed.",
	"Report.notExported":    "Live objects that an export has no file of.",
	"Report.ignored":        "Differences that do not count, and why.",
	"Report.rules":          "The rules about differences, and what came of them.",
	"Report.selection":      "The rules about which objects count, and what came of them.",
	"Report.recoverability": "What would be lost with the cluster.",

	"Run.id":         "The run's ID, sortable by time.",
	"Run.recipe":     "What the run does.",
	"Run.cluster":    "The cluster that it works on.",
	"Run.provider":   "The cluster's provider.",
	"Run.request":    "What was asked for, in the recipe's own form; never with secrets.",
	"Run.by":         "Who asked for it: a person's name, or the schedule.",
	"Run.daemon":     "A daemon executes it, and takes it up again when it was cut off.",
	"Run.steps":      "The parts of the run, in order.",
	"Run.outcome":    "How it ended: done, failed, unverified, refused, interrupted, aborted; absent while it has not.",
	"Run.error":      "Why it ended so.",
	"Run.result":     "The recipe's report, in its own form.",
	"Run.created":    "When it was asked for.",
	"Run.ended":      "When it ended.",
	"Run.attempts":   "How often it was executed: 2 after a resume.",
	"Run.process":    "The process that executes it, or did so last.",
	"Run.abortAsked": "When somebody asked it to stop for good.",
	"Run.byObject":   "It follows orders about single objects.",
	"Run.orders":     "What people told it while it was under way, in order.",
	"Run.paused":     "Somebody holds it; absent while nobody does.",
	"Run.held":       "It holds by itself, because it would fail otherwise; absent while it does not.",
	"Halt.since":     "Since when.",
	"Halt.by":        "Who paused it; absent for a run that holds by itself.",
	"Halt.why":       "Why.",
	"Halt.until":     "When it goes on by itself.",
	"Order.n":        "The order's number in its run, 1, 2, 3.",
	"Order.kind":     "pause, continue, retry or skip.",
	"Order.object":   "The object that it is about.",
	"Order.why":      "Why.",
	"Order.by":       "Who gave it.",
	"Order.at":       "When.",
	"Order.answered": "When the run took it; absent for not yet.",
	"Order.refused":  "Why the run did not follow it; absent when it did.",
	"Process.host":   "The machine.",
	"Process.pid":    "The process's number there.",
	"Process.since":  "When it began to execute the run.",
	"Holder.run":     "The run that works on the cluster.",
	"Step.name":      "The step's name.",
	"Step.state":     "pending, running, done, failed or skipped.",
	"Step.attempts":  "How often it was begun.",
	"Step.started":   "When it was begun first.",
	"Step.ended":     "When it ended last.",
	"Step.spentMs":   "The time at work over all attempts that ended.",
	"Step.error":     "Why it failed.",
	"Step.note":      "Why it was skipped.",
	"Step.made":      "What it makes or made, in its own form.",
	"Event.run":      "The run's ID.",
	"Event.seq":      "The event's number in its run, 1, 2, 3 without holes; absent in lines that are no event.",
	"Event.time":     "When.",
	"Event.step":     "The step in which it happened.",
	"Event.level":    "debug, info, warn or error.",
	"Event.type":     "A dotted word: run.begin, step.end, object.applied; or stream.heartbeat, stream.end.",
	"Event.object":   "The object that it is about.",
	"Event.message":  "For people.",
	"Event.data":     "For programs, in the event's own form.",
}
