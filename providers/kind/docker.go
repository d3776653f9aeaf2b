package kind

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// docker runs the docker command, as kind does: the same command on the PATH,
// with the same context and DOCKER_HOST, so that both talk to the same daemon.
type docker struct{}

// maxOutput bounds what is read from one docker command, in bytes.
const maxOutput = 64 << 20

// output runs docker with args until it ends or ctx does, and returns what it
// wrote to stdout. A *commandError holds what it wrote to stderr; what is well
// known comes back as a better error (see explain). When ctx ended it is the
// cause.
func (d docker) output(ctx context.Context, args ...string) ([]byte, error) {
	var out bytes.Buffer
	err := d.stream(ctx, nil, &out, args...)
	return out.Bytes(), err
}

// lines is output, in lines without the empty ones.
func (d docker) lines(ctx context.Context, args ...string) ([]string, error) {
	out, err := d.output(ctx, args...)
	return strings.Fields(string(out)), err
}

// stream is output with the streams of the caller.
func (d docker) stream(ctx context.Context, in io.Reader, out io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.WaitDelay = 2 * time.Second // a child of its own may hold the pipes
	var complaint tailBuffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &limitedWriter{w: out, left: maxOutput}, &complaint
	if in != nil { // an archive: as large as it is
		cmd.Stdout = out
	}
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return explain(&commandError{args: args, output: complaint.String(), err: err})
}

// commandError: a docker command failed.
type commandError struct {
	args   []string
	output string // the end of what it wrote to stderr
	err    error
}

func (e *commandError) Error() string {
	what := "docker"
	for _, arg := range e.args[:min(2, len(e.args))] {
		if strings.HasPrefix(arg, "-") {
			break
		}
		what += " " + arg
	}
	if said := lastLines(e.output, 4); said != "" {
		return fmt.Sprintf("%s: %s", what, said)
	}
	return fmt.Sprintf("%s: %v", what, e.err)
}

func (e *commandError) Unwrap() error { return e.err }

// saidGone tells whether a command failed only because what it was asked for
// does not exist (any more).
func saidGone(err error) bool {
	var failed *commandError
	if !errors.As(err, &failed) {
		return false
	}
	said := strings.ToLower(failed.output)
	found := false
	for line := range strings.Lines(said) {
		switch {
		case strings.TrimSpace(line) == "":
		case strings.Contains(line, "no such "), strings.Contains(line, "not found"):
			found = true
		default:
			return false
		}
	}
	return found
}

// said tells whether a command's complaint holds one of the words.
func said(err error, words ...string) bool {
	var failed *commandError
	if !errors.As(err, &failed) {
		return false
	}
	return containsAny(failed.output, words...)
}

func containsAny(text string, words ...string) bool {
	text = strings.ToLower(text)
	for _, w := range words {
		if strings.Contains(text, strings.ToLower(w)) {
			return true
		}
	}
	return false
}

// tailBuffer keeps the end of what is written to it.
type tailBuffer struct{ kept []byte }

const maxTail = 64 << 10

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p...)
	if over := len(b.kept) - maxTail; over > maxTail {
		b.kept = append([]byte(nil), b.kept[over:]...)
	}
	return len(p), nil
}

func (b *tailBuffer) String() string { return string(b.kept[max(0, len(b.kept)-maxTail):]) }

// limitedWriter refuses more than it was told to take.
type limitedWriter struct {
	w    io.Writer
	left int64
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if l.left -= int64(len(p)); l.left < 0 {
		return 0, errors.New("docker wrote more than is sensible")
	}
	return l.w.Write(p)
}

// lastLines returns the last n lines of a text that say something, as one line.
func lastLines(text string, n int) string {
	var kept []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept[max(0, len(kept)-n):], "; ")
}
