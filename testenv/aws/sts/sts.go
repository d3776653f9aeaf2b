// Package sts simulates the one operation of STS that tells who somebody is. In go the
// calls of the SDK (Operations), out come the answers of STS.
package sts

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Operations are what the SDK may call. Nobody needs a permission for it.
func Operations() map[string]wire.Operation {
	return map[string]wire.Operation{"GetCallerIdentity": {
		Needs: func(*wire.Call) ([]wire.Need, error) { return nil, nil },
		Do:    identity,
	}}
}

type identityAnswer struct {
	ARN     string `xml:"Arn"`
	ID      string `xml:"UserId"`
	Account string `xml:"Account"`
}

// session is the name of the session of those who have taken on a role.
const session = "session"

// identity answers who asks. Whoever has a role is a session of it, whose ARN has not the
// path of the role.
func identity(_ context.Context, c *wire.Call) (any, error) {
	who := identityAnswer{ARN: c.Principal, Account: c.Account}
	prefix, name, isRole := strings.Cut(c.Principal, ":role/")
	switch {
	case isRole:
		name = name[strings.LastIndex(name, "/")+1:]
		who.ARN = strings.Replace(prefix, ":iam:", ":sts:", 1) + ":assumed-role/" + name + "/" + session
		who.ID = unique("AROA", c.Principal) + ":" + session
	case strings.HasSuffix(c.Principal, ":root"):
		who.ID = c.Account
	default:
		who.ID = unique("AIDA", c.Principal)
	}
	return who, nil
}

// unique is the ID of somebody, which begins with what they are.
func unique(kind, arn string) string {
	sum := sha256.Sum256([]byte(arn))
	return kind + base32.StdEncoding.EncodeToString(sum[:])[:17]
}
