package capture

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
)

// Touched tells when somebody last wrote to u who is neither a machine nor
// rekindle, as far as the server's account of field managers goes: who only
// observes, in the status, is not meant. It is the zero time when nobody did, and
// needs no more than u's metadata.
func Touched(u *unstructured.Unstructured) time.Time {
	var last time.Time
	for _, entry := range field.Maps(u.Object, "metadata", "managedFields") {
		manager := field.Text(entry, "manager")
		if field.Text(entry, "subresource") == "status" || manager == object.FieldManager || HandOf(manager) != Somebody {
			continue
		}
		at, err := time.Parse(time.RFC3339, field.Text(entry, "time"))
		if err != nil {
			at = time.Unix(0, 0).UTC() // it was, and nobody knows when
		}
		if at.After(last) {
			last = at
		}
	}
	return last
}

// Birth is what a cluster had when it was new: by object the time at which
// somebody had touched it by then. Nil when nobody recorded what it had; then the
// names that Kubernetes itself uses have to do.
type Birth map[object.ID]time.Time

// Has tells whether the cluster had the object.
func (b Birth) Has(id object.ID) bool {
	_, had := b[id]
	return had
}

// changed tells whether somebody touched u, which the cluster had, since.
func (b Birth) changed(id object.ID, u *unstructured.Unstructured) bool {
	return Touched(u).After(b[id])
}

// born is one object of a Birth in JSON.
type born struct {
	object.ID
	// Touched is left out by records that know only what there was.
	Touched *time.Time `json:"touched,omitempty"`
}

// MarshalJSON writes a list, sorted by identity.
func (b Birth) MarshalJSON() ([]byte, error) {
	list := make([]born, 0, len(b))
	for _, id := range slices.SortedFunc(maps.Keys(b), object.ID.Compare) {
		at := b[id]
		list = append(list, born{ID: id, Touched: &at})
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads what MarshalJSON writes. Of what a record does not tell when
// it was touched, nobody can say that it was since.
func (b *Birth) UnmarshalJSON(raw []byte) error {
	var list []born
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	*b = make(Birth, len(list))
	for _, one := range list {
		(*b)[one.ID] = time.Unix(math.MaxInt32, 0)
		if one.Touched != nil {
			(*b)[one.ID] = *one.Touched
		}
	}
	return nil
}

// byPeople tells whether people's tools wrote to u.
func byPeople(u *unstructured.Unstructured) bool { return slices.ContainsFunc(managers(u), IsPeoples) }
