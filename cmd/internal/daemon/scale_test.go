package daemon_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/daemon"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/fake"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
)

// many is how many clusters are declared.
const many = 1000

// BenchmarkThousandClusters declares a thousand clusters with schedules, which
// have two runs each in the journal, and prints what they cost a daemon that has
// nothing to do, how exactly it acts at their hours, and how fast its list is.
func BenchmarkThousandClusters(b *testing.B) {
	for b.Loop() {
		s := startScale(b)
		b.ReportMetric(s.ready.Seconds(), "s/ready")
		b.ReportMetric(s.settle().Seconds(), "s/settled")
		b.ReportMetric(100*s.idleCPU(20*time.Second), "%cpu/idle")
		b.ReportMetric(s.memory("VmRSS"), "MB/rss")
		b.ReportMetric(s.memory("RssAnon"), "MB/rss-without-files")
		median, slowest := s.list()
		b.ReportMetric(float64(median.Microseconds())/1000, "ms/list")
		b.ReportMetric(float64(slowest.Microseconds())/1000, "ms/list-slowest")
		b.ReportMetric(s.late(time.Date(2026, 10, 9, 16, 52, 0, 0, time.UTC), many/60).Seconds(), "s/late-16-at-once")
		s.ahead.Store(int64(time.Until(time.Date(2026, 10, 10, 12, 0, 0, 0, time.UTC))))
		b.ReportMetric(s.settle().Seconds(), "s/next-day-settled")
		b.ReportMetric(s.late(time.Date(2026, 10, 10, 18, 20, 0, 0, time.UTC), many).Seconds(), "s/late-1000-at-once")
		s.stop()
	}
}

// scale is a daemon of many clusters.
type scale struct {
	b     *testing.B
	store *run.Store
	ahead atomic.Int64
	ready time.Duration
	api   *http.Client
	stop  func()
	// told has how late each notice came, which are logged.
	mu   sync.Mutex
	told []told
}

type told struct {
	at   time.Time
	late time.Duration
}

// base is a Friday afternoon.
var base = time.Date(2026, 10, 9, 16, 30, 0, 0, time.UTC)

func (s *scale) now() time.Time { return time.Now().Round(0).Add(time.Duration(s.ahead.Load())) }

func startScale(b *testing.B) *scale {
	dir, err := os.MkdirTemp("", "scale")
	if err != nil {
		b.Fatal(err)
	}
	s := &scale{b: b}
	s.ahead.Store(int64(time.Until(base)))
	if s.store, err = run.OpenStore(dir, run.StoreOptions{KeepRuns: 3 * many}); err != nil {
		b.Fatal(err)
	}
	s.past()
	file := filepath.Join(dir, "rekindle.yaml")
	if err := os.WriteFile(file, declaration(), 0o600); err != nil {
		b.Fatal(err)
	}
	world := fake.NewWorld(s.now)
	registry, err := providers.NewRegistry(fake.New(world))
	if err != nil {
		b.Fatal(err)
	}
	for i := range many {
		if _, err := fake.New(world).Create(b.Context(), providers.Spec{Name: name(i), ID: name(i)}, nil); err != nil {
			b.Fatal(err)
		}
	}
	log := slog.New(noticed{slog.DiscardHandler, s})
	engine := &rebuild.Engine{Providers: registry, Journal: s.store, Now: s.now, Rand: rand.Reader, Log: log,
		Executor: &run.Executor{Journal: s.store, Leases: s.store.Leases(), Now: s.now, Chance: rand.Reader, Log: log}}
	debug.SetGCPercent(50) // as the program does
	debug.FreeOSMemory()   // what the preparations took
	socket := filepath.Join(dir, "api.sock")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	began := time.Now()
	go func() {
		ended <- daemon.Run(ctx, daemon.Options{Rebuild: engine, Store: s.store, File: file, Socket: socket, Now: s.now, Rand: rand.Reader,
			Load: func() (*config.Config, error) { return config.Read(file) }, Log: log, Version: "bench",
			ExitCode: func(error) int { return 1 }, Getenv: func(string) string { return "" }})
	}()
	s.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			b.Error(err)
		}
	}
	s.api = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	for s.clusters() == nil {
		select {
		case err := <-ended:
			b.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	s.ready = time.Since(began)
	return s
}

// past gives each cluster a teardown and a restore, with reports of their usual
// size.
func (s *scale) past() {
	report, err := json.Marshal(&rebuild.Report{Commit: source.Commit{SHA: strings.Repeat("a", 40)}, Verified: true,
		Warnings: []string{strings.Repeat("x", 8<<10)}})
	if err != nil {
		s.b.Fatal(err)
	}
	first := run.Run{ID: "20261001-000000-0000", Recipe: "drift", Created: base.AddDate(0, 0, -8), Outcome: run.Done}
	if err := s.store.Begin(s.b.Context(), first); err != nil { // makes the file
		s.b.Fatal(err)
	}
	db, err := bbolt.Open(s.store.Path(), 0o600, nil) // a thousand nights in one transaction
	if err != nil {
		s.b.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for i := range many {
			for n, recipe := range []string{"teardown", rebuild.Recipe} {
				at := base.Add(time.Duration(n-20) * time.Hour)
				r := run.Run{ID: fmt.Sprintf("%s-%04d", at.Format("20060102-150405"), i), Recipe: recipe, Cluster: name(i), Provider: "fake",
					Created: at, Ended: at.Add(2 * time.Minute), Outcome: run.Done, By: "schedule", Result: report,
					Steps: []run.Step{{Name: "provision", State: run.StepDone, Made: json.RawMessage(`{"id":"x"}`)}, {Name: "delete", State: run.StepDone, Made: json.RawMessage(`{"id":"x"}`)}}}
				raw, err := json.Marshal(r)
				if err != nil {
					return err
				}
				if err := tx.Bucket([]byte("runs")).Put([]byte(r.ID), raw); err != nil {
					return err
				}
			}
		}
		return tx.Bucket([]byte("meta")).Put([]byte("schema"), []byte("1")) // the next write orders them
	})
	if err := errors.Join(err, db.Close(), s.store.Check(s.b.Context())); err != nil {
		s.b.Fatal(err)
	}
}

