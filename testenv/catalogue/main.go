// Command catalogue writes what a fresh API server of a Kubernetes release serves
// when nobody switches anything on or off, as a file of recover/plan/catalogue:
//
//	go run ./testenv/catalogue v1.34.4 > recover/plan/catalogue/v1.34.txt
//
// In goes the module k8s.io/kubernetes of that release, which go mod download
// brings. Two places of it are read: api/discovery holds what a server with every
// API and every feature switched on answers, and pkg/controlplane/instance.go
// names the group versions, and the few old beta resources, that are on by
// default. No feature gate that is off by default hides a resource of those. What
// comes out is their intersection, on stdout.
//
// The file of the release that the local provider runs is not written so: it is
// what the real server answers (TestBuiltinIsWhatTheServerServes of recover/plan).
// The test here holds that both ways come to the same.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
)

func main() {
	if err := write(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "catalogue:", err)
		os.Exit(1)
	}
}

var releaseRule = regexp.MustCompile(`^v1\.[0-9]+\.[0-9]+$`)

func write(ctx context.Context, args []string) error {
	if len(args) != 1 || !releaseRule.MatchString(args[0]) {
		return fmt.Errorf("name one release of Kubernetes, such as v1.34.4")
	}
	release := args[0]
	dir, err := download(ctx, release)
	if err != nil {
		return err
	}
	lines, err := served(os.DirFS(dir))
	if err != nil {
		return fmt.Errorf("kubernetes %s: %w", release, err)
	}
	fmt.Printf("# What an empty Kubernetes %s serves by default: group (- is the core), version, kind, plural, scope, verbs.\n"+
		"# Preferred versions first. Written by: go run ./testenv/catalogue %s\n%s", release, release, lines)
	return nil
}

// download returns the folder of a release in the module cache. It runs outside of
// this module, whose requirements it must not touch.
func download(ctx context.Context, release string) (string, error) {
	outside, err := os.MkdirTemp("", "catalogue-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(outside) }()
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", "k8s.io/kubernetes@"+release) //nolint:gosec // the release was checked
	cmd.Dir = outside
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var module struct{ Dir, Error string }
	if bad := json.Unmarshal(out, &module); bad == nil && module.Error != "" {
		return "", fmt.Errorf("go mod download: %s", module.Error)
	}
	if err != nil || module.Dir == "" {
		return "", fmt.Errorf("go mod download: %w: %s", err, stderr.String())
	}
	return module.Dir, nil
}
