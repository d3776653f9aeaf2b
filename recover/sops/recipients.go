package sops

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
)

// Recipients are the public keys that files are encrypted for, sorted and each
// once. The zero value has none.
type Recipients struct {
	keys []recipient
}

type recipient struct {
	text string
	key  age.Recipient
}

// Len is the number of recipients.
func (r Recipients) Len() int { return len(r.keys) }

// Strings are the recipients as SOPS writes them.
func (r Recipients) Strings() []string {
	list := make([]string, len(r.keys))
	for i, k := range r.keys {
		list[i] = k.text
	}
	return list
}

// RecipientError: a public key is none.
type RecipientError struct {
	// Index is the 0-based index in the list that was given.
	Index int
	// Text is the key as given, "" when it must not be shown.
	Text string
	Err  error
}

func (e *RecipientError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("recipient %d: %v", e.Index+1, e.Err)
	}
	return fmt.Sprintf("recipient %d, %q: %v", e.Index+1, e.Text, e.Err)
}

func (e *RecipientError) Unwrap() error { return e.Err }

// ParseRecipients reads public keys: age1…, age1pq1…, ssh-ed25519 … and
// ssh-rsa …. Its error is a *RecipientError, which shows no secret key that
// somebody gave instead.
func ParseRecipients(list []string) (Recipients, error) {
	var r Recipients
	if len(list) > maxRecipients {
		return r, fmt.Errorf("%d recipients: more than %d are not supported", len(list), maxRecipients)
	}
	for i, text := range list {
		text = strings.Join(strings.Fields(text), " ")
		key, err := parseRecipient(text)
		if err != nil {
			shown := text
			if errors.Is(err, errSecretKey) {
				shown = ""
			}
			return Recipients{}, &RecipientError{Index: i, Text: shown, Err: err}
		}
		r.keys = append(r.keys, recipient{text, key})
	}
	slices.SortFunc(r.keys, func(a, b recipient) int { return strings.Compare(a.text, b.text) })
	r.keys = slices.CompactFunc(r.keys, func(a, b recipient) bool { return a.text == b.text })
	return r, nil
}

var errSecretKey = errors.New("is a secret key, which belongs into no configuration: give the public key that age-keygen -y prints, and make a new pair if others could read this one")

func parseRecipient(text string) (age.Recipient, error) {
	upper := strings.ToUpper(text)
	switch {
	case strings.Contains(upper, "AGE-SECRET-KEY-") || strings.Contains(upper, "PRIVATE KEY"):
		return nil, errSecretKey
	case text == "":
		return nil, errors.New("is empty")
	case strings.HasPrefix(text, "ssh-"):
		key, err := agessh.ParseRecipient(text)
		if err != nil {
			return nil, fmt.Errorf("is no SSH public key that age can use: %w", err)
		}
		return key, nil
	case strings.HasPrefix(text, "age1pq1"):
		key, err := age.ParseHybridRecipient(text)
		if err != nil {
			return nil, errors.New("is no post-quantum age public key: is it whole?")
		}
		return key, nil
	case strings.HasPrefix(text, "age1") && strings.Count(text, "1") > 1:
		return nil, errors.New("needs an age plugin, and rekindle runs no programs for a key: give an age1… key without a plugin")
	case strings.HasPrefix(text, "age1"):
		key, err := age.ParseX25519Recipient(text)
		if err != nil {
			return nil, errors.New("is no age public key: is it whole?")
		}
		return key, nil
	}
	return nil, errors.New("is no public key: age1…, ssh-ed25519 … and ssh-rsa … are")
}

// wrap encrypts a data key for one recipient.
func (r recipient) wrap(key dataKey) (string, error) {
	var b bytes.Buffer
	armored := armor.NewWriter(&b)
	w, err := age.Encrypt(armored, r.key)
	if err == nil {
		_, err = w.Write(key)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = armored.Close()
	}
	if err != nil {
		return "", fmt.Errorf("encrypt for recipient %s: %w", r.text, err)
	}
	return b.String(), nil
}
