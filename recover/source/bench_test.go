package source_test

import (
	"io/fs"
	"testing"

	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/testenv/corpora"
)

// BenchmarkReadAllFiles opens the warm cache, resolves a commit and reads every
// file of it.
func BenchmarkReadAllFiles(b *testing.B) {
	opts := options(b)
	bundle := corpora.Path(b, corpora.KubePrometheus)
	open(b, bundle, opts) // fills the cache
	for b.Loop() {
		r, err := source.Open(b.Context(), bundle, opts)
		if err != nil {
			b.Fatal(err)
		}
		tree := treeAt(b, r, "HEAD~100")
		var files, bytes int
		err = fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := tree.ReadFile(path)
			files, bytes = files+1, bytes+len(content)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(files), "files")
		b.ReportMetric(float64(bytes), "bytes")
		r.Close()
	}
}

// BenchmarkResolveTime walks half of the history back.
func BenchmarkResolveTime(b *testing.B) {
	r := open(b, corpora.Path(b, corpora.KubePrometheus), sharedOptions(b))
	for b.Loop() {
		resolve(b, r, "main@2021-06-01")
	}
}

// BenchmarkFirstOpen indexes the bundle into an empty cache.
func BenchmarkFirstOpen(b *testing.B) {
	opts := options(b)
	for b.Loop() {
		opts.CacheDir = b.TempDir()
		open(b, corpora.Path(b, corpora.KubePrometheus), opts)
	}
}
