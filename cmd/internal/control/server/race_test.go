//go:build race

package server_test

// slower is how many times slower code is under the race detector, generously.
const slower = 20
