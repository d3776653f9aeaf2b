package eks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// trustPolicy is the document of a role that says who may take it on. What we do not
// know of it stays as it is.
type trustPolicy map[string]any

// readTrust reads a policy, as IAM gives it (URL-encoded) or as people write it.
func readTrust(document string) (trustPolicy, error) {
	if strings.HasPrefix(document, "%") {
		plain, err := url.PathUnescape(document)
		if err != nil {
			return nil, fmt.Errorf("its trust policy: %w", err)
		}
		document = plain
	}
	d := json.NewDecoder(strings.NewReader(document))
	d.UseNumber()
	var p trustPolicy
	if err := d.Decode(&p); err != nil {
		return nil, fmt.Errorf("its trust policy: %w", err)
	}
	if p == nil || d.More() {
		return nil, errors.New("its trust policy is no JSON object")
	}
	return p, nil
}

// String is the policy as JSON.
func (p trustPolicy) String() string {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(map[string]any(p)); err != nil {
		panic(err) // it was JSON
	}
	return strings.TrimSpace(text.String())
}

// statements are those of the policy: one may stand without a list.
func (p trustPolicy) statements() []map[string]any {
	var found []map[string]any
	switch s := p["Statement"].(type) {
	case map[string]any:
		found = append(found, s)
	case []any:
		for _, v := range s {
			if m, is := v.(map[string]any); is {
				found = append(found, m)
			}
		}
	}
	return found
}

// words are one string or a list of them.
func words(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var found []string
		for _, one := range v {
			if s, is := one.(string); is {
				found = append(found, s)
			}
		}
		return found
	}
	return nil
}

// federated are the identity providers that a statement trusts.
func federated(statement map[string]any) []string {
	principal, is := statement["Principal"].(map[string]any)
	if !is || !strings.EqualFold(fmt.Sprint(statement["Effect"]), "Allow") {
		return nil
	}
	return words(principal["Federated"])
}

// issuerPath is an issuer as IAM writes it in ARNs and condition keys.
func issuerPath(issuer string) string {
	return strings.TrimSuffix(strings.TrimPrefix(issuer, "https://"), "/")
}

// ofIssuer tells whether an ARN is that of the OIDC provider of an issuer.
func ofIssuer(arn, issuer string) bool {
	_, path, is := strings.Cut(arn, ":oidc-provider/")
	return is && path == issuerPath(issuer) && strings.HasPrefix(arn, "arn:")
}

// trusts tells whether the policy trusts an issuer.
func (p trustPolicy) trusts(issuer string) bool {
	return slices.ContainsFunc(p.statements(), func(s map[string]any) bool {
		return slices.ContainsFunc(federated(s), func(arn string) bool { return ofIssuer(arn, issuer) })
	})
}

// accounts are the service accounts of an issuer that the policy trusts, as
// "namespace/name", or patterns of that, sorted.
func (p trustPolicy) accounts(issuer string) []string {
	var found []string
	for _, s := range p.statements() {
		if !slices.ContainsFunc(federated(s), func(arn string) bool { return ofIssuer(arn, issuer) }) {
			continue
		}
		conditions, _ := s["Condition"].(map[string]any)
		for _, operator := range conditions {
			keys, _ := operator.(map[string]any)
			for key, value := range keys {
				if !strings.EqualFold(key, issuerPath(issuer)+":sub") {
					continue
				}
				for _, w := range words(value) {
					if who, is := strings.CutPrefix(w, "system:serviceaccount:"); is {
						w = strings.Replace(who, ":", "/", 1)
					}
					found = append(found, w)
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// errBoth: a condition names both issuers, so that one cannot take the other's place.
var errBoth = errors.New("a condition of its trust policy names the earlier issuer and the present one: change it by hand")

// renew lets the policy trust another issuer in place of an earlier one: in the
// statements that trust the earlier, its OIDC provider and the keys of conditions that
// begin with the issuer. All else stays. arn is that of the new OIDC provider.
func (p trustPolicy) renew(earlier, issuer, arn string) error {
	for _, s := range p.statements() {
		if !slices.ContainsFunc(federated(s), func(a string) bool { return ofIssuer(a, earlier) }) {
			continue
		}
		if err := renewConditions(s, earlier, issuer); err != nil {
			return err
		}
		principal := s["Principal"].(map[string]any) //nolint:forcetypeassert // federated has found something in it
		switch list := principal["Federated"].(type) {
		case string:
			principal["Federated"] = arn
		case []any:
			var next []any
			for _, one := range list {
				if old, is := one.(string); is && ofIssuer(old, earlier) {
					one = arn
				}
				if !slices.Contains(next, one) {
					next = append(next, one)
				}
			}
			principal["Federated"] = next
		}
	}
	return nil
}

func renewConditions(statement map[string]any, earlier, issuer string) error {
	conditions, _ := statement["Condition"].(map[string]any)
	for name, operator := range conditions {
		keys, is := operator.(map[string]any)
		if !is {
			continue
		}
		next := make(map[string]any, len(keys))
		for key, value := range keys {
			prefix := issuerPath(earlier) + ":"
			if len(key) > len(prefix) && strings.EqualFold(key[:len(prefix)], prefix) {
				key = issuerPath(issuer) + ":" + key[len(prefix):]
			}
			if _, twice := next[key]; twice {
				return errBoth
			}
			next[key] = value
		}
		conditions[name] = next
	}
	return nil
}
