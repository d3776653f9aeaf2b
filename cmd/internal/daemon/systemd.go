package daemon

import (
	"net"
	"strconv"
	"time"
)

// tellManager tells the service manager (systemd's protocol) that the daemon is
// ready, and as often as it wants that it still works; the returned function
// tells that it stops. Without a manager it does nothing.
func (d *daemon) tellManager() (stopping func()) {
	address := d.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return func() {}
	}
	tell := func(state string) {
		conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
		if err != nil {
			d.Log.Warn("daemon: the service manager cannot be told", "error", err)
			return
		}
		defer conn.Close()
		_, _ = conn.Write([]byte(state)) // it hears of us, or restarts us
	}
	tell("READY=1")
	if us, err := strconv.ParseInt(d.Getenv("WATCHDOG_USEC"), 10, 64); err == nil && us > 0 {
		d.work.Go(func() { d.watchdog(time.Duration(us)*time.Microsecond, tell) })
	}
	return func() { tell("STOPPING=1") }
}

// watchdog tells twice in each interval that the daemon is not stuck: when the
// keeper's or the journal's locks are, it falls silent, and is started anew. A disk
// that is full is nothing that a new process mends, and would only cost the runs
// that go on.
func (d *daemon) watchdog(interval time.Duration, tell func(string)) {
	ticker := time.NewTicker(interval / 2)
	defer ticker.Stop()
	for {
		select {
		case <-d.life.Done():
			return
		case <-ticker.C:
		}
		_ = d.Ready(d.life)
		tell("WATCHDOG=1")
	}
}
