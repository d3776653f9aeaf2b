package source

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
)

// SymlinkError: a symbolic link that cannot be followed inside the tree.
type SymlinkError struct {
	Path, Target, Reason string
	// Dangling: the target is inside, but is not there.
	Dangling bool
}

func (e *SymlinkError) Error() string {
	msg := "the symbolic link "
	if e.Target != "" {
		msg += fmt.Sprintf("to %q ", e.Target)
	}
	return msg + e.Reason
}

// Is makes a dangling link fs.ErrNotExist and any other fs.ErrInvalid.
func (e *SymlinkError) Is(target error) bool {
	if e.Dangling {
		return target == fs.ErrNotExist
	}
	return target == fs.ErrInvalid
}

// SubmoduleError: the path lies in a submodule, whose content is in another
// repository.
type SubmoduleError struct {
	Path, Commit string
}

func (e *SubmoduleError) Error() string {
	return fmt.Sprintf("%q is a submodule at commit %s, its files are in another repository: restore from that one, or copy what is needed into this one",
		e.Path, e.Commit)
}

// LFSError: the repository holds a Git LFS pointer, not the content.
type LFSError struct {
	OID  string
	Size string
}

func (e *LFSError) Error() string {
	return fmt.Sprintf("its content (%.20s bytes, %.80s) is in Git LFS, which is not read: keep manifests in git itself (git lfs untrack, git lfs migrate export)",
		e.Size, e.OID)
}

// TooLargeError: the file is larger than Options.MaxFileSize.
type TooLargeError struct {
	// Size and Limit in bytes.
	Size, Limit int64
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("is %d bytes long, more than the limit of %d", e.Size, e.Limit)
}

// HostileNameError: a folder has an entry whose name git refuses to check out,
// that is there twice, or that is not UTF-8.
type HostileNameError struct {
	// Folder is the tree object.
	Folder, Name string
	// Reason completes "an entry NAME that …".
	Reason string
}

func (e *HostileNameError) Error() string {
	return fmt.Sprintf("folder object %s has an entry %q that %s: rename it, or check the repository with git fsck before you trust it", e.Folder, e.Name, e.Reason)
}

const lfsVersion = "version https://git-lfs.github.com/spec/"

// lfsPointer recognises the pointer files of the Git LFS specification: below
// 1024 bytes, the version line first.
func lfsPointer(b []byte) *LFSError {
	if len(b) >= 1024 || !bytes.HasPrefix(b, []byte(lfsVersion)) {
		return nil
	}
	p := &LFSError{}
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "oid":
			p.OID = value
		case "size":
			p.Size = value
		}
	}
	if p.OID == "" {
		return nil
	}
	return p
}
