package server

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rekindle-io/rekindle/recover/api"
)

// problemMedia is the media type of RFC 9457.
const problemMedia = "application/problem+json"

// OpenAPI describes the API as OpenAPI 3.1, indented JSON, made of the table of
// routes and of the types of package api. It is the same for every server.
func OpenAPI() []byte {
	doc := schemas{}
	paths := map[string]any{}
	for _, rt := range (&Server{}).routes() {
		at, ok := paths[rt.path].(map[string]any)
		if !ok {
			at = map[string]any{}
			if list := pathParams(rt.path); len(list) > 0 {
				at["parameters"] = list
			}
			paths[rt.path] = at
		}
		at[strings.ToLower(rt.method)] = doc.operation(rt)
	}
	doc.of(api.Problem{})
	out, err := json.MarshalIndent(map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "Rekindle", "version": api.V1,
			"description": "The daemon of Rekindle. It listens on a unix socket for its own user and root, and on TCP only for clients " +
				"with a certificate. Times are RFC 3339, fields that end in Ms whole milliseconds. Readers take no offence at fields " +
				"that they do not know; requests with such fields are refused.",
			"license": map[string]any{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers":    []any{map[string]any{"url": "/"}},
		"paths":      paths,
		"components": map[string]any{"schemas": doc},
	}, "", "  ")
	if err != nil {
		panic("control: the API's description is not JSON: " + err.Error())
	}
	return append(out, '\n')
}

var pathParam = regexp.MustCompile(`\{([a-z]+)\}`)

func pathParams(path string) []any {
	var out []any
	for _, m := range pathParam.FindAllStringSubmatch(path, -1) {
		schema, doc := map[string]any{"type": "string"}, ""
		switch m[1] {
		case "name":
			schema["pattern"], doc = namePattern, "The cluster's name."
		case "id":
			schema["pattern"], doc = runPattern, "The run's ID, its beginning or its last part."
		case "kind":
			schema["enum"], doc = api.WordKinds(), "The kind of word."
		}
		out = append(out, map[string]any{"name": m[1], "in": "path", "required": true, "schema": schema, "description": doc})
	}
	return out
}

func (d schemas) operation(rt route) map[string]any {
	op := map[string]any{"operationId": rt.id, "summary": rt.doc}
	var params []any
	for _, p := range rt.query {
		params = append(params, map[string]any{"name": p.name, "in": "query", "description": p.doc, "schema": p.schema})
	}
	for _, p := range rt.headers {
		params = append(params, map[string]any{"name": p.name, "in": "header", "description": p.doc, "schema": p.schema})
	}
	if params != nil {
		op["parameters"] = params
	}
	if rt.in != nil {
		_, empty := rt.in.(nothing)
		op["requestBody"] = map[string]any{
			"required": !empty,
			"content":  map[string]any{mediaJSON: map[string]any{"schema": d.of(rt.in)}},
		}
	}
	answers := map[string]any{strconv.Itoa(rt.answerStatus()): d.answer(rt)}
	problems := map[int][]string{}
	for _, kind := range rt.allProblems() {
		p := api.NewProblem(kind, "")
		problems[p.Status] = append(problems[p.Status], p.Title+" ("+string(kind)+")")
	}
	for status, titles := range problems {
		answers[strconv.Itoa(status)] = d.problemAnswer(strings.Join(titles, "; ") + ".")
	}
	answers["default"] = d.problemAnswer("Another problem.")
	op["responses"] = answers
	return op
}

func (d schemas) problemAnswer(doc string) map[string]any {
	return map[string]any{
		"description": doc,
		"content":     map[string]any{problemMedia: map[string]any{"schema": d.of(api.Problem{})}},
	}
}

func (d schemas) answer(rt route) map[string]any {
	schema := map[string]any{"type": "object"}
	switch {
	case rt.out != nil:
		schema = d.of(rt.out)
	case rt.media == mediaText:
		schema = map[string]any{"type": "string"}
	}
	doc := "The answer."
	if rt.media == mediaLines {
		doc = "A line for each; each is JSON of this schema."
	}
	return map[string]any{
		"description": doc,
		"content":     map[string]any{rt.answerMedia(): map[string]any{"schema": schema}},
	}
}

func (rt route) answerStatus() int {
	if rt.status == 0 {
		return http.StatusOK
	}
	return rt.status
}

func (rt route) answerMedia() string {
	if rt.media == "" {
		return mediaJSON
	}
	return rt.media
}

// allProblems are those of the route and those of every route like it.
func (rt route) allProblems() []api.ProblemKind {
	out := slices.Clone(rt.problems)
	out = append(out, api.Invalid, api.Forbidden, api.Busy, api.Unavailable, api.Storage, api.TimedOut, api.Internal)
	if rt.slow {
		out = append(out, api.Unanswered)
	}
	if rt.in != nil {
		out = append(out, api.TooLarge, api.Media)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
