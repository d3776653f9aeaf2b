package render

import "sigs.k8s.io/yaml"

// modernized moves fields of a kustomization to where kustomize itself would,
// because it complains about the old ones on standard error.
func modernized(_ string, data []byte) []byte {
	var head map[string]any
	// What is not strictly valid stays as it is, for kustomize to refuse.
	if yaml.UnmarshalStrict(data, &head) != nil {
		return data
	}
	bases, hasBases := head["bases"].([]any)
	common, hasCommon := head["commonLabels"].(map[string]any)
	resources, resourcesOK := list(head["resources"])
	labels, labelsOK := list(head["labels"])
	if head["configurations"] != nil {
		hasCommon = false // they can give the two fields different meanings
	}
	if !hasBases && !hasCommon || !resourcesOK || !labelsOK {
		return data
	}
	if hasBases {
		head["resources"] = append(resources, bases...)
		delete(head, "bases")
	}
	if hasCommon {
		head["labels"] = append(labels, map[string]any{"pairs": common, "includeSelectors": true})
		delete(head, "commonLabels")
	}
	return marshalled(head, data)
}

func list(v any) ([]any, bool) {
	if v == nil {
		return nil, true
	}
	l, ok := v.([]any)
	return l, ok
}

func withField(data []byte, key string, change func(any) any) []byte {
	var head map[string]any
	if yaml.Unmarshal(data, &head) != nil || head == nil {
		return data
	}
	head[key] = change(head[key])
	return marshalled(head, data)
}

func marshalled(head map[string]any, otherwise []byte) []byte {
	out, err := yaml.Marshal(head)
	if err != nil {
		return otherwise
	}
	return out
}
