package existing_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/existing"
)

func TestSettings(t *testing.T) {
	tests := map[string]struct {
		settings providers.Settings
		want     string // part of the error
	}{
		"all":                   {providers.Settings{"kubeconfig": "/k", "context": "c"}, ""},
		"none":                  {nil, "say in rekindle.yaml which cluster it is"},
		"no file":               {providers.Settings{"context": "c"}, "settings.kubeconfig: missing"},
		"no context":            {providers.Settings{"kubeconfig": "/k"}, "settings.context: missing"},
		"home":                  {providers.Settings{"kubeconfig": "~/.kube/config", "context": "c"}, "~ is not expanded"},
		"relative, not located": {providers.Settings{"kubeconfig": "k", "context": "c"}, "not an absolute path"},
		"misspelt":              {providers.Settings{"kubeConfig": "/k", "contexts": "c"}, "unknown field"},
		"no text":               {providers.Settings{"kubeconfig": 1, "context": "c"}, "settings.kubeconfig"},
		"control characters":    {providers.Settings{"kubeconfig": "/k", "context": "a\x1b[31m"}, "control characters"},
	}
	p := newWorld().provider(t, time.Second)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := p.Check(test.settings)
			if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("have %v, want %q", err, test.want)
			}
		})
	}
}

func TestAbsolute(t *testing.T) {
	p := newWorld().provider(t, time.Second)
	for have, want := range map[string]string{
		"kube/prod": "/etc/rekindle/kube/prod", "../prod": "/etc/prod", "/abs": "/abs", "~/k": "~/k", "": "",
	} {
		given := providers.Settings{"kubeconfig": have, "context": "c"}
		got := p.Absolute("/etc/rekindle", given)
		if got["kubeconfig"] != want || got["context"] != "c" || given["kubeconfig"] != have {
			t.Errorf("%q became %v (given now %v), want %q", have, got, given, want)
		}
	}
	if got := p.Absolute("/etc", providers.Settings{"kubeconfig": 7}); got["kubeconfig"] != 7 {
		t.Errorf("what is no text became %v", got)
	}
}

