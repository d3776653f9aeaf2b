package run_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
)

// The test binary runs itself as a child process: childEnv says as what.
const childVar = "REKINDLE_RUN_CHILD"

func childEnv(as string, args ...string) []string {
	return append(os.Environ(), childVar+"="+strings.Join(append([]string{as}, args...), "\n"))
}

func TestMain(m *testing.M) {
	args := strings.Split(os.Getenv(childVar), "\n")
	if args[0] == "" {
		os.Exit(m.Run())
	}
	if err := child(context.Background(), args[0], args[1:]); err != nil {
		fmt.Fprintln(os.Stdout, err)
		os.Exit(1)
	}
}

func child(ctx context.Context, as string, args []string) error {
	s, err := run.OpenStore(args[0], run.StoreOptions{EventCap: 1 << 30})
	if err != nil {
		return err
	}
	switch as {
	case "check":
		return s.Check(ctx)
	case "fill-limited":
		limit := syscall.Rlimit{Cur: 2 << 20, Max: 2 << 20}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		return fill(ctx, args[0])
	case "recipe":
		return childRecipe(ctx, s, args[1])
	case "begin":
		return s.Begin(ctx, someRun(9999))
	case "append":
		return childAppend(ctx, s, args[1], args[2])
	case "hold":
		if _, err := run.AcquireLease(ctx, s.Leases(), args[1], run.Holder{Run: args[2], Process: run.Process{PID: os.Getpid()}}); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, "held")
		_, err := bufio.NewReader(os.Stdin).ReadString('\n')
		return err
	}
	return fmt.Errorf("no child %q", as)
}

// fill writes until the disk is full and checks what is said and kept.
func fill(ctx context.Context, dir string) error {
	s, err := run.OpenStore(filepath.Join(dir, "state"), run.StoreOptions{MinFree: 1, EventCap: 1 << 30})
	if err != nil {
		return err
	}
	if err := errors.Join(s.Check(ctx), s.Begin(ctx, someRun(1))); err != nil {
		return err
	}
	id, stored := someRun(1).ID, uint64(0)
	for err == nil && stored < 1_000_000 {
		var out []run.Event
		if out, err = s.Append(ctx, id, someEvents(500)...); err == nil {
			stored = out[len(out)-1].Seq
		}
	}
	e, ok := run.Troubled(err)
	if !ok || e.Trouble != run.NoSpace || !strings.Contains(err.Error(), s.Path()) {
		return fmt.Errorf("a full disk says: %w", err)
	}
	events, err := s.Events(ctx, id, 0, 0)
	if err != nil || uint64(len(events)) != stored || stored == 0 {
		return fmt.Errorf("%d events of %d after the disk was full: %w", len(events), stored, err)
	}
	return nil
}

// recipeSteps is how many steps the recipe to be killed has.
const recipeSteps = 6

// childRecipe executes a run whose steps each make one line in a file, with a
// name of their own choice that they journal first.
func childRecipe(ctx context.Context, s *run.Store, file string) error {
	x := &run.Executor{Journal: s, Leases: s.Leases(), Now: time.Now, Chance: rand.Reader, FlushEvery: time.Millisecond}
	defs := []run.Def{{Name: "plan", Fresh: true, Do: nothing}}
	for n := range recipeSteps {
		defs = append(defs, step("make-"+strconv.Itoa(n), func(ctx context.Context, sc *run.Scope) error {
			return makeLine(ctx, sc, file)
		}))
	}
	known, err := s.Runs(ctx, run.Filter{})
	if err != nil {
		return err
	}
	if len(known) > 0 && known[0].Outcome == run.Done {
		return nil // killed between its end and its exit
	}
	if len(known) > 0 {
		_, err = x.Execute(ctx, known[0].ID, defs)
	} else {
		_, err = x.Start(ctx, run.Run{Recipe: "lines", Cluster: "dev"}, defs)
	}
	return err
}

func makeLine(ctx context.Context, sc *run.Scope, file string) error {
	var id string
	made, err := sc.Recall(&id)
	if err != nil {
		return err
	}
	if !made {
		var b [6]byte
		if _, err := rand.Read(b[:]); err != nil {
			return err
		}
		id = hex.EncodeToString(b[:])
		if err := sc.Made(ctx, id); err != nil {
			return err
		}
	}
	for range 20 {
		sc.Event(run.Event{Type: "object.applied", Object: id})
	}
	there, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if strings.Contains(string(there), id) {
		return nil
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(sc.Name() + " " + id + "\n")
	return err
}

func childAppend(ctx context.Context, s *run.Store, id, count string) error {
	n, err := strconv.Atoi(count)
	for range n {
		if err == nil {
			_, err = s.Append(ctx, id, someEvents(3)...)
		}
		if err == nil {
			_, err = s.Update(ctx, id, func(r *run.Run) error { r.Attempts++; return nil })
		}
	}
	return err
}
