package socket

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

type unixStat = syscall.Stat_t

// credentials are those with which the other end connected, as the kernel noted
// them (SO_PEERCRED of unix(7)).
func credentials(c *net.UnixConn) (uid, pid int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, 0, err
	}
	var cred *unix.Ucred
	var asked error
	err = raw.Control(func(fd uintptr) {
		cred, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err == nil {
		err = asked
	}
	if err != nil {
		return -1, 0, err
	}
	return int(cred.Uid), int(cred.Pid), nil
}
