package screen_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/testenv/screen"
)

func start(t *testing.T, script string) (*screen.Screen, context.Context) {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = []string{"TERM=xterm-256color", "PATH=/bin:/usr/bin"}
	s, err := screen.Start(cmd, 40, 10)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return s, ctx
}

func has(part string) func(string) bool {
	return func(text string) bool { return strings.Contains(text, part) }
}

// What was drawn over is not there any more, keys arrive, and the program learns of
// another size.
func TestWhatAPersonSees(t *testing.T) {
	s, ctx := start(t, `trap 'stty size' WINCH; printf 'first\033[2J\033[Hsecond\n'; read line; echo "got $line"; while :; do read line && exit 3; done`)
	if err := s.Await(ctx, "second", has("second")); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s.Text(), "first") || !strings.Contains(s.Raw(), "first") {
		t.Errorf("the screen is\n%s", s.Text())
	}
	if err := s.Type("hello\r"); err != nil {
		t.Fatal(err)
	}
	if err := s.Await(ctx, "the answer", has("got hello")); err != nil {
		t.Fatal(err)
	}
	if err := s.Resize(60, 20); err != nil {
		t.Fatal(err)
	}
	if err := s.Await(ctx, "the size", has("20 60")); err != nil {
		t.Fatal(err)
	}
	if err := s.Type("\r"); err != nil {
		t.Fatal(err)
	}
	code, err := s.Wait(ctx)
	if err != nil || code != 3 {
		t.Errorf("it ended with %d, %v", code, err)
	}
}

func TestSVG(t *testing.T) {
	s, ctx := start(t, `printf 'a<b \033[1;31mred\033[0m \033[7mturned\033[0m \033[38;5;209morange\033[0m end'; read line`)
	if err := s.Await(ctx, "end", has("end")); err != nil {
		t.Fatal(err)
	}
	picture := s.SVG("demo & co")
	for _, want := range []string{"demo &amp; co", "a&lt;b", `fill="#ff8088" font-weight="bold"`, `fill="#d5d5e0"/>`, `fill="#ff875f"`, ">orange<"} {
		if !strings.Contains(picture, want) {
			t.Errorf("no %s in\n%s", want, picture)
		}
	}
	if _, err := s.Wait(canceled(t)); err == nil {
		t.Error("a program that goes on has ended")
	}
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
