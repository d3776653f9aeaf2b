package aws

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Fault is what goes wrong with one call.
type Fault struct {
	// Error is answered, and nothing is done.
	Error *wire.Error
	// Lost: it is done, and the answer gets lost.
	Lost bool
	// Silent: nothing is done and nothing is answered, until the client gives up.
	Silent bool
	// Delay is how long it takes until the call is looked at.
	Delay time.Duration
	// Done is called once it is done, before the answer.
	Done func()
}

// Fault lets something go wrong. It is asked for each call that reaches a service, with
// its number, from 0 for the first since the last time that this was set.
func (w *World) Fault(decide func(call wire.Call, number int) Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault, w.calls = decide, nil
}

// Record is one call, and how it ended.
type Record struct {
	wire.Call
	// Code is that of the error; empty when it was done.
	Code string
}

// Calls returns what was asked since Fault was called last.
func (w *World) Calls() []Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}

// ServeHTTP answers one call as AWS does: first whether it is bearable, then who asks,
// then whether all is said, then whether it is allowed, and only then it does it.
func (w *World) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	call, err := wire.Read(r, w.opts.Now())
	f, number := w.begin(call)
	if f.Delay > 0 {
		wait(ctx, f.Delay)
	}
	if f.Silent {
		w.end(number, call, "silent")
		<-ctx.Done()
		return
	}
	var answer any
	switch {
	case errors.Is(err, wire.ErrUnknownOperation):
		err = w.unknown(call)
	case err == nil && f.Error != nil:
		err = f.Error
	case err == nil:
		answer, err = w.do(ctx, r, call)
	}
	w.end(number, call, codeOf(err))
	if f.Done != nil && err == nil {
		f.Done()
	}
	if f.Lost && err == nil {
		panic(http.ErrAbortHandler) // which closes the connection without a word
	}
	if err == nil {
		err = wire.Write(out, call, answer)
	}
	if err != nil {
		if !errors.As(err, new(*wire.Error)) && ctx.Err() == nil {
			w.mistake("%s %s: %v", call.Service, call.Operation, err)
		}
		wire.WriteError(out, call, err)
	}
}

func (w *World) do(ctx context.Context, r *http.Request, c *wire.Call) (any, error) {
	k, err := w.signer(ctx, r, c)
	if err != nil {
		return nil, err
	}
	c.Account, c.Principal, c.Key = k.Account, k.Principal, k.Access
	operations := w.services[c.Service]
	if one, is := w.services[c.Service+"/"+c.Version]; is {
		operations = one
	}
	o, known := operations[c.Operation]
	if !known {
		return nil, w.unknown(c)
	}
	if err := complete(c, o.Required); err != nil {
		return nil, err
	}
	if o.Needs != nil {
		needs, err := o.Needs(c)
		if err != nil {
			return nil, err
		}
		if err := k.allowed(c, needs); err != nil {
			return nil, err
		}
	}
	return o.Do(ctx, c)
}

// unknown is the answer to what is not simulated, which is noted.
func (w *World) unknown(c *wire.Call) error {
	w.mistake("the operation %s %s is not simulated", c.Service, c.Operation)
	return &wire.Error{Status: http.StatusBadRequest, Code: "UnknownOperationException", Message: "The requested operation is not supported."}
}

// complete refuses a call that lacks what it must have.
func complete(c *wire.Call, required []string) error {
	var body map[string]json.RawMessage
	if c.Form == nil && len(c.Body) > 0 {
		if err := json.Unmarshal(c.Body, &body); err != nil {
			return &wire.Error{Status: http.StatusBadRequest, Code: "SerializationException", Message: err.Error()}
		}
	}
	for _, name := range required {
		_, inBody := body[name]
		if c.Form.Get(name) != "" || c.Path[name] != "" || inBody || c.Query.Get(name) != "" {
			continue
		}
		code := "ValidationError"
		switch c.Service {
		case "ec2":
			code = "MissingParameter"
		case "eks", "logs":
			code = "InvalidParameterException"
		}
		return &wire.Error{Status: http.StatusBadRequest, Code: code, Message: "The request must contain the parameter " + strings.TrimSuffix(name, ".1")}
	}
	return nil
}

// begin notes a call, and asks what is to go wrong with it.
func (w *World) begin(c *wire.Call) (f Fault, number int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	number = len(w.calls)
	w.calls = append(w.calls, Record{Call: *c, Code: "pending"})
	if w.fault != nil {
		f = w.fault(*c, number)
	}
	return f, number
}

func (w *World) end(number int, c *wire.Call, code string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if number < len(w.calls) {
		w.calls[number] = Record{Call: *c, Code: code}
	}
}

func codeOf(err error) string {
	var e *wire.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	}
	return err.Error()
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
