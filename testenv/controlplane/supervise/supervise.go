// Package supervise keeps the processes of one local cluster alive: it reserves
// the ports, starts etcd, the API server, the controllers, the scheduler, kwok
// and the simulated cloud, starts again what dies, and stops them in the right
// order on SIGTERM.
//
// In goes a directory as package layout describes it, with certificates and
// controlplane.json; out come status.json, ports.json and logs of bounded size.
// When the supervisor itself is killed the kernel takes its children along.
package supervise

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rekindle-io/rekindle/testenv/controlplane/layout"
)

// ErrAlready: another supervisor runs this cluster.
var ErrAlready = errors.New("a supervisor of this cluster runs already")

// giveUpAfter is how many deaths of one component the supervisor bears before
// the cluster was ready for the first time.
const giveUpAfter = 6

// supervisor is the state of one running cluster.
type supervisor struct {
	dir      layout.Dir
	spec     layout.Spec
	version  string
	log      *slog.Logger
	children []*child

	mu     sync.Mutex
	status layout.Status
}

// Run supervises the cluster in dir until ctx ends, then stops it. It returns
// an error when the cluster cannot be started at all.
func Run(ctx context.Context, dir layout.Dir, version string, log *slog.Logger) error {
	spec, err := layout.ReadSpec(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir.Path("run"), 0o700); err != nil {
		return err
	}
	lock, err := lockFile(dir.Run("supervisor.lock"))
	if err != nil {
		return err
	}
	defer lock.Close()

	s := &supervisor{dir: dir, spec: spec, version: version, log: log}
	err = s.supervise(ctx)
	if err != nil {
		s.report(layout.PhaseFailed, err.Error())
	}
	return err
}

func (s *supervisor) supervise(ctx context.Context) error {
	wanted, err := layout.ReadPorts(s.dir)
	if err != nil {
		return err
	}
	ports, moved, err := reservePorts(ctx, wanted)
	if err != nil {
		return err
	}
	if err := layout.WritePorts(s.dir, ports); err != nil {
		return err
	}
	if err := writeFiles(s.dir, ports); err != nil {
		return err
	}
	s.status = layout.Status{
		Schema: layout.Schema, ID: s.spec.ID, PID: os.Getpid(),
		Version: s.version, Ports: ports, Moved: moved,
	}
	probe, err := newProbe(s.dir, ports)
	if err != nil {
		return err
	}

	spawnCtx, endSpawner := context.WithCancel(context.WithoutCancel(ctx))
	defer endSpawner()
	opened, hopeless := make(chan struct{}), make(chan struct{}, 1)
	s.startAll(spawnCtx, ports, opened, hopeless)
	defer s.stopAll()
	s.report(layout.PhaseStarting, "")

	if err := probe.wait(ctx, hopeless); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("%w: %s", err, s.deaths())
	}
	close(opened)
	s.report(layout.PhaseReady, "")
	<-ctx.Done()
	s.report(layout.PhaseStopping, "")
	return nil
}

// startAll starts every component. The context given outlives the one that asks
// the supervisor to end, because children are stopped in order, not at once.
func (s *supervisor) startAll(ctx context.Context, ports layout.Ports, opened <-chan struct{}, hopeless chan<- struct{}) {
	sp := newSpawner(ctx)
	for _, comp := range components(s.dir, s.spec, ports) {
		childCtx, stop := context.WithCancel(ctx)
		c := &child{
			component: comp, dir: s.dir, id: s.spec.ID, spawner: sp, opened: opened,
			log: s.log, stop: stop, done: make(chan struct{}),
			state: layout.Component{Name: comp.name},
		}
		c.changed = func() {
			if c.snapshot().Restarts >= giveUpAfter {
				select {
				case hopeless <- struct{}{}:
				default:
				}
			}
			s.write()
		}
		s.mu.Lock()
		s.children = append(s.children, c)
		s.mu.Unlock()
		go c.keep(childCtx)
	}
}

func (s *supervisor) stopAll() {
	byName := make(map[string]*child, len(s.children))
	for _, c := range s.children {
		byName[c.name] = c
	}
	for _, group := range stopOrder() {
		for _, name := range group {
			byName[name].stop()
		}
		for _, name := range group {
			<-byName[name].done
		}
	}
}

// deaths names the components that died, for the message of a failure.
func (s *supervisor) deaths() string {
	text := ""
	for _, c := range s.children {
		if st := c.snapshot(); st.Restarts > 0 {
			text += fmt.Sprintf("%s died %d times (%s), see %s; ", st.Name, st.Restarts, st.LastError, s.dir.Log(st.Name))
		}
	}
	return text
}

func (s *supervisor) report(phase layout.Phase, message string) {
	s.mu.Lock()
	s.status.Phase, s.status.Message = phase, message
	s.mu.Unlock()
	s.log.Info("phase", "phase", phase, "message", message)
	s.write()
}

func (s *supervisor) write() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Components = nil
	for _, c := range s.children {
		s.status.Components = append(s.status.Components, c.snapshot())
	}
	if err := layout.WriteStatus(s.dir, s.status); err != nil {
		s.log.Warn("cannot write the status", "error", err)
	}
}

// lockFile takes the lock that a supervisor holds while it lives.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrAlready
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// probe asks the API server whether it is ready, as the cluster's own client.
type probe struct {
	client *http.Client
	url    string
}

func newProbe(d layout.Dir, ports layout.Ports) (*probe, error) {
	ca, err := os.ReadFile(d.PKI("ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", d.PKI("ca.crt"))
	}
	cert, err := tls.LoadX509KeyPair(d.PKI("supervisor.crt"), d.PKI("supervisor.key"))
	if err != nil {
		return nil, err
	}
	return &probe{
		client: &http.Client{
			Timeout:   5 * time.Second,
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}},
		},
		url: fmt.Sprintf("https://%s:%d/readyz", loopback, ports.API),
	}, nil
}

// wait returns when the API server is ready, ctx ends, or hope is gone. It sets
// no deadline: the maker of the cluster has one.
func (p *probe) wait(ctx context.Context, hopeless <-chan struct{}) error {
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		if p.ready(ctx) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-hopeless:
			return errors.New("the control plane does not start")
		case <-tick.C:
		}
	}
}

func (p *probe) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return false
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode == http.StatusOK
}