// A context that came to point at another cluster is refused with words that
// name both, and nothing takes it for the one that was meant.
func TestTheContextMoved(t *testing.T) {
	w := newWorld()
	was := w.lend(t, "prod")
	w.lend(t, "other")
	w.declare("prod", w.declared["other"])
	p := w.provider(t, time.Second)

	was.Settings = nil
	_, err := p.Create(t.Context(), was, nil)
	for what, err := range map[string]error{"create": err, "delete": p.Delete(t.Context(), "prod", was.ID, nil)} {
		var taken *providers.TakenError
		if !errors.As(err, &taken) || taken.Wanted != was.ID || taken.Have != w.servers["other"].uid {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if !strings.Contains(err.Error(), `context "prod"`) || !strings.Contains(err.Error(), "points at another cluster") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Settings that name a context which rekindle.yaml does not declare for this
// cluster are refused, whatever they point at.
func TestAContextThatWasNotDeclared(t *testing.T) {
	w := newWorld()
	sp := w.lend(t, "prod")
	sp.Settings = providers.Settings{"kubeconfig": sp.Settings["kubeconfig"], "context": "other"}
	_, err := w.provider(t, time.Second).Create(t.Context(), sp, nil)
	var undeclared *existing.UndeclaredError
	if !errors.As(err, &undeclared) || undeclared.Declared != "prod" || undeclared.Asked != "other" || undeclared.Hint() == "" {
		t.Fatal(err)
	}
	_, err = w.provider(t, time.Second).Find(t.Context(), "nobody")
	if !errors.As(err, &undeclared) || !strings.Contains(undeclared.Hint(), "provider: existing") {
		t.Fatal(err)
	}
}

// What is wrong with one cluster is said, within the time, and hides no other.
func TestWhatIsWrongIsSaid(t *testing.T) {
	w := newWorld()
	w.lend(t, "fine")
	dir := func() string { return t.TempDir() }
	refused := kubeconfig(t, dir(), "https://127.0.0.1:1", nil)
	w.declare("refuses", settings(refused))
	w.declare("silent", settings(kubeconfig(t, dir(), "https://"+listen(t), nil)))
	w.declare("no-file", settings("/nowhere/kubeconfig"))
	w.declare("a-folder", settings(dir()))
	w.declare("no-context", providers.Settings{"kubeconfig": refused, "context": "absent"})
	w.declare("untrusted", settings(kubeconfig(t, dir(), w.servers["fine"].URL, nil)))
	w.declare("hanging-plugin", settings(plugin(t, w.servers["fine"], `while kill -0 $PPID 2>/dev/null; do sleep 0.1; done`)))
	w.declare("failing-plugin", settings(plugin(t, w.servers["fine"], "exit 3")))
	garbage := filepath.Join(dir(), "kubeconfig")
	if err := os.WriteFile(garbage, []byte("users:\n- name: u\n  user: {token: ["+token+"]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.declare("garbage", settings(garbage))
	want := map[string]string{
		"refuses": "refused", "silent": "no answer within 2s", "no-file": "no such file", "a-folder": "not a file",
		"no-context": "it has prod", "untrusted": "x509", "hanging-plugin": "no answer within 2s",
		"failing-plugin": "getting credentials", "garbage": "no kubeconfig",
	}

	p := w.provider(t, 2*time.Second)
	begun := time.Now()
	list, err := p.List(t.Context())
	if took := time.Since(begun); err != nil || took > 8*time.Second {
		t.Fatalf("list: %v after %s", err, took)
	}
	if len(list) != len(want)+1 {
		t.Errorf("listed %d clusters, want %d", len(list), len(want)+1)
	}
	for _, c := range list {
		part, broken := want[c.Name]
		reason := c.Detail["reason"]
		switch {
		case !broken && (c.State != providers.StateRunning || c.ID == "" || reason != ""):
			t.Errorf("%+v", c)
		case broken && (c.State != providers.StateBroken || c.ID != "" || !strings.Contains(reason, part)):
			t.Errorf("%s is %s because %q, want %q", c.Name, c.State, reason, part)
		case !c.Borrowed:
			t.Errorf("%s is not borrowed", c.Name)
		}
		if strings.Contains(reason, token) {
			t.Errorf("%s: the reason quotes the token: %s", c.Name, reason)
		}
	}
}

// plugin writes a kubeconfig whose credentials come from a script beside it,
// named by a relative path.
func plugin(t *testing.T, s *server, script string) string {
	t.Helper()
	dir := t.TempDir()
	file := kubeconfig(t, dir, s.URL, s.Certificate().Raw)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(raw), `{"token":"`+token+`"}`,
		`{"exec":{"apiVersion":"client.authentication.k8s.io/v1","command":"./bin/login","interactiveMode":"Never"}}`, 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin", "login"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

// A credential plugin that the kubeconfig names by a relative path works, from
// any folder, and so does the kubeconfig that Connect returns.
func TestCredentialPlugins(t *testing.T) {
	w := newWorld()
	sp := w.lend(t, "prod")
	w.declare("prod", settings(plugin(t, w.servers["prod"],
		`echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"`+token+`"}}'`)))
	t.Chdir(t.TempDir())
	p := w.provider(t, 5*time.Second)
	c, err := p.Find(t.Context(), "prod")
	if err != nil || c.ID != sp.ID || c.State != providers.StateRunning {
		t.Fatalf("%+v, %v", c, err)
	}
	config, err := p.Connect(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(config), token) {
		t.Error("the token of the plugin was written down")
	}
	reach(t.Context(), t, config)
}

func TestDiagnose(t *testing.T) {
	w := newWorld()
	w.lend(t, "fine")
	w.lend(t, "weak")
	w.servers["weak"].denied = []string{"*", "delete"}
	w.declare("gone", settings("/nowhere/kubeconfig"))
	found := w.provider(t, 2*time.Second).Diagnose(t.Context())
	if len(found) != 3 {
		t.Fatalf("%+v", found)
	}
	for _, f := range found {
		if (f.Subject == "fine") != f.OK || f.OK != (f.Remedy == "") {
			t.Errorf("%+v", f)
		}
	}
	if weak := found[2]; weak.Subject != "weak" || !strings.Contains(weak.Message, "may not delete all kinds") {
		t.Errorf("%+v", weak)
	}
	if fine := found[0]; !strings.Contains(fine.Message, "v1.36.3") {
		t.Errorf("%+v", fine)
	}
}

// What cannot be read of rekindle.yaml is an error, and no list without clusters.
func TestDeclarationsCannotBeRead(t *testing.T) {
	broken := errors.New("line 3: what is this")
	p, err := existing.New(existing.Options{Now: time.Now, Declared: func() (map[string]providers.Settings, error) { return nil, broken }})
	if err != nil {
		t.Fatal(err)
	}
	_, listErr := p.List(t.Context())
	_, findErr := p.Find(t.Context(), "prod")
	if !errors.Is(listErr, broken) || !errors.Is(findErr, broken) || errors.Is(findErr, providers.ErrNotFound) {
		t.Errorf("%v, %v", listErr, findErr)
	}
	if f := p.Diagnose(t.Context()); len(f) != 1 || f[0].OK {
		t.Errorf("%+v", f)
	}
}
