package testenv_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/testenv"
)

// A test gets a cluster that answers, and it is gone when the test has ended.
func TestStart(t *testing.T) {
	var c *testenv.Cluster
	t.Run("inside", func(t *testing.T) {
		c = testenv.Start(t, providers.Settings{"nodes": 3})
		config, err := clientcmd.RESTConfigFromKubeConfig(c.Kubeconfig)
		if err != nil {
			t.Fatal(err)
		}
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			t.Fatal(err)
		}
		nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		if err != nil || len(nodes.Items) != 3 {
			t.Errorf("have %v, %v; want three nodes", nodes, err)
		}
		version, err := client.Discovery().ServerVersion()
		if err != nil || version.GitVersion != c.Version {
			t.Errorf("the server is %v (%v), the provider says %s", version, err, c.Version)
		}
	})
	if c == nil {
		t.Skip("there is no control plane binary")
	}
	if list, err := c.Provider.List(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("after the test: %v, %v", list, err)
	}
	if left, err := c.Provider.Leftovers(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}
