package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// runMeasured runs a command and returns its stdout and the most memory that it
// held itself, in bytes, without that of processes it started. The kernel keeps
// the high-water mark; it is read often enough that what is missed are the last
// milliseconds. The peak is 0 where there is no /proc.
func runMeasured(cmd *exec.Cmd) (stdout []byte, peak int64, err error) {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				err = fmt.Errorf("%s %s: %w\n%s%s", cmd.Path, strings.Join(cmd.Args[1:], " "), err, tail(out.Bytes()), tail(errs.Bytes()))
			}
			return out.Bytes(), peak, err
		case <-tick.C:
			peak = max(peak, highWater(cmd.Process.Pid))
		}
	}
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

func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }
