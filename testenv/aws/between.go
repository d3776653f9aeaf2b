package aws

import (
	"context"
	"log/slog"
	"net/http"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/rekindle-io/rekindle/testenv/aws/controller"
	"github.com/rekindle-io/rekindle/testenv/aws/eks"
	"github.com/rekindle-io/rekindle/testenv/aws/iam"
	"github.com/rekindle-io/rekindle/testenv/aws/logs"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// roles is IAM as EKS asks it.
type roles struct{ iam *iam.Cloud }

// Assumable gives EKS' words to what IAM says.
func (r roles) Assumable(account, role, service string) error {
	if err := r.iam.At(account).Assume(role, service); err != nil {
		return &wire.Error{Status: http.StatusBadRequest, Code: "InvalidParameterException", Message: err.Error()}
	}
	return nil
}

// serviceRoles is IAM as EKS has it make the roles of services.
type serviceRoles struct{ iam *iam.Cloud }

func (r serviceRoles) Needs(account, service string) []wire.Need {
	return r.iam.At(account).LinkedNeeds(service)
}

func (r serviceRoles) Make(account, service string) error {
	return r.iam.At(account).CreateLinked(service)
}

// groups is CloudWatch Logs as EKS asks it.
type groups struct{ logs *logs.Cloud }

// Ensure makes a log group unless it is there, as EKS does: without tags.
func (g groups) Ensure(account, region, name string) {
	_ = g.logs.At(account, region).CreateGroup(name, nil) // it is there
}

// control runs the controllers of a cluster that has a control plane of its own, until
// that ends.
func (w *World) control(ctx context.Context, p eks.Plane, s *server) error {
	config, err := clientcmd.RESTConfigFromKubeConfig(s.kubeconfig)
	if err != nil {
		return err
	}
	go func() {
		err := controller.Run(ctx, config, controller.Options{
			Cluster: controller.Cluster{Name: p.Cluster, VPC: p.VPC, Subnets: p.Subnets, Group: p.Group},
			Network: w.EC2.At(p.Account, p.Region), Balancing: w.ELB.At(p.Account, p.Region), Log: slog.New(slog.DiscardHandler),
		})
		if err != nil && ctx.Err() == nil {
			w.mistake("the controllers of %s: %v", p.Cluster, err)
		}
	}()
	return nil
}
