// Package cloud plays the cloud and the kubelets of a simulated cluster where
// kwok does not: it makes the nodes and the default StorageClass once, gives
// every claim of our storage class a volume, and every Service of type
// LoadBalancer an address. Without it health would mean nothing there: claims
// would stay Pending and Services would wait for an address for ever.
//
// In goes a kubeconfig of an administrator; out come objects in that cluster.
package cloud

import (
	"context"
	"fmt"
	"os"
	"time"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// Options say which cluster and how much of it.
type Options struct {
	// Kubeconfig is the path of an administrator's kubeconfig.
	Kubeconfig string
	// Bootstrapped is the path of the file that says that the first objects
	// were made; what somebody deleted later is not made again.
	Bootstrapped string
	// Nodes is how many nodes to make.
	Nodes int
}

// Run makes the first objects and then serves claims and Services until ctx
// ends.
func Run(ctx context.Context, opts Options) error {
	config, err := clientcmd.BuildConfigFromFlags("", opts.Kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 1000, 2000
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if _, err := os.Stat(opts.Bootstrapped); err != nil {
		if err := bootstrap(ctx, client, opts.Nodes); err != nil {
			return fmt.Errorf("first objects: %w", err)
		}
		if err := os.WriteFile(opts.Bootstrapped, nil, 0o600); err != nil {
			return err
		}
	}

	factory := informers.NewSharedInformerFactory(client, 0)
	volumes := newVolumes(client, factory)
	balancers := newBalancers(client, factory)
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	go volumes.claims.run(ctx)
	go volumes.released.run(ctx)
	go balancers.services.run(ctx)
	<-ctx.Done()
	return nil
}

// worker calls sync for each key that an informer saw, and again, later, for
// one that failed.
type worker struct {
	name  string
	queue workqueue.TypedRateLimitingInterface[string]
	sync  func(ctx context.Context, key string) error
}

func newWorker(name string, informer cache.SharedIndexInformer, sync func(context.Context, string) error) *worker {
	w := &worker{
		name: name,
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[string](20*time.Millisecond, 10*time.Second)),
		sync: sync,
	}
	add := func(obj any) {
		if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(obj); err == nil {
			w.queue.Add(key)
		}
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    add,
		UpdateFunc: func(_, obj any) { add(obj) },
		DeleteFunc: add,
	})
	if err != nil { // only after the informer was stopped, and it has not begun
		klog.ErrorS(err, "cannot watch", "worker", name)
	}
	return w
}

func (w *worker) run(ctx context.Context) {
	go func() {
		<-ctx.Done()
		w.queue.ShutDown()
	}()
	for {
		key, quit := w.queue.Get()
		if quit {
			return
		}
		if err := w.sync(ctx, key); err != nil {
			klog.InfoS("will try again", "worker", w.name, "key", key, "error", err)
			w.queue.AddRateLimited(key)
		} else {
			w.queue.Forget(key)
		}
		w.queue.Done(key)
	}
}