func name(i int) string { return "team-" + strconv.Itoa(i) }

// declaration has clusters that go down from Friday 17:00 on, in each minute some,
// and on Saturday all at 18:30.
func declaration() []byte {
	var text strings.Builder
	text.WriteString("clusters:\n")
	for i := range many {
		minute := i * 60 / many
		fmt.Fprintf(&text, "  %s:\n    source: {repo: https://git.example.com/%s.git}\n    provider: fake\n    schedule:\n      zone: %s\n"+
			"      awake: [\"Fri 07:00-%s\", \"Sat 07:00-%s\"]\n", name(i), name(i), []string{"UTC", "Etc/UTC"}[i%2],
			fmt.Sprintf("17:%02d", minute), "18:30")
	}
	return []byte(text.String())
}

type scaleView struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Doing string `json:"doing"`
}

// clusters is the daemon's list, nil while it does not serve.
func (s *scale) clusters() []scaleView {
	resp, err := s.api.Get("http://daemon/v1/clusters")
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	var list struct{ Clusters []scaleView }
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil || resp.StatusCode != http.StatusOK {
		return nil
	}
	return list.Clusters
}

// settle waits until the daemon has seen to all clusters.
func (s *scale) settle() time.Duration {
	began := time.Now()
	for {
		list := s.clusters()
		open := slices.IndexFunc(list, func(v scaleView) bool { return v.State != "awake" || v.Doing != "" })
		if len(list) == many && open < 0 {
			return time.Since(began)
		}
		if time.Since(began) > 5*time.Minute {
			s.b.Fatalf("%d clusters, and %+v", len(list), list[max(0, open)])
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// idleCPU is the part of a core that doing nothing takes.
func (s *scale) idleCPU(d time.Duration) float64 {
	time.Sleep(2 * time.Second)
	before := s.cpu()
	time.Sleep(d)
	return (s.cpu() - before).Seconds() / d.Seconds()
}

func (s *scale) cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		s.b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// memory is that of the whole process, this test included, in MB: VmRSS with the
// pages of its program and of the journal, RssAnon without.
func (s *scale) memory(of string) float64 {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		s.b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), of+":")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		s.b.Fatal(err)
	}
	return float64(kb) / 1000
}

// list is how long the list of clusters takes, with its transfer and without its
// decoding.
func (s *scale) list() (median, slowest time.Duration) {
	var all []time.Duration
	for range 40 {
		began := time.Now()
		resp, err := s.api.Get("http://daemon/v1/clusters")
		if err != nil {
			s.b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			s.b.Fatal(err)
		}
		resp.Body.Close()
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)-1]
}

// late lets an instant come at which the warnings of n teardowns are due, and
// returns by how much the last of them was late.
func (s *scale) late(at time.Time, n int) time.Duration {
	s.ahead.Store(int64(time.Until(at.Add(-500 * time.Millisecond))))
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		var slowest time.Duration
		have := 0
		s.mu.Lock()
		for _, t := range s.told {
			if t.at.Equal(at) {
				have++
				slowest = max(slowest, t.late)
			}
		}
		s.mu.Unlock()
		if have >= n {
			return slowest
		}
		if time.Now().After(deadline) {
			s.b.Fatalf("%d of %d warnings came", have, n)
		}
	}
}

// noticed keeps when warnings of teardowns were logged.
type noticed struct {
	slog.Handler
	s *scale
}

// warned is how long before a teardown people are told.
const warned = 10 * time.Minute

func (noticed) Enabled(context.Context, slog.Level) bool { return true }

func (h noticed) Handle(_ context.Context, r slog.Record) error {
	var at time.Time
	kind := ""
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "at":
			at, _ = a.Value.Any().(time.Time)
		case "notice":
			kind = fmt.Sprint(a.Value.Any())
		}
		return true
	})
	if kind == "teardown" {
		h.s.mu.Lock()
		due := at.Add(-warned)
		h.s.told = append(h.s.told, told{due, h.s.now().Sub(due)})
		h.s.mu.Unlock()
	}
	return nil
}
