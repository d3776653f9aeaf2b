// Package permissions has the IAM policy that the provider needs: the least that makes,
// finds and removes its clusters. In go an account and regions, out comes a policy
// document as IAM takes it (policy.json is its pattern).
//
// What the statements are there for, by their Sid:
//
//   - Look, LookAtIAM: to see what is there. IAM has no regions; EKS looks at roles with
//     the caller's permissions before it makes node groups and pod identities.
//   - Make, MakeIssuers: stacks, clusters, and OIDC providers of EKS, if they get the tag
//     of a cluster of ours. EKS asks for TagResource beside what it makes, and for add-ons
//     on something that is no cluster, so that all of EKS has to be allowed there.
//   - Furnish: what is made inside of a cluster, if that has our tag.
//   - PartsOfClusters: node groups, add-ons and pod identities go with their cluster,
//     whoever made them; their own tags do not say whose cluster it is.
//   - Mark: our tags, and no others, on what controllers made for a cluster.
//   - Remove: what has our tag, whatever it is.
//   - PassRoles: the stack's own roles, and those that are named, to EKS and its nodes.
//   - RolesOfServices: those that EKS makes for itself in an account without any.
//   - StacksLook, StacksMake, StacksChange, StacksAttach: what CloudFormation does for
//     the caller, and the caller only through CloudFormation (aws:CalledViaFirst). What is
//     made by it may get its tags a moment later; what is changed or removed has ours.
//     Roles can get no policies but those of the template.
//   - Trust, Encrypt: roles and keys that are named; left out when none are.
//
// It stays below the size that IAM allows a managed policy.
package permissions

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// pattern has words in capitals for what differs: PARTITION and ACCOUNT anywhere, and
// REGION, ROLE and KEY for any number of values each.
//
//go:embed policy.json
var pattern []byte

// Scope says where, and for what beyond the ordinary, permissions are wanted.
type Scope struct {
	// Account is the number of the account.
	Account string
	// Regions in which clusters may be made; one at least.
	Regions []string
	// Partition is that of the regions when empty: "aws", "aws-cn", "aws-us-gov".
	Partition string
	// Roles are ARNs of roles that the settings name (role, nodeRole, podIdentities),
	// or whose trust is to be updated. Wildcards stand for several. Roles whose names
	// begin with "rekindle-" need not be named, unless for their trust.
	Roles []string
	// Keys are ARNs of the keys that the settings name (encryptionKey).
	Keys []string
}

// Limit is how many characters a managed policy may have, without white space.
const Limit = 6144

// Policy is the policy for a scope, as indented JSON. Its error says which part of the
// scope is not right, or that it is too much for one policy.
func Policy(s Scope) (string, error) {
	if err := s.check(); err != nil {
		return "", err
	}
	var d document
	if err := json.Unmarshal(pattern, &d); err != nil {
		return "", fmt.Errorf("the pattern of the policy: %w", err)
	}
	d.Statement = slices.DeleteFunc(d.Statement, func(st *statement) bool {
		st.Resource = s.filled(st.Resource)
		for _, keys := range st.Condition {
			for k, values := range keys {
				keys[k] = s.filled(values)
			}
		}
		return len(st.Resource) == 0
	})
	text, err := d.text()
	if err != nil {
		return "", err
	}
	if n := size(text); n > Limit {
		return "", fmt.Errorf("the policy would have %d characters, and IAM takes %d: make one policy for each region, or name roles by a pattern (arn:…:role/team-*)", n, Limit)
	}
	return text, nil
}

var (
	accounts = regexp.MustCompile(`\A[0-9]{12}\z`)
	regions  = regexp.MustCompile(`\A[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}\z`)
	roles    = regexp.MustCompile(`\Aarn:([a-z-]+):iam::([0-9]{12}):role/[\w+=,.@/*?-]+\z`)
	keys     = regexp.MustCompile(`\Aarn:([a-z-]+):kms:[a-z0-9-]+:[0-9]{12}:key/[\w-]+\z`)
)

// check refuses what could not be meant, and finds the partition.
func (s *Scope) check() error {
	if !accounts.MatchString(s.Account) {
		return fmt.Errorf("%q is no AWS account: a number of 12 digits", s.Account)
	}
	if len(s.Regions) == 0 {
		return fmt.Errorf("no region is named: say where clusters of account %s may be made", s.Account)
	}
	given := s.Partition
	for _, r := range s.Regions {
		if !regions.MatchString(r) {
			return fmt.Errorf("%q is no region of AWS, such as eu-central-1", r)
		}
		p := partitionOf(r)
		if s.Partition == "" {
			s.Partition = p
		}
		if s.Partition != p {
			return fmt.Errorf("region %s is in the partition %s, and not in %s: make a policy for each", r, p, s.Partition)
		}
	}
	for _, r := range s.Roles {
		if m := roles.FindStringSubmatch(r); m == nil || m[1] != s.Partition || m[2] != s.Account {
			return fmt.Errorf("%q is no role of account %s: arn:%s:iam::%s:role/NAME", r, s.Account, s.Partition, s.Account)
		}
	}
	for _, k := range s.Keys {
		if m := keys.FindStringSubmatch(k); m == nil || m[1] != s.Partition {
			return fmt.Errorf("%q is no key: arn:%s:kms:REGION:ACCOUNT:key/ID", k, s.Partition)
		}
	}
	if given != "" && given != s.Partition {
		return fmt.Errorf("partition %s has none of these regions", given)
	}
	return nil
}

func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// filled puts the scope into a list of values.
func (s *Scope) filled(list words) words {
	var of words
	for _, w := range list {
		switch w {
		case "REGION":
			of = append(of, s.Regions...)
		case "ROLE":
			of = append(of, s.Roles...)
		case "KEY":
			of = append(of, s.Keys...)
		default:
			of = append(of, strings.NewReplacer("PARTITION", s.Partition, "ACCOUNT", s.Account).Replace(w))
		}
	}
	return of
}

// size is how many characters IAM counts.
func size(text string) int {
	n := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

type document struct {
	Version   string
	Statement []*statement
}

type statement struct {
	Sid, Effect      string
	Action, Resource words
	Condition        map[string]map[string]words `json:",omitempty"`
}

func (d document) text() (string, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(d)
	return out.String(), err
}

// words are one string, or a list of them, as policies have it.
type words []string

// UnmarshalJSON reads either.
func (w *words) UnmarshalJSON(raw []byte) error {
	if raw[0] != '[' {
		raw = slices.Concat([]byte("["), raw, []byte("]"))
	}
	var list []string
	err := json.Unmarshal(raw, &list)
	*w = list
	return err
}

// MarshalJSON writes one string where there is but one.
func (w words) MarshalJSON() ([]byte, error) {
	if len(w) == 1 {
		return json.Marshal(w[0])
	}
	return json.Marshal([]string(w))
}
