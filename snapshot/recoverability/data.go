package recoverability

import "k8s.io/apimachinery/pkg/runtime/schema"

// TellsOfData tells whether objects of a kind say where data is and who saves it.
// A survey that is shown all of them, and nothing else, judges the claims as well
// as any.
func TellsOfData(kind schema.GroupKind) bool {
	return kind == podKind || claimKinds[kind] || savers[kind] != nil
}

// Saves tells whether objects of a kind are how a tool is told to save data.
// Without them claims look worse than they are, and never better.
func Saves(kind schema.GroupKind) bool { return savers[kind] != nil }

// Unsaved are the findings about claims whose data is in danger, worst first.
func (r *Report) Unsaved() []Finding {
	var data []Finding
	for _, f := range r.Findings {
		if f.Category == Data {
			data = append(data, f)
		}
	}
	return data
}
