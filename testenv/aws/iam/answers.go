package iam

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// What stands inside the Result of each answer.

type doneAnswer struct{}

type tagItem struct {
	Key   string `xml:"Key"`
	Value string `xml:"Value"`
}

type roleItem struct {
	Path        string    `xml:"Path"`
	Name        string    `xml:"RoleName"`
	ID          string    `xml:"RoleId"`
	ARN         string    `xml:"Arn"`
	Created     string    `xml:"CreateDate"`
	Trust       string    `xml:"AssumeRolePolicyDocument"`
	Description string    `xml:"Description,omitempty"`
	Longest     int       `xml:"MaxSessionDuration"`
	Tags        []tagItem `xml:"Tags>member,omitempty"`
}

type listRolesAnswer struct {
	Truncated bool       `xml:"IsTruncated"`
	Marker    string     `xml:"Marker,omitempty"`
	Roles     []roleItem `xml:"Roles>member"`
}

type getRoleAnswer struct {
	Role roleItem `xml:"Role"`
}

type listTagsAnswer struct {
	Truncated bool      `xml:"IsTruncated"`
	Tags      []tagItem `xml:"Tags>member"`
}

type listProvidersAnswer struct {
	List []providerItem `xml:"OpenIDConnectProviderList>member"`
}

type providerItem struct {
	ARN string `xml:"Arn"`
}

type getProviderAnswer struct {
	URL         string    `xml:"Url"`
	Clients     []string  `xml:"ClientIDList>member"`
	Thumbprints []string  `xml:"ThumbprintList>member"`
	Created     string    `xml:"CreateDate"`
	Tags        []tagItem `xml:"Tags>member"`
}

type createProviderAnswer struct {
	ARN  string    `xml:"OpenIDConnectProviderArn"`
	Tags []tagItem `xml:"Tags>member"`
}

// longest is how long somebody may have taken on a role, in seconds.
const longest = 3600

func (r *role) item(now time.Time, lag time.Duration) roleItem {
	return roleItem{
		Path: r.Path, Name: r.Name, ID: r.ID, ARN: r.ARN, Created: stamp(r.Created), Trust: encoded(r.trustSeen(now, lag)),
		Description: r.Description, Longest: longest, Tags: tagItems(r.Tags),
	}
}

// encoded is a policy as IAM answers it: URL-encoded as RFC 3986 has it.
func encoded(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func tagItems(tags map[string]string) []tagItem {
	list := make([]tagItem, 0, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, tagItem{Key: k, Value: tags[k]})
	}
	return list
}
