package clouds

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/testenv/aws"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// sample is how many requests of a sweep are tried unless all are wanted.
const sample = 6

// chosen are the numbers of the requests that something happens to, of n.
func chosen(t *testing.T, n int) []int {
	t.Helper()
	if os.Getenv("REKINDLE_CLOUDS") == "all" {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return all
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1)).Perm(n)[:min(n, sample)]
}

// calls counts the requests of a command that goes well.
func (p *person) calls(args ...string) int {
	p.t.Helper()
	p.world.Fault(nil)
	p.must(args...)
	return len(p.world.Calls())
}

var (
	restore  = []string{"restore", "prod", "--yes"}
	teardown = []string{"teardown", "prod", "--confirm", "prod"}
)

// one wants exactly one cluster of the name, that is as the commit says.
func (p *person) one() {
	p.t.Helper()
	clusters := 0
	for _, thing := range p.world.Things() {
		if thing.Kind == "eks cluster" || thing.Kind == "stack" {
			clusters++
		}
	}
	if clusters != 2 {
		p.t.Errorf("%d clusters and stacks, want one of each:\n%s", clusters, strings.Join(p.things(), "\n"))
	}
	if r := p.run("verify", "prod"); r.code != 0 {
		p.t.Errorf("verify: %s", r)
	}
}

// Each request fails once, in a way that has to be tried again, as it is done by all
// who talk to AWS.
func TestEachRequestFailsOnce(t *testing.T) {
	p := newPerson(t, aws.Options{})
	up, down := p.calls(restore...), p.calls(teardown...)
	t.Logf("%d requests for a restore, %d for a teardown", up, down)
	fail := func(n int, of *wire.Error) {
		p.world.Fault(func(_ wire.Call, number int) aws.Fault {
			if number == n {
				return aws.Fault{Error: of}
			}
			return aws.Fault{}
		})
	}
	broken := &wire.Error{Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable", Message: "Service is unable to handle request."}
	throttled := &wire.Error{Status: http.StatusBadRequest, Code: "ThrottlingException", Message: "Rate exceeded"}
	for i, n := range chosen(t, max(up, down)) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			p := *p
			p.t = t
			what := []*wire.Error{broken, throttled}[i%2]
			fail(n, what)
			p.must(restore...)
			fail(-1, nil)
			p.one()
			fail(n, what)
			p.must(teardown...)
			fail(-1, nil)
			p.nothing()
		})
	}
}

// The process is killed after each request, when AWS has done what it was asked and
// nobody has heard of it. Whoever comes next finishes that, with nothing there twice and
// nothing left behind.
func TestKilledAfterEachRequest(t *testing.T) {
	p := newPerson(t, aws.Options{})
	up, down := p.calls(restore...), p.calls(teardown...)
	for _, n := range chosen(t, max(up, down)) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			p := *p
			p.t = t
			if p.killed(n, restore...) {
				p.goOn(restore...)
			}
			p.one()
			if p.killed(n, teardown...) {
				p.goOn(teardown...)
			}
			p.nothing()
		})
	}
}

// killed runs a command that is killed after its nth request; false when it ended
// before that, well.
func (p *person) killed(n int, args ...string) bool {
	p.t.Helper()
	cmd := p.command(args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	var victim atomic.Pointer[exec.Cmd]
	started := make(chan struct{})
	p.world.Fault(func(_ wire.Call, number int) aws.Fault {
		if number != n {
			return aws.Fault{}
		}
		return aws.Fault{Lost: true, Done: func() {
			<-started
			_ = victim.Load().Process.Kill()
		}}
	})
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	victim.Store(cmd)
	close(started)
	err := cmd.Wait()
	p.world.Fault(nil)
	if err == nil {
		return false
	}
	if cmd.ProcessState.ExitCode() != -1 {
		p.t.Fatalf("rekindle %v: %v\n%s", args, err, out.String())
	}
	return true
}

// goOn finishes what was killed: by resuming it, or by the same command when it was
// killed before its run began.
func (p *person) goOn(args ...string) {
	p.t.Helper()
	runs := read[[]run.Run](p, "runs", "list", "--cluster", "prod", "--json")
	if runs[0].Ended.IsZero() {
		p.must("runs", "resume", runs[0].ID)
		return
	}
	p.must(args...)
}
