package config

import (
	"cmp"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strings"
)

// Daemon says how the daemon works. Its socket and state are where the command
// line's are.
type Daemon struct {
	MaxRuns      Count   `yaml:"maxRuns" default:"4" doc:"How many runs there may be at once."`
	MaxTeardowns Count   `yaml:"maxTeardowns" default:"2" doc:"How many of them may be teardowns."`
	Listen       *Listen `yaml:"listen" doc:"An address for other machines; both sides prove who they are by certificates."`
	History      History `yaml:"history" doc:"How long ended runs are kept."`
}

// Listen is an address with mutual TLS. The paths are absolute after Load.
type Listen struct {
	Address     string `yaml:"address" required:"true" doc:"Host and port, such as 0.0.0.0:7443."`
	Certificate string `yaml:"certificate" required:"true" doc:"The daemon's certificate (PEM), relative to this file."`
	Key         string `yaml:"key" required:"true" doc:"Its private key (PEM), relative to this file."`
	ClientCA    string `yaml:"clientCA" required:"true" doc:"The authority (PEM) whose certificates clients must have, relative to this file."`
}

// History bounds the journal.
type History struct {
	Keep Span  `yaml:"keep" default:"90d" doc:"How long a run is kept after its end."`
	Runs Count `yaml:"runs" default:"1000" doc:"How many ended runs are kept at most."`
}

// NotifyChannel is one place where people are told; just one of its three kinds is set.
type NotifyChannel struct {
	Name    string   `yaml:"name" doc:"What the channel is called in logs."`
	On      []string `yaml:"on" doc:"Of what: failure, recovery, teardown (before it), missed, drift, drill, kept (what outlives a teardown). Empty: failure, recovery, teardown, missed."`
	Webhook *Webhook `yaml:"webhook" doc:"A POST of JSON."`
	Slack   *Webhook `yaml:"slack" doc:"An incoming webhook of Slack, or of what is compatible with it."`
	Email   *Email   `yaml:"email" doc:"A mail."`
}

// Webhook is an address that is told. One of URL and URLFile is set.
type Webhook struct {
	URL     string `yaml:"url" doc:"The address. One that is a secret in itself belongs into urlFile."`
	URLFile string `yaml:"urlFile" doc:"A file that holds the address, relative to this file."`
	// SecretFile holds a key by which the body is signed.
	SecretFile string `yaml:"secretFile" doc:"A file with a key: the body is signed with it (HMAC-SHA256) in the header X-Rekindle-Signature."`
}

// Email is where mails go and by which server.
type Email struct {
	Server       string   `yaml:"server" required:"true" doc:"Host and port of the mail server, such as smtp.example.com:587; TLS is required unless it is this machine."`
	From         string   `yaml:"from" required:"true" doc:"The sender."`
	To           []string `yaml:"to" doc:"The receivers."`
	User         string   `yaml:"user" doc:"The account at the server."`
	PasswordFile string   `yaml:"passwordFile" doc:"A file that holds its password, relative to this file."`
}

// NoticeKinds are the words behind notify.on; the first ones are meant when
// there are none.
func NoticeKinds() []string {
	return []string{"failure", "recovery", "teardown", "missed", "drift", "drill", "kept"}
}

const usualNotices = 4

// daemon checks what the daemon is told.
func (k *checker) daemon(c *Config) {
	if l := c.Daemon.Listen; l != nil {
		if _, port, err := net.SplitHostPort(l.Address); l.Address != "" && (err != nil || port == "") {
			k.fail(fmt.Sprintf("%q is no host and port, such as 0.0.0.0:7443", l.Address), "daemon", "listen", "address")
		}
		for _, file := range []*string{&l.Certificate, &l.Key, &l.ClientCA} {
			*file = k.absolute(*file)
		}
	}
	if c.Daemon.MaxTeardowns > c.Daemon.MaxRuns {
		k.fail(fmt.Sprintf("more than maxRuns (%d), of which they are a part", c.Daemon.MaxRuns), "daemon", "maxTeardowns")
	}
	names := map[string]bool{}
	for i := range c.Notify {
		k.base = fmt.Sprintf("notify[%d]", i)
		k.channel(&c.Notify[i])
		if name := c.Notify[i].Name; names[name] {
			k.fail(fmt.Sprintf("there is a channel %q already: give it another name", name), "name")
		}
		names[c.Notify[i].Name] = true
	}
}

func (k *checker) channel(c *NotifyChannel) {
	var kinds []string
	if c.Webhook != nil {
		kinds = append(kinds, "webhook")
		k.webhook(c.Webhook, "webhook")
	}
	if c.Slack != nil {
		kinds = append(kinds, "slack")
		k.webhook(c.Slack, "slack")
	}
	if c.Email != nil {
		kinds = append(kinds, "email")
		k.email(c.Email)
	}
	if len(kinds) != 1 {
		k.fail("want just one of webhook, slack and email")
		return
	}
	c.Name = cmp.Or(c.Name, kinds[0])
	for i, word := range c.On {
		if !slices.Contains(NoticeKinds(), word) {
			k.fail(fmt.Sprintf("%q is none of %s", word, strings.Join(NoticeKinds(), ", ")), fmt.Sprintf("on[%d]", i))
		}
	}
	if len(c.On) == 0 {
		c.On = NoticeKinds()[:usualNotices]
	}
}

func (k *checker) webhook(w *Webhook, key string) {
	switch {
	case (w.URL == "") == (w.URLFile == ""):
		k.fail("want just one of url and urlFile", key)
	case w.URL != "":
		if u, err := url.Parse(w.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			k.fail("want an address that begins with https:// or http://", key, "url")
		} else if _, secret := u.User.Password(); secret {
			k.fail("the address holds a password: this file is meant to be committed, so write it into a file and name that in urlFile", key, "url")
		}
	}
	for _, file := range []*string{&w.URLFile, &w.SecretFile} {
		if *file != "" {
			*file = k.absolute(*file)
		}
	}
}

func (k *checker) email(e *Email) {
	if _, port, err := net.SplitHostPort(e.Server); e.Server != "" && (err != nil || port == "") {
		k.fail(fmt.Sprintf("%q is no host and port, such as smtp.example.com:587", e.Server), "email", "server")
	}
	for key, list := range map[string][]string{"from": {e.From}, "to": e.To} {
		for i, address := range list {
			if _, err := mail.ParseAddress(address); err != nil && address != "" {
				at := key
				if key == "to" {
					at = fmt.Sprintf("to[%d]", i)
				}
				k.fail(fmt.Sprintf("%q is no mail address", address), "email", at)
			}
		}
	}
	if len(e.To) == 0 {
		k.fail("name at least one receiver in to", "email")
	}
	if (e.User == "") != (e.PasswordFile == "") {
		k.fail("user and passwordFile belong together", "email")
	}
	if e.PasswordFile != "" {
		e.PasswordFile = k.absolute(e.PasswordFile)
	}
}
