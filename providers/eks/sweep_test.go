package eks

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	testaws "github.com/rekindle-io/rekindle/testenv/aws"
	"github.com/rekindle-io/rekindle/testenv/aws/iam"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// trustsPods lets EKS take a role on for pods.
const trustsPods = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
	"Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]}`

// whole are settings that make something of each kind.
func (c *cloud) whole(t *testing.T) providers.Settings {
	t.Helper()
	role := "arn:aws:iam::" + c.account + ":role/" + appRole
	if _, err := c.IAM.At(c.account).CreateRole(iam.Role{Name: appRole, Trust: trustsPods}); err != nil {
		t.Fatal(err)
	}
	return providers.Settings{
		"version": "1.35", "irsa": true, "logging": []any{"api"},
		"nodeGroups":    []any{map[string]any{"name": "workers", "instanceTypes": []any{"m6i.large"}}},
		"addons":        []any{map[string]any{"name": "coredns"}, map[string]any{"name": driver}},
		"access":        []any{map[string]any{"principal": role, "policy": "AmazonEKSViewPolicy"}},
		"podIdentities": []any{map[string]any{"namespace": "shop", "serviceAccount": "web", "role": role}},
	}
}

// row is a row of clusters, each of which is made while something else goes wrong.
type row struct {
	*testing.T
	*cloud
	count int
	// complete is what there is of each kind after a create in which nothing goes wrong.
	complete map[string]int
}

func startRow(t *testing.T) *row {
	t.Helper()
	w := inAWS(t)
	c := inAccount(t, w)
	c.job.Settings = plain(c.job.Settings, c.whole(t))
	c.job = c.job.written(t)
	return &row{T: t, cloud: c}
}

func (s *row) next() providers.Spec {
	s.count++
	return s.job.spec("swept", fmt.Sprintf("id-%d", s.count))
}

// calls are those of a create in which nothing goes wrong.
func (s *row) calls() []testaws.Record {
	s.Helper()
	sp := s.next()
	s.Fault(nil)
	if _, err := s.job.open(s.T).Create(s.Context(), sp, nil); err != nil {
		s.Fatal(err)
	}
	calls := s.Calls()
	s.complete = s.parts()
	s.remove(sp)
	return calls
}

// remove deletes a cluster, and looks whether all of it is gone.
func (s *row) remove(sp providers.Spec) {
	s.Helper()
	s.Fault(nil)
	if err := s.job.open(s.T).Delete(s.Context(), sp.Name, sp.ID, nil); err != nil {
		s.Errorf("delete: %v", err)
	}
	s.wantNothing(s.T)
}

// parts counts what is there by its kind.
func (s *row) parts() map[string]int {
	seen := map[string]int{}
	for _, thing := range s.Things() {
		if thing.Account == s.account {
			seen[thing.Kind]++
		}
	}
	return seen
}

// trouble is how a service says that it has some.
func trouble(c wire.Call) *wire.Error {
	switch c.Service {
	case "sts", "iam":
		return &wire.Error{Status: 500, Code: "InternalFailure", Message: "The request processing has failed because of an unknown error."}
	case "ec2":
		return &wire.Error{Status: 503, Code: "RequestLimitExceeded", Message: "Request limit exceeded."}
	case "eks", "logs":
		return &wire.Error{Status: 429, Code: "ThrottlingException", Message: "Rate exceeded"}
	}
	return &wire.Error{Status: 400, Code: "Throttling", Message: "Rate exceeded"}
}

func TestACreateInWhichOneCallFailsSucceeds(t *testing.T) {
	s := startRow(t)
	faults := map[string]func(wire.Call) testaws.Fault{
		"refused": func(c wire.Call) testaws.Fault { return testaws.Fault{Error: trouble(c)} },
		"lost":    func(wire.Call) testaws.Fault { return testaws.Fault{Lost: true} },
		"silent":  func(wire.Call) testaws.Fault { return testaws.Fault{Silent: true} },
	}
	// What waits asks the same again and again: the first two times stand for all.
	asked := map[string]int{}
	for _, c := range s.calls() {
		asked[c.Operation] = min(2, asked[c.Operation]+1)
	}
	for name, fault := range faults {
		for operation, times := range asked {
			for nth := range times {
				sp, seen := s.next(), 0
				s.Fault(func(c wire.Call, _ int) testaws.Fault {
					if c.Operation != operation {
						return testaws.Fault{}
					}
					seen++
					if seen != nth+1 {
						return testaws.Fault{}
					}
					return fault(c)
				})
				maker := s.job
				if name == "silent" {
					maker.Answer = 300 * time.Millisecond
				}
				if _, err := maker.open(s.T).Create(s.Context(), sp, nil); err != nil {
					s.Fatalf("%s %d is %s: %v", operation, nth, name, err)
				}
				if parts := s.parts(); !maps.Equal(parts, s.complete) {
					s.Errorf("%s %d is %s: there is %v, want %v", operation, nth, name, parts, s.complete)
				}
				s.remove(sp)
			}
		}
	}
}

func TestACreateThatIsDeniedNamesTheActionAndLeavesWhatCanBeRemoved(t *testing.T) {
	s := startRow(t)
	var operations []string
	for _, c := range s.calls() {
		operations = append(operations, c.Operation)
	}
	slices.Sort(operations)
	for _, operation := range slices.Compact(operations) {
		sp := s.next()
		s.Fault(func(c wire.Call, _ int) testaws.Fault {
			if c.Operation != operation {
				return testaws.Fault{}
			}
			action := c.Service + ":" + operation
			return testaws.Fault{Error: &wire.Error{Status: 403, Code: "AccessDeniedException", Message: "User: me is not authorized to perform: " + action + " on resource: *"}}
		})
		_, err := s.job.open(s.T).Create(s.Context(), sp, nil)
		s.Fault(nil)
		var e *Error
		if !errors.As(err, &e) || !strings.HasSuffix(e.Action, ":"+operation) || !strings.Contains(e.Remedy, e.Action) {
			s.Errorf("%s is denied: %v", operation, err)
		}
		found, err := s.job.open(s.T).Find(s.Context(), sp.Name)
		switch {
		case err == nil && (found.ID != sp.ID || found.State == providers.StateRunning):
			s.Errorf("%s is denied, and found is %+v", operation, found)
		case errors.Is(err, providers.ErrNotFound):
			s.wantNothing(s.T) // nothing half made
		case err != nil:
			s.Errorf("%s is denied: find: %v", operation, err)
		}
		s.remove(sp)
	}
}
