package providers

import (
	"fmt"
	"regexp"
)

var (
	nameShape = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$`)
	idShape   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
)

// CheckName refuses what is no DNS label of at most 40 characters. Names become
// paths, labels and names of what a provider makes.
func CheckName(provider, name string) error {
	if !nameShape.MatchString(name) {
		return fmt.Errorf("provider %s: %q is no cluster name: want 1 to 40 of a-z, 0-9 and '-', not at either end", provider, name)
	}
	return nil
}

// CheckID refuses ids that could be mistaken for something else where they
// become part of a path or a name.
func CheckID(provider, id string) error {
	if !idShape.MatchString(id) {
		return fmt.Errorf("provider %s: %q is no cluster id: want 1 to 64 letters, digits, '-' and '_'", provider, id)
	}
	return nil
}
