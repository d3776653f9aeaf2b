package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-smtp"
)

func message() Message {
	return Message{Kind: "failure", Cluster: "dev", Time: time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC),
		Subject: "dev: not awake <!channel> & co", Text: "no capacity", Run: "20261122-200000-abcd"}
}

// received keeps what a server was sent.
type received struct {
	mu     sync.Mutex
	bodies [][]byte
	header http.Header
}

func (r *received) serve(status ...int) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.bodies, r.header = append(r.bodies, body), req.Header
		w.WriteHeader(status[min(len(r.bodies), len(status))-1])
	}
}

func secretFile(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestWebhookIsSigned(t *testing.T) {
	var r received
	server := httptest.NewServer(r.serve(http.StatusNoContent))
	defer server.Close()
	w := &Webhook{URLFile: secretFile(t, server.URL+"/hook\n"), SecretFile: secretFile(t, "key\n")}
	if err := w.Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	var have Message
	if err := json.Unmarshal(r.bodies[0], &have); err != nil || have != message() {
		t.Errorf("sent %s, %v", r.bodies[0], err)
	}
	mac := hmac.New(sha256.New, []byte("key"))
	mac.Write(r.bodies[0])
	if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); r.header.Get(SignatureHeader) != want {
		t.Errorf("signature %q, want %q", r.header.Get(SignatureHeader), want)
	}
}

// Whoever names a cluster may not call everybody in a channel.
func TestSlackTextIsEscaped(t *testing.T) {
	var r received
	server := httptest.NewServer(r.serve(http.StatusOK))
	defer server.Close()
	if err := (&Webhook{URL: server.URL, Slack: true}).Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	var have struct{ Text string }
	if err := json.Unmarshal(r.bodies[0], &have); err != nil {
		t.Fatal(err)
	}
	want := "*dev: not awake &lt;!channel&gt; &amp; co*\nno capacity\n`rekindle runs show 20261122-200000-abcd`"
	if have.Text != want {
		t.Errorf("have %q\nwant %q", have.Text, want)
	}
}

// However long an error is, the chat shows the whole of what it is sent, and no
// escape is cut in two.
func TestSlackTextIsBounded(t *testing.T) {
	m := message()
	m.Subject, m.Text = strings.Repeat("<dev>\n", 400), strings.Repeat("ä&<>", 40_000)
	text := slackText(m)
	if n := utf8.RuneCountInString(text); n > 3000 || n < 2000 {
		t.Errorf("%d characters", n)
	}
	if !strings.HasSuffix(text, "…\n`rekindle runs show 20261122-200000-abcd`") || strings.ContainsAny(text, "<>") || !utf8.ValidString(text) {
		t.Errorf("it ends with %q", text[len(text)-80:])
	}
	for part := range strings.SplitSeq(text, "&") {
		if i := strings.IndexByte(part, ';'); part[:max(i, 0)] != "amp" && part[:max(i, 0)] != "lt" && part[:max(i, 0)] != "gt" && !strings.HasPrefix(part, "*") {
			t.Fatalf("an escape was cut: %q", part)
		}
	}
}

// A server that wants to be left alone for a while is.
func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{"": 0, "30": 30 * time.Second, "-5": 0, "soon": 0, "99999999999": mostPatience, "4000": mostPatience} {
		if have := retryAfter(header); have != want {
			t.Errorf("%q: %s, want %s", header, have, want)
		}
	}
	asked := make(chan time.Time, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked <- time.Now(); len(asked) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer server.Close()
	d := New(t.Context(), []Channel{{Kinds: []string{"failure"}, Sender: &Webhook{URL: server.URL, Slack: true}}}, Options{Pause: time.Millisecond})
	d.Tell(message())
	d.Close()
	if first, second := <-asked, <-asked; second.Sub(first) < time.Second {
		t.Errorf("asked again after %s", second.Sub(first))
	}
}

