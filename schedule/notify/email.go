package notify

import (
	"context"
	"errors"
	"fmt"
	"net"
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
	// Options are added to those of the mail client; tests trust their own
	// certificates by them.
	Options []mail.Option
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
	client, err := e.client()
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, msg)
	var refused *mail.SendError
	if errors.As(err, &refused) && !refused.IsTemp() && refused.Reason != mail.ErrConnCheck {
		return &RejectedError{err.Error()}
	}
	return err
}

func (e *Email) client() (*mail.Client, error) {
	host, port, err := net.SplitHostPort(e.Server)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("mail server %s: the port is no number", e.Server)
	}
	options := []mail.Option{mail.WithPort(number), mail.WithTLSPolicy(policy(host))}
	if number == 465 {
		options = append(options, mail.WithSSL())
	}
	if e.User != "" {
		password, err := secretIn(e.PasswordFile)
		if err != nil {
			return nil, err
		}
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(e.User), mail.WithPassword(password))
	}
	return mail.NewClient(host, append(options, e.Options...)...)
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
