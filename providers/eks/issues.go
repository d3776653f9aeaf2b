package eks

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// issues are what EKS says is wrong with a cluster.
func issues(h *types.ClusterHealth) []string {
	if h == nil {
		h = &types.ClusterHealth{}
	}
	return spelled(h.Issues, func(i types.ClusterIssue) (any, *string) { return i.Code, i.Message })
}

// nodeIssues are what EKS says is wrong with a node group.
func nodeIssues(n *types.Nodegroup) string {
	var list []types.Issue
	if n.Health != nil {
		list = n.Health.Issues
	}
	return strings.Join(spelled(list, func(i types.Issue) (any, *string) { return i.Code, i.Message }), "; ")
}

// addonIssues are what EKS says is wrong with an add-on.
func addonIssues(a *types.Addon) string {
	var list []types.AddonIssue
	if a.Health != nil {
		list = a.Health.Issues
	}
	return strings.Join(spelled(list, func(i types.AddonIssue) (any, *string) { return i.Code, i.Message }), "; ")
}

// spelled are issues in words, one at least.
func spelled[Issue any](list []Issue, words func(Issue) (code any, message *string)) []string {
	if len(list) == 0 {
		return []string{"EKS does not say why"}
	}
	said := make([]string, len(list))
	for i, issue := range list {
		code, message := words(issue)
		said[i] = fmt.Sprintf("%s: %s", code, aws.ToString(message))
	}
	return said
}
