package supervise

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rekindle-io/rekindle/testenv/controlplane/layout"
)

// loopback is the only address anything of a cluster listens on.
const loopback = "127.0.0.1"

// reservation holds a port for the whole life of the supervisor: a socket that
// is bound but does not listen, with SO_REUSEPORT, so that a component (which
// binds with SO_REUSEPORT as well) can listen there while nobody else is given
// the port, not even between a component's death and its restart.
type reservation struct {
	port int
	fd   int
}

func reserve(port int) (reservation, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return reservation{}, fmt.Errorf("socket: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		unix.Close(fd)
		return reservation{}, fmt.Errorf("SO_REUSEPORT: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		unix.Close(fd)
		return reservation{}, fmt.Errorf("bind %s:%d: %w", loopback, port, err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return reservation{}, fmt.Errorf("getsockname: %w", err)
	}
	return reservation{port: name.(*unix.SockaddrInet4).Port, fd: fd}, nil
}

// claim reserves one port that nobody else has, without a moment in which two
// could claim it: it is listened on while it is being reserved.
func claim(ctx context.Context, port int) (reservation, error) {
	share := false
	lc := net.ListenConfig{}
	l, err := lc.Listen(ctx, "tcp4", fmt.Sprintf("%s:%d", loopback, port))
	if err != nil {
		return reservation{}, err
	}
	defer l.Close()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		return reservation{}, err
	}
	err = raw.Control(func(fd uintptr) {
		share = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) == nil
	})
	if err != nil || !share {
		return reservation{}, fmt.Errorf("SO_REUSEPORT on port %d: %w", port, err)
	}
	return reserve(l.Addr().(*net.TCPAddr).Port)
}

// How long a port of before is waited for. The components of a supervisor that
// was killed are gone from the process list a moment before their sockets are.
const (
	reclaimFor   = 2 * time.Second
	reclaimEvery = 50 * time.Millisecond
)

// reclaim reserves a port that the cluster had before.
func reclaim(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, reclaimFor)
	defer cancel()
	for {
		_, err := claim(ctx, port)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(reclaimEvery):
		}
	}
}

// New ports are chosen below the range from which kernels give ports to outgoing
// connections, so that the port of a stopped cluster is seldom taken when it
// starts again, and its kubeconfig stays valid.
const (
	lowestPort = 20000
	portCount  = 10000
	portTries  = 200
)

// free reserves a port that nobody has.
func free(ctx context.Context) (reservation, error) {
	for range portTries {
		if r, err := claim(ctx, lowestPort+rand.IntN(portCount)); err == nil {
			return r, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return claim(ctx, 0)
}

// reservePorts reserves the wanted ports; one that is 0 or that somebody else
// holds is replaced by a free one, and moved says so for a wanted one.
func reservePorts(ctx context.Context, wanted layout.Ports) (ports layout.Ports, moved bool, err error) {
	ports = wanted
	for _, p := range []*int{&ports.API, &ports.Etcd, &ports.EtcdPeer} {
		if *p != 0 {
			if reclaim(ctx, *p) == nil {
				continue
			}
			moved = true
		}
		r, err := free(ctx)
		if err != nil {
			return layout.Ports{}, false, fmt.Errorf("no free port on %s: %w", loopback, err)
		}
		*p = r.port
	}
	return ports, moved, nil
}
