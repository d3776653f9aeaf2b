package ec2

import (
	"errors"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

const (
	account = "111122223333"
	region  = "eu-central-1"
	delay   = time.Second
	lag     = time.Second / 2
)

// world is a Cloud whose time passes only when a test says so.
type world struct {
	*testing.T
	now   time.Time
	cloud *Cloud
	*Place
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, now: time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)}
	w.cloud = New(Options{Clock: func() time.Time { return w.now }, Delay: delay, Lag: lag})
	w.Place = w.cloud.At(account, region)
	return w
}

func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

// refused fails the test unless EC2 refused with a code.
func (w *world) refused(code string, err error) {
	w.Helper()
	var e *wire.Error
	if !errors.As(err, &e) || e.Code != code {
		w.Fatalf("got %v, want %s", err, code)
	}
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// net is a VPC with a public subnet and all that it needs.
type net struct {
	vpc         VPC
	subnet      Subnet
	gateway     Gateway
	table       RouteTable
	association string
}

func (w *world) net() net {
	w.Helper()
	n := net{vpc: must(w.CreateVPC("10.0.0.0/16", map[string]string{"Name": "net"}))}
	n.subnet = must(w.CreateSubnet(Subnet{VPC: n.vpc.ID, CIDR: "10.0.0.0/20", Zone: region + "a", Public: true}))
	n.gateway = must(w.CreateGateway(nil))
	w.ok(w.AttachGateway(n.gateway.ID, n.vpc.ID))
	n.table = must(w.CreateRouteTable(n.vpc.ID, nil))
	w.ok(w.CreateRoute(n.table.ID, "0.0.0.0/0", n.gateway.ID))
	n.association = must(w.AssociateRouteTable(n.table.ID, n.subnet.ID))
	return n
}
