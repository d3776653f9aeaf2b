package sops

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
)

// The environment that sops reads its age keys from. SOPS_AGE_KEY_CMD is not
// followed: a restore runs no programs.
const (
	EnvKey     = "SOPS_AGE_KEY"
	EnvKeyFile = "SOPS_AGE_KEY_FILE"
	EnvSSHKey  = "SOPS_AGE_SSH_PRIVATE_KEY_FILE"
)

const maxKeyFile = 1 << 20

// keyring is the secret keys of this machine.
type keyring struct {
	identities []age.Identity
	// problems says what is wrong with keys, without them.
	problems, looked []string
}

// keys reads all keys.
func (o *Opener) keys() keyring {
	var k keyring
	if text := o.Getenv(EnvKey); text != "" {
		for _, word := range strings.Fields(withoutComments(text)) {
			k.add(EnvKey, word)
		}
	} else {
		k.looked = append(k.looked, EnvKey)
	}
	if name := o.Getenv(EnvKeyFile); name != "" {
		k.read(EnvKeyFile+" "+name, name)
	} else {
		k.looked = append(k.looked, EnvKeyFile)
	}
	if name := o.keysFile(); name != "" {
		k.read(name, name)
	}
	if name := o.Getenv(EnvSSHKey); name != "" {
		k.readSSH(name)
	}
	return k
}

func withoutComments(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// keysFile is where sops keeps its keys.txt, "" when there is no such place.
func (o *Opener) keysFile() string {
	dir := o.Getenv("XDG_CONFIG_HOME")
	home := o.Getenv("HOME")
	switch {
	case runtime.GOOS == "windows":
		dir = o.Getenv("AppData")
	case filepath.IsAbs(dir):
	case home == "":
		return ""
	case runtime.GOOS == "darwin":
		dir = filepath.Join(home, "Library", "Application Support")
	default:
		dir = filepath.Join(home, ".config")
	}
	if !filepath.IsAbs(dir) {
		return ""
	}
	return filepath.Join(dir, "sops", "age", "keys.txt")
}

// read reads a file with one key per line.
func (k *keyring) read(label, name string) {
	data, err := readKeyFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && label == name:
		k.looked = append(k.looked, name)
		return
	case err != nil:
		k.problems = append(k.problems, fmt.Sprintf("%s: %v", label, err))
		return
	case bytes.HasPrefix(data, []byte("age-encryption.org/")) || bytes.HasPrefix(data, []byte(armor.Header)):
		k.problems = append(k.problems, label+" is itself encrypted with a passphrase, which nobody can be asked for: give the plain key")
		return
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		if line := strings.TrimSpace(lines.Text()); line != "" && !strings.HasPrefix(line, "#") {
			k.add(fmt.Sprintf("%s, line %d", label, n), line)
		}
	}
	if lines.Err() != nil {
		k.problems = append(k.problems, label+" has a line too long for a key")
	}
}

// readKeyFile reads a file, without its name in the error.
func readKeyFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	if len(data) > maxKeyFile {
		return nil, errors.New("is too large for a file of keys")
	}
	return data, nil
}

// add parses a key. What age says of a broken one is not passed on: it may quote it.
func (k *keyring) add(label, text string) {
	var identity age.Identity
	var err error
	switch {
	case strings.HasPrefix(text, "AGE-SECRET-KEY-PQ-1"):
		identity, err = age.ParseHybridIdentity(text)
	case strings.HasPrefix(text, "AGE-SECRET-KEY-1"):
		identity, err = age.ParseX25519Identity(text)
	case strings.HasPrefix(text, "AGE-PLUGIN-"):
		k.problems = append(k.problems, label+" needs an age plugin, and a restore runs no programs")
		return
	default:
		err = errors.New("other")
	}
	if err != nil {
		k.problems = append(k.problems, label+" is no age secret key (AGE-SECRET-KEY-1…)")
		return
	}
	k.identities = append(k.identities, identity)
}

func (k *keyring) readSSH(name string) {
	data, err := readKeyFile(name)
	if err == nil {
		var identity age.Identity
		if identity, err = agessh.ParseIdentity(data); err == nil {
			k.identities = append(k.identities, identity)
			return
		}
		err = errors.New("is no SSH private key without a passphrase")
	}
	k.problems = append(k.problems, fmt.Sprintf("%s %s: %v", EnvSSHKey, name, err))
}

// dataKey decrypts the key of a file.
func (o *Opener) dataKey(m metadata) (dataKey, error) {
	missing := &NoKeyError{Others: m.others}
	for _, w := range m.age {
		missing.Recipients = append(missing.Recipients, w.recipient)
	}
	if len(m.age) == 0 {
		return nil, missing
	}
	k := o.keys()
	missing.Problems, missing.Looked = k.problems, k.looked
	if len(k.identities) == 0 {
		return nil, missing
	}
	for _, w := range m.age {
		if key, err := unwrap(w.enc, k.identities); err == nil {
			return key, nil
		}
	}
	return nil, missing
}

// unwrap decrypts a data key.
func unwrap(enc string, identities []age.Identity) (dataKey, error) {
	plain, err := age.Decrypt(armor.NewReader(strings.NewReader(enc)), identities...)
	if err != nil {
		return nil, err
	}
	key, err := io.ReadAll(io.LimitReader(plain, dataKeySize+1))
	if err != nil {
		return nil, err
	}
	if len(key) != dataKeySize {
		return nil, errors.New("has another size than a data key")
	}
	return key, nil
}
