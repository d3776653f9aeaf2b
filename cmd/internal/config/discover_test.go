package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDiscover(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write := func(parts ...string) string {
		path := filepath.Join(append([]string{dir}, parts...)...)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	env := map[string]string{"HOME": dir}
	discover := func(flag string) string {
		t.Helper()
		path, err := Discover(flag, func(k string) string { return env[k] })
		if err != nil {
			t.Fatal(err)
		}
		return path
	}

	if _, err := Discover("", func(k string) string { return env[k] }); !errors.Is(err, ErrNone) {
		t.Fatalf("have %v, want ErrNone", err)
	}
	// Each place wins over those before it.
	home := write(".config", "rekindle", "rekindle.yaml")
	if have := discover(""); have != home {
		t.Errorf("have %s, want %s", have, home)
	}
	env["XDG_CONFIG_HOME"] = filepath.Join(dir, "xdg")
	xdg := write("xdg", "rekindle", "rekindle.yaml")
	if have := discover(""); have != xdg {
		t.Errorf("have %s, want %s", have, xdg)
	}
	write("rekindle.yaml")
	if have := discover(""); have != "rekindle.yaml" {
		t.Errorf("have %s, want the one in this directory", have)
	}
	env[EnvVar] = write("named-by-env.yaml")
	if have := discover(""); have != env[EnvVar] {
		t.Errorf("have %s, want %s", have, env[EnvVar])
	}
	flagged := write("flag.yaml")
	if have := discover(flagged); have != flagged {
		t.Errorf("have %s, want %s", have, flagged)
	}

	for _, path := range []string{filepath.Join(dir, "absent.yaml"), dir} {
		_, err := Discover(path, func(string) string { return "" })
		if err == nil || !strings.Contains(err.Error(), "--config") {
			t.Errorf("Discover(%s): %v, want an error that names the flag", path, err)
		}
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rekindle.yaml")
	if _, err := Read(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	if err := os.WriteFile(path, []byte("clusters: {dev: {source: {repo: ../r}, provider: local}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(filepath.Dir(path)), "r"); c.Clusters["dev"].Source.Repo != want {
		t.Errorf("repo is %s, want %s", c.Clusters["dev"].Source.Repo, want)
	}
}
