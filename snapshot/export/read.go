package export

// Read returns what the branch, or a commit that waits to be pushed, has at
// path; nil when it has no such file. Without Options.Contents it may be nil, too,
// because a server sent folders only.
func (b *Branch) Read(path string) ([]byte, error) {
	h, there := b.base.files[path]
	if !there || !b.own.has(h) {
		return nil, nil
	}
	return b.content(path, h)
}

// maxRead bounds what is read of one file, in bytes: an object of a cluster is
// much smaller.
const maxRead = 32 << 20
