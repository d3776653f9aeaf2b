// Package aws is the AWS of the tests: a server on the loopback interface that speaks
// the protocols of the operations that providers/eks uses, so that the real SDK makes,
// finds and removes clusters there. Its clusters are real control planes.
//
// In go credentials with their policies (Keys), faults (Fault) and what others own; out
// come an address for the SDK (Config, Environment), the log of what was asked (Calls)
// and all that there is (Things). It checks signatures, required members and
// permissions, is slow and eventually consistent as AWS is, and refuses what it does not
// know. The services are packages below, which know nothing of each other's protocols.
package aws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/cloudformation"
	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/eks"
	"github.com/rekindle-io/rekindle/testenv/aws/elb"
	"github.com/rekindle-io/rekindle/testenv/aws/iam"
	"github.com/rekindle-io/rekindle/testenv/aws/logs"
	"github.com/rekindle-io/rekindle/testenv/aws/sts"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Options say how a World behaves.
type Options struct {
	// Root is a directory for the control planes; required.
	Root string
	// Binary is rekindle-controlplane; required.
	Binary string
	// Own: each cluster has a control plane of its own, which takes seconds to make.
	// Otherwise all clusters share one: enough for what does not look inside.
	Own bool
	// Delay is how long AWS needs to make or remove something; 20 ms when 0.
	Delay time.Duration
	// Lag is how long AWS answers as before something was made or removed.
	Lag time.Duration
	// Page is how many items a list has at most, so that lists have several pages; 0
	// for what the services do.
	Page int
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// World is an AWS: all accounts and regions behind one address.
type World struct {
	EC2            *ec2.Cloud
	ELB            *elb.Cloud
	EKS            *eks.Cloud
	IAM            *iam.Cloud
	CloudFormation *cloudformation.Cloud
	Logs           *logs.Cloud

	opts     Options
	planes   *planes
	services map[string]map[string]wire.Operation
	server   *http.Server
	address  string

	mu    sync.Mutex
	keys  map[string]Key
	calls []Record
	fault func(wire.Call, int) Fault
	wrong []string
}

// Start makes a World for one test, which ends with it. The test fails when something
// was asked of the world that it does not know.
func Start(t testing.TB, opts Options) *World {
	t.Helper()
	w, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// New makes a World and serves it, until Close.
func New(opts Options) (*World, error) {
	if opts.Root == "" || opts.Binary == "" {
		return nil, errors.New("aws: Options.Root and Binary are required")
	}
	if opts.Delay == 0 {
		opts.Delay = 20 * time.Millisecond
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	w := &World{opts: opts, keys: map[string]Key{}}
	p, err := newPlanes(w)
	if err != nil {
		return nil, err
	}
	w.planes = p
	w.assemble()
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0") // it listens until Close
	if err != nil {
		return nil, err
	}
	w.address = "http://" + listener.Addr().String()
	w.server = &http.Server{Handler: w, ReadHeaderTimeout: time.Minute}
	go func() { _ = w.server.Serve(listener) }() // ends with Close
	return w, nil
}

// assemble makes the services, and lets them know of each other.
func (w *World) assemble() {
	o := w.opts
	w.EC2 = ec2.New(ec2.Options{Clock: o.Now, Delay: o.Delay, Lag: o.Lag, Page: o.Page})
	w.ELB = elb.New(elb.Options{Clock: o.Now, Delay: o.Delay, Lag: o.Lag, Page: o.Page}, w.EC2)
	w.IAM = iam.New(iam.Options{Clock: o.Now, Lag: o.Lag, Page: o.Page})
	w.Logs = logs.New(logs.Options{Clock: o.Now, Lag: o.Lag, Page: o.Page})
	w.EKS = eks.New(eks.Options{Clock: o.Now, Delay: o.Delay, Lag: o.Lag, Page: o.Page}, eks.Parts{Planes: w.planes, Network: w.EC2, Roles: roles{w.IAM}, ServiceRoles: serviceRoles{w.IAM}, Logs: groups{w.Logs}})
	w.CloudFormation = cloudformation.New(cloudformation.Options{Clock: o.Now, Delay: o.Delay, Lag: o.Lag, Page: o.Page}, cloudformation.Parts{Network: w.EC2, Roles: w.IAM, May: w.may})
	w.services = map[string]map[string]wire.Operation{
		"eks": w.EKS.Operations(), "ec2": w.EC2.Operations(), "iam": w.IAM.Operations(), "sts": sts.Operations(),
		"cloudformation": w.CloudFormation.Operations(), "logs": w.Logs.Operations(),
		"elasticloadbalancing/" + classicVersion: w.ELB.Classic().Operations(), "elasticloadbalancing": w.ELB.V2().Operations(),
	}
}

// classicVersion is the version of the API of classic load balancers; both services
// are signed for by one name.
const classicVersion = "2012-06-01"

// Close ends the server and all control planes. It returns what was asked that nothing
// here knows, and mistakes of the simulation.
func (w *World) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := errors.Join(w.server.Close(), w.planes.close(ctx))
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, wrong := range w.wrong {
		err = errors.Join(err, errors.New(wrong))
	}
	return err
}

// mistake notes what is the simulation's fault, or asks for something that it lacks.
func (w *World) mistake(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if text := "aws: " + fmt.Sprintf(format, args...); !slices.Contains(w.wrong, text) {
		w.wrong = append(w.wrong, text)
	}
}
