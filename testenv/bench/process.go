package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// spent is what a process took: the time until it ended, that of the processors,
// and the most memory that it held itself, in bytes, without that of processes
// it started; 0 where there is no /proc.
type spent struct {
	took, cpu time.Duration
	peak      int64
}

// runMeasured runs a command and returns its stdout, unless the command has
// somewhere else to write to. The kernel keeps the high-water mark of memory; it
// is read often enough that what is missed are the last milliseconds.
func runMeasured(cmd *exec.Cmd) (stdout []byte, s spent, err error) {
	var out, errs bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	cmd.Stderr = &errs
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, s, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			s.took = time.Since(began)
			if p := cmd.ProcessState; p != nil {
				s.cpu = p.UserTime() + p.SystemTime()
			}
			if err != nil {
				err = fmt.Errorf("%s %s: %w\n%s%s", cmd.Path, strings.Join(cmd.Args[1:], " "), err, tail(out.Bytes()), tail(errs.Bytes()))
			}
			return out.Bytes(), s, err
		case <-tick.C:
			s.peak = max(s.peak, highWater(cmd.Process.Pid))
		}
	}
}

// counter counts the bytes that are written to it, and forgets them.
type counter int64

var _ io.Writer = (*counter)(nil)

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// highWater returns VmHWM of a process in bytes, 0 when it cannot be read.
func highWater(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	return field(string(status), "VmHWM:") * 1024
}

// field returns the number behind a label, as /proc writes it; 0 when absent.
func field(text, label string) int64 {
	_, rest, found := strings.Cut(text, label)
	words := strings.Fields(rest)
	if !found || len(words) == 0 {
		return 0
	}
	n, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// load is how many processes wanted a processor in the last minute; "" when
// unknown.
func load() string {
	avg, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	one, _, _ := strings.Cut(string(avg), " ")
	return one
}

func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }
