package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// SignatureHeader holds "sha256=" and the HMAC-SHA256 of the body in hex, when a
// webhook has a key.
const SignatureHeader = "X-Rekindle-Signature"

// Webhook posts messages to an address: as JSON of Message, or in the form of
// Slack's incoming webhooks, which Mattermost, Rocket.Chat and others understand.
type Webhook struct {
	// URL, or URLFile for one that is a secret; it is read for each message.
	URL, URLFile string
	// SecretFile holds the key that signs the body; may be empty.
	SecretFile string
	Slack      bool
	// Client must not follow redirects to where the message was not sent. Nil
	// means one that follows none.
	Client *http.Client
}

// Send implements Sender.
func (w *Webhook) Send(ctx context.Context, m Message) error {
	address, err := w.address()
	if err != nil {
		return err
	}
	var content any = m
	if w.Slack {
		content = slackMessage{Text: slackText(m)}
	}
	body, err := json.Marshal(content)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("the address is no URL")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "rekindle")
	if err := w.sign(req, body); err != nil {
		return err
	}
	client := w.Client
	if client == nil {
		client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	resp, err := client.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	switch {
	case resp.StatusCode < 300:
		return nil
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout || resp.StatusCode >= 500:
		return &laterError{reason: "the webhook answered " + resp.Status, after: retryAfter(resp.Header.Get("Retry-After"))}
	}
	return &RejectedError{"the webhook answered " + resp.Status}
}

func (w *Webhook) address() (string, error) {
	if w.URLFile == "" {
		return w.URL, nil
	}
	return secretIn(w.URLFile)
}

func (w *Webhook) sign(req *http.Request, body []byte) error {
	if w.SecretFile == "" {
		return nil
	}
	key, err := secretIn(w.SecretFile)
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(body)
	req.Header.Set(SignatureHeader, "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return nil
}

// secretIn reads a file of one line.
func secretIn(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(raw))
	if secret == "" {
		return "", fmt.Errorf("%s is empty", file)
	}
	return secret, nil
}

// withoutURL takes the address out of an error of net/http.
func withoutURL(err error) error {
	var about *url.Error
	if errors.As(err, &about) {
		return about.Err
	}
	return err
}

// laterError: the other side may take the message later; after is how long it wants
// to be left alone, 0 when it does not say.
type laterError struct {
	reason string
	after  time.Duration
}

func (e *laterError) Error() string { return e.reason }

// mostPatience bounds how long a server can have a message wait.
const mostPatience = 10 * time.Minute

// retryAfter reads the header of that name, in seconds as Slack and its like write
// it; 0 for anything else.
func retryAfter(header string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(header))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(min(n, int(mostPatience/time.Second)))*time.Second, mostPatience)
}

type slackMessage struct {
	Text string `json:"text"`
}

// Slack shows no more than so many characters of a block; what is longer is cut where
// we say, and not in the middle of an escape.
const (
	maxSlackSubject = 250
	maxSlackText    = 2500
)

// clip cuts a text after n characters.
func clip(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	return string(r[:n-1]) + "…"
}

// slackText is a message in Slack's markup, in which &, < and > are special.
func slackText(m Message) string {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
	bounded := func(text string, n int) string { // escapes count, too
		for most := n; ; most -= most/8 + 1 {
			if escaped := escape(clip(text, most)); utf8.RuneCountInString(escaped) <= n {
				return escaped
			}
		}
	}
	text := "*" + bounded(oneLine(m.Subject), maxSlackSubject) + "*"
	if m.Text != "" {
		text += "\n" + bounded(m.Text, maxSlackText)
	}
	if m.Run != "" {
		text += "\n`rekindle runs show " + escape(m.Run) + "`"
	}
	return text
}
