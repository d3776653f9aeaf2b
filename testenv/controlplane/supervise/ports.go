package supervise

import (
	"context"
	"fmt"
	"net"

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

// exclusive binds port without SO_REUSEPORT and lets it go again: it fails where
// another process of the same user shares the port out.
func exclusive(ctx context.Context, port int) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", fmt.Sprintf("%s:%d", loopback, port))
	if err != nil {
		return err
	}
	return l.Close()
}

// reservePorts reserves the wanted ports; one that is 0 or that somebody else
// holds is replaced by a free one, and moved says so for a wanted one.
func reservePorts(ctx context.Context, wanted layout.Ports) (ports layout.Ports, moved bool, err error) {
	ports = wanted
	for _, p := range []*int{&ports.API, &ports.Etcd, &ports.EtcdPeer} {
		if *p != 0 {
			if exclusive(ctx, *p) == nil {
				if _, err := reserve(*p); err == nil {
					continue
				}
			}
			moved = true
		}
		r, err := reserve(0)
		if err != nil {
			return layout.Ports{}, false, fmt.Errorf("no free port on %s: %w", loopback, err)
		}
		*p = r.port
	}
	return ports, moved, nil
}
