package render

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/metrics"
	"slices"
	"strings"
	"sync/atomic"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/engine"

	"github.com/rekindle-io/rekindle/recover/object"
)

// errTemplates is the cause when templates take too long.
var errTemplates = errors.New("the templates take too long")

// execute runs the templates of the chart and returns what each makes.
//
// Templates are programs from the repository, and text/template cannot be
// stopped. Loops and named templates are therefore instrumented, see
// instrument, and stop by themselves when time or memory is up or ctx ends. What
// a template passes to tpl is not instrumented: such a loop is given up on, and
// its goroutine ends when it ends.
func (c *helmChart) execute(ctx context.Context, top common.Values, elsewhen bool) (map[string]string, error) {
	limits := c.r.limits
	ctx, cancel := context.WithTimeoutCause(ctx, limits.TemplateTime, errTemplates)
	defer cancel()
	w := newWatch(ctx, 4*limits.TemplateBytes)
	instrumentChart(c.chart)
	e := engine.Engine{CustomTemplateFuncs: w.functions(elsewhen)}

	type outcome struct {
		files map[string]string
		err   error
	}
	done := make(chan outcome, 1)
	charter := c.chart
	go func() {
		files, err := e.RenderWithContext(ctx, charter, top)
		done <- outcome{files, err}
	}()
	var out outcome
	select {
	case out = <-done:
	case <-ctx.Done():
		out.err = ctx.Err()
	}
	if err := w.stopped(); err != nil {
		return nil, c.stopError(err)
	}
	if ctx.Err() != nil {
		return nil, c.stopError(context.Cause(ctx))
	}
	if out.err != nil {
		return nil, fmt.Errorf("chart %s: %s", c.dir, strings.TrimSpace(inTreeTerms(out.err.Error(), c)))
	}
	return c.checkOutput(out.files)
}

func (c *helmChart) stopError(err error) error {
	switch {
	case errors.Is(err, errTemplates):
		return fmt.Errorf("chart %s: the templates did not end within %s: look for a loop or a recursion", c.dir, c.r.limits.TemplateTime)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return fmt.Errorf("chart %s: %w", c.dir, err)
}

// inTreeTerms writes the folder of the chart where Helm writes its name.
func inTreeTerms(msg string, c *helmChart) string {
	for _, sub := range []string{"/templates/", "/charts/"} {
		msg = strings.ReplaceAll(msg, c.chart.Name()+sub, c.dir+sub)
	}
	return msg
}

// checkOutput drops what is no manifest and bounds the rest.
func (c *helmChart) checkOutput(files map[string]string) (map[string]string, error) {
	var size int64
	for name, text := range files {
		size += int64(len(text))
		if strings.HasSuffix(name, "NOTES.txt") || strings.TrimSpace(text) == "" {
			delete(files, name)
		}
	}
	if size > c.r.limits.TemplateBytes {
		return nil, fmt.Errorf("chart %s renders to more than %d bytes: raise the limit", c.dir, c.r.limits.TemplateBytes)
	}
	return files, nil
}

// watch stops templates from within.
type watch struct {
	ctx   context.Context
	calls atomic.Int64
	// memory is what the process had at the start and may have.
	most uint64
	// reason is the first error that stopped a template.
	reason atomic.Pointer[error]
}

func newWatch(ctx context.Context, grow int64) *watch {
	return &watch{ctx: ctx, most: memory() + uint64(grow)}
}

// memory returns what the heap and the stacks of the process hold.
func memory() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	var sum uint64
	for _, s := range samples {
		if s.Value.Kind() == metrics.KindUint64 {
			sum += s.Value.Uint64()
		}
	}
	return sum
}

// check is called from loops and named templates; it writes nothing.
func (w *watch) check() (string, error) {
	n := w.calls.Add(1)
	if n%64 == 0 || n < 4096 { // a text that doubles needs few calls
		if w.ctx.Err() != nil {
			return "", w.stop(context.Cause(w.ctx))
		}
		if memory() > w.most {
			return "", w.stop(errors.New("the templates take too much memory: look for a loop or a recursion"))
		}
	}
	return "", nil
}

