package socket

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

type unixStat = syscall.Stat_t

// credentials are those with which the other end connected, as the kernel noted
// them (LOCAL_PEERCRED of unix(4)). The process is not told.
func credentials(c *net.UnixConn) (uid, pid int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, 0, err
	}
	var cred *unix.Xucred
	var asked error
	err = raw.Control(func(fd uintptr) {
		cred, asked = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	})
	if err == nil {
		err = asked
	}
	if err != nil {
		return -1, 0, err
	}
	return int(cred.Uid), 0, nil
}
