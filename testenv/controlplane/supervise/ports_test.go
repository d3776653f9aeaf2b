package supervise

import (
	"fmt"
	"net"
	"testing"

	"github.com/rekindle-io/rekindle/testenv/controlplane/layout"
)

func listen(t *testing.T, port int) (net.Listener, error) {
	t.Helper()
	var lc net.ListenConfig
	return lc.Listen(t.Context(), "tcp4", fmt.Sprintf("127.0.0.1:%d", port))
}

// A reserved port is given to nobody else, whoever asks and however.
func TestReservedPortsAreKept(t *testing.T) {
	first, moved, err := reservePorts(t.Context(), layout.Ports{})
	if err != nil || moved {
		t.Fatal(moved, err)
	}
	if first.API == 0 || first.API == first.Etcd || first.Etcd == first.EtcdPeer || first.API == first.EtcdPeer {
		t.Fatalf("have %+v", first)
	}
	if l, err := listen(t, first.API); err == nil {
		l.Close()
		t.Error("somebody else can listen on a reserved port")
	}
	second, moved, err := reservePorts(t.Context(), first)
	if err != nil || !moved {
		t.Fatalf("the ports of a running cluster: moved %t, %v", moved, err)
	}
	if second.API == first.API || second.Etcd == first.Etcd || second.EtcdPeer == first.EtcdPeer {
		t.Errorf("two clusters share a port: %+v and %+v", first, second)
	}
}

// The ports of before are used again, and replaced where somebody listens.
func TestWantedPorts(t *testing.T) {
	free, err := listen(t, 0)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := listen(t, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	wanted := layout.Ports{API: free.Addr().(*net.TCPAddr).Port, Etcd: taken.Addr().(*net.TCPAddr).Port}
	free.Close()
	have, moved, err := reservePorts(t.Context(), wanted)
	if err != nil || !moved {
		t.Fatal(moved, err)
	}
	if have.API != wanted.API || have.Etcd == wanted.Etcd || have.EtcdPeer == 0 {
		t.Errorf("wanted %+v, have %+v", wanted, have)
	}
}
