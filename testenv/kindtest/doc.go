// Package kindtest drives the real rekindle binary against real kubelets: kind
// clusters in the local Docker, onto which it restores the repository of package
// workload, well and in each way that fails. Its tests are the package; in goes
// nothing, out comes a verdict.
//
// REKINDLE_TEST_KIND=1, as make test-kind sets it, asks for them; then it is a
// failure when Docker or the node image is absent. REKINDLE_KIND_NODE_IMAGE names
// another node image.
package kindtest
