package journaltest_test

import (
	"testing"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/run/journaltest"
)

func TestMemoryConforms(t *testing.T) {
	journaltest.Conform(t, func(_ testing.TB, l journaltest.Limits) run.Journal { return journaltest.NewMemory(l) })
}
