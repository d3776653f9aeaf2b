package controller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/elb"
)

// Annotations by which people choose a Service's load balancer.
const (
	annType       = "service.beta.kubernetes.io/aws-load-balancer-type"
	annInternal   = "service.beta.kubernetes.io/aws-load-balancer-internal"
	annScheme     = "service.beta.kubernetes.io/aws-load-balancer-scheme"
	annAttributes = "service.beta.kubernetes.io/aws-load-balancer-attributes"
	annAlbScheme  = "alb.ingress.kubernetes.io/scheme"
	annAlbAttrs   = "alb.ingress.kubernetes.io/load-balancer-attributes"
	protection    = "deletion_protection.enabled=true"
)

// Finalizers hold Services and Ingresses until their load balancers are gone. The first
// is of Kubernetes' own controller, the others of the AWS Load Balancer Controller.
const (
	finalizerCloud   = "service.kubernetes.io/load-balancer-cleanup"
	finalizerService = "service.k8s.aws/resources"
	finalizerIngress = "ingress.k8s.aws/resources"
)

// classNLB and classALB are what the AWS Load Balancer Controller answers to.
const (
	classNLB = "service.k8s.aws/nlb"
	classALB = "alb"
)

// wish is the load balancer that an object is to have.
type wish struct {
	balancer  elb.Balancer
	finalizer string
	// group is its security group; without a name it has none.
	group ec2.Group
	// targets are its target groups, which have the same tags.
	targets []elb.TargetGroup
	ports   []int
}

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

// wishOfService says which load balancer a Service wants; false for none.
func (c *controllers) wishOfService(s *corev1.Service) (wish, bool) {
	class := ""
	if s.Spec.LoadBalancerClass != nil {
		class = *s.Spec.LoadBalancerClass
	}
	if s.Spec.Type != corev1.ServiceTypeLoadBalancer || class != "" && class != classNLB {
		return wish{}, false
	}
	switch kind := s.Annotations[annType]; {
	case class == classNLB || kind == "external" || kind == "nlb-ip":
		return c.external(s), true
	case kind == "nlb":
		return c.network(s), true
	}
	return c.classic(s), true
}

// wishesOf are all load balancers that a Service may have had.
func (c *controllers) wishesOf(s *corev1.Service) []wish {
	return []wish{c.classic(s), c.network(s), c.external(s)}
}

// cloudName is the name that Kubernetes' own controller gives to load balancers.
func cloudName(uid string) string {
	name := "a" + strings.ReplaceAll(uid, "-", "")
	return name[:min(len(name), 32)]
}

func (c *controllers) tags(s *corev1.Service) map[string]string {
	return map[string]string{tagShared + c.Cluster.Name: owned, "kubernetes.io/service-name": s.Namespace + "/" + s.Name}
}

// classic is what Kubernetes' own controller makes unless told otherwise.
func (c *controllers) classic(s *corev1.Service) wish {
	name := cloudName(string(s.UID))
	w := wish{
		finalizer: finalizerCloud, ports: ports(s),
		balancer: elb.Balancer{Kind: elb.Classic, Name: name, Internal: s.Annotations[annInternal] == "true", Tags: c.tags(s)},
		group: ec2.Group{
			Name: "k8s-elb-" + name, Description: fmt.Sprintf("Security group for Kubernetes ELB %s (%s/%s)", name, s.Namespace, s.Name),
			Thing: ec2.Thing{Tags: map[string]string{tagShared + c.Cluster.Name: owned}},
		},
	}
	for _, p := range s.Spec.Ports {
		w.balancer.Listeners = append(w.balancer.Listeners, elb.Listener{Protocol: string(p.Protocol), Port: int(p.Port), NodePort: int(p.NodePort)})
	}
	return w
}

