package tuitest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

var update = flag.Bool("update", false, "write golden screens anew") //nolint:gochecknoglobals // a flag of the test binary

// Golden compares a screen with testdata/NAME.golden, which -update writes. Styles
// are left out, and blanks at the ends of lines.
func Golden(t *testing.T, name, screen string) {
	t.Helper()
	lines := strings.Split(ansi.Strip(screen), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	got := strings.Join(lines, "\n") + "\n"
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil { //nolint:gosec // golden screens are in the repository
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file) //nolint:gosec // the name is the test's
	if err != nil {
		t.Fatalf("%v; -update writes it", err)
	}
	if got != string(want) {
		t.Errorf("the screen is not that of %s (-update writes it anew):\n--- want\n%s--- got\n%s", file, want, got)
	}
}

// CheckSize fails the test unless a screen fills exactly width x height cells.
func CheckSize(t T, screen string, width, height int) {
	t.Helper()
	lines := strings.Split(screen, "\n")
	if len(lines) != max(height, 1) {
		t.Errorf("the screen has %d lines, not %d:\n%s", len(lines), height, ansi.Strip(screen))
	}
	for i, line := range lines {
		if w := ansi.StringWidth(line); w > width {
			t.Errorf("line %d is %d cells wide, not %d: %q", i+1, w, width, line)
		}
	}
}

// CheckSafe fails the test when a screen holds an escape sequence that is not a
// style, or a character that turns the writing direction.
func CheckSafe(t T, screen string) {
	t.Helper()
	rest := screen
	for {
		at := strings.IndexByte(rest, 0x1b)
		if at < 0 {
			break
		}
		end := at + 1
		if end < len(rest) && rest[end] == '[' {
			for end++; end < len(rest) && (rest[end] >= '0' && rest[end] <= '9' || rest[end] == ';' || rest[end] == ':'); {
				end++
			}
		}
		if end >= len(rest) || rest[end] != 'm' {
			t.Errorf("an escape sequence is on the screen: %q", rest[at:min(at+12, len(rest))])
			return
		}
		rest = rest[end+1:]
	}
	for _, r := range ansi.Strip(screen) {
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			t.Errorf("the character %U is on the screen", r)
			return
		}
	}
}
