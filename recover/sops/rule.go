package sops

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// rule says which values of a file are encrypted, by the keys on the way to
// them. One field is set.
type rule struct {
	encryptedSuffix, unencryptedSuffix string
	encryptedRegex, unencryptedRegex   *regexp.Regexp
}

// ruleOf reads the rule out of the metadata of a file.
func ruleOf(text func(key string) string) (rule, error) {
	for _, key := range []string{"encrypted_comment_regex", "unencrypted_comment_regex"} {
		if text(key) != "" {
			return rule{}, fmt.Errorf("has %s: rules that go by comments are not supported; encrypt it with --encrypted-regex '%s'", key, Regex)
		}
	}
	var r rule
	var set []string
	for key, suffix := range map[string]*string{"encrypted_suffix": &r.encryptedSuffix, "unencrypted_suffix": &r.unencryptedSuffix} {
		if *suffix = text(key); *suffix != "" {
			set = append(set, key)
		}
	}
	for key, re := range map[string]**regexp.Regexp{"encrypted_regex": &r.encryptedRegex, "unencrypted_regex": &r.unencryptedRegex} {
		pattern := text(key)
		if pattern == "" {
			continue
		}
		set = append(set, key)
		if len(pattern) > maxRule {
			return rule{}, fmt.Errorf("has an %s of %d bytes, which nobody wrote by hand", key, len(pattern))
		}
		compiled, err := regexp.Compile(pattern)
		if err != nil {
			return rule{}, fmt.Errorf("has an %s that is no regular expression", key)
		}
		*re = compiled
	}
	switch {
	case len(set) > 1:
		slices.Sort(set)
		return rule{}, fmt.Errorf("has %d rules for what is encrypted (%s): SOPS allows one", len(set), strings.Join(set, ", "))
	case len(set) == 0:
		r.unencryptedSuffix = "_unencrypted"
	}
	return r, nil
}

// ours tells whether the rule is one by which this package encrypts.
func (r rule) ours() bool {
	return r.encryptedRegex != nil && (r.encryptedRegex.String() == Regex || r.encryptedRegex.String() == RegexWithAnnotations)
}

// encrypts tells whether the value at path is encrypted.
func (r rule) encrypts(path []string) bool {
	found := func(match func(string) bool) bool {
		for _, key := range path {
			if match(key) {
				return true
			}
		}
		return false
	}
	switch {
	case r.encryptedRegex != nil:
		return found(r.encryptedRegex.MatchString)
	case r.unencryptedRegex != nil:
		return !found(r.unencryptedRegex.MatchString)
	case r.encryptedSuffix != "":
		return found(func(key string) bool { return strings.HasSuffix(key, r.encryptedSuffix) })
	}
	return !found(func(key string) bool { return strings.HasSuffix(key, r.unencryptedSuffix) })
}
