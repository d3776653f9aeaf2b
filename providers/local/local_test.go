package local

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

func TestFindBinary(t *testing.T) {
	dirs := map[string]string{}
	for _, name := range []string{"explicit", "env", "beside", "path"} {
		dirs[name] = filepath.Join(t.TempDir(), BinaryName)
		if err := os.WriteFile(dirs[name], []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	plain := filepath.Join(t.TempDir(), BinaryName)
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	executable := filepath.Join(filepath.Dir(dirs["beside"]), "rekindle")
	tests := map[string]struct {
		explicit, env, executable, path string
		want                            string
	}{
		"named by the settings":       {dirs["explicit"], dirs["env"], executable, filepath.Dir(dirs["path"]), dirs["explicit"]},
		"named by the environment":    {"", dirs["env"], executable, filepath.Dir(dirs["path"]), dirs["env"]},
		"beside the executable":       {"", "", executable, filepath.Dir(dirs["path"]), dirs["beside"]},
		"on the path":                 {"", "", "/nowhere/rekindle", "relative::/nowhere:" + filepath.Dir(dirs["path"]), dirs["path"]},
		"nowhere":                     {"", "", "", "/nowhere", ""},
		"what is named has to exist":  {"/nowhere/x", dirs["env"], executable, "", ""},
		"what is named has to be run": {"", plain, executable, "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			getenv := func(key string) string { return map[string]string{EnvBinary: test.env, "PATH": test.path}[key] }
			have, err := FindBinary(test.explicit, getenv, test.executable)
			var missing *providers.MissingError
			if have != test.want || (err != nil) != (test.want == "") || err != nil && !errors.As(err, &missing) {
				t.Errorf("have %q, %v; want %q", have, err, test.want)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	tests := map[string]struct {
		settings providers.Settings
		want     string // part of the error
	}{
		"none":            {nil, ""},
		"all":             {providers.Settings{"nodes": 3, "durable": true, "binary": "/x"}, ""},
		"misspelt":        {providers.Settings{"node": 3}, `"node"`},
		"no number":       {providers.Settings{"nodes": "three"}, "settings.nodes"},
		"no nodes":        {providers.Settings{"nodes": 0}, "settings.nodes"},
		"too many nodes":  {providers.Settings{"nodes": 501}, "settings.nodes"},
		"relative binary": {providers.Settings{"binary": "x"}, "settings.binary"},
	}
	p, err := New(Options{Root: t.TempDir(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := p.Check(test.settings)
			if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("have %v, want %q", err, test.want)
			}
		})
	}
}

// Names and ids become paths: whatever passes stays one plain path element.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"dev", "a-b", "..", "a/b", "", ".new-dev.1.2", "x\x00", strings.Repeat("a", 41)} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, name, id string) {
		if checkName(name) != nil || checkID(id) != nil {
			return
		}
		p := &Provider{opts: Options{Root: "/root/of/clusters"}}
		for _, path := range []string{string(p.home(name)), p.trash(name, id)} {
			if filepath.Dir(path) != p.opts.Root || filepath.Clean(path) != path {
				t.Fatalf("%q leaves the root", path)
			}
		}
		gotName, gotID, ok := parseRemains(filepath.Base(p.trash(name, id)))
		if !ok || gotName != name || gotID != id {
			t.Fatalf("%q, %q came back as %q, %q", name, id, gotName, gotID)
		}
		gotName, gotID, ok = parseRemains(".new-" + name + "." + id + ".123")
		if !ok || gotName != name || gotID != id {
			t.Fatalf("%q, %q came back as %q, %q", name, id, gotName, gotID)
		}
	})
}

func FuzzParseRemains(f *testing.F) {
	for _, seed := range []string{".new-dev.1.22", ".deleted-dev.1", ".deleted-..", "dev", ".new-a/b.1.2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		if name, id, ok := parseRemains(file); ok && (checkName(name) != nil || checkID(id) != nil) {
			t.Fatalf("%q gives %q, %q", file, name, id)
		}
	})
}

// Every certificate is good for more than a year, and each authority signs only
// its own.
func TestPKI(t *testing.T) {
	h := home(t.TempDir())
	now := time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC)
	if err := ensurePKI(h, now); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(h.path("pki", "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := ensurePKI(h, now); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(h.path("pki", "ca.crt")); err != nil || string(after) != string(before) {
		t.Errorf("made twice it is not the same (%v)", err)
	}
	for _, a := range authorities() {
		pool := x509.NewCertPool()
		pool.AddCert(certificate(t, h, a.file))
		for _, other := range authorities() {
			for _, l := range other.leaves {
				_, err := certificate(t, h, l.file).Verify(x509.VerifyOptions{
					Roots: pool, CurrentTime: now.AddDate(1, 1, 0), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
				})
				if (err == nil) != (other.file == a.file) {
					t.Errorf("%s against %s: %v", l.file, a.file, err)
				}
			}
		}
	}
	files, err := filepath.Glob(h.path("pki", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
}

func certificate(t *testing.T, h home, name string) *x509.Certificate {
	t.Helper()
	raw, err := os.ReadFile(h.path("pki", name+".crt"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// What holds a name without our mark is foreign, whatever it is.
func TestInspect(t *testing.T) {
	good := `{"schema":1,"provider":"local","name":"dev","id":"1","state":"running"}`
	tests := map[string]struct {
		make    func(t *testing.T, path string)
		foreign bool
		want    string // part of the error
	}{
		"ours":               {markFile(good), false, ""},
		"a file":             {func(t *testing.T, path string) { write(t, path, good) }, true, "the file"},
		"a symbolic link":    {symlinkToOurs(good), true, "the symbolic link"},
		"an empty directory": {func(t *testing.T, path string) { mkdir(t, path) }, true, "the directory"},
		"a broken mark":      {markFile("{"), true, "the directory"},
		"another name":       {markFile(strings.Replace(good, "dev", "prod", 1)), true, "the directory"},
		"another provider":   {markFile(strings.Replace(good, "local", "kind", 1)), true, "the directory"},
		"another version":    {markFile(strings.Replace(good, ":1", ":2", 1)), false, "another version"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := New(Options{Root: t.TempDir(), Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			test.make(t, string(p.home("dev")))
			_, err = p.inspect("dev")
			var foreign *providers.ForeignError
			if errors.As(err, &foreign) != test.foreign || (err != nil) != (test.want != "") ||
				err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("have %v, want %q", err, test.want)
			}
		})
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func markFile(content string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		mkdir(t, path)
		write(t, filepath.Join(path, "cluster.json"), content)
	}
}

func symlinkToOurs(content string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		elsewhere := t.TempDir()
		write(t, filepath.Join(elsewhere, "cluster.json"), content)
		if err := os.Symlink(elsewhere, path); err != nil {
			t.Fatal(err)
		}
	}
}
