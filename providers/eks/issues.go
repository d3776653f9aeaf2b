package eks

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// silence is said of what failed when EKS does not say why.
const silence = "EKS does not say why"

// issues are what EKS says is wrong with a cluster.
func issues(h *types.ClusterHealth) []string {
	if h == nil || len(h.Issues) == 0 {
		return []string{silence}
	}
	said := make([]string, len(h.Issues))
	for i, issue := range h.Issues {
		said[i] = fmt.Sprintf("%s: %s", issue.Code, aws.ToString(issue.Message))
	}
	return said
}

// nodeIssues are what EKS says is wrong with a node group.
func nodeIssues(n *types.Nodegroup) string {
	if n.Health == nil || len(n.Health.Issues) == 0 {
		return silence
	}
	said := make([]string, len(n.Health.Issues))
	for i, issue := range n.Health.Issues {
		said[i] = fmt.Sprintf("%s: %s", issue.Code, aws.ToString(issue.Message))
	}
	return strings.Join(said, "; ")
}

// addonIssues are what EKS says is wrong with an add-on.
func addonIssues(a *types.Addon) string {
	if a.Health == nil || len(a.Health.Issues) == 0 {
		return silence
	}
	said := make([]string, len(a.Health.Issues))
	for i, issue := range a.Health.Issues {
		said[i] = fmt.Sprintf("%s: %s", issue.Code, aws.ToString(issue.Message))
	}
	return strings.Join(said, "; ")
}
