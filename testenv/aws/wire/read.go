package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxBody is the longest request that is read, in bytes.
const maxBody = 4 << 20

// targetLogs is what stands before the operation in the header X-Amz-Target.
const targetLogs = "Logs_20140328."

// Read tells what a request is meant for. The service is the one that it is signed for:
// one address serves them all. Who sent it is not looked at. Errors are as the service
// would write them; the Call has the service whenever it is known, so that they can be.
func Read(r *http.Request, now time.Time) (*Call, error) {
	c := &Call{Time: now, Query: r.URL.Query()}
	s, err := signatureOf(r)
	if err != nil {
		return c, err
	}
	c.Service, c.Region = s.service, s.region
	if c.Body, err = io.ReadAll(io.LimitReader(r.Body, maxBody)); err != nil {
		return c, fmt.Errorf("reading a request: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(c.Body))
	switch c.Service {
	case "eks":
		return c, c.route(r)
	case "logs":
		c.Operation = strings.TrimPrefix(r.Header.Get("X-Amz-Target"), targetLogs)
		return c, nil
	}
	if c.Form, err = url.ParseQuery(string(c.Body)); err != nil {
		return c, &Error{Status: http.StatusBadRequest, Code: "MalformedQueryString", Message: err.Error()}
	}
	if r.Method == http.MethodGet {
		c.Form = c.Query
	}
	c.Operation, c.Version = c.Form.Get("Action"), c.Form.Get("Version")
	return c, nil
}

// ErrUnknownOperation: nothing here knows that operation.
var ErrUnknownOperation = errors.New("no operation of that name or path is simulated")

// route finds the operation of a REST request, and the parts of its path.
func (c *Call) route(r *http.Request) error {
	have := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	for _, candidate := range strings.Split(strings.TrimSpace(routesOfEKS), "\n") {
		f := strings.Fields(candidate)
		want := strings.Split(strings.Trim(f[2], "/"), "/")
		if f[1] != r.Method || len(want) != len(have) {
			continue
		}
		if parts, ok := match(want, have); ok {
			c.Operation, c.Path = f[0], parts
			return nil
		}
	}
	c.Operation = r.Method + " " + r.URL.Path
	return ErrUnknownOperation
}

func match(want, have []string) (map[string]string, bool) {
	parts := map[string]string{}
	for i, w := range want {
		name, isPart := strings.CutPrefix(w, "{")
		if !isPart {
			if w != have[i] {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(have[i])
		if err != nil || value == "" {
			return nil, false
		}
		parts[strings.TrimSuffix(name, "}")] = value
	}
	return parts, true
}

// routesOfEKS are its operations, by method and path, as its model has them.
const routesOfEKS = `
AssociateAccessPolicy          POST   /clusters/{clusterName}/access-entries/{principalArn}/access-policies
CreateAccessEntry              POST   /clusters/{clusterName}/access-entries
CreateAddon                    POST   /clusters/{clusterName}/addons
CreateCluster                  POST   /clusters
CreateNodegroup                POST   /clusters/{clusterName}/node-groups
CreatePodIdentityAssociation   POST   /clusters/{clusterName}/pod-identity-associations
DeleteAccessEntry              DELETE /clusters/{clusterName}/access-entries/{principalArn}
DeleteAddon                    DELETE /clusters/{clusterName}/addons/{addonName}
DeleteCluster                  DELETE /clusters/{name}
DeleteNodegroup                DELETE /clusters/{clusterName}/node-groups/{nodegroupName}
DeletePodIdentityAssociation   DELETE /clusters/{clusterName}/pod-identity-associations/{associationId}
DescribeAccessEntry            GET    /clusters/{clusterName}/access-entries/{principalArn}
DescribeAddon                  GET    /clusters/{clusterName}/addons/{addonName}
DescribeAddonVersions          GET    /addons/supported-versions
DescribeCluster                GET    /clusters/{name}
DescribeClusterVersions        GET    /cluster-versions
DescribeNodegroup              GET    /clusters/{clusterName}/node-groups/{nodegroupName}
DescribePodIdentityAssociation GET    /clusters/{clusterName}/pod-identity-associations/{associationId}
ListAccessEntries              GET    /clusters/{clusterName}/access-entries
ListAddons                     GET    /clusters/{clusterName}/addons
ListAssociatedAccessPolicies   GET    /clusters/{clusterName}/access-entries/{principalArn}/access-policies
ListClusters                   GET    /clusters
ListNodegroups                 GET    /clusters/{clusterName}/node-groups
ListPodIdentityAssociations    GET    /clusters/{clusterName}/pod-identity-associations
ListTagsForResource            GET    /tags/{resourceArn}
TagResource                    POST   /tags/{resourceArn}
UntagResource                  DELETE /tags/{resourceArn}
UpdateClusterConfig            POST   /clusters/{name}/update-config
UpdateNodegroupConfig          POST   /clusters/{clusterName}/node-groups/{nodegroupName}/update-config
`
