package existing

import (
	"fmt"

	"github.com/rekindle-io/rekindle/providers"
)

// UndeclaredError: rekindle.yaml does not declare such a cluster, or declares
// another context for it. It passes for providers.ErrNotFound.
type UndeclaredError struct {
	Name string
	// Asked is the context that was asked for and Declared the one that is
	// declared; both are empty when the name is not declared at all.
	Asked, Declared string
}

func (e *UndeclaredError) Error() string {
	if e.Declared != "" {
		return fmt.Sprintf("cluster %q: rekindle.yaml declares context %q, or another file, and not context %q as it was asked for", e.Name, e.Declared, e.Asked)
	}
	return fmt.Sprintf("rekindle.yaml does not declare a cluster %q with provider existing", e.Name)
}

// Unwrap lets it pass for the providers' own error.
func (e *UndeclaredError) Unwrap() error { return providers.ErrNotFound }

// Hint says what to write.
func (e *UndeclaredError) Hint() string {
	if e.Declared != "" {
		return "begin a new restore as it is declared now, or correct rekindle.yaml"
	}
	return fmt.Sprintf("declare it: clusters: {%s: {provider: existing, settings: {kubeconfig: FILE, context: NAME}, source: …}}", e.Name)
}

// MovedError: the declared context points at another cluster than the one that
// is known under that name. It is a *providers.TakenError.
type MovedError struct {
	*providers.TakenError
	Kubeconfig, Context string
}

func moved(s settings, name, wanted, have string) *MovedError {
	return &MovedError{
		TakenError: &providers.TakenError{Provider: ProviderName, Name: name, Wanted: wanted, Have: have},
		Kubeconfig: s.Kubeconfig, Context: s.Context,
	}
}

func (e *MovedError) Error() string {
	return fmt.Sprintf("context %q of %s points at another cluster than the one known as %q: it has id %s, that one has %s",
		e.Context, e.Kubeconfig, e.Name, e.Have, e.Wanted)
}

// Unwrap lets it pass for the providers' own error.
func (e *MovedError) Unwrap() error { return e.TakenError }

// notRunning is the error about a cluster that does not answer.
func notRunning(c providers.Cluster) *providers.NotRunningError {
	return &providers.NotRunningError{Provider: ProviderName, Name: c.Name, State: c.State, Reason: c.Detail[detailReason]}
}
