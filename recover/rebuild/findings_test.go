package rebuild_test

import (
	"testing"

	"github.com/rekindle-io/rekindle/recover/rebuild"
)

// found is what the journal says of a run that compared.
func (b *bench) found(t *testing.T, id string) rebuild.Findings {
	t.Helper()
	r, err := b.store.Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	report, err := rebuild.ReportOf(r)
	if err != nil || report.Findings == nil || len(report.Commit.SHA) != 40 {
		t.Fatalf("run %s: %v: %s", id, err, words(t, report))
	}
	return *report.Findings
}
