package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FileName is the name under which the file is looked for.
const FileName = "rekindle.yaml"

// EnvVar names the environment variable that points to the file.
const EnvVar = "REKINDLE_CONFIG"

// ErrNone: no file was named, and none of the usual places has one.
var ErrNone = errors.New("no rekindle.yaml found")

// Discover returns the path of the file to read: the one that the flag names,
// else $REKINDLE_CONFIG, else ./rekindle.yaml, else
// $XDG_CONFIG_HOME/rekindle/rekindle.yaml (~/.config when unset). The first two
// must exist; when nothing was named and nothing is there the error is ErrNone.
func Discover(flag string, getenv func(string) string) (string, error) {
	if flag != "" {
		return named(flag, "--config")
	}
	if path := getenv(EnvVar); path != "" {
		return named(path, "$"+EnvVar)
	}
	places := []string{FileName}
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		places = append(places, filepath.Join(dir, "rekindle", FileName))
	} else if home := getenv("HOME"); filepath.IsAbs(home) {
		places = append(places, filepath.Join(home, ".config", "rekindle", FileName))
	}
	for _, path := range places {
		switch _, err := os.Stat(path); {
		case err == nil:
			return path, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("looking for the configuration: %w", err)
		}
	}
	return "", fmt.Errorf("%w (looked at %q): write one, or name it with --config or $%s", ErrNone, places, EnvVar)
}

func named(path, by string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("the configuration that %s names: %w", by, err)
	}
	if info.IsDir() {
		return "", fmt.Errorf("the configuration that %s names, %s, is a directory: name the file", by, path)
	}
	return path, nil
}

// Read loads the file at path. See Load.
func Read(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration %s: %w", path, err)
	}
	return Load(path, data)
}
