package declared

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/recover/rebuild"
)

func TestOneRepositoryHasManyAddresses(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if err := errors.Join(os.MkdirAll("shop/.git", 0o755), os.MkdirAll("other", 0o755), os.MkdirAll("odd:name", 0o755), os.Symlink("shop", "link")); err != nil {
		t.Fatal(err)
	}
	classes := [][]string{
		{"shop", "./shop", "shop/", "shop/.git", dir + "/shop", dir + "/other/../shop/", "file://" + dir + "/shop", "file://" + dir + "/shop/.git/", "link", dir + "/link", "shop.git"},
		{"other", dir + "/other"},
		{"odd:name", dir + "/odd:name/"},
		{"https://git.example.com/shop/deploy.git", "https://git.example.com/shop/deploy", "https://GIT.example.com:443/shop/deploy.git/", "https://ada@git.example.com/Shop/deploy",
			"git@git.example.com:shop/deploy.git", "git.example.com:/shop/deploy", "ssh://git@git.example.com:2222/shop/deploy.git", "git+ssh://git.example.com/shop/deploy"},
		{"https://git.example.com/shop/deploy2"},
		{"https://other.example.com/shop/deploy.git", "git@other.example.com:shop/deploy"},
		{"git@[::1]:shop/deploy", "ssh://git@[::1]:22/shop/deploy.git"},
		{"ssh://git@git.example.com/~ada/shop", "git@git.example.com:~ada/shop.git"},
	}
	for i, class := range classes {
		for _, a := range class {
			for j, others := range classes {
				for _, b := range others {
					if sameRepo(a, b) != (i == j) {
						t.Errorf("%s and %s are the same: %v", a, b, i != j)
					}
				}
			}
		}
	}
}

func TestRootsOfOtherClusters(t *testing.T) {
	of := func(repo, path string) config.Cluster {
		return config.Cluster{Source: config.Source{Repo: repo, Path: path}}
	}
	c := &config.Config{Clusters: map[string]config.Cluster{
		"dev":     of("https://git.example.com/shop.git", "overlays/dev"),
		"prod":    of("git@git.example.com:shop", "overlays/prod/"),
		"canary":  of("https://git.example.com/shop", "./overlays/prod"),
		"twin":    of("https://git.example.com/shop", "overlays/dev"),
		"whole":   of("https://git.example.com/shop/", ""),
		"foreign": of("https://git.example.com/till", "overlays/till"),
	}}
	got := OtherRoots(c, "dev", rebuild.Source{Repo: "ssh://git@git.example.com/shop", Path: "./overlays/dev/"})
	if want := []string{".", "overlays/prod"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
