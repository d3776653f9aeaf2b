// Package providers says what every maker of clusters promises. A provider
// makes, finds, reaches and removes clusters that belong to us, and nothing
// else; what only some can do is an optional interface, found by assertion.
//
// The rules below are checked by the suite in providers/providertest, which
// every provider runs. A provider imports neither another provider nor a
// recipe.
package providers

import (
	"context"
	"time"
)

// Spec is what a caller wants to exist.
type Spec struct {
	// Name is unique for one provider; a DNS label (RFC 1123), 40 characters at
	// most.
	Name string
	// ID is the random, unique mark of this one cluster. The caller chooses it
	// and journals it before Create, so that a crash between the two leaves
	// nothing that cannot be found again.
	ID string
	// Settings are the provider's own, as written in rekindle.yaml.
	Settings Settings
}

// State is where a cluster is in its life.
type State string

// The states a cluster can be found in.
const (
	// StateCreating: a create began and has not ended; Create finishes it.
	StateCreating State = "creating"
	// StateRunning: the API server answers.
	StateRunning State = "running"
	// StateStopped: the cluster is kept, but nothing runs.
	StateStopped State = "stopped"
	// StateBroken: parts are missing or dead; Create with the same ID repairs
	// it, Delete removes it.
	StateBroken State = "broken"
	// StateDeleting: a delete began and has not ended; Delete finishes it.
	StateDeleting State = "deleting"
)

// Cluster is what a provider knows about one of its clusters.
type Cluster struct {
	Provider string    `json:"provider"`
	Name     string    `json:"name"`
	ID       string    `json:"id"`
	State    State     `json:"state"`
	Created  time.Time `json:"created,omitzero"`
	// Version is the Kubernetes version, "v1.36.3", empty while unknown.
	Version string `json:"version,omitempty"`
	// Endpoint is the URL of the API server, empty while unknown.
	Endpoint string `json:"endpoint,omitempty"`
	// Issuer is who signs the tokens of the cluster's service accounts, an https
	// URL, where others than the cluster trust it; empty otherwise.
	Issuer string `json:"issuer,omitempty"`
	// Simulated: pods are only said to run. What needs a real container behind
	// it (an aggregated API, a webhook) cannot become healthy there.
	Simulated bool `json:"simulated,omitempty"`
	// Borrowed: somebody else made the cluster, and its ID is its own (the UID of
	// the namespace kube-system). Create never makes one; Delete gives it back as
	// it is, so whoever wants our objects gone removes them before.
	Borrowed bool `json:"borrowed,omitempty"`
	// Detail holds a few words for people, such as "directory" or "nodes".
	Detail map[string]string `json:"detail,omitempty"`
}

// Progress receives one line for people each time a provider begins something
// that takes time. It may be nil; use Say.
type Progress func(message string)

// Say calls p unless it is nil.
func (p Progress) Say(message string) {
	if p != nil {
		p(message)
	}
}

// Provider makes and removes clusters. Every method takes the context first and
// comes back soon after it ends; none waits without a deadline of its own.
// Methods may be called from several goroutines and from several processes at
// once.
type Provider interface {
	// Name is the word used in rekindle.yaml and behind --provider.
	Name() string

	// Check validates settings without touching anything. Its errors name the
	// field.
	Check(Settings) error

	// Create makes the cluster of spec and returns once its API server is ready
	// for the first apply (/readyz, and the default ServiceAccount exists).
	// It is idempotent: called again with the same Name and ID, after a crash
	// at any instant, it finds what is there and finishes it. When the name is
	// held by another ID it returns a *TakenError; when it is held by something
	// that is not ours, a *ForeignError; in both cases it touches nothing.
	// When it fails or is cancelled it leaves either nothing or something that
	// Find reports with this ID and that Delete removes.
	Create(ctx context.Context, spec Spec, progress Progress) (Cluster, error)

	// Find returns the cluster of that name: ErrNotFound when there is none, a
	// *ForeignError when the name is held by something that bears no mark of
	// ours.
	Find(ctx context.Context, name string) (Cluster, error)

	// Delete removes the cluster and everything made for it. It is idempotent:
	// a cluster that is gone is no error. It refuses, with a *ForeignError or
	// a *TakenError, what does not bear both our mark and this ID, whatever its
	// name. It also works when the API server is dead.
	Delete(ctx context.Context, name, id string, progress Progress) error

	// Connect returns a kubeconfig whose credentials outlive the process that
	// asked. ErrNotFound and *ForeignError as for Find; a *NotRunningError when
	// the cluster is there but stopped or broken.
	Connect(ctx context.Context, name string) (kubeconfig []byte, err error)
}

// Lister is a provider that can list its clusters, half-made ones included.
type Lister interface {
	List(ctx context.Context) ([]Cluster, error)
}

