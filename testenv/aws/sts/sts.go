// Package sts simulates the one operation of STS that tells who somebody is.
package sts

import (
	"context"
	"strings"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Operations are what the SDK may call. Nobody needs a permission for it.
func Operations() map[string]wire.Operation {
	return map[string]wire.Operation{"GetCallerIdentity": {Do: identity}}
}

type identityAnswer struct {
	ARN     string `xml:"Arn"`
	ID      string `xml:"UserId"`
	Account string `xml:"Account"`
}

func identity(_ context.Context, c *wire.Call) (any, error) {
	_, name, _ := strings.Cut(c.Principal, "/")
	return identityAnswer{ARN: c.Principal, ID: "AROA" + strings.ToUpper(name) + ":" + name, Account: c.Account}, nil
}
