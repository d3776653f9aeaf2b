package raw

// Of metadata that is only glanced at, most is the same from object to object, or
// of no use: labels and what managedFields say of a manager are kept once, as long
// as there are not too many, and shared.

const (
	metadataDepth = 2
	// maxMarks is the most bytes of labels that are shared, maxShared how many maps
	// are, of each sort.
	maxMarks, maxShared = 1024, 2048
)

// needless tells what Object.Metadata leaves out of metadata.
func needless(key string, depth int) bool {
	return depth == metadataDepth && (key == "resourceVersion" || key == "generation" || key == "generateName" || key == "selfLink")
}

// labels reads a map, or returns the one that was read from the same bytes.
func (d *Decoder) labels() (any, error) {
	if d.space(); d.i >= len(d.b) || d.b[d.i] != '{' {
		return d.value()
	}
	n, whole := NewCutter('{').Cut(d.b[d.i:])
	if !whole {
		return nil, errEnds
	}
	written := d.b[d.i : d.i+n]
	if known, ok := d.marks[string(written)]; ok {
		d.i += n
		return known, nil
	}
	v, err := d.value()
	if err == nil && n <= maxMarks && len(d.marks) < maxShared {
		if d.marks == nil {
			d.marks = map[string]any{}
		}
		d.marks[string(written)] = v
	}
	return v, err
}

// manager is what Object.Metadata keeps of an entry of managedFields.
type manager struct{ manager, operation, subresource, time string }

// managers reads managedFields without what the managers own.
func (d *Decoder) managers() (any, error) {
	if d.space(); d.i >= len(d.b) || d.b[d.i] != '[' {
		return d.value()
	}
	d.i++
	var list []any
	for first := true; ; first = false {
		more, err := d.more(first, ']')
		if err != nil || !more {
			return list, err
		}
		entry, err := d.entry()
		if err != nil {
			return nil, err
		}
		list = append(list, entry)
	}
}

func (d *Decoder) entry() (map[string]any, error) {
	var e manager
	err := d.fields(func(key []byte) (bool, error) {
		var into *string
		switch string(key) {
		case "manager":
			into = &e.manager
		case "operation":
			into = &e.operation
		case "subresource":
			into = &e.subresource
		case "time":
			into = &e.time
		default:
			return true, d.skip()
		}
		v, err := d.value()
		*into, _ = v.(string)
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return d.entryOf(e), nil
}

func (d *Decoder) entryOf(e manager) map[string]any {
	if known, ok := d.entries[e]; ok {
		return known
	}
	m := make(map[string]any, 4)
	for key, text := range map[string]string{"manager": e.manager, "operation": e.operation, "subresource": e.subresource, "time": e.time} {
		if text != "" {
			m[key] = text
		}
	}
	if d.entries == nil {
		d.entries = map[manager]map[string]any{}
	}
	if len(d.entries) < maxShared {
		d.entries[e] = m
	}
	return m
}
