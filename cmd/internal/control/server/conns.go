package server

import (
	"net"
	"net/http"
	"sync"
)

// conns counts connections, and knows those on which nothing was asked yet.
type conns struct {
	// room has an item for each connection.
	room chan struct{}

	mu       sync.Mutex
	silent   map[net.Conn]bool
	stopping bool
}

func newConns(most int) *conns {
	return &conns{room: make(chan struct{}, most), silent: map[net.Conn]bool{}}
}

// changed is http.Server.ConnState.
func (c *conns) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	if state == http.StateNew {
		c.silent[conn] = true
	} else {
		delete(c.silent, conn)
	}
	stopping := c.stopping
	c.mu.Unlock()
	switch {
	case state == http.StateClosed:
		<-c.room
	case state == http.StateNew && stopping:
		conn.Close()
	}
}

// stop closes the silent ones: a server that is shut down would wait for them.
func (c *conns) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopping = true
	for conn := range c.silent {
		conn.Close()
	}
}

// limited accepts connections as long as there is room.
type limited struct {
	net.Listener
	conns *conns
}

func (l *limited) Accept() (net.Conn, error) {
	l.conns.room <- struct{}{} // full: the next waits in the kernel's queue
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.conns.room
	}
	return c, err
}
