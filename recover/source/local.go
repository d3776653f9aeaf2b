package source

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// openLocal opens the repository at path where it is: a work tree, a bare
// repository, a .git folder or a .git file (linked work tree, submodule).
func openLocal(path string) (*store, error) {
	gitDir, err := findGitDir(path)
	if err != nil {
		return nil, err
	}
	common, err := commonDir(gitDir)
	if err != nil {
		return nil, &Error{Kind: ErrNotRepository, Repo: path, What: "its commondir file cannot be read", Err: err}
	}
	st, err := openStore(gitDir, common)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.Repo = path
			return nil, err
		}
		return nil, &Error{Kind: ErrCorrupt, Repo: path, What: "cannot be opened", Next: "run git fsck there", Err: err}
	}
	st.where = path
	return st, nil
}

func findGitDir(path string) (string, error) {
	if isGitDir(path) {
		return path, nil
	}
	dotGit := path
	if filepath.Base(path) != ".git" {
		dotGit = filepath.Join(path, ".git")
	}
	info, err := os.Stat(dotGit)
	switch {
	case err == nil && info.IsDir() && isGitDir(dotGit):
		return dotGit, nil
	case err == nil && info.Mode().IsRegular():
		return followGitFile(path, dotGit)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", &Error{Kind: ErrNotRepository, Repo: path, What: "cannot be read", Err: err}
	}
	for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			inside, _ := filepath.Rel(dir, path)
			return "", &Error{Kind: ErrNotRepository, Repo: path, What: "is a folder inside the repository " + dir,
				Next: "name that repository, with the folder " + inside + " as the path in it"}
		}
	}
	return "", &Error{Kind: ErrNotRepository, Repo: path, What: "holds no git repository", Next: "give the folder that has .git in it, or a bare repository"}
}

func followGitFile(path, file string) (string, error) {
	b, err := os.ReadFile(file)
	target, ok := strings.CutPrefix(strings.TrimSpace(string(b)), "gitdir: ")
	if err != nil || !ok {
		return "", &Error{Kind: ErrNotRepository, Repo: path, What: "its .git file does not say where the repository is", Err: err}
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(file), target)
	}
	if !isGitDir(target) {
		return "", &Error{Kind: ErrNotRepository, Repo: path, What: "its .git file names " + target + ", which is no repository",
			Next: "run git worktree repair or git submodule update --init"}
	}
	return target, nil
}

// isGitDir: HEAD and objects are there, the latter perhaps in the common folder.
func isGitDir(dir string) bool {
	if info, err := os.Lstat(filepath.Join(dir, "HEAD")); err != nil || info.IsDir() {
		return false
	}
	common, err := commonDir(dir)
	if err != nil {
		return false
	}
	if common == "" {
		common = dir
	}
	info, err := os.Stat(filepath.Join(common, "objects"))
	return err == nil && info.IsDir()
}

// commonDir is where a linked work tree shares objects and refs, "" when
// gitDir holds them itself.
func commonDir(gitDir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(gitDir, "commondir"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	common := strings.TrimSpace(string(b))
	if !filepath.IsAbs(common) {
		common = filepath.Join(gitDir, common)
	}
	return common, nil
}
