package terminal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{"", "web", "\x1b[2J", "\u202e", "\xff\n", "\U0010ffff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b bytes.Buffer
		if err := (&Terminal{Out: &b}).JSON(s); err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal(b.Bytes(), &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") && utf8.ValidString(s) {
			t.Fatalf("JSON of %q reads back as %q, %v", s, back, err)
		}
		for _, r := range strings.TrimSuffix(b.String(), "\n") {
			if !unicode.IsGraphic(r) {
				t.Fatalf("JSON of %q holds %U", s, r)
			}
		}
	})
}

type hostile struct{}

func (hostile) String() string { return "\x1b[H" }

func TestOutfMakesEveryArgumentSafe(t *testing.T) {
	var out bytes.Buffer
	term := &Terminal{Out: &out, Err: io.Discard, Color: true}
	term.Outf("%s|%v|%-8q|%3d|%v|%v|%v|%s\n",
		"a\nb", errors.New("\x1b[1m"), "\x1b", 7, []string{"\r"}, map[string]string{"\b": "x"}, hostile{},
		term.Paint(Bad, "x\x1b"))
	want := `a\nb|\x1b[1m|"\x1b"  |  7|[\r]|map[\x08:x]|\x1b[H|` + "\x1b[31m" + `x\x1b` + "\x1b[0m\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("output (-want +have):\n%s", diff)
	}
}

func TestPaintWithoutColour(t *testing.T) {
	term := &Terminal{}
	if have := term.Paint(Good, "ok").String(); have != "ok" {
		t.Errorf("have %q", have)
	}
}

func TestTable(t *testing.T) {
	columns := []Column{{Title: "NAME", Whole: true}, {Title: "AGE", Right: true}, {Title: "REASON"}}
	rows := [][]string{
		{"shop/web", "5", "image pull failed: no such image in the registry at all"},
		{"shop/漢字", "120", "\x1b[2J"},
		{"short"},
	}
	for name, tc := range map[string]struct {
		width int
		want  string
	}{
		"whole": {0, "" +
			"NAME       AGE  REASON\n" +
			"shop/web     5  image pull failed: no such image in the registry at all\n" +
			"shop/漢字  120  \\x1b[2J\n" +
			"short\n"},
		"cut": {30, "" +
			"NAME       AGE  REASON\n" +
			"shop/web     5  image pull fa…\n" +
			"shop/漢字  120  \\x1b[2J\n" +
			"short\n"},
		"too narrow": {12, "" +
			"NAME    AGE…\n" +
			"shop/…    5…\n" +
			"shop/…  120…\n" +
			"short\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			(&Terminal{Out: &out, Width: tc.width}).Table(columns, rows)
			if diff := cmp.Diff(tc.want, out.String()); diff != "" {
				t.Errorf("table (-want +have):\n%s", diff)
			}
			for line := range strings.Lines(out.String()) {
				if w := width(strings.TrimSuffix(line, "\n")); tc.width > 0 && w > tc.width {
					t.Errorf("%q is %d columns wide", line, w)
				}
			}
		})
	}
	var out bytes.Buffer
	(&Terminal{Out: &out}).Table(columns, nil)
	if out.Len() > 0 {
		t.Errorf("an empty table prints %q", out.String())
	}
}

func TestProgressOnATerminalIsOneLine(t *testing.T) {
	var both bytes.Buffer
	term := &Terminal{Out: &both, Err: &both, IsTTY: true, Width: 20}
	term.Progress("applying", "1 of 2")
	term.Progress("applying", "2 of 2, which is a lot")
	term.Outf("result\n")
	term.EndProgress()
	term.Errf("end\n")
	want := "applying 1 of 2" +
		"\r\x1b[K" + "applying 2 of 2, w…" +
		"\r\x1b[K" + "result\n" + "applying 2 of 2, w…" +
		"\r\x1b[K" + "end\n"
	if diff := cmp.Diff(want, both.String()); diff != "" {
		t.Errorf("output (-want +have):\n%s", diff)
	}
}

func TestALongStageSaysHowLong(t *testing.T) {
	var out bytes.Buffer
	now := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	term := &Terminal{Err: &out, IsTTY: true, Width: 24, Now: func() time.Time { return now }}
	still := func() { term.ticking = make(chan struct{}) } // only the test's own ticks
	still()
	shown := func(after time.Duration, do func()) string {
		t.Helper()
		now = now.Add(after)
		out.Reset()
		do()
		return strings.ReplaceAll(out.String(), eraseLine, "<")
	}
	for i, step := range []struct {
		after time.Duration
		do    func()
		want  string
	}{
		{0, func() { term.Progress("applying", "") }, "applying"},
		{time.Second, term.tick, ""},
		{time.Second, term.tick, "<applying  2 s"},
		{0, term.tick, ""},
		{time.Second, func() { term.Progress("applying:", "1 of 2") }, "<applying: 1 of 2  3 s"},
		{2 * time.Minute, func() { term.Progress("applying:", "2 of 2, which is a lot") }, "<applying: 2 of …  2m03s"},
		{0, func() { term.Errf("! Pod a\n") }, "<! Pod a\napplying: 2 of …  2m03s"},
		{time.Second, func() { term.Progress("settling", "") }, "<settling"},
		{2 * time.Hour, term.tick, "<settling  2h00m"},
		{0, term.EndProgress, "<"},
		{time.Second, term.tick, ""},
		{time.Hour, func() { still(); term.Progress("settling", "") }, "settling"},
	} {
		if have := shown(step.after, step.do); have != step.want {
			t.Errorf("%d: have %q, want %q", i, have, step.want)
		}
	}
	term.EndProgress()
}

