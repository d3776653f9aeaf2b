package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	_ "k8s.io/client-go/plugin/pkg/client/auth/oidc" // the one auth provider that kubeconfigs may still name
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Connect returns a connection as the context named contextName of a kubeconfig
// says; the current context when contextName is empty. It sends nothing yet: an
// unreachable server shows with the first request. Exec plugins and OIDC from
// the kubeconfig are used, but may not ask at the terminal.
func Connect(kubeconfig []byte, contextName string, opts Options) (*Cluster, error) {
	raw, err := clientcmd.Load(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig cannot be read: %w", err)
	}
	if contextName != "" && raw.Contexts[contextName] == nil {
		return nil, fmt.Errorf("the kubeconfig has no context %q: choose one of those that it has", contextName)
	}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: contextName}
	config, err := clientcmd.NewDefaultClientConfig(*raw, overrides).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig is not complete: %w", err)
	}
	if opts.Now == nil {
		return nil, errors.New("kube: Options.Now must be set")
	}
	return connect(config, opts.withDefaults())
}

func connect(config *rest.Config, opts Options) (*Cluster, error) {
	host, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig names no usable server: %w", err)
	}
	config.UserAgent = opts.UserAgent
	config.Timeout = 0 // watches last; each other request has a deadline of its own
	config.DisableCompression = loopback(host)
	config.WarningHandlerWithContext = rest.NoWarnings{}
	config.QPS = -1
	if opts.Wrap != nil {
		config.Wrap(opts.Wrap)
	}
	if opts.Token != nil {
		identify(config, opts)
	}
	if config.ExecProvider != nil {
		config.ExecProvider.StdinUnavailable = true
		config.ExecProvider.StdinUnavailableMessage = "rekindle does not let credential plugins ask at the terminal: log in with the plugin's own command first"
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("no client for %s: %w", host.Host, err)
	}
	// A redirect from an API server would carry credentials elsewhere.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Cluster{
		host:    host,
		client:  client,
		config:  config,
		opts:    opts,
		limiter: newLimiter(opts.Now),
		outage:  outage{now: opts.Now},
	}, nil
}

// Authority is the SHA-256 over the certificates of the authority that the server's
// certificate is checked with, in hexadecimal: for a single one, its fingerprint. It is
// empty where the system's authorities are trusted.
func (c *Cluster) Authority() string {
	sum := sha256.New()
	found := false
	for rest := c.config.CAData; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		found = true
		_, _ = sum.Write(block.Bytes) // never fails
	}
	if !found {
		return ""
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func loopback(host *url.URL) bool {
	name := host.Hostname()
	if name == "localhost" {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}
