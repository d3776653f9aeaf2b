// Package workload is what runs on real kubelets in tests: an image made from
// scratch (image.go, its program in app), and a repository whose commits use it,
// well and in each way that fails.
//
// In goes nothing but the go and git commands; out come an image in the local
// Docker and a git repository.
package workload
