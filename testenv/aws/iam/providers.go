package iam

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Provider is an OIDC provider: an issuer of tokens that roles may trust.
type Provider struct {
	// URL of the issuer, with or without "https://".
	URL                  string
	Clients, Thumbprints []string
	Tags                 map[string]string
	// ARN and Created are made with the provider.
	ARN     string
	Created time.Time
}

type provider struct {
	Provider
	life
}

func (p *provider) copy() Provider {
	c := p.Provider
	c.Tags, c.Clients, c.Thumbprints = maps.Clone(p.Tags), slices.Clone(p.Clients), slices.Clone(p.Thumbprints)
	return c
}

// Limits of OIDC providers.
const (
	usualProviders = 100
	maxClients     = 100
	maxThumbprints = 5
)

// ProviderARN is the ARN that the provider of an issuer has, or would have.
func (a *Account) ProviderARN(issuer string) string {
	a.lock()
	defer a.unlock()
	return a.providerARN(issuer)
}

func (a *Account) providerARN(issuer string) string {
	return a.arn("oidc-provider/" + strings.TrimPrefix(issuer, "https://"))
}

// CreateProvider makes an OIDC provider.
func (a *Account) CreateProvider(p Provider) (Provider, error) {
	now := a.lock()
	defer a.unlock()
	u, err := url.Parse(p.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Port() != "" || u.RawQuery != "" || len(p.URL) > 255 {
		return Provider{}, refuse(http.StatusBadRequest, "ValidationError", "Invalid Open ID Connect Provider URL")
	}
	if len(p.Clients) > maxClients || len(p.Thumbprints) > maxThumbprints {
		return Provider{}, refuse(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d", maxClients)
	}
	if err := checkTags(p.Tags); err != nil {
		return Provider{}, err
	}
	p.URL = strings.TrimPrefix(p.URL, "https://")
	p.ARN, p.Created = a.providerARN(p.URL), now
	if old := a.providers[p.ARN]; old != nil && old.lives() {
		return Provider{}, exists("Provider with url %s already exists.", p.URL)
	}
	living := 0
	for _, o := range a.providers {
		if o.lives() {
			living++
		}
	}
	if err := a.room("oidc-provider", living, usualProviders); err != nil {
		return Provider{}, err
	}
	made := &provider{Provider: p, life: life{made: now}}
	made.Provider = made.copy()
	if made.Tags == nil {
		made.Tags = map[string]string{}
	}
	a.providers[p.ARN] = made
	return made.copy(), nil
}

func (a *Account) provider(arn string) (*provider, error) {
	if p := a.providers[arn]; p != nil && p.lives() {
		return p, nil
	}
	return nil, absent("OpenIDConnect Provider not found for arn %s", arn)
}

// Provider returns one by its ARN.
func (a *Account) Provider(arn string) (Provider, error) {
	a.lock()
	defer a.unlock()
	p, err := a.provider(arn)
	if err != nil {
		return Provider{}, err
	}
	return p.copy(), nil
}

// DeleteProvider removes an OIDC provider.
func (a *Account) DeleteProvider(arn string) error {
	now := a.lock()
	defer a.unlock()
	p, err := a.provider(arn)
	if err != nil {
		return err
	}
	p.gone = now
	return nil
}

// TagProvider puts tags on an OIDC provider.
func (a *Account) TagProvider(arn string, tags map[string]string) error {
	a.lock()
	defer a.unlock()
	p, err := a.provider(arn)
	if err != nil {
		return err
	}
	merged := maps.Clone(p.Tags)
	maps.Copy(merged, tags)
	if err := checkTags(merged); err != nil {
		return err
	}
	p.Tags = merged
	return nil
}
