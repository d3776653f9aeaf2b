package controller

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/elb"
)

// syncService makes, or removes, the load balancer of a Service.
func (c *controllers) syncService(ctx context.Context, s *corev1.Service) error {
	w, wanted := c.wishOfService(s)
	if !wanted || s.DeletionTimestamp != nil {
		return c.end(s, c.wishesOf(s), func() error {
			_, err := c.client.CoreV1().Services(s.Namespace).Update(ctx, s, metav1.UpdateOptions{})
			return err
		})
	}
	if !slices.Contains(s.Finalizers, w.finalizer) {
		s.Finalizers = append(s.Finalizers, w.finalizer)
		_, err := c.client.CoreV1().Services(s.Namespace).Update(ctx, s, metav1.UpdateOptions{})
		return err // seen again when that has arrived
	}
	dns, err := c.ensure(w)
	if err != nil {
		return err
	}
	if is := s.Status.LoadBalancer.Ingress; len(is) == 1 && is[0].Hostname == dns {
		return nil
	}
	s.Status.LoadBalancer = corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{Hostname: dns}}}
	_, err = c.client.CoreV1().Services(s.Namespace).UpdateStatus(ctx, s, metav1.UpdateOptions{})
	return gone(err)
}

// syncIngress makes, or removes, the application load balancer of an Ingress.
func (c *controllers) syncIngress(ctx context.Context, g *networkingv1.Ingress) error {
	w, wanted := c.wishOfIngress(g), g.Spec.IngressClassName != nil && *g.Spec.IngressClassName == classALB
	if !wanted || g.DeletionTimestamp != nil {
		return c.end(g, []wish{w}, func() error {
			_, err := c.client.NetworkingV1().Ingresses(g.Namespace).Update(ctx, g, metav1.UpdateOptions{})
			return err
		})
	}
	if !slices.Contains(g.Finalizers, w.finalizer) {
		g.Finalizers = append(g.Finalizers, w.finalizer)
		_, err := c.client.NetworkingV1().Ingresses(g.Namespace).Update(ctx, g, metav1.UpdateOptions{})
		return err
	}
	dns, err := c.ensure(w)
	if err != nil {
		return err
	}
	if is := g.Status.LoadBalancer.Ingress; len(is) == 1 && is[0].Hostname == dns {
		return nil
	}
	g.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{Hostname: dns}}
	_, err = c.client.NetworkingV1().Ingresses(g.Namespace).UpdateStatus(ctx, g, metav1.UpdateOptions{})
	return gone(err)
}

// ensure makes what is missing of a load balancer, and returns its DNS name.
func (c *controllers) ensure(w wish) (string, error) {
	if b, there := c.balancer(w); there {
		return b.DNS, nil
	}
	b := w.balancer
	b.Subnets = c.Cluster.Subnets
	if w.group.Name != "" {
		id, err := c.ensureGroup(w)
		if err != nil {
			return "", err
		}
		b.Groups = []string{id}
	}
	for _, t := range w.targets {
		made, err := c.Balancing.EnsureTargetGroup(t)
		if err != nil {
			return "", err
		}
		b.Targets = append(b.Targets, made.ARN)
	}
	made, err := c.Balancing.Create(b)
	return made.DNS, err
}

func (c *controllers) balancer(w wish) (elb.Balancer, bool) {
	list := c.Balancing.Balancers(c.Cluster.VPC)
	i := slices.IndexFunc(list, func(b elb.Balancer) bool { return b.Kind == w.balancer.Kind && b.Name == w.balancer.Name })
	if i < 0 {
		return elb.Balancer{}, false
	}
	return list[i], true
}

func (c *controllers) group(name string) (ec2.Group, bool) {
	list := c.Network.Groups(c.Cluster.VPC)
	i := slices.IndexFunc(list, func(g ec2.Group) bool { return g.Name == name })
	if i < 0 {
		return ec2.Group{}, false
	}
	return list[i], true
}

// ensureGroup makes a load balancer's security group, and lets it into the cluster's.
func (c *controllers) ensureGroup(w wish) (string, error) {
	g, there := c.group(w.group.Name)
	if !there {
		wanted := w.group
		wanted.VPC = c.Cluster.VPC
		made, err := c.Network.CreateGroup(wanted)
		if err != nil {
			return "", err
		}
		g = made
		for _, port := range w.ports {
			if err := c.Network.AuthorizeIngress(g.ID, ec2.Rule{Protocol: "tcp", From: port, To: port, CIDR: "0.0.0.0/0"}); err != nil {
				return "", err
			}
		}
	}
	if c.Cluster.Group == "" {
		return g.ID, nil
	}
	into, err := c.Network.Group(c.Cluster.Group)
	if err != nil || slices.ContainsFunc(into.Ingress, func(r ec2.Rule) bool { return r.Group == g.ID }) {
		return g.ID, err
	}
	return g.ID, c.Network.AuthorizeIngress(into.ID, entry(g.ID))
}

// entry is the rule that lets a load balancer's security group in.
func entry(group string) ec2.Rule { return ec2.Rule{Protocol: "-1", Group: group} }

// end removes an object's load balancers, waits until what belongs to them is gone, and
// lets the object go.
func (c *controllers) end(o metav1.Object, wishes []wish, update func() error) error {
	left := o.GetFinalizers()
	for _, w := range wishes {
		if !slices.Contains(o.GetFinalizers(), w.finalizer) {
			continue
		}
		if err := c.remove(w); err != nil {
			return err
		}
		left = slices.DeleteFunc(slices.Clone(left), func(f string) bool { return f == w.finalizer })
	}
	if len(left) == len(o.GetFinalizers()) {
		return nil
	}
	o.SetFinalizers(left)
	return gone(update())
}

// remove ends a load balancer, its target groups, and its security group, which can only
// go some time after it.
func (c *controllers) remove(w wish) error {
	targets := []string{}
	if b, there := c.balancer(w); there {
		targets = b.Targets
		id := b.ARN
		if b.Kind == elb.Classic {
			id = b.Name
		}
		if err := c.Balancing.Delete(id); err != nil {
			return err
		}
	}
	for _, arn := range targets {
		if err := c.Balancing.DeleteTargetGroup(arn); err != nil {
			return err
		}
	}
	g, there := c.group(w.group.Name)
	if w.group.Name == "" || !there {
		return nil
	}
	if c.Cluster.Group != "" {
		into, err := c.Network.Group(c.Cluster.Group)
		if err == nil && slices.Contains(into.Ingress, entry(g.ID)) {
			err = c.Network.RevokeIngress(into.ID, entry(g.ID))
		}
		if err != nil {
			return err
		}
	}
	return c.Network.DeleteGroup(g.ID)
}

// gone takes no offence at an object that is not there any more.
func gone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// found looks at an object that is there.
func found[T any](o T, err error, look func(T) error) error {
	if err != nil {
		return gone(err)
	}
	return look(o)
}
