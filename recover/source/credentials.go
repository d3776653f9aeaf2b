package source

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The environment variables that hold credentials. A user name and a password
// in the address itself are used too, and go nowhere else.
const (
	// EnvToken is a token or password for http(s) remotes; EnvTokenFile the
	// path of a file that holds it, which is the better place.
	EnvToken     = "REKINDLE_GIT_TOKEN"
	EnvTokenFile = "REKINDLE_GIT_TOKEN_FILE"
	// EnvTokenHosts limits the token to these hosts, separated by commas.
	EnvTokenHosts = "REKINDLE_GIT_TOKEN_HOSTS"
	// EnvUser is the user name sent with the token; any will do for most
	// servers.
	EnvUser = "REKINDLE_GIT_USER"
	// EnvSSHKey is the path of a private key; without it the agent at
	// SSH_AUTH_SOCK and then the keys in ~/.ssh are tried.
	EnvSSHKey = "REKINDLE_SSH_KEY"
	// EnvSSHPassphrase unlocks the key; EnvSSHPassphraseFile names a file with
	// it.
	EnvSSHPassphrase     = "REKINDLE_SSH_KEY_PASSPHRASE"
	EnvSSHPassphraseFile = "REKINDLE_SSH_KEY_PASSPHRASE_FILE"
	// EnvKnownHosts is a list of known_hosts files (as in PATH), instead of
	// ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts.
	EnvKnownHosts = "REKINDLE_SSH_KNOWN_HOSTS"

	envAgent = "SSH_AUTH_SOCK"
	envHome  = "HOME"
)

const defaultTokenUser = "x-access-token"

// credentials for one remote. They have no String method on purpose and must
// never be formatted.
type credentials struct {
	user, password string // http basic authentication
	sshUser        string
	keyFiles       []string
	keyRequired    bool // the key file was named by a person
	passphrase     string
	agent          string
	knownHosts     []string
}

// secrets are the texts that must not appear in errors.
func (c credentials) secrets() []string {
	return slices.DeleteFunc([]string{c.password, c.passphrase}, func(s string) bool { return s == "" })
}

// scrub removes the secrets from a text.
func (c credentials) scrub(text string) string {
	for _, s := range c.secrets() {
		text = strings.ReplaceAll(text, s, "***")
	}
	return text
}

func credentialsFor(l location, getenv func(string) string) (credentials, error) {
	if l.kind == sshRemote {
		return sshCredentials(l, getenv)
	}
	return httpCredentials(l, getenv)
}

func httpCredentials(l location, getenv func(string) string) (credentials, error) {
	c := credentials{user: l.user, password: l.password}
	if c.password == "" {
		token, err := fromEnvOrFile(l, getenv, EnvToken, EnvTokenFile)
		if err != nil {
			return c, err
		}
		if token == "" || !hostAllowed(l.host, getenv(EnvTokenHosts)) {
			return c, nil
		}
		c.user, c.password = cmp.Or(c.user, getenv(EnvUser), defaultTokenUser), token
	}
	if l.scheme == "http" && !loopback(l.host) {
		return credentials{}, &Error{Kind: ErrAuth, Repo: l.display, What: "credentials would go over unencrypted http",
			Next: "use https, or limit the token to other hosts with " + EnvTokenHosts}
	}
	return c, nil
}

func hostAllowed(host, list string) bool {
	if strings.TrimSpace(list) == "" {
		return true
	}
	for allowed := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(allowed), host) {
			return true
		}
	}
	return false
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func sshCredentials(l location, getenv func(string) string) (credentials, error) {
	c := credentials{sshUser: l.user, password: l.password, agent: getenv(envAgent)}
	if c.sshUser == "" {
		c.sshUser = "git"
	}
	var err error
	if c.passphrase, err = fromEnvOrFile(l, getenv, EnvSSHPassphrase, EnvSSHPassphraseFile); err != nil {
		return c, err
	}
	home := getenv(envHome)
	if key := getenv(EnvSSHKey); key != "" {
		c.keyFiles, c.keyRequired = []string{key}, true
	} else if home != "" {
		for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
			c.keyFiles = append(c.keyFiles, filepath.Join(home, ".ssh", name))
		}
	}
	if list := getenv(EnvKnownHosts); list != "" {
		c.knownHosts = filepath.SplitList(list)
		return c, nil
	}
	if home != "" {
		c.knownHosts = []string{filepath.Join(home, ".ssh", "known_hosts")}
	}
	c.knownHosts = append(c.knownHosts, "/etc/ssh/ssh_known_hosts")
	return c, nil
}

func fromEnvOrFile(l location, getenv func(string) string, env, envFile string) (string, error) {
	if v := getenv(env); v != "" {
		return v, nil
	}
	path := getenv(envFile)
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", &Error{Kind: ErrAuth, Repo: l.display, What: "the file that " + envFile + " names cannot be read", Err: err}
	}
	v := strings.TrimSpace(string(b))
	if v == "" {
		return "", &Error{Kind: ErrAuth, Repo: l.display, What: fmt.Sprintf("the file that %s names is empty", envFile)}
	}
	return v, nil
}

// address is host:port as dialled.
func (l location) address() string {
	port := l.port
	if port == "" && l.kind == sshRemote {
		port = "22"
	}
	return net.JoinHostPort(l.host, port)
}
