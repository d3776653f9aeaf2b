package server

import (
	"net"
	"net/http"
	"sync"
)

// conns knows the open connections: which place each takes, and on which nothing
// was asked yet.
type conns struct {
	mu       sync.Mutex
	places   map[net.Conn]chan struct{}
	silent   map[net.Conn]bool
	stopping bool
}

func newConns() *conns {
	return &conns{places: map[net.Conn]chan struct{}{}, silent: map[net.Conn]bool{}}
}

// changed is http.Server.ConnState.
func (c *conns) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	if state == http.StateNew {
		c.silent[conn] = true
	} else {
		delete(c.silent, conn)
	}
	stopping, place := c.stopping, c.places[conn]
	if state == http.StateClosed {
		delete(c.places, conn)
	}
	c.mu.Unlock()
	switch {
	case state == http.StateClosed && place != nil:
		<-place
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

// limited accepts connections as long as there is room. Each listener has room of
// its own: strangers who fill up the one for other machines do not keep people from
// the socket.
type limited struct {
	net.Listener
	conns *conns
	// room has an item for each connection.
	room chan struct{}
}

func (c *conns) limit(l net.Listener, most int) net.Listener {
	return &limited{l, c, make(chan struct{}, most)}
}

func (l *limited) Accept() (net.Conn, error) {
	l.room <- struct{}{} // full: the next waits in the kernel's queue
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	l.conns.mu.Lock()
	l.conns.places[conn] = l.room
	l.conns.mu.Unlock()
	return conn, nil
}
