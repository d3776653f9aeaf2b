package sts

import (
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

func TestWhoSomebodyIs(t *testing.T) {
	const account = "123456789012"
	for _, test := range []struct{ principal, arn, id string }{
		{"arn:aws:iam::" + account + ":user/ann", "arn:aws:iam::" + account + ":user/ann", "AIDA"},
		{"arn:aws:iam::" + account + ":role/ops", "arn:aws:sts::" + account + ":assumed-role/ops/session", "AROA"},
		{"arn:aws-cn:iam::" + account + ":role/a/b/ops", "arn:aws-cn:sts::" + account + ":assumed-role/ops/session", "AROA"},
		{"arn:aws:iam::" + account + ":root", "arn:aws:iam::" + account + ":root", account},
	} {
		answer, err := Operations()["GetCallerIdentity"].Do(t.Context(), &wire.Call{Account: account, Principal: test.principal})
		if err != nil {
			t.Fatal(err)
		}
		who, is := answer.(identityAnswer)
		if !is || who.ARN != test.arn || who.Account != account || !strings.HasPrefix(who.ID, test.id) {
			t.Errorf("%s is %+v", test.principal, answer)
		}
	}
}
