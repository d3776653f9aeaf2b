package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/schedule/keeper"
)

// supervised is a daemon under a service manager that listens on a real socket.
func supervised(t *testing.T, watchdog string, store run.StoreOptions) (*daemon, *net.UnixConn, context.CancelFunc) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sd") // the path of a socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	address := filepath.Join(dir, "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { manager.Close() })
	journal, err := run.OpenStore(filepath.Join(dir, "state"), store)
	if err != nil {
		t.Fatal(err)
	}
	life, end := context.WithCancel(t.Context())
	env := map[string]string{"NOTIFY_SOCKET": address, "WATCHDOG_USEC": watchdog}
	d := &daemon{life: life, Options: Options{
		Store: journal, Getenv: func(name string) string { return env[name] }, Log: slog.New(slog.DiscardHandler),
	}}
	d.keeper = keeper.New(keeper.Options{World: world{d}, Records: journal, Now: time.Now})
	return d, manager, end
}

// heard is the next thing that the manager is told, "" when that takes longer.
func heard(t *testing.T, manager *net.UnixConn, within time.Duration) string {
	t.Helper()
	if err := manager.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 256)
	n, err := manager.Read(buf)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func TestServiceManagerHearsOfBeginWorkAndEnd(t *testing.T) {
	d, manager, end := supervised(t, "20000", run.StoreOptions{})
	stopping := d.tellManager()
	if told := heard(t, manager, time.Minute); told != "READY=1" {
		t.Fatalf("first it was told %q", told)
	}
	for range 3 {
		if told := heard(t, manager, time.Minute); told != "WATCHDOG=1" {
			t.Fatalf("while the daemon works it was told %q", told)
		}
	}
	end()
	d.work.Wait()
	for heard(t, manager, time.Millisecond) == "WATCHDOG=1" { // what was on its way
	}
	stopping()
	if told := heard(t, manager, time.Minute); told != "STOPPING=1" {
		t.Fatalf("at the end it was told %q", told)
	}
}

// A full disk is nothing that a new process mends.
func TestServiceManagerLeavesADaemonAloneWhoseDiskIsFull(t *testing.T) {
	d, manager, end := supervised(t, "20000", run.StoreOptions{MinFree: 1 << 62})
	d.tellManager()
	if err := d.Ready(t.Context()); err == nil {
		t.Fatal("it is ready without a place for its journal")
	}
	for _, want := range []string{"READY=1", "WATCHDOG=1"} {
		if told := heard(t, manager, time.Minute); told != want {
			t.Fatalf("it was told %q, want %q", told, want)
		}
	}
	end()
	d.work.Wait()
}

func TestWatchdogFallsSilentWhenTheDaemonIsStuck(t *testing.T) {
	d, manager, end := supervised(t, "2000", run.StoreOptions{})
	stuck, mended := make(chan struct{}, 1), make(chan struct{})
	d.keeper = keeper.New(keeper.Options{World: world{d}, Records: d.Store, Now: func() time.Time { // asked with the keeper's lock held
		select {
		case stuck <- struct{}{}:
		default:
		}
		<-mended
		return time.Now()
	}})
	d.work.Go(func() { _ = d.keeper.Run(d.life) })
	<-stuck
	d.tellManager()
	if told := heard(t, manager, time.Minute); told != "READY=1" {
		t.Fatalf("first it was told %q", told)
	}
	if told := heard(t, manager, 100*time.Millisecond); told != "" { // a hundred times as long as it takes
		t.Fatalf("a daemon that is stuck told %q", told)
	}
	close(mended)
	if told := heard(t, manager, time.Minute); told != "WATCHDOG=1" {
		t.Fatalf("a daemon that goes on told %q", told)
	}
	end()
	d.work.Wait()
}

func TestWithoutAServiceManagerNobodyIsTold(*testing.T) {
	d := &daemon{Options: Options{Getenv: func(string) string { return "" }}}
	d.tellManager()()
}
