package render

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// Limits bound what one rendering may take. Zero fields have the defaults named
// with them.
type Limits struct {
	// FileBytes is the size of one file; 16 MiB.
	FileBytes int64
	// Files is the number of files read; 20,000.
	Files int
	// TotalBytes is the size of all files read; 256 MiB.
	TotalBytes int64
	// Documents is the number of objects, list items included; 100,000.
	Documents int
	// Expansion is what the aliases of one document may add to it, in bytes of
	// memory as this package estimates them; 8 MiB.
	Expansion int64
	// Depth is how deep values may nest; 300.
	Depth int
	// TemplateTime is how long the templates of one chart may take; 30 s.
	TemplateTime time.Duration
	// TemplateBytes is how much a chart may render to, and roughly how much
	// memory its templates may take meanwhile, four times over; 64 MiB.
	TemplateBytes int64
}

func (l Limits) withDefaults() Limits {
	set(&l.FileBytes, 16<<20)
	set(&l.Files, 20_000)
	set(&l.TotalBytes, 256<<20)
	set(&l.Documents, 100_000)
	set(&l.Expansion, 8<<20)
	set(&l.Depth, 300)
	set(&l.TemplateTime, 30*time.Second)
	set(&l.TemplateBytes, 64<<20)
	return l
}

func set[T int | int64 | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// readFile reads name, or fails when it is larger than max.
func readFile(tree fs.FS, name string, max int64) ([]byte, error) {
	f, err := tree.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("is a folder, not a file")}
	}
	if info.Size() > max {
		return nil, tooLarge(name, max)
	}
	var b bytes.Buffer
	b.Grow(int(info.Size()) + bytes.MinRead)
	n, err := b.ReadFrom(io.LimitReader(f, max+1))
	if err != nil {
		return nil, err
	}
	if n > max {
		return nil, tooLarge(name, max)
	}
	return b.Bytes(), nil
}

func tooLarge(name string, max int64) error {
	return &FileError{File: name, Message: fmt.Sprintf("is larger than the limit of %d bytes for one file: exclude it or raise the limit", max)}
}