// Hibernator is a provider whose clusters can be stopped and started again with
// their data. Both calls are idempotent, and refuse like Delete does.
type Hibernator interface {
	Stop(ctx context.Context, name, id string, progress Progress) error
	Start(ctx context.Context, name, id string, progress Progress) error
}

// ImageLoader is a provider that can bring container images of this machine onto
// the nodes of its clusters, so that no registry has to be asked for them.
type ImageLoader interface {
	// LoadImages brings what the settings of spec ask for onto every node: the
	// images they list, or, where they leave it to the provider, those of wanted
	// (the images that a plan names, as written there) that this machine has. It
	// is idempotent and refuses like Delete does. It returns what the nodes have
	// of both now, sorted. An image that the settings list and this machine lacks
	// is a *MissingError.
	LoadImages(ctx context.Context, spec Spec, wanted []string, progress Progress) (loaded []string, err error)
}

// Leftover is something a provider made that no cluster of its own holds any
// more.
type Leftover struct {
	// What it is, for people: "directory /…", "process 4711 (etcd)".
	What string `json:"what"`
	// Cluster and ID say whose it was, where that is known.
	Cluster string `json:"cluster,omitempty"`
	ID      string `json:"id,omitempty"`
	// Why it is still there, for people, where that is known.
	Why string `json:"why,omitempty"`
	// Kept: it was left on purpose, such as a volume that is to outlive its
	// cluster. Delete never removes it; whoever owns it does.
	Kept bool `json:"kept,omitempty"`
}

// LeftoverFinder is a provider that can look for what was left behind.
type LeftoverFinder interface {
	Leftovers(ctx context.Context) ([]Leftover, error)
}

// Finding is one line of what a machine can or cannot do for a provider.
type Finding struct {
	// Subject is what was looked at: "control plane binary".
	Subject string `json:"subject"`
	OK      bool   `json:"ok"`
	// Message says what was found.
	Message string `json:"message"`
	// Remedy says how to get what is missing; empty when OK.
	Remedy string `json:"remedy,omitempty"`
}

// Doctor is a provider that can say whether this machine has what it needs.
type Doctor interface {
	Diagnose(ctx context.Context) []Finding
}

// Planner is a provider that knows the Kubernetes version it would make before
// it made anything, such as "v1.36.3".
type Planner interface {
	PlannedVersion(Settings) string
}

// Estimate is what a provider would make, and what that costs by its list of
// prices.
type Estimate struct {
	Parts []EstimatedPart `json:"parts"`
	// Hourly is what all parts with a price cost an hour, in Currency.
	Hourly   float64 `json:"hourly"`
	Currency string  `json:"currency,omitempty"`
	// AsOf is the day of the prices, "2026-11-01"; Unpriced says what is not in
	// Hourly, for people.
	AsOf     string   `json:"asOf,omitempty"`
	Unpriced []string `json:"unpriced,omitempty"`
}

// EstimatedPart is one thing, or several of one kind, that would be made.
type EstimatedPart struct {
	// What it is, for people: "node group workers: 3 x m6i.large, spot".
	What string `json:"what"`
	// Hourly is what it costs an hour; nil when that is not known.
	Hourly *float64 `json:"hourly,omitempty"`
}

// Estimator is a provider that knows what it would make for settings, and what
// that costs, without asking anybody.
type Estimator interface {
	Estimate(Settings) (Estimate, error)
}

// Token is a short-lived credential for an API server.
type Token struct {
	// Value is sent as a bearer token; it is a secret.
	Value string
	// Expires is when another one has to be taken; some time before the server
	// refuses it.
	Expires time.Time
}

// Tokener is a provider whose kubeconfigs hold no credentials: they name a
// command that asks for a token. Whoever runs in this process asks here.
type Tokener interface {
	Token(ctx context.Context, name string) (Token, error)
}

// Trust is something outside of a cluster that trusts its service accounts.
type Trust struct {
	// What it is, for people: "role app-prod (arn:…)".
	What string `json:"what"`
	// Accounts are the service accounts that it trusts, "namespace/name" or
	// patterns.
	Accounts []string `json:"accounts,omitempty"`
	// Issuer is whom it trusts at the moment.
	Issuer string `json:"issuer"`
	// Updated: it trusts the new issuer now.
	Updated bool `json:"updated,omitempty"`
	// Why it could not be updated, for people.
	Why string `json:"why,omitempty"`
}

// Truster is a provider whose clusters have issuers of their own, so that what
// trusted an earlier cluster's service accounts does not trust those of its
// successor.
type Truster interface {
	// Trusts returns what trusts one of the earlier issuers and not that of the
	// cluster with this id. With update it is made to trust that in place of the
	// earlier one. It refuses like Delete does.
	Trusts(ctx context.Context, name, id string, earlier []string, update bool) ([]Trust, error)
}
