package kube

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

const twoContexts = `
apiVersion: v1
kind: Config
current-context: b
clusters:
- {name: a, cluster: {server: "https://a.example.com", certificate-authority: ca.crt}}
- {name: b, cluster: {server: "https://b.example.com"}}
users:
- {name: a, user: {client-certificate: ../a.crt, client-key: a.key}}
- {name: b, user: {tokenFile: b.token}}
- {name: c, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: bin/login, interactiveMode: Never}}}
- {name: d, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, interactiveMode: Never}}}
contexts:
- {name: a, context: {cluster: a, user: a, namespace: shop}}
- {name: b, context: {cluster: b, user: b}}
- {name: c, context: {cluster: b, user: c}}
- {name: d, context: {cluster: b, user: d}}
- {name: dangling, context: {cluster: gone, user: b}}
`

// layOut writes the kubeconfig and what it refers to, and returns its path.
func layOut(t testing.TB, content string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"k/config": content, "k/ca.crt": "the authority", "a.crt": "the certificate", "k/a.key": "the key"} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "k", "config")
}

// One context is taken out of a file with everything that it needs, from
// wherever it is used.
func TestLoadContext(t *testing.T) {
	file := layOut(t, twoContexts)
	dir := filepath.Dir(file)
	tests := map[string]struct{ has, hasNot []string }{
		"a": {[]string{"https://a.example.com", "dGhlIGF1dGhvcml0eQ==", "dGhlIGNlcnRpZmljYXRl", "dGhlIGtleQ==", "namespace: shop", "current-context: a"},
			[]string{"b.example.com", "ca.crt", "a.key"}},
		"b": {[]string{"https://b.example.com", filepath.Join(dir, "b.token")}, []string{"a.example.com", "login", "aws"}},
		"c": {[]string{filepath.Join(dir, "bin", "login")}, []string{"b.token"}},
		"d": {[]string{"command: aws"}, []string{"login"}},
	}
	for context, test := range tests {
		t.Run(context, func(t *testing.T) {
			raw, err := LoadContext(file, context)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range test.has {
				if !strings.Contains(string(raw), text) {
					t.Errorf("%q is not in\n%s", text, raw)
				}
			}
			for _, text := range test.hasNot {
				if strings.Contains(string(raw), text) {
					t.Errorf("%q is in\n%s", text, raw)
				}
			}
			config, err := clientcmd.Load(raw)
			if err != nil || len(config.Contexts) != 1 || len(config.Clusters) != 1 || len(config.AuthInfos) != 1 || config.CurrentContext != context {
				t.Errorf("%+v, %v", config, err)
			}
		})
	}
}

func TestLoadContextRefuses(t *testing.T) {
	file := layOut(t, twoContexts)
	noKey := layOut(t, twoContexts)
	if err := os.Remove(filepath.Join(filepath.Dir(noKey), "a.key")); err != nil {
		t.Fatal(err)
	}
	large := layOut(t, strings.Repeat("# a long file\n", maxKubeconfig/10))
	tests := map[string]struct{ file, context, want string }{
		"no file":            {"/nowhere/config", "a", "no such file"},
		"a folder":           {t.TempDir(), "a", "it is not a file"},
		"a device":           {"/dev/zero", "a", "it is not a file"},
		"too large":          {large, "a", "larger than 4 MB"},
		"no such context":    {file, "z", "it has a, b, c, d, dangling"},
		"no context named":   {file, "", "no context of that name"},
		"a dangling context": {file, "dangling", "does not have"},
		"a key is missing":   {noKey, "a", "a.key, which it refers to: no such file"},
		"no kubeconfig":      {layOut(t, "users: [{name: u, user: {token: [hunter2]}}]"), "a", "the file is no kubeconfig"},
		"empty":              {layOut(t, ""), "a", "it has none"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := LoadContext(test.file, test.context)
			var refused *ContextError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("have %v, want %q", err, test.want)
			}
		})
	}
}

// Whatever a kubeconfig says: it does not crash, what comes out is one context,
// and an error does not quote the file.
func FuzzLoadContext(f *testing.F) {
	for _, seed := range []string{twoContexts, "", "{}", "contexts: [null]", "users: [{name: a, user: null}]", "apiVersion: v2\nkind: Config",
		`{"contexts":[{"name":"a","context":{}}]}`, "contexts:\n- {name: a, context: {cluster: a, user: a}}\nclusters: [{name: a, cluster: {server: \":\"}}]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		file := filepath.Join(t.TempDir(), "config")
		const secret = "correct-horse-battery"
		if err := os.WriteFile(file, []byte(content+"\n# "+secret), 0o600); err != nil {
			t.Fatal(err)
		}
		raw, err := LoadContext(file, "a")
		if err != nil {
			if !errors.As(err, new(*ContextError)) || strings.Contains(err.Error(), secret) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		config, err := clientcmd.Load(raw)
		if err != nil || len(config.Contexts) != 1 || config.CurrentContext != "a" {
			t.Fatalf("%v: %s", err, raw)
		}
	})
}
