package socket

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// Files are paths of PEM files: a certificate with its key, and the authorities
// that sign the other side's. They are read again when they change, so that
// certificates can be renewed under a running daemon.
type Files struct {
	Cert, Key, CA string
}

func (f Files) check() error {
	var missing []string
	for _, p := range []struct{ name, path string }{{"a certificate", f.Cert}, {"its key", f.Key}, {"the clients' authority", f.CA}} {
		if p.path == "" {
			missing = append(missing, p.name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("TCP is served only with certificates on both sides, and these are missing: %v", missing)
	}
	return nil
}

// ListenTLS listens on a TCP address with TLS 1.3, for clients that show a
// certificate which an authority of files.CA signed. Without all three files it
// refuses.
func ListenTLS(ctx context.Context, address string, files Files) (net.Listener, error) {
	if err := files.check(); err != nil {
		return nil, err
	}
	k := &keys{files: files}
	if _, err := k.config(); err != nil {
		return nil, err
	}
	var conf net.ListenConfig
	l, err := conf.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion:         tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return k.config() },
	}), nil
}

// ClientTLS is the other side: a client that shows files.Cert and trusts the
// authorities of files.CA alone.
func ClientTLS(files Files) (*tls.Config, error) {
	if err := files.check(); err != nil {
		return nil, err
	}
	cert, pool, err := files.load()
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, RootCAs: pool}, nil
}

func (f Files) load() (tls.Certificate, *x509.CertPool, error) {
	cert, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return cert, nil, fmt.Errorf("certificate %s: %w", f.Cert, err)
	}
	pem, err := os.ReadFile(f.CA)
	if err != nil {
		return cert, nil, fmt.Errorf("authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return cert, nil, fmt.Errorf("authorities %s: no certificate in it", f.CA)
	}
	return cert, pool, nil
}

// keys keep a server's configuration until one of its files changes.
type keys struct {
	files Files

	mu   sync.Mutex
	seen [3]stamp
	conf *tls.Config
}

// stamp tells one state of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

// config returns the configuration. When the files changed and cannot be read, as
// in the middle of being renewed, the old one stays.
func (k *keys) config() (*tls.Config, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, err := k.stamps()
	if err == nil && k.conf != nil && now == k.seen {
		return k.conf, nil
	}
	cert, pool, loadErr := k.files.load()
	if err = errors.Join(err, loadErr); err != nil {
		if k.conf != nil {
			return k.conf, nil
		}
		return nil, err
	}
	k.seen = now
	k.conf = &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"},
		Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}
	return k.conf, nil
}

func (k *keys) stamps() (s [3]stamp, err error) {
	for i, path := range []string{k.files.Cert, k.files.Key, k.files.CA} {
		info, err := os.Stat(path)
		if err != nil {
			return s, err
		}
		s[i] = stamp{info.ModTime(), info.Size()}
	}
	return s, nil
}
