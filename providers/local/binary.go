package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/rekindle-io/rekindle/providers"
)

// BinaryName is the file name of the control plane binary.
const BinaryName = "rekindle-controlplane"

// EnvBinary names the control plane binary for FindBinary.
const EnvBinary = "REKINDLE_CONTROLPLANE"

// FindBinary looks for rekindle-controlplane: explicit when it is not empty,
// then $REKINDLE_CONTROLPLANE, then beside executable (the path of the running
// program, "" when unknown), then on PATH. What is named but cannot be run is
// an error, and so is finding none: a *providers.MissingError.
func FindBinary(explicit string, getenv func(string) string, executable string) (string, error) {
	for _, named := range []struct{ path, by string }{{explicit, "the settings"}, {getenv(EnvBinary), "$" + EnvBinary}} {
		if named.path == "" {
			continue
		}
		path, err := filepath.Abs(named.path)
		if err != nil {
			return "", err
		}
		if err := runnable(path); err != nil {
			return "", missing(fmt.Sprintf("the control plane binary that %s names (%v)", named.by, err))
		}
		return path, nil
	}
	if executable != "" {
		beside := filepath.Join(filepath.Dir(executable), BinaryName)
		if runnable(beside) == nil {
			return beside, nil
		}
	}
	for _, dir := range filepath.SplitList(getenv("PATH")) {
		if filepath.IsAbs(dir) && runnable(filepath.Join(dir, BinaryName)) == nil {
			return filepath.Join(dir, BinaryName), nil
		}
	}
	return "", missing("the control plane binary " + BinaryName)
}

func missing(what string) error {
	return &providers.MissingError{
		Provider: ProviderName, What: what,
		Remedy: "build it with make controlplane (the first build takes minutes), or name it with $" + EnvBinary,
	}
}

// runnable says why path cannot be executed.
func runnable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		var pathErr *fs.PathError
		if errors.As(err, &pathErr) {
			return fmt.Errorf("%s: %w", path, pathErr.Err)
		}
		return err
	}
	if info.IsDir() {
		return fmt.Errorf("%s: is a directory", path)
	}
	_, err = exec.LookPath(path)
	return err
}

// binary is the one to run for these settings.
func (p *Provider) binary(s settings) (string, error) {
	path := p.opts.Binary
	if s.Binary != "" {
		path = s.Binary
	}
	if path == "" {
		return "", missing("the control plane binary " + BinaryName)
	}
	if err := runnable(path); err != nil {
		return "", missing(fmt.Sprintf("the control plane binary (%v)", err))
	}
	return path, nil
}
