package sops_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/crypto/ssh"

	"github.com/rekindle-io/rekindle/recover/sops"
)

// testKey opens the files in testdata, which sops 3.9.0 and 3.13.3 wrote.
func testKey(t testing.TB) string {
	t.Helper()
	_, key, _ := strings.Cut(read(t, "key.txt"), "\n")
	return strings.TrimSpace(key)
}

func read(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestOpensFilesOfOldAndNewSops(t *testing.T) {
	files, err := filepath.Glob("testdata/sops-*")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			all := openedAll(t, openerWith(sops.EnvKey, testKey(t)), []byte(read(t, filepath.Base(file))))
			want := "correct horse"
			var have any
			switch m := all[min(1, len(all)-1)]["stringData"].(map[string]any); {
			case strings.HasSuffix(file, ".json"):
				want, have = "x ü <nil>", fmt.Sprint(m["a"], " ", m["é"], " ", m["z"])
			default:
				have = m["password"]
			}
			if have != want {
				t.Errorf("%v, want %v", have, want)
			}
		})
	}
}

// TestOpenFindsTheKey: a key is found wherever sops would find it.
func TestOpenFindsTheKey(t *testing.T) {
	file := []byte(read(t, "sops-3.13.3-plain.yaml"))
	other := pair(t).String()
	lines := "# comment\n\n" + other + "\n" + testKey(t) + "\n"
	dir := t.TempDir()
	write(t, filepath.Join(dir, "keys"), []byte(lines))
	for _, config := range []string{"xdg/sops/age", ".config/sops/age", "Library/Application Support/sops/age"} {
		if err := os.MkdirAll(filepath.Join(dir, config), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, config, "keys.txt"), []byte(testKey(t)))
	}
	for name, env := range map[string][]string{
		"in the environment":           {sops.EnvKey, other + " " + testKey(t)},
		"in lines":                     {sops.EnvKey, lines},
		"in a file":                    {sops.EnvKeyFile, filepath.Join(dir, "keys")},
		"where sops keeps it":          {"HOME", dir},
		"where XDG says":               {"HOME", t.TempDir(), "XDG_CONFIG_HOME", filepath.Join(dir, "xdg")},
		"beside a broken one":          {sops.EnvKey, "nonsense", "HOME", dir},
		"beside a file that is no one": {sops.EnvKeyFile, filepath.Join(dir, "none"), "HOME", dir},
	} {
		t.Run(name, func(t *testing.T) {
			have := opened(t, openerWith(env...), file)
			if have["stringData"].(map[string]any)["password"] != "correct horse" {
				t.Errorf("%v", have)
			}
		})
	}
}

func TestOpenWithSSHKey(t *testing.T) {
	key, line := sshPair(t)
	file, err := sealerFor(t, line).Encrypt(secret())
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "id_ed25519")
	write(t, name, key)
	equal(t, secret(), opened(t, openerWith(sops.EnvSSHKey, name), file))
}

// TestNoKey: whoever cannot open a file learns whose key is wanted, where it
// was looked for and what is wrong with what was found; and no key is shown.
func TestNoKey(t *testing.T) {
	file := documents(t, []byte(read(t, "sops-3.13.3-plain.yaml")))
	broken := strings.Replace(pair(t).String(), "1", "1B", 1)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "locked"), []byte("age-encryption.org/v1\n-> scrypt x 18\n"))
	write(t, filepath.Join(dir, "keys"), []byte("# mine\n"+broken+"\nAGE-PLUGIN-YUBIKEY-1QQ\n"))
	const recipient = "age1hkjsgnn2nmy2y0w27c5fzvaxa09lj9jvc6pvqq8qe62gjxvwcalqxdx39v"
	for name, c := range map[string]struct {
		env  []string
		says []string
	}{
		"nothing given":    {nil, []string{recipient, "give it in SOPS_AGE_KEY, or the file that holds it in SOPS_AGE_KEY_FILE", "looked in SOPS_AGE_KEY, SOPS_AGE_KEY_FILE"}},
		"an empty home":    {[]string{"HOME", dir}, []string{filepath.Join("sops", "age", "keys.txt")}},
		"another key":      {[]string{sops.EnvKey, pair(t).String()}, []string{recipient}},
		"a broken key":     {[]string{sops.EnvKey, broken}, []string{"SOPS_AGE_KEY is no age secret key"}},
		"broken in a file": {[]string{sops.EnvKeyFile, filepath.Join(dir, "keys")}, []string{"line 2 is no age secret key", "line 3 needs an age plugin"}},
		"no file":          {[]string{sops.EnvKeyFile, filepath.Join(dir, "none")}, []string{"none: no such file"}},
		"a folder":         {[]string{sops.EnvKeyFile, dir}, []string{dir + ": "}},
		"a locked file":    {[]string{sops.EnvKeyFile, filepath.Join(dir, "locked")}, []string{"itself encrypted with a passphrase"}},
		"no SSH key":       {[]string{sops.EnvSSHKey, filepath.Join(dir, "keys")}, []string{"is no SSH private key"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openerWith(c.env...).Open(file)
			var missing *sops.NoKeyError
			if !errors.As(err, &missing) {
				t.Fatalf("%v", err)
			}
			for _, says := range c.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%q does not say %q", err, says)
				}
			}
			if strings.Contains(err.Error(), broken[20:]) {
				t.Errorf("the error shows a key: %v", err)
			}
		})
	}
}

