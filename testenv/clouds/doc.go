// Package clouds holds the tests of whole lives of clusters in a cloud: the real binary,
// with real credentials files and kubeconfigs, against a simulated AWS (testenv/aws)
// whose clusters are real control planes.
//
// The faults are swept: what happens once without any is written down, and happens again
// with each request failing, or the process killed after it. REKINDLE_CLOUDS=all sweeps
// all of them, otherwise a sample.
package clouds
