package controller

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

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

// wishOfIngress is what the AWS Load Balancer Controller makes for an Ingress.
func (c *controllers) wishOfIngress(g *networkingv1.Ingress) wish {
	w := c.controlled("ingress", controllerName(g.Namespace, g.Name, string(g.UID)), g.Namespace+"/"+g.Name)
	w.finalizer, w.ports, w.balancer.Kind = finalizerIngress, []int{80}, elb.Application
	w.balancer.Internal = g.Annotations[annAlbScheme] != "internet-facing"
	w.balancer.Protected = strings.Contains(g.Annotations[annAlbAttrs], protection)
	w.targets = []elb.TargetGroup{{
		Name: controllerName(g.Namespace, g.Name, string(g.UID)+"targets"), VPC: c.Cluster.VPC, Protocol: "HTTP", Port: 80, Type: "ip", Tags: maps.Clone(w.balancer.Tags),
	}}
	return w
}
