package providers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Settings are a provider's own settings for one cluster: the value of
// `settings` in rekindle.yaml, as decoded from YAML or JSON.
type Settings map[string]any

// Decode fills into, a pointer to a struct with json tags, and refuses fields
// that the struct does not have.
func (s Settings) Decode(into any) error {
	raw, err := json.Marshal(map[string]any(s))
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		var typeErr *json.UnmarshalTypeError
		if errors.As(err, &typeErr) {
			return fmt.Errorf("settings.%s: want %s, have %s", typeErr.Field, typeErr.Type, typeErr.Value)
		}
		if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return fmt.Errorf("settings: unknown field %s", field)
		}
		return fmt.Errorf("settings: %w", err)
	}
	return nil
}
