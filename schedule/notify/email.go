package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"
)

// Email sends messages as mails. The connection is encrypted, unless the server
// is on this machine and does not offer it.
type Email struct {
	// Server is host and port.
	Server, From string
	To           []string
	// User and PasswordFile log in; both may be empty.
	User, PasswordFile string
	// Authorities are who may sign the server's certificate; nil means whom this
	// machine trusts.
	Authorities *x509.CertPool
	// implicit: encryption begins with the connection, as on port 465.
	implicit bool
}

// Send implements Sender.
func (e *Email) Send(ctx context.Context, m Message) error {
	msg := mail.NewMsg()
	if err := errors.Join(msg.From(e.From), msg.To(e.To...)); err != nil {
		return &RejectedError{err.Error()}
	}
	msg.Subject(oneLine(m.Subject))
	msg.SetDateWithValue(m.Time)
	msg.SetMessageID()
	msg.SetBodyString(mail.TypeTextPlain, mailText(m))
	client, err := e.client(ctx)
	if err != nil {
		return err
	}
	err = whileLasting(ctx, func() error { return client.DialAndSendWithContext(ctx, msg) })
	var refused *mail.SendError
	var answer *textproto.Error // of a login, say
	if errors.As(err, &refused) && !refused.IsTemp() && refused.Reason != mail.ErrConnCheck || errors.As(err, &answer) && answer.Code >= 500 {
		return &RejectedError{err.Error()}
	}
	return err
}

func (e *Email) client(ctx context.Context) (*mail.Client, error) {
	host, port, err := net.SplitHostPort(e.Server)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("mail server %s: the port is no number", e.Server)
	}
	secure := &tls.Config{ServerName: host, RootCAs: e.Authorities, MinVersion: tls.VersionTLS12}
	options := []mail.Option{mail.WithPort(number), mail.WithTLSPolicy(policy(host)), mail.WithTLSConfig(secure)}
	if number == 465 || e.implicit {
		options = append(options, mail.WithSSL())
	} else {
		options = append(options, mail.WithDialContextFunc(dialer(ctx)))
	}
	if e.User != "" {
		password, err := secretIn(e.PasswordFile)
		if err != nil {
			return nil, err
		}
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(e.User), mail.WithPassword(password))
	}
	return mail.NewClient(host, options...)
}

// whileLasting does something and waits for it as long as ctx lasts: the mail client
// waits for ever for a server that takes the connection and says nothing.
func whileLasting(ctx context.Context, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the mail server does not answer in time: %w", ctx.Err())
	}
}

// dialer makes connections that end with ctx, and with them what waits for them. The
// ctx that the mail client gives ends when it is connected.
func dialer(ctx context.Context) mail.DialContextFunc {
	return func(within context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(within, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { _ = c.Close() }) // whoever is done has closed it already
		}
		return c, err
	}
}

// policy wants encryption from every server that is not on this machine.
func policy(host string) mail.TLSPolicy {
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return mail.TLSOpportunistic
	}
	return mail.TLSMandatory
}

// oneLine keeps a subject from adding headers.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func mailText(m Message) string {
	text := oneLine(m.Subject) + "\n\n"
	if m.Text != "" {
		text += m.Text + "\n\n"
	}
	if m.Run != "" {
		text += "More: rekindle runs show " + m.Run + "\n"
	}
	return text
}