// network is what Kubernetes' own controller makes for the type "nlb": it has no
// security group.
func (c *controllers) network(s *corev1.Service) wish {
	w := wish{
		finalizer: finalizerCloud,
		balancer:  elb.Balancer{Kind: elb.Network, Name: cloudName(string(s.UID)), Internal: s.Annotations[annInternal] == "true", Tags: c.tags(s)},
	}
	w.targets = c.targets(s.Namespace, s.Name, string(s.UID), s.Spec.Ports, w.balancer.Tags)
	return w
}

// external is what the AWS Load Balancer Controller makes for a Service.
func (c *controllers) external(s *corev1.Service) wish {
	name := controllerName(s.Namespace, s.Name, string(s.UID))
	w := c.controlled("service", name, s.Namespace+"/"+s.Name)
	w.finalizer, w.ports, w.balancer.Kind = finalizerService, ports(s), elb.Network
	w.balancer.Internal = s.Annotations[annScheme] != "internet-facing"
	w.balancer.Protected = strings.Contains(s.Annotations[annAttributes], protection)
	w.targets = c.targets(s.Namespace, s.Name, string(s.UID), s.Spec.Ports, w.balancer.Tags)
	return w
}

// controlled is what the AWS Load Balancer Controller's load balancers have in common.
func (c *controllers) controlled(what, name, stack string) wish {
	tags := func(resource string) map[string]string {
		return map[string]string{"elbv2.k8s.aws/cluster": c.Cluster.Name, what + ".k8s.aws/stack": stack, what + ".k8s.aws/resource": resource}
	}
	return wish{
		balancer: elb.Balancer{Name: name, Tags: tags("LoadBalancer")},
		group:    ec2.Group{Name: name, Description: "[k8s] Managed SecurityGroup for LoadBalancer", Thing: ec2.Thing{Tags: tags("ManagedLBSecurityGroup")}},
	}
}

// controllerName is the name that the AWS Load Balancer Controller gives to things.
func controllerName(namespace, name, salt string) string {
	sum := sha256.Sum256([]byte(namespace + "/" + name + "/" + salt))
	short := func(s string) string {
		s = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, s)
		return s[:min(len(s), 8)]
	}
	return fmt.Sprintf("k8s-%s-%s-%s", short(namespace), short(name), hex.EncodeToString(sum[:])[:10])
}

func ports(s *corev1.Service) []int {
	list := make([]int, len(s.Spec.Ports))
	for i, p := range s.Spec.Ports {
		list[i] = int(p.Port)
	}
	return list
}

// targets are a target group for each port.
func (c *controllers) targets(namespace, name, uid string, ports []corev1.ServicePort, tags map[string]string) []elb.TargetGroup {
	list := make([]elb.TargetGroup, len(ports))
	for i, p := range ports {
		list[i] = elb.TargetGroup{
			Name: controllerName(namespace, name, fmt.Sprint(uid, p.Port)), VPC: c.Cluster.VPC, Protocol: string(p.Protocol), Port: int(p.NodePort),
			Type: "instance", Tags: maps.Clone(tags),
		}
	}
	return list
}

// syncIngress makes, or removes, the application load balancer of an Ingress.
func (c *controllers) syncIngress(ctx context.Context, g *networkingv1.Ingress) error {
	wanted := g.Spec.IngressClassName != nil && *g.Spec.IngressClassName == classALB
	w := c.controlled("ingress", controllerName(g.Namespace, g.Name, string(g.UID)), g.Namespace+"/"+g.Name)
	w.finalizer, w.ports, w.balancer.Kind = finalizerIngress, []int{80}, elb.Application
	w.balancer.Internal = g.Annotations[annAlbScheme] != "internet-facing"
	w.balancer.Protected = strings.Contains(g.Annotations[annAlbAttrs], protection)
	w.targets = []elb.TargetGroup{{
		Name: controllerName(g.Namespace, g.Name, string(g.UID)+"targets"), VPC: c.Cluster.VPC, Protocol: "HTTP", Port: 80, Type: "ip", Tags: maps.Clone(w.balancer.Tags),
	}}
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
