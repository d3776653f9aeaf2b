package socket

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"unicode"
)

// Peer is who is at the other end of a connection.
type Peer struct {
	// Name is what is recorded with a person's words: the user's name, or the name
	// in the certificate.
	Name string
	// UID and PID are of a connection on a unix socket; -1 and 0 otherwise.
	UID, PID int
	// Via is "unix", "mtls" or "process".
	Via string
}

// Anybody else than the daemon's user and root is refused with an error that is
// ErrStranger; so is a connection that shows no certificate.
var ErrStranger = errors.New("refused")

// maxName is the longest name that is recorded, in characters.
const maxName = 100

// PeerOf tells who is at the other end of a connection that a Listener accepted.
// Of a TLS connection the handshake must be over.
func PeerOf(conn net.Conn) (Peer, error) {
	switch c := conn.(type) {
	case *net.UnixConn:
		return localPeer(c)
	case *tls.Conn:
		return certifiedPeer(c.ConnectionState())
	case *pipeConn:
		return c.peer, nil
	}
	return Peer{}, fmt.Errorf("%w: a connection without credentials", ErrStranger)
}

func localPeer(c *net.UnixConn) (Peer, error) {
	uid, pid, err := credentials(c)
	if err != nil {
		return Peer{}, fmt.Errorf("%w: the system does not tell who is there: %w", ErrStranger, err)
	}
	p := Peer{Name: userName(uid), UID: uid, PID: pid, Via: "unix"}
	if uid != 0 && uid != os.Geteuid() {
		return p, fmt.Errorf("%w: the daemon belongs to %s, and you are %s", ErrStranger, userName(os.Geteuid()), p.Name)
	}
	return p, nil
}

// credentials are those with which the other end connected, as the kernel noted
// them.
func credentials(c *net.UnixConn) (uid, pid int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, 0, err
	}
	var refused error
	err = raw.Control(func(fd uintptr) { uid, pid, refused = credentialsOf(int(fd)) })
	return uid, pid, errors.Join(err, refused)
}

func userName(uid int) string {
	id := strconv.Itoa(uid)
	u, err := user.LookupId(id)
	if err != nil || u.Username == "" {
		return "uid " + id
	}
	return printable(u.Username)
}

// certifiedPeer takes the name from a verified certificate: its common name, or
// else its first e-mail address, DNS name or URI.
func certifiedPeer(state tls.ConnectionState) (Peer, error) {
	if !state.HandshakeComplete || len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return Peer{}, fmt.Errorf("%w: no certificate that our authority signed", ErrStranger)
	}
	cert := state.PeerCertificates[0]
	names := append([]string{cert.Subject.CommonName}, cert.EmailAddresses...)
	names = append(names, cert.DNSNames...)
	for _, uri := range cert.URIs {
		names = append(names, uri.String())
	}
	for _, name := range names {
		if name = printable(name); name != "" {
			return Peer{Name: name, UID: -1, Via: "mtls"}, nil
		}
	}
	return Peer{}, fmt.Errorf("%w: the certificate names nobody: it needs a common name, an e-mail address, a DNS name or a URI", ErrStranger)
}

// printable leaves out what a terminal could obey, and shortens.
func printable(name string) string {
	kept := strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, name)
	kept = strings.TrimSpace(kept)
	if all := []rune(kept); len(all) > maxName {
		kept = string(all[:maxName])
	}
	return kept
}
