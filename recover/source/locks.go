package source

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5"
)

// unlocked is a git folder without the lock files among its refs: git writes a
// ref by way of NAME.lock, which is empty for an instant, or for good where git
// was killed. go-git (v5.19.3) takes it for a broken ref; no ref may have such a
// name.
type unlocked struct{ billy.Filesystem }

func (u unlocked) ReadDir(path string) ([]fs.FileInfo, error) {
	list, err := u.Filesystem.ReadDir(path)
	if top, _, _ := strings.Cut(filepath.ToSlash(filepath.Clean(path)), "/"); top != "refs" {
		return list, err
	}
	return slices.DeleteFunc(list, func(f fs.FileInfo) bool { return strings.HasSuffix(f.Name(), ".lock") }), err
}
