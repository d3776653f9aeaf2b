package socket

import (
	"syscall"

	"golang.org/x/sys/unix"
)

type unixStat = syscall.Stat_t

// credentialsOf asks for SO_PEERCRED of unix(7).
func credentialsOf(fd int) (uid, pid int, err error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return -1, 0, err
	}
	return int(cred.Uid), int(cred.Pid), nil
}
