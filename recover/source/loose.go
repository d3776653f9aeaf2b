package source

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
)

// A commit that was just made is a file for each object, and to read a large one
// is to read ten thousand of them. go-git opens each several times and keeps
// everybody else out meanwhile; loose opens it once, and lets others in.

// loose reads objects that are files of their own. It may be used from several
// goroutines.
type loose struct {
	folders []string // named objects, its own first
	spare   sync.Pool
}

// errNotLoose: there is no such file, or it is not as it should be, so that go-git
// has to say what is wrong.
var errNotLoose = errors.New("not a loose object")

// keepAtMost is the largest buffer in bytes that is used again.
const keepAtMost = 1 << 20

// inflater is what reading one object takes.
type inflater struct {
	file   bytes.Buffer
	packed bytes.Reader
	zlib   io.ReadCloser
}

// read returns an object and its type, or errNotLoose, or errTooLarge when it has
// more than limit bytes. Its content was compared with its name.
func (l *loose) read(h plumbing.Hash, limit int64) ([]byte, plumbing.ObjectType, error) {
	in, _ := l.spare.Get().(*inflater)
	if in == nil {
		in = &inflater{}
	}
	defer func() {
		if in.file.Cap() <= keepAtMost {
			l.spare.Put(in)
		}
	}()
	name := h.String()
	for _, folder := range l.folders {
		if in.load(filepath.Join(folder, name[:2], name[2:]), limit) != nil {
			continue
		}
		content, t, err := in.inflate(limit)
		if errors.Is(err, errTooLarge) {
			return nil, 0, err
		}
		if err == nil && plumbing.ComputeHash(t, content) == h {
			return content, t, nil
		}
	}
	return nil, 0, errNotLoose
}

// load reads the file. What is compressed takes hardly more room than what it was.
func (in *inflater) load(path string, limit int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in.file.Reset()
	_, err = in.file.ReadFrom(io.LimitReader(f, limit+limit/8+4096))
	return err
}

// inflate reads "type size", a zero byte, and so many bytes of content.
func (in *inflater) inflate(limit int64) ([]byte, plumbing.ObjectType, error) {
	in.packed.Reset(in.file.Bytes())
	if err := in.begin(); err != nil {
		return nil, 0, err
	}
	var head [64]byte
	n, err := io.ReadAtLeast(in.zlib, head[:], 1)
	for err == nil && bytes.IndexByte(head[:n], 0) < 0 {
		if n == len(head) {
			return nil, 0, errNotLoose
		}
		var more int
		more, err = in.zlib.Read(head[n:])
		n += more
	}
	word, rest, whole := bytes.Cut(head[:n], []byte{0})
	kind, digits, spaced := bytes.Cut(word, []byte{' '})
	t, typeErr := plumbing.ParseObjectType(string(kind))
	size, sizeErr := strconv.ParseInt(string(digits), 10, 64)
	switch {
	case !whole || !spaced || typeErr != nil || sizeErr != nil || size < int64(len(rest)):
		return nil, 0, errNotLoose
	case size > limit:
		return nil, 0, errTooLarge
	}
	content := make([]byte, size)
	copy(content, rest)
	if _, err := io.ReadFull(in.zlib, content[len(rest):]); err != nil {
		return nil, 0, err
	}
	if n, err := in.zlib.Read(head[:1]); n > 0 || !errors.Is(err, io.EOF) {
		return nil, 0, errNotLoose
	}
	return content, t, nil
}

func (in *inflater) begin() (err error) {
	if reset, ok := in.zlib.(zlib.Resetter); ok {
		return reset.Reset(&in.packed, nil)
	}
	in.zlib, err = zlib.NewReader(&in.packed)
	return err
}