// The time goes on although nothing happens, and stops with the line.
func TestTheTimeGoesOnByItself(t *testing.T) {
	out := &written{more: make(chan string, 100)}
	now := time.Now()
	var calls atomic.Int64
	term := &Terminal{Err: out, IsTTY: true, Width: 80, Now: func() time.Time { return now.Add(time.Duration(calls.Add(1)) * time.Minute) }}
	term.Progress("settling", "")
	deadline := time.After(30 * time.Second)
	for ticks := 0; ticks < 2; {
		select {
		case text := <-out.more:
			if strings.HasPrefix(text, "settling  ") {
				ticks++
			}
		case <-deadline:
			t.Fatal("the line stays as it is")
		}
	}
	over := term.ticking
	term.EndProgress()
	<-over // closed, which ends what ticks
}

// written hands on what is written.
type written struct{ more chan string }

func (w *written) Write(b []byte) (int, error) {
	w.more <- string(b)
	return len(b), nil
}

func TestProgressElsewhereIsPlain(t *testing.T) {
	for name, term := range map[string]*Terminal{"no terminal": {}, "dumb": {IsTTY: true, dumb: true}} {
		t.Run(name, func(t *testing.T) {
			var out, stderr bytes.Buffer
			term.Out, term.Err = &out, &stderr
			for i := range 100 {
				term.Progress("applying", strings.Repeat("x", i))
			}
			term.Progress("settling\x1b", "")
			term.EndProgress()
			if want := "applying\nsettling\\x1b\n"; stderr.String() != want || out.Len() > 0 {
				t.Errorf("have %q and %q, want %q on stderr alone", stderr.String(), out.String(), want)
			}
		})
	}
}

func TestAsk(t *testing.T) {
	for typed, want := range map[string]bool{"y\n": true, "YES\n": true, "yes": true, "n\n": false, "\n": false, "": false, "yep\n": false} {
		var stderr bytes.Buffer
		term := &Terminal{Err: &stderr, In: strings.NewReader(typed), IsTTY: true}
		have, err := term.Ask(t.Context(), "Restore over \x1b?", "--yes")
		if err != nil || have != want {
			t.Errorf("%q: have %v, %v; want %v", typed, have, err, want)
		}
		if stderr.String() != `Restore over \x1b? [y/N] ` {
			t.Errorf("asked %q", stderr.String())
		}
	}
}

func TestAskWithoutATerminalNamesTheFlag(t *testing.T) {
	for name, term := range map[string]*Terminal{
		"nobody": {Err: io.Discard, IsTTY: true}, "a pipe": {Err: io.Discard, In: strings.NewReader("y\n")},
	} {
		_, err := term.Ask(t.Context(), "Go on?", "--yes")
		var want *NoTerminalError
		if !errors.As(err, &want) || !strings.Contains(err.Error(), "--yes") {
			t.Errorf("%s: %v, want an error that names --yes", name, err)
		}
	}
}

func TestAskEndsWithItsContext(t *testing.T) {
	in, _ := io.Pipe() // nobody ever types
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("interrupted")
	cancel(cause)
	_, err := (&Terminal{Err: io.Discard, In: in, IsTTY: true}).Ask(ctx, "Go on?", "--yes")
	if !errors.Is(err, cause) {
		t.Errorf("have %v, want the cause", err)
	}
}

func TestConfirm(t *testing.T) {
	term := &Terminal{Err: io.Discard, In: strings.NewReader("demo\nother\n"), IsTTY: true}
	if err := term.Confirm(t.Context(), "demo", "This deletes demo.", "--confirm demo"); err != nil {
		t.Error(err)
	}
	for _, typed := range []string{"other", ""} {
		var want *NotConfirmedError
		err := term.Confirm(t.Context(), "demo", "This deletes demo.", "--confirm demo")
		if !errors.As(err, &want) || want.Typed != typed {
			t.Errorf("have %v, want a refusal of %q", err, typed)
		}
	}
}

func TestFailedWritesAreReported(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	defer func() { _ = full.Close() }()
	term := &Terminal{Out: full, Err: io.Discard}
	if term.Failed() != nil {
		t.Error("failed before the first write")
	}
	term.Outf("x\n")
	if term.Failed() == nil || term.JSON(1) == nil {
		t.Error("a full disk was not reported")
	}
}

func TestNewWithoutATerminal(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	env := map[string]string{"TERM": "xterm", "COLUMNS": "40"}
	term := New(null, null, null, func(k string) string { return env[k] })
	if term.IsTTY || term.Color || term.Width != 0 || term.In != nil {
		t.Errorf("have %+v", term)
	}
}
