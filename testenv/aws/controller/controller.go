// Package controller plays the cloud's controllers of a simulated EKS cluster: it gives
// Services of type LoadBalancer and Ingresses their load balancers, and claims their EBS
// volumes, and removes them again. What they tag and name is as the controllers of
// Kubernetes and AWS do it, since that is all that tells afterwards whose a thing is.
//
// In goes how to reach a real control plane, out come things in the simulated EC2 and
// ELB. It ends with its cluster, and leaves behind what it was not told to remove.
package controller

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	corev1 "k8s.io/api/core/v1"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/elb"
)

// Cluster is what the controllers know of the cluster that they serve.
type Cluster struct {
	// Name of the EKS cluster: what they write into tags.
	Name string
	// VPC and Subnets are where it is. Load balancers are in all subnets.
	VPC     string
	Subnets []string
	// Group is the security group that EKS made for the cluster, which lets load
	// balancers in; empty when nobody is to be let in.
	Group string
}

// Options are what a controller works on.
type Options struct {
	Cluster Cluster
	// Network and Balancing are those of the cluster's account and region.
	Network   *ec2.Place
	Balancing *elb.Place
	Log       *slog.Logger
}

// tagShared begins the tag that says whose things are; the cluster's name follows.
const (
	tagShared = "kubernetes.io/cluster/"
	owned     = "owned"
)

// What controllers serve.
type kind int

const (
	services kind = iota
	ingresses
	claims
	volumes
)

// item is one object that something happened to.
type item struct {
	kind            kind
	namespace, name string
}

// controllers is all of them: one worker does their work, one object at a time.
type controllers struct {
	Options
	client kubernetes.Interface
	core   informers.SharedInformerFactory
	queue  workqueue.TypedRateLimitingInterface[item]
}

// Run serves a cluster until ctx ends. Errors of the API server or of AWS are tried
// again; an error is returned only when the configuration cannot be used.
func Run(ctx context.Context, config *rest.Config, o Options) error {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = 1000, 2000
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("the controllers of %s: %w", o.Cluster.Name, err)
	}
	c := &controllers{
		Options: o, client: client, core: informers.NewSharedInformerFactory(client, 0),
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[item](5*time.Millisecond, time.Second)),
	}
	for k, informer := range map[kind]cache.SharedIndexInformer{
		services:  c.core.Core().V1().Services().Informer(),
		ingresses: c.core.Networking().V1().Ingresses().Informer(),
		claims:    c.core.Core().V1().PersistentVolumeClaims().Informer(),
		volumes:   c.core.Core().V1().PersistentVolumes().Informer(),
	} {
		if err := c.watch(k, informer); err != nil {
			return err
		}
	}
	classes := c.core.Storage().V1().StorageClasses().Informer()
	stop := context.AfterFunc(ctx, c.queue.ShutDown)
	defer stop()
	defer c.core.Shutdown()
	c.core.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), classes.HasSynced) {
		return nil
	}
	c.core.WaitForCacheSync(ctx.Done())
	for c.serve(ctx) {
	}
	return nil
}

func (c *controllers) watch(k kind, informer cache.SharedIndexInformer) error {
	add := func(obj any) {
		key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(obj)
		if err != nil {
			return
		}
		if namespace, name, err := cache.SplitMetaNamespaceKey(key); err == nil {
			c.queue.Add(item{k, namespace, name})
		}
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: func(_, obj any) { add(obj) }, DeleteFunc: add})
	return err
}

// serve looks at one object; it returns false when there will be no more.
func (c *controllers) serve(ctx context.Context) bool {
	i, ended := c.queue.Get()
	if ended {
		return false
	}
	defer c.queue.Done(i)
	err := c.sync(ctx, i)
	if err != nil && ctx.Err() == nil {
		c.Log.Debug("trying again", "cluster", c.Cluster.Name, "namespace", i.namespace, "name", i.name, "error", err)
		c.queue.AddRateLimited(i)
		return true
	}
	c.queue.Forget(i)
	return true
}

func (c *controllers) sync(ctx context.Context, i item) error {
	switch i.kind {
	case services:
		s, err := c.core.Core().V1().Services().Lister().Services(i.namespace).Get(i.name)
		return found(s, err, func(s *corev1.Service) error { return c.syncService(ctx, s.DeepCopy()) })
	case ingresses:
		g, err := c.core.Networking().V1().Ingresses().Lister().Ingresses(i.namespace).Get(i.name)
		return found(g, err, func(g *networkingv1.Ingress) error { return c.syncIngress(ctx, g.DeepCopy()) })
	case claims:
		p, err := c.core.Core().V1().PersistentVolumeClaims().Lister().PersistentVolumeClaims(i.namespace).Get(i.name)
		return found(p, err, func(p *corev1.PersistentVolumeClaim) error { return c.syncClaim(ctx, p) })
	case volumes:
		v, err := c.core.Core().V1().PersistentVolumes().Lister().Get(i.name)
		return found(v, err, func(v *corev1.PersistentVolume) error { return c.syncVolume(ctx, v.DeepCopy()) })
	}
	return nil
}