// TestOpenRefuses: what cannot be trusted or must not be shown is refused with
// the line and the reason, and no value.
func TestOpenRefuses(t *testing.T) {
	key := pair(t)
	sealer := sealerFor(t, key.Recipient().String())
	manifest := secret()
	manifest["stringData"].(map[string]any)["marker"] = "sesame-sesame"
	sealed, err := sealer.Encrypt(manifest)
	if err != nil {
		t.Fatal(err)
	}
	file := string(sealed)
	value := func(name string) string {
		_, rest, _ := strings.Cut(file, "  "+name+": ")
		v, _, _ := strings.Cut(rest, "\n")
		return v
	}
	age := file[strings.Index(file, "  age:"):strings.Index(file, "  encrypted_regex")]
	head, _, _ := strings.Cut(file, "  mac:")
	_, tail, _ := strings.Cut(file, "sops:\n")
	with := func(old, new string) string {
		if !strings.Contains(file, old) {
			t.Fatalf("the file has no %q", old)
		}
		return strings.Replace(file, old, new, 1)
	}
	for name, c := range map[string]struct{ file, says string }{
		"a changed name":        {with("name: web", "name: wab"), "MAC mismatch"},
		"a value taken out":     {with("  marker: "+value("marker")+"\n", ""), "MAC mismatch"},
		"values swapped":        {with("marker: "+value("marker"), "marker: "+value("config.yaml")), "another key of this one"},
		"a changed value":       {with(value("marker"), strings.Replace(value("marker"), "data:", "data:AAAA", 1)), "cannot be decrypted"},
		"a cut value":           {with(value("marker"), value("marker")[:60]), "ends before its end"},
		"no base64":             {with(value("marker"), strings.Replace(value("marker"), "data:", "data:*", 1)), "is no base64"},
		"a cut nonce":           {with(value("marker"), strings.Replace(value("marker"), ",iv:", ",iv:,tag:AAAA,type:str]#", 1)), "cut off"},
		"a plain value":         {with("marker: "+value("marker"), "marker: sesame-sesame"), "is in plain text"},
		"a plain number":        {with("marker: "+value("marker"), "marker: 5432"), "is in plain text"},
		"another type":          {with(value("marker"), strings.Replace(value("marker"), "type:str", "type:int", 1)), "does not hold the int that it says"},
		"an unknown type":       {with(value("marker"), strings.Replace(value("marker"), "type:str", "type:blob", 1)), "unknown type"},
		"a comment in disguise": {with(value("marker"), strings.Replace(value("marker"), "type:str", "type:comment", 1)), "encrypted comment"},
		"another time":          {with("17:00:00Z", "17:00:01Z"), "MAC mismatch"},
		"no time":               {with(`lastmodified: "2026-11-22T17:00:00Z"`, "lastmodified: soon"), "lastmodified"},
		"no MAC":                {head + "  version: 3.9.0\n", "MAC mismatch"},
		"no keys":               {strings.Replace(file, age, "", 1), "without any key"},
		"pgp alone":             {strings.Replace(file, age, "  pgp: [{fp: 85D77543, enc: x}]\n  kms: [{arn: 'arn:aws:kms:x'}]\n", 1), "encrypted for pgp 85D77543, kms arn:aws:kms:x, and only age keys can be used"},
		"shamir":                {strings.Replace(file, age, "  key_groups: [{age: []}, {age: []}]\n", 1), "splits its key among 2 groups"},
		"two rules":             {with("  encrypted_regex:", "  unencrypted_suffix: _x\n  encrypted_regex:"), "2 rules"},
		"a rule by comments":    {with("  encrypted_regex: "+sops.RegexWithAnnotations, "  encrypted_comment_regex: sops"), "go by comments"},
		"a rule that is none":   {with("^(data|stringData|annotations)$", "'('"), "no regular expression"},
		"a huge rule":           {with("^(data|stringData|annotations)$", strings.Repeat("a", 10_000)), "nobody wrote by hand"},
		"another kind":          {with("kind: Secret", "kind: ConfigMap"), "is encrypted in a ConfigMap: only Secrets"},
		"another group":         {with("apiVersion: v1", "apiVersion: example.com/v1"), "only Secrets of v1"},
		"a list of others":      {"apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: ConfigMap}]\n" + "sops:\n" + tail, "is encrypted in a ConfigMap"},
		"an encrypted kind":     {with("kind: Secret", "kind: "+value("marker")), "its very kind encrypted"},
		"an encrypted label":    {strings.Replace(with("app: web", "app: "+value("marker")), sops.RegexWithAnnotations, "^(data|stringData|annotations|app)$", 1), "another key of this one"},
		"an alias":              {with("app: web", "app: &a web\n    b: *a"), "is an alias"},
		"a cycle":               {with("app: web", "app: &a {b: *a}"), "is an alias"},
		"long names":            {strings.Replace(file, age, "  pgp: ["+strings.Repeat("{fp: "+strings.Repeat("A", 10_000)+"},", 20)+"]\n", 1), "… and 12 more, and only age"},
		"a number for a key":    {with("app: web", "1: web"), "no text"},
		"a section as text":     {"apiVersion: v1\nkind: Secret\nsops:\n  mac: 1\n", "lastmodified"},
		"too deep":              {with("app: web", "app: "+strings.Repeat("{a: ", 80)+strings.Repeat("}", 80)), "nests deeper"},
		"too deep a list":       {with("app: web", "app: "+strings.Repeat("[", 80)+strings.Repeat("]", 80)), "nests deeper"},
		"many recipients":       {with("  age:\n", "  age:\n"+strings.Repeat("    - {recipient: age1, enc: x}\n", 100_000)), "more than 256 are not tried"},
		"a huge data key":       {with("  age:\n", "  age:\n    - {recipient: age1, enc: "+strings.Repeat("x", 100_000)+"}\n"), "it is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := openerWith(sops.EnvKey, key.String()).Open(documents(t, []byte(c.file)))
			var located *sops.DocumentError
			if !errors.As(err, &located) || located.Line == 0 || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, want %q", err, c.says)
			}
			if strings.Contains(err.Error(), "sesame") || len(err.Error()) > 1000 {
				t.Errorf("the error says too much: %v", err)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestOpenBindsValuesToTheirKeys: what was encrypted as one key is not given out
// as another, however it came there.
func TestOpenBindsValuesToTheirKeys(t *testing.T) {
	docs := documents(t, []byte(read(t, "sops-3.13.3-plain.yaml")))
	values, err := openerWith(sops.EnvKey, testKey(t)).Open(docs)
	if err != nil {
		t.Fatal(err)
	}
	var content map[string]any
	if err := docs[0].Decode(&content); err != nil {
		t.Fatal(err)
	}
	data := content["stringData"].(map[string]any)
	data["copied"] = data["password"]
	if values.Fill(content) || !strings.HasPrefix(data["copied"].(string), sops.Ciphertext) {
		t.Errorf("a copied value is decrypted: %v", data)
	}
}

func TestFilesPutTogether(t *testing.T) {
	key := pair(t)
	sealer := sealerFor(t, key.Recipient().String())
	other := secret()
	other["metadata"].(map[string]any)["name"] = "other"
	var file []byte
	for _, m := range []map[string]any{secret(), other} {
		file = append(append(file, seal(t, sealer, m, nil)...), "---\n"...)
	}
	file = append(file, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: beside}\n"...)
	all := openedAll(t, openerWith(sops.EnvKey, key.String()), file)
	equal(t, []any{secret(), other}, all[:2])
}

// FuzzOpen: no file, however broken, makes the reader panic, hang or quote what
// it has decrypted.
func FuzzOpen(f *testing.F) {
	names, _ := filepath.Glob("testdata/sops-*")
	for _, name := range names {
		f.Add(read(f, filepath.Base(name)))
	}
	key := testKey(f)
	opener := openerWith(sops.EnvKey, key)
	f.Fuzz(func(t *testing.T, file string) {
		docs, err := parsed([]byte(file))
		if err != nil || len(file) > 1<<20 {
			return
		}
		values, err := opener.Open(docs)
		if err != nil {
			if strings.Contains(err.Error(), "correct horse") || strings.Contains(err.Error(), key) {
				t.Errorf("the error quotes a value: %v", err)
			}
			return
		}
		for _, root := range docs {
			var content map[string]any
			if boundedDecode(root, &content) == nil {
				values.Fill(content)
			}
		}
	})
}

// boundedDecode decodes what has no aliases: bounding them is the caller's work.
func boundedDecode(n *yaml.Node, into any) error {
	if hasAlias(n) {
		return errors.New("has aliases")
	}
	return n.Decode(into)
}

func hasAlias(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		return true
	}
	for _, below := range n.Content {
		if hasAlias(below) {
			return true
		}
	}
	return false
}

// sshPair is an SSH key pair, as ssh-keygen -t ed25519 writes it.
func sshPair(t testing.TB) (private []byte, public string) {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(priv, "")
	if err != nil {
		t.Fatal(err)
	}
	line, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(line)))
}