func (w *watch) stop(err error) error {
	w.reason.CompareAndSwap(nil, &err)
	return err
}

func (w *watch) stopped() error {
	if err := w.reason.Load(); err != nil {
		return *err
	}
	return nil
}

// maxSequence bounds the functions that make a list or a text of a number.
const maxSequence = 1_000_000

// functions replaces some of sprig's: those that a number makes large, and those
// whose order differs from run to run for no reason.
func (w *watch) functions(elsewhen bool) template.FuncMap {
	known := sprig.TxtFuncMap()
	f := template.FuncMap{
		guardName: w.check,
		"keys":    keysOf,
		"values":  valuesOf,
		"until":   bounded(known["until"]),
		"repeat":  repeat,
	}
	for _, name := range []string{"untilStep", "seq"} {
		f[name] = boundedInts(known[name])
	}
	if elsewhen {
		other := func() time.Time { return time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC) }
		f["now"] = other
		f["ago"] = func(any) string { return "1h0m0s" }
	}
	return f
}

func keysOf(dicts ...map[string]any) []string {
	var keys []string
	for _, d := range dicts {
		keys = append(keys, sortedKeys(d)...)
	}
	return keys
}

func valuesOf(dict map[string]any) []any {
	values := make([]any, 0, len(dict))
	for _, key := range sortedKeys(dict) {
		values = append(values, dict[key])
	}
	return values
}

func repeat(count int, s string) (string, error) {
	if count < 0 {
		count = 0
	}
	if int64(count)*int64(len(s)) > 16*maxSequence {
		return "", fmt.Errorf("repeat %d makes too long a text", count)
	}
	return strings.Repeat(s, count), nil
}

// bounded wraps until(count).
func bounded(fn any) any {
	until, ok := fn.(func(int) []int)
	if !ok {
		return fn
	}
	return func(count int) ([]int, error) {
		if count > maxSequence || count < -maxSequence {
			return nil, fmt.Errorf("until %d makes too long a list", count)
		}
		return until(count), nil
	}
}

// boundedInts wraps untilStep(start, stop, step) and seq(…).
func boundedInts(fn any) any {
	switch fn := fn.(type) {
	case func(int, int, int) []int:
		return func(start, stop, step int) ([]int, error) {
			if step == 0 || (stop-start)/step > maxSequence {
				return nil, fmt.Errorf("untilStep %d %d %d makes too long a list", start, stop, step)
			}
			return fn(start, stop, step), nil
		}
	case func(...int) string:
		return func(params ...int) (string, error) {
			for _, p := range params {
				if p > maxSequence || p < -maxSequence {
					return "", fmt.Errorf("seq %d makes too long a list", p)
				}
			}
			return fn(params...), nil
		}
	}
	return fn
}

// noteFloating names the objects that two renderings made differently.
func (c *helmChart) noteFloating(first, second []*object.Object) {
	const why = "renders to something else each time (a random value, a generated certificate or the current time): the commit does not fix it; set it in the values"
	other := map[object.ID]*object.Object{}
	for _, o := range second {
		other[o.ID()] = o
	}
	floating := slices.Clone(first)
	floating = slices.DeleteFunc(floating, func(o *object.Object) bool {
		same := other[o.ID()]
		return same != nil && reflect.DeepEqual(o.Object, same.Object)
	})
	slices.SortFunc(floating, func(a, b *object.Object) int {
		return cmp.Or(cmp.Compare(a.From.File, b.From.File), a.ID().Compare(b.ID()))
	})
	for _, o := range floating {
		c.r.note(NoteFloating, o.From.File, 0, "%s %s", o.ID(), why)
	}
}

// instrumentChart instruments the templates of the chart and its subcharts.
func instrumentChart(c *chart.Chart) {
	for _, t := range c.Templates {
		t.Data = []byte(instrument(t.Name, string(t.Data)))
	}
	for _, sub := range c.Dependencies() {
		instrumentChart(sub)
	}
}
