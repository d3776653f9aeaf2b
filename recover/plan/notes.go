package plan

import "cmp"

func compareNotes(a, b Note) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), a.ID.Compare(b.ID), cmp.Compare(a.Text, b.Text))
}
