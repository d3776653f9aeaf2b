package socket

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// Pipe is a listener within this process: nobody else can reach it, so that whoever
// dials it is the person whose process it is.
type Pipe struct {
	peer  Peer
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

var _ net.Listener = (*Pipe)(nil)

// NewPipe makes a listener whose clients are all of one name.
func NewPipe(name string) *Pipe {
	return &Pipe{peer: Peer{Name: printable(name), UID: -1, Via: "process"}, conns: make(chan net.Conn), done: make(chan struct{})}
}

// pipeConn is the end of a connection that the server has.
type pipeConn struct {
	net.Conn
	peer Peer
}

// Dial connects to who accepts. Once the listener is closed nobody does.
func (p *Pipe) Dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	err := error(&net.OpError{Op: "dial", Net: "pipe", Addr: p.Addr(), Err: syscall.ECONNREFUSED})
	select {
	case p.conns <- &pipeConn{theirs, p.peer}:
		return ours, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-p.done:
	}
	_, _ = ours.Close(), theirs.Close() // nobody has them
	return nil, err
}

// Accept implements net.Listener.
func (p *Pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *Pipe) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

// Addr implements net.Listener.
func (p *Pipe) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "this process" }
