package cloudformation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// template is what is to be made.
type template struct {
	description string
	resources   map[string]resource
	outputs     map[string]output
	// levels are the names of the resources in the order in which they are made: those
	// of a level need only what is in levels before, and are made side by side.
	levels [][]string
	// waits are the names of the resources that each one needs.
	waits map[string][]string
}

type resource struct {
	Type       string         `json:"Type"`
	Properties map[string]any `json:"Properties"`
	DependsOn  any            `json:"DependsOn"`
	Metadata   any            `json:"Metadata"`
}

type output struct {
	Description string `json:"Description"`
	Value       any    `json:"Value"`
}

// Limits of CloudFormation.
const (
	maxTemplate  = 51200
	maxResources = 500
	maxOutputs   = 200
)

var logicalName = regexp.MustCompile(`\A[A-Za-z0-9]{1,255}\z`)

// parse reads a template. The errors are those of CloudFormation.
func parse(text string) (*template, error) {
	if len(text) < 1 || len(text) > maxTemplate {
		return nil, invalid("1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to %d", maxTemplate)
	}
	var whole struct {
		Version     string              `json:"AWSTemplateFormatVersion"`
		Description string              `json:"Description"`
		Resources   map[string]resource `json:"Resources"`
		Outputs     map[string]output   `json:"Outputs"`
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	err := d.Decode(&whole)
	if err == nil {
		if _, rest := d.Token(); !errors.Is(rest, io.EOF) {
			err = errors.New("there is something after the JSON object")
		}
	}
	if err != nil {
		return nil, invalid("Template format error: JSON not well-formed, or with what is not simulated. %v", err)
	}
	t := &template{description: whole.Description, resources: whole.Resources, outputs: whole.Outputs}
	switch {
	case whole.Version != "" && whole.Version != "2010-09-09":
		return nil, invalid("Template format error: %s is not a supported value for AWSTemplateFormatVersion.", whole.Version)
	case len(t.description) > 1024:
		return nil, invalid("Template format error: 'Description' length is greater than 1024.")
	case len(t.resources) == 0:
		return nil, invalid("Template format error: At least one Resources member must be defined.")
	case len(t.resources) > maxResources || len(t.outputs) > maxOutputs:
		return nil, invalid("Template format error: Number of resources or outputs is greater than maximum allowed")
	}
	return t, t.check()
}

func (t *template) check() error {
	var types []string
	for _, name := range slices.Sorted(maps.Keys(t.resources)) {
		if !logicalName.MatchString(name) {
			return invalid("Template format error: Resource name %s is non alphanumeric.", name)
		}
		if _, known := kinds()[t.resources[name].Type]; !known {
			types = append(types, t.resources[name].Type)
		}
	}
	if len(types) > 0 {
		return invalid("Template format error: Unrecognized resource types: [%s]", strings.Join(slices.Compact(types), ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(t.outputs)) {
		if t.outputs[name].Value == nil {
			return invalid("Template format error: Output %s must have a Value", name)
		}
		if err := t.known(references(t.outputs[name].Value), "Outputs"); err != nil {
			return err
		}
	}
	return t.order()
}

// known refuses references to what is not in the template.
func (t *template) known(names []string, block string) error {
	var missing []string
	for _, n := range names {
		if _, there := t.resources[n]; !there {
			missing = append(missing, n)
		}
	}
	if len(missing) > 0 {
		return invalid("Template format error: Unresolved resource dependencies [%s] in the %s block of the template", strings.Join(missing, ", "), block)
	}
	return nil
}

// order finds the levels.
func (t *template) order() error {
	waits := map[string][]string{}
	for name, r := range t.resources {
		needs := references(r.Properties)
		switch d := r.DependsOn.(type) {
		case nil:
		case string:
			needs = append(needs, d)
		case []any:
			for _, one := range d {
				needs = append(needs, fmt.Sprint(one))
			}
		default:
			return invalid("Template format error: DependsOn of %s must be a string or a list of strings.", name)
		}
		if err := t.known(needs, "Resources"); err != nil {
			return err
		}
		waits[name] = needs
	}
	t.waits = maps.Clone(waits)
	done := map[string]bool{}
	for len(waits) > 0 {
		var level []string
		for name, needs := range waits {
			if !slices.ContainsFunc(needs, func(n string) bool { return !done[n] }) {
				level = append(level, name)
			}
		}
		if len(level) == 0 {
			return invalid("Circular dependency between resources: [%s]", strings.Join(slices.Sorted(maps.Keys(waits)), ", "))
		}
		slices.Sort(level)
		for _, name := range level {
			done[name] = true
			delete(waits, name)
		}
		t.levels = append(t.levels, level)
	}
	return nil
}

// makesRoles tells whether a capability is needed, and whether that for named ones is.
func (t *template) makesRoles() (roles, named bool) {
	for _, r := range t.resources {
		if r.Type == typeRole {
			roles = true
			named = named || r.Properties["RoleName"] != nil
		}
	}
	return roles, named
}