func TestWebhookErrorsKeepTheAddressSecret(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for name, w := range map[string]*Webhook{
		"nobody listens": {URL: closed.URL + "/T000/secret"},
		"no address":     {URL: "http://[::1/T000/secret"},
		"no file":        {URLFile: filepath.Join(t.TempDir(), "absent")},
	} {
		if err := w.Send(t.Context(), message()); err == nil || strings.Contains(err.Error(), "T000/secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	var r received
	elsewhere := httptest.NewServer(r.serve(http.StatusOK))
	defer elsewhere.Close()
	redirects := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer redirects.Close()
	if err := (&Webhook{URL: redirects.URL}).Send(t.Context(), message()); !errors.As(err, new(*RejectedError)) || len(r.bodies) > 0 {
		t.Errorf("followed to where it was not sent: %v", err)
	}
}

// A channel that fails is tried again and holds up no other; what cannot be
// delivered is given up, with a word in the log.
func TestDispatcher(t *testing.T) {
	var shaky, gone, well received
	serve := func(r *received, status ...int) Channel {
		server := httptest.NewServer(r.serve(status...))
		t.Cleanup(server.Close)
		return Channel{Kinds: []string{"failure"}, Sender: &Webhook{URL: server.URL}}
	}
	var log bytes.Buffer
	d := New(t.Context(), []Channel{serve(&shaky, 503, 429, 200), serve(&gone, 410), serve(&well, 200)},
		Options{Pause: time.Millisecond, Log: slog.New(slog.NewTextHandler(&log, nil))})
	d.Tell(message())
	d.Tell(Message{Kind: "drift"})
	d.Close()
	if len(shaky.bodies) != 3 || len(gone.bodies) != 1 || len(well.bodies) != 1 {
		t.Errorf("deliveries: shaky %d, gone %d, well %d; want 3, 1, 1", len(shaky.bodies), len(gone.bodies), len(well.bodies))
	}
	if !strings.Contains(log.String(), "given up") {
		t.Errorf("the log says nothing of what was given up:\n%s", log.String())
	}
}

// hanging takes no message until it is told to.
type hanging struct{ goOn chan struct{} }

func (h hanging) Send(ctx context.Context, _ Message) error {
	select {
	case <-h.goOn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestTellNeverWaits(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d := New(ctx, []Channel{{Name: "slow", Kinds: []string{"failure"}, Sender: hanging{make(chan struct{})}}}, Options{Buffer: 2})
	told := make(chan struct{})
	go func() {
		for range 100 {
			d.Tell(message())
		}
		close(told)
	}()
	select {
	case <-told:
	case <-time.After(10 * time.Second):
		t.Fatal("Tell waits for a channel that hangs")
	}
	cancel()
	d.Close()
}

// post is a mail server's memory.
type post struct {
	mu    sync.Mutex
	mails []string
}

func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) { return &postman{p: p}, nil }

type postman struct {
	p        *post
	envelope string
}

func (s *postman) Mail(from string, _ *smtp.MailOptions) error { s.envelope = from; return nil }
func (s *postman) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "nobody@") {
		return &smtp.SMTPError{Code: 550, Message: "no such user"}
	}
	s.envelope += " > " + to
	return nil
}

func (s *postman) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.mails = append(s.p.mails, s.envelope+"\n"+string(raw))
	return err
}
func (s *postman) Reset()        {}
func (s *postman) Logout() error { return nil }

func TestEmail(t *testing.T) {
	p := &post{}
	server := smtp.NewServer(p)
	server.Domain = "localhost"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	m := message()
	m.Subject = "dev: broken\r\nBcc: everybody@example.com"
	e := &Email{Server: l.Addr().String(), From: "rekindle@example.com", To: []string{"ops@example.com", "night@example.com"}}
	if err := e.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	have := p.mails[0]
	for _, want := range []string{"rekindle@example.com > ops@example.com > night@example.com\n", "Subject: dev: broken Bcc: everybody@example.com",
		"no capacity", "rekindle runs show 20261122-200000-abcd"} {
		if !strings.Contains(have, want) {
			t.Errorf("the mail lacks %q:\n%s", want, have)
		}
	}
	if strings.Contains(have, "\nBcc:") {
		t.Error("a subject adds headers")
	}
	e.To = []string{"nobody@example.com"}
	if err := e.Send(t.Context(), m); !errors.As(err, new(*RejectedError)) {
		t.Errorf("a receiver that is not there: %v", err)
	}
	// A server that is not on this machine has to speak TLS.
	if policy("mail.example.com") == policy("127.0.0.1") {
		t.Error("mail leaves this machine unencrypted")
	}
}
