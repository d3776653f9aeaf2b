package render

import (
	"context"
	"fmt"
	"testing"
	"testing/fstest"
	"time"
)

// Many small files are read long before they are used, and one too large for all
// that may be ahead does not stop the others.
func TestManyFiles(t *testing.T) {
	const many = 2000
	tree := fstest.MapFS{}
	for n := range many {
		pad := 0
		if n == many/2 {
			pad = 2 * aheadBytes
		}
		tree[fmt.Sprintf("%05d.yaml", n)] = &fstest.MapFile{Data: fmt.Appendf(nil,
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\ndata: {pad: %q}\n", n, fmt.Sprintf("%0*d", pad, 0))}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	result, err := Render(ctx, tree, Options{Kind: KindPlain})
	if err != nil {
		t.Fatal(err)
	}
	if n := result.Objects.Len(); n != many {
		t.Errorf("%d objects, want %d", n, many)
	}
}
