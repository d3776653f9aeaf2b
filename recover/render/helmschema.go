package render

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// validateSchemas checks values against the schema of the chart and those of
// its subcharts. Its errors name places, not values, which may be secret.
func validateSchemas(dir string, c *chart.Chart, values map[string]any) error {
	var faults faults
	if len(c.Schema) > 0 {
		faults.add(validateSchema(path.Join(dir, "values.schema.json"), c.Schema, values))
	}
	for _, sub := range c.Dependencies() {
		subValues, ok := values[sub.Name()].(map[string]any)
		if ok {
			faults.add(validateSchemas(path.Join(dir, "charts", sub.Name()), sub, subValues))
		}
	}
	return faults.err()
}

func validateSchema(file string, data []byte, values map[string]any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &FileError{File: file, Message: fmt.Sprintf("cannot be used as a schema: %v", p)}
		}
	}()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return &FileError{File: file, Message: "is not valid JSON: " + err.Error(), Err: err}
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noLoader{})
	const name = "file:///values.schema.json"
	if err := compiler.AddResource(name, schema); err != nil {
		return &FileError{File: file, Message: err.Error(), Err: err}
	}
	compiled, err := compiler.Compile(name)
	if err != nil {
		return &FileError{File: file, Message: "cannot be used as a schema: " + err.Error(), Err: err}
	}
	err = compiled.Validate(values)
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		list := violations(invalid)
		slices.Sort(list) // the library walks maps
		return &FileError{File: file, Message: "the values do not fit the schema: " + strings.Join(list, "; ")}
	}
	return err
}

// noLoader refuses to load what a schema refers to outside of itself.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	if strings.HasPrefix(url, "urn:") {
		return true, nil // as Helm does, which warns
	}
	return nil, fmt.Errorf("the schema refers to %q, outside of itself, which is not fetched: copy it in", url)
}

// violations lists the leaves of a validation error as "a.b: keyword".
func violations(e *jsonschema.ValidationError) []string {
	if len(e.Causes) > 0 {
		var list []string
		for _, cause := range e.Causes {
			list = append(list, violations(cause)...)
		}
		return list
	}
	at := strings.Join(e.InstanceLocation, ".")
	if at == "" {
		at = "the values"
	}
	return []string{fmt.Sprintf("%s: violates %s", at, violated(e))}
}

// violated returns the keyword and, where it holds no value, what it asks for.
func violated(e *jsonschema.ValidationError) string {
	keyword := strings.Join(e.ErrorKind.KeywordPath(), ".")
	switch e.ErrorKind.(type) {
	case *kind.Type, *kind.Required, *kind.AdditionalProperties, *kind.MinLength, *kind.MaxLength, *kind.MinItems, *kind.MaxItems:
		return keyword + " (" + e.ErrorKind.LocalizedString(message.NewPrinter(language.English)) + ")"
	}
	return keyword
}
