package export_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/export"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// manifest is a Deployment of some 1.5 kB.
func manifest(i int) (path, content string) {
	id := object.ID{Group: "apps", Kind: "Deployment", Namespace: fmt.Sprintf("team-%d", i%100), Name: fmt.Sprintf("web-%d", i)}
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: %s\n  namespace: %s\nspec:\n  template:\n    spec:\n      containers:\n", id.Name, id.Namespace)
	for c := range 4 {
		fmt.Fprintf(&b, "      - name: c%d\n        image: registry.example.org/team/%x:v%d\n        resources:\n          limits: {cpu: %dm, memory: %dMi}\n        readinessProbe:\n          httpGet: {path: /healthz, port: %d}\n          periodSeconds: %d\n",
			c, i*7919+c, i%50, i%900+c, i%700+c, 1000+i%5000, i%60)
	}
	return export.Path(id), b.String()
}

func putAll(b *testing.B, to *export.Branch, n, changed int) {
	var workers sync.WaitGroup
	next := make(chan int, 64)
	for range 2 * runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				path, content := manifest(i)
				if i < changed {
					content += fmt.Sprintf("# %d\n", changed)
				}
				if err := to.Put(path, []byte(content)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
}

func export10k(b *testing.B, to export.Target, opts export.Options, n, changed int) {
	branch := open(b, to, opts)
	putAll(b, branch, n, changed)
	if _, err := branch.Commit(message()); err != nil {
		b.Fatal(err)
	}
	if _, err := branch.Push(b.Context()); err != nil {
		b.Fatal(err)
	}
	closed(b, branch)
}

const many = 10_000

// BenchmarkExport is the first export of 10,000 objects over http and the next
// one, in which one object has changed; and without an object changed.
func BenchmarkExport(b *testing.B) {
	server := func(b *testing.B) export.Target {
		repo := bare(b)
		return target(gitserver.ServeHTTP(b, strings.TrimSuffix(repo.Dir, "/live state.git")).URL + "/live%20state.git")
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			to, opts := server(b), options(b)
			b.StartTimer()
			export10k(b, to, opts, many, 0)
		}
	})
	b.Run("one changed", func(b *testing.B) {
		to, opts := server(b), options(b)
		export10k(b, to, opts, many, 0)
		changed := 0
		for b.Loop() {
			changed++
			export10k(b, to, opts, many, 1+changed%2)
		}
	})
	b.Run("same", func(b *testing.B) {
		to, opts := server(b), options(b)
		export10k(b, to, opts, many, 0)
		for b.Loop() {
			export10k(b, to, opts, many, 0)
		}
	})
	b.Run("same, new machine", func(b *testing.B) {
		to, opts := server(b), options(b)
		export10k(b, to, opts, many, 0)
		for b.Loop() {
			b.StopTimer()
			opts.CacheDir = b.TempDir()
			b.StartTimer()
			export10k(b, to, opts, many, 0)
		}
	})
}

// BenchmarkWays stores the same 10,000 files in the ways that there are: our
// pack, loose objects, and go-git's encoder.
func BenchmarkWays(b *testing.B) {
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			to, opts := target(bare(b).Dir), options(b)
			b.StartTimer()
			branch := open(b, to, opts)
			putAll(b, branch, many, 0)
			if _, err := branch.Commit(message()); err != nil {
				b.Fatal(err)
			}
			closed(b, branch)
		}
	})
	b.Run("loose", func(b *testing.B) {
		for b.Loop() {
			st := filesystem.NewStorage(osfs.New(b.TempDir()), cache.NewObjectLRUDefault())
			storeAll(b, st)
		}
	})
	for _, window := range []uint{0, 10} {
		b.Run(fmt.Sprintf("go-git encoder, window %d", window), func(b *testing.B) {
			for b.Loop() {
				st := memory.NewStorage()
				hashes := storeAll(b, st)
				to := filesystem.NewStorage(osfs.New(b.TempDir()), cache.NewObjectLRUDefault())
				w, err := to.PackfileWriter()
				if err != nil {
					b.Fatal(err)
				}
				if _, err := packfile.NewEncoder(w, st, false).Encode(hashes, window); err != nil {
					b.Fatal(err)
				}
				if err := w.(io.Closer).Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func storeAll(b *testing.B, st storer.EncodedObjectStorer) []plumbing.Hash {
	hashes := make([]plumbing.Hash, 0, many)
	for i := range many {
		_, content := manifest(i)
		o := &plumbing.MemoryObject{}
		o.SetType(plumbing.BlobObject)
		_, _ = o.Write([]byte(content)) // a memory object takes everything
		h, err := st.SetEncodedObject(o)
		if err != nil {
			b.Fatal(err)
		}
		hashes = append(hashes, h)
	}
	return hashes
}
