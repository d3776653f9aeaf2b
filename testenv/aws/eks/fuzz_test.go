package eks

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Whatever is asked gets an answer or an error of EKS; what is not simulated is said.
func FuzzRequests(f *testing.F) {
	f.Add("CreateCluster", "prod", `{"name":"other","roleArn":"r","resourcesVpcConfig":{"subnetIds":["SUBNET0","SUBNET1"]},"tags":{"a":"b"}}`, "")
	f.Add("CreateCluster", "prod", `{"name":"other","roleArn":"r","resourcesVpcConfig":{"subnetIds":[]},"logging":{"clusterLogging":[{"types":["api"],"enabled":true}]}}`, "")
	f.Add("CreateNodegroup", "prod", `{"nodegroupName":"n","nodeRole":"r","subnets":["SUBNET0"],"scalingConfig":{"minSize":0,"maxSize":1,"desiredSize":0}}`, "")
	f.Add("CreateNodegroup", "prod", `{"nodegroupName":"n","nodeRole":"r","subnets":[]}`, "")
	f.Add("UpdateNodegroupConfig", "prod", `{"scalingConfig":{"desiredSize":1}}`, "nodegroupName=n")
	f.Add("CreateAddon", "prod", `{"addonName":"vpc-cni","configurationValues":"{"}`, "")
	f.Add("CreateAccessEntry", "prod", `{"principalArn":"arn:aws:iam::123456789012:role/dev","kubernetesGroups":["a"]}`, "")
	f.Add("AssociateAccessPolicy", "prod", `{"policyArn":"x","accessScope":{"type":"cluster"}}`, "principalArn=x")
	f.Add("ListClusters", "", "", "maxResults=-1&nextToken=LTE")
	f.Add("DescribeClusterVersions", "", "", "clusterVersions=1.36&includeAll=true&nextToken=MQ")
	f.Add("TagResource", "prod", `{"tags":{"aws:a":"b"}}`, "resourceArn=arn:aws:eks:eu-central-1:123456789012:cluster/prod")
	f.Add("DeleteCluster", "prod", "{", "")
	f.Fuzz(func(t *testing.T, operation, name, body, query string) {
		w := newWorld(t, Options{})
		operations := w.Operations()
		_, err := operations["CreateCluster"].Do(t.Context(), &wire.Call{Region: region, Account: account, Principal: me,
			Body: []byte(`{"name":"prod","roleArn":"r","resourcesVpcConfig":{"subnetIds":["` + strings.Join(w.subnets, `","`) + `"]},"accessConfig":{"authenticationMode":"API"}}`)})
		w.ok(err)
		w.up("prod")
		o, known := operations[operation]
		if !known {
			o = operations[slices.Sorted(maps.Keys(operations))[len(body)%len(operations)]]
		}
		q, err := url.ParseQuery(query)
		if err != nil {
			q = url.Values{}
		}
		body = strings.NewReplacer("SUBNET0", w.subnets[0], "SUBNET1", w.subnets[1]).Replace(body)
		c := &wire.Call{Service: "eks", Operation: operation, Region: region, Account: account, Principal: me, Time: w.now(), Query: q, Body: []byte(body),
			Path: map[string]string{"name": name, "clusterName": name, "nodegroupName": q.Get("nodegroupName"), "addonName": q.Get("addonName"),
				"principalArn": q.Get("principalArn"), "associationId": q.Get("associationId"), "resourceArn": q.Get("resourceArn")}}
		if _, err = o.Needs(c); err == nil {
			_, err = o.Do(t.Context(), c)
		}
		if err != nil && !errors.As(err, new(*wire.Error)) && !strings.Contains(err.Error(), "not simulated") {
			t.Errorf("%s %s: %v", operation, body, err)
		}
	})
}
