package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/control/client"
	"github.com/rekindle-io/rekindle/cmd/internal/control/server"
	"github.com/rekindle-io/rekindle/cmd/internal/control/socket"
	"github.com/rekindle-io/rekindle/recover/api"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{file: filepath.Join(t.TempDir(), "ca.pem")}
	a.cert, a.key = a.sign(t, x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	write(t, a.file, "CERTIFICATE", a.cert.Raw)
	return a
}

// sign makes a certificate; by itself when there is no authority yet.
func (a *authority) sign(t testing.TB, c x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, _ = rand.Int(rand.Reader, big.NewInt(1<<62))
	c.NotBefore = time.Now().Add(-time.Hour)
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	parent, by := &c, key
	if a.key != nil {
		parent, by = a.cert, a.key
	}
	raw, err := x509.CreateCertificate(rand.Reader, &c, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func write(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// issue writes a certificate of the authority and its key into files, for somebody
// who trusts trusted.
func (a *authority) issue(t testing.TB, c x509.Certificate, trusted *authority) socket.Files {
	t.Helper()
	dir := t.TempDir()
	f := socket.Files{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), CA: trusted.file}
	a.renew(t, c, f)
	return f
}

func (a *authority) renew(t testing.TB, c x509.Certificate, f socket.Files) {
	t.Helper()
	c.KeyUsage = x509.KeyUsageDigitalSignature
	cert, key := a.sign(t, c)
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, f.Cert, "CERTIFICATE", cert.Raw)
	write(t, f.Key, "EC PRIVATE KEY", raw)
}

// here is a server's certificate.
func here() x509.Certificate {
	return x509.Certificate{
		Subject: pkix.Name{CommonName: "daemon"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

// person is a client's certificate.
func person(name string) x509.Certificate {
	return x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
}

// serveTLS serves on a port of the loopback, and returns the https address.
func serveTLS(t testing.TB, b server.Backend, files socket.Files) (*daemon, string) {
	t.Helper()
	l, err := socket.ListenTLS(t.Context(), "127.0.0.1:0", files)
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, b, "", l), "https://" + l.Addr().String()
}

func dialTLS(t testing.TB, address string, files socket.Files) *client.Client {
	t.Helper()
	conf, err := socket.ClientTLS(files)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(address+"/", client.Options{TLS: conf, Chance: rand.Reader, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestACertificateTellsWhoIsThere(t *testing.T) {
	ours := newAuthority(t)
	m := newMemory()
	m.declare("dev")
	_, address := serveTLS(t, m, ours.issue(t, here(), ours))
	uri, _ := url.Parse("spiffe://example.com/ci")
	client := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	for want, cert := range map[string]x509.Certificate{
		"ada":                     person("ada"),
		"ada@example.com":         {EmailAddresses: []string{"ada@example.com"}, ExtKeyUsage: client},
		"ci.example.com":          {DNSNames: []string{"ci.example.com"}, ExtKeyUsage: client},
		"spiffe://example.com/ci": {URIs: []*url.URL{uri}, ExtKeyUsage: client},
		"[31mada":                 person("\x1b[31mada\n"),
		strings.Repeat("é", 100):  person(strings.Repeat("é", 150)),
	} {
		c := dialTLS(t, address, ours.issue(t, cert, ours))
		said, err := c.Say(t.Context(), "dev", api.WordRequest{Kind: api.Wake})
		if err != nil || said.Word.By != want {
			t.Errorf("%q: recorded as %q, %v", want, said.Word.By, err)
		}
	}
	nobody := dialTLS(t, address, ours.issue(t, person(""), ours))
	if _, err := nobody.Version(t.Context()); !api.IsKind(err, api.Forbidden) {
		t.Errorf("a certificate without a name: %v", err)
	}
}

func TestWithoutAGoodCertificateNobodyIsServed(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	m := newMemory()
	_, address := serveTLS(t, m, ours.issue(t, here(), ours))
	expired := person("ada")
	expired.NotAfter = time.Now().Add(-time.Minute)
	wrongUse := person("ada")
	wrongUse.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for name, files := range map[string]socket.Files{
		"of another authority": others.issue(t, person("ada"), ours),
		"expired":              ours.issue(t, expired, ours),
		"for servers":          ours.issue(t, wrongUse, ours),
		"who trusts another":   ours.issue(t, person("ada"), others),
	} {
		_, err := dialTLS(t, address, files).Version(t.Context())
		var silent *client.SilentError
		if !errors.As(err, &silent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	pool := x509.NewCertPool()
	pool.AddCert(ours.cert)
	good, err := socket.ClientTLS(ours.issue(t, person("ada"), ours))
	if err != nil {
		t.Fatal(err)
	}
	for name, conf := range map[string]*tls.Config{
		"no certificate": {RootCAs: pool},
		"TLS 1.2":        {RootCAs: pool, Certificates: good.Certificates, MaxVersion: tls.VersionTLS12},
	} {
		web := &http.Client{Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}}
		if resp, err := web.Get(address + "/v1/version"); err == nil {
			resp.Body.Close()
			t.Errorf("%s: served with status %d", name, resp.StatusCode)
		}
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(address, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n")
	if raw, _ := io.ReadAll(conn); strings.Contains(string(raw), `"version"`) {
		t.Errorf("served without TLS: %s", raw)
	}
}

// A listener that tells nothing of its peers serves nobody, whoever made it.
func TestAPlainListenerServesNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, newMemory(), "", l)
	resp, err := http.Get("http://" + l.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 403 {
		t.Errorf("status %d", resp.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestTCPWithoutCertificatesIsRefused(t *testing.T) {
	ours := newAuthority(t)
	whole := ours.issue(t, here(), ours)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]socket.Files{
		"nothing":          {},
		"no authority":     {Cert: whole.Cert, Key: whole.Key},
		"no key":           {Cert: whole.Cert, CA: whole.CA},
		"files not there":  {Cert: "/nowhere", Key: whole.Key, CA: whole.CA},
		"empty authority":  {Cert: whole.Cert, Key: whole.Key, CA: empty},
		"key of another":   {Cert: whole.Cert, Key: ours.issue(t, here(), ours).Key, CA: whole.CA},
		"authority is key": {Cert: whole.Cert, Key: whole.Key, CA: whole.Key},
	} {
		if l, err := socket.ListenTLS(t.Context(), "127.0.0.1:0", files); err == nil {
			l.Close()
			t.Errorf("%s: listens", name)
		}
		if _, err := socket.ClientTLS(files); err == nil {
			t.Errorf("%s: a client is made", name)
		}
	}
	for _, address := range []string{"http://127.0.0.1:1", "https://127.0.0.1:1", "https://u:p@h/", "tcp://h", "relative", "https://h/path"} {
		if _, err := client.Dial(address, client.Options{}); err == nil || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestRenewedCertificatesAreUsed(t *testing.T) {
	ours := newAuthority(t)
	short := here()
	short.NotAfter = time.Now().Add(-time.Second) // has run out
	files := ours.issue(t, short, ours)
	_, address := serveTLS(t, newMemory(), files)
	c := dialTLS(t, address, ours.issue(t, person("ada"), ours))
	if _, err := c.Version(t.Context()); err == nil {
		t.Fatal("an expired certificate is trusted")
	}
	ours.renew(t, here(), files)
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(files.Cert, later, later); err != nil {
		t.Fatal(err)
	}
	if v, err := c.Version(t.Context()); err != nil || v.You != "ada" {
		t.Fatalf("renewed: %+v, %v", v, err)
	}
	if err := os.WriteFile(files.Cert, []byte("half wri"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Close() // a new connection
	if _, err := c.Version(t.Context()); err != nil {
		t.Errorf("while it is being written: %v", err)
	}
}

// One server serves both ways, and stops both.
func TestSocketAndTCPTogether(t *testing.T) {
	ours := newAuthority(t)
	m := newMemory()
	m.declare("dev")
	path := filepath.Join(socketDir(t), "s")
	local, err := socket.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	remote, err := socket.ListenTLS(t.Context(), "127.0.0.1:0", ours.issue(t, here(), ours))
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(m, server.Options{Now: time.Now, Chance: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, local, remote) }()
	near, err := client.Dial(path, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	far := dialTLS(t, "https://"+remote.Addr().String(), ours.issue(t, person("ada"), ours))
	for _, c := range []*client.Client{near, far} {
		if list, err := c.Clusters(t.Context()); err != nil || len(list.Clusters) != 1 {
			t.Errorf("%s: %v", c.Address(), err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client.Client{near, far} {
		if _, err := c.Version(t.Context()); !errors.Is(err, client.ErrNoDaemon) {
			t.Errorf("%s afterwards: %v", c.Address(), err)
		}
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

// A listener that fails stops the other, too, and tells why.
func TestAListenerThatFailsStopsAll(t *testing.T) {
	path := filepath.Join(socketDir(t), "s")
	local, err := socket.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(newMemory(), server.Options{Now: time.Now, Chance: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(t.Context(), local, broken{local}); !errors.Is(err, errDrifted) {
		t.Errorf("got %v", err)
	}
}

type broken struct{ net.Listener }

func (broken) Accept() (net.Conn, error) { return nil, errDrifted }
func (broken) Close() error              { return nil }
