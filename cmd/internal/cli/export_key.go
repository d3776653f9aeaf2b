package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/recover/sops"
)

// The environment that gives the key of exported Secrets, and wins over
// rekindle.yaml: the key itself, or the file that holds it.
const (
	envExportKey     = "REKINDLE_EXPORT_KEY"
	envExportKeyFile = "REKINDLE_EXPORT_KEY_FILE"
)

// maxKeyFile is more than any key takes, in bytes.
const maxKeyFile = 4096

// sealKey returns the key by which exports of a cluster know unchanged Secrets.
// All who export to one branch should have the same; who is given none has one of
// this machine's own.
func (a *app) sealKey(cluster string) ([]byte, error) {
	const next = "make one with openssl rand -hex 32, and give the same to all who export to the branch"
	if text := a.Getenv(envExportKey); text != "" {
		key, err := sops.ParseKey([]byte(text))
		if err != nil {
			return nil, &usageError{message: envExportKey + " " + err.Error(), next: next}
		}
		return key, nil
	}
	file, from := a.Getenv(envExportKeyFile), envExportKeyFile
	if file == "" {
		var err error
		if file, from, err = a.declaredKeyFile(cluster); err != nil {
			return nil, err
		}
	}
	if file == "" {
		return a.ownKey()
	}
	key, err := readKey(file)
	if err != nil {
		return nil, &usageError{message: fmt.Sprintf("%s names %s, which %v", from, file, err), next: next}
	}
	return key, nil
}

// declaredKeyFile is what rekindle.yaml says about a cluster, and where.
func (a *app) declaredKeyFile(cluster string) (file, from string, err error) {
	c, err := a.config()
	if errors.Is(err, config.ErrNone) {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	return c.Clusters[cluster].Drift.Export.KeyFile, c.Position("clusters", cluster, "drift", "export", "keyFile").String(), nil
}

// readKey reads a file that somebody named, without its name in the error.
func readKey(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", errors.Unwrap(err))
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", errors.Unwrap(err))
	}
	return sops.ParseKey(content)
}

// ownKey is this machine's: it is made once, and kept in the state directory.
func (a *app) ownKey() ([]byte, error) {
	file := filepath.Join(a.flags.stateDir, "export.key")
	key, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, sops.KeySize)
		if _, err = io.ReadFull(a.Rand, key); err == nil {
			key, err = writeOnce(file, key)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the key of exported Secrets: %w", err)
	}
	if len(key) != sops.KeySize {
		return nil, fmt.Errorf("the key of exported Secrets: %s has %d bytes, not %d: remove it, and the files of Secrets are written anew once", file, len(key), sops.KeySize)
	}
	return key, nil
}

// writeOnce writes a file that only its owner can read, unless another process
// has written it meanwhile, and returns what it holds.
func writeOnce(file string, content []byte) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".key-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(content)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(tmp.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(file)
}
