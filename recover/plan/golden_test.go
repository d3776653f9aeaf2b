package plan_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/recover/plan"
)

// The golden files are plans as a person reads them.
func TestTreesAreAsWritten(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no examples", err)
	}
	for _, file := range files {
		for suffix, convert := range map[string]bool{".tree": false, ".converted.tree": true} {
			if convert && filepath.Base(file) != "removed.yaml" {
				continue
			}
			golden := strings.TrimSuffix(file, ".yaml") + suffix
			t.Run(filepath.Base(golden), func(t *testing.T) {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				p := makePlan(t, string(text), func(o *plan.Options) {
					o.Commit, o.Convert = "0123456789abcdef0123456789abcdef01234567", convert
				})
				var b strings.Builder
				p.WriteTree(&b)
				if *update {
					if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), b.String()); diff != "" {
					t.Errorf("-want +have:\n%s", diff)
				}
			})
		}
	}
}
