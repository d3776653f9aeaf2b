package ec2

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Whatever a request holds, it is answered or refused as EC2 refuses.
func FuzzRequests(f *testing.F) {
	for _, form := range []string{
		"Filter.1.Name=tag-key&Filter.1.Value.1=a*&MaxResults=5", "Filter.1.Name=vpc-id&Filter.1.Value.1=%5C", "VpcId.1=vpc-1&NextToken=MQ==", "NextToken=%FF&MaxResults=-1",
		"GroupId=sg-1&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=1&IpPermissions.1.ToPort=2&IpPermissions.1.Groups.1.GroupId=sg-2",
		"ResourceId.1=vpc-00000000000000000&Tag.1.Key=k&Tag.1.Value=v", "InstanceId.1=i-1&InstanceId.2=x", "ZoneName.1=a&Owner.1=self&DryRun=true",
	} {
		f.Add(form)
	}
	f.Fuzz(func(t *testing.T, text string) {
		form, err := url.ParseQuery(text)
		if err != nil {
			t.Skip()
		}
		w := newWorld(t)
		w.furnished()
		for name, o := range w.cloud.Operations() {
			c := &wire.Call{Service: "ec2", Operation: name, Account: account, Region: region, Form: form}
			_, err := o.Needs(c)
			if err == nil {
				_, err = o.Do(t.Context(), c)
			}
			if err != nil && !errors.As(err, new(*wire.Error)) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A pattern without wildcards matches itself alone, and "*" stands for everything.
func FuzzPattern(f *testing.F) {
	f.Add("a*b", "axxb")
	f.Add(`a\*b`, "a*b")
	f.Add(`\`, `\`)
	f.Add("?\n", "a\n")
	f.Fuzz(func(t *testing.T, value, text string) {
		p := pattern(value)
		if !strings.ContainsAny(value, `*?\`) && validText(value) && validText(text) && p.MatchString(text) != (value == text) {
			t.Errorf("%q matches %q: %v", value, text, p.MatchString(text))
		}
		escaped := regexp.MustCompile(`[*?\\]`).ReplaceAllString(text, `\$0`)
		if validText(text) && (!pattern(escaped).MatchString(text) || !pattern("*"+escaped+"*").MatchString("x"+text)) {
			t.Errorf("%q does not match %q", escaped, text)
		}
	})
}

func validText(s string) bool { return strings.ToValidUTF8(s, "") == s }
