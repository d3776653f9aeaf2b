package notify

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// office is a mail server that wants encryption and a login.
type office struct {
	mu    sync.Mutex
	mails []string
}

func (o *office) NewSession(c *smtp.Conn) (smtp.Session, error) {
	_, encrypted := c.TLSConnectionState()
	return &clerk{o: o, encrypted: encrypted}, nil
}

type clerk struct {
	o                  *office
	encrypted, known   bool
	sender, recipients string
}

func (*clerk) AuthMechanisms() []string { return []string{sasl.Plain} }

func (c *clerk) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "ada" || password != "s3cret" {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "bad credentials"}
		}
		c.known = true
		return nil
	}), nil
}

func (c *clerk) Mail(from string, _ *smtp.MailOptions) error {
	if !c.encrypted || !c.known {
		return smtp.ErrAuthRequired
	}
	c.sender = from
	return nil
}

func (c *clerk) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch {
	case strings.HasPrefix(to, "nobody@"):
		return &smtp.SMTPError{Code: 550, Message: "no such user"}
	case strings.HasPrefix(to, "later@"):
		return &smtp.SMTPError{Code: 450, Message: "greylisted, try again"}
	}
	c.recipients += to + " "
	return nil
}

func (c *clerk) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	c.o.mails = append(c.o.mails, c.sender+" > "+c.recipients+"\n"+string(raw))
	return err
}
func (c *clerk) Reset()      { c.recipients = "" }
func (*clerk) Logout() error { return nil }

// opened is an office that listens, and what trusts it.
func opened(t *testing.T, implicit bool) (*office, *Email) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	o := &office{}
	server := smtp.NewServer(o)
	server.Domain = "localhost"
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if implicit {
		l = tls.NewListener(l, server.TLSConfig)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return o, &Email{Server: l.Addr().String(), From: "rekindle@example.com", To: []string{"ops@example.com"}, User: "ada", PasswordFile: secretFile(t, "s3cret\n"),
		Authorities: pool, implicit: implicit}
}

// A server as they are: STARTTLS and a login. What is permanent is not tried again,
// what may pass is.
func TestMailIsEncryptedAndLogsIn(t *testing.T) {
	o, e := opened(t, false)
	if err := e.Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	if len(o.mails) != 1 || !strings.HasPrefix(o.mails[0], "rekindle@example.com > ops@example.com \n") || !strings.Contains(o.mails[0], "no capacity") {
		t.Errorf("sent %q", o.mails)
	}
	for name, c := range map[string]struct {
		change   func(*Email)
		rejected bool
		words    string
	}{
		"a certificate that nobody trusts": {func(e *Email) { e.Authorities = nil }, false, "certificate"},
		"a wrong password":                 {func(e *Email) { e.PasswordFile = secretFile(t, "guessed") }, true, "bad credentials"},
		"a password that is not there":     {func(e *Email) { e.PasswordFile += "-gone" }, false, "no such file"},
		"a receiver that is not there":     {func(e *Email) { e.To = []string{"nobody@example.com"} }, true, "no such user"},
		"one of two that is not there":     {func(e *Email) { e.To = []string{"ops@example.com", "nobody@example.com"} }, true, "no such user"},
		"a receiver for later":             {func(e *Email) { e.To = []string{"later@example.com"} }, false, "greylisted"},
		"an address that is none":          {func(e *Email) { e.To = []string{"ops@exa mple"} }, true, ""},
	} {
		changed := *e
		c.change(&changed)
		before := len(o.mails)
		err := changed.Send(t.Context(), message())
		if err == nil || errors.As(err, new(*RejectedError)) != c.rejected || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the password is in %v", name, err)
		}
		if len(o.mails) != before && name != "one of two that is not there" {
			t.Errorf("%s: a mail was sent: %q", name, o.mails[before:])
		}
	}
}

// A server where encryption begins with the connection.
func TestMailOnPort465(t *testing.T) {
	o, e := opened(t, true)
	if err := e.Send(t.Context(), message()); err != nil || len(o.mails) != 1 {
		t.Fatalf("%v, sent %q", err, o.mails)
	}
	e.Authorities = nil
	if err := e.Send(t.Context(), message()); err == nil || !strings.Contains(err.Error(), "certificate") || len(o.mails) != 1 {
		t.Errorf("to somebody else: %v", err)
	}
}

// A server that takes the connection and says nothing holds nobody up beyond the
// deadline.
func TestMailServerHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	err = (&Email{Server: l.Addr().String(), From: "rekindle@example.com", To: []string{"ops@example.com"}}).Send(ctx, message())
	if err == nil || errors.As(err, new(*RejectedError)) || time.Since(began) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}
