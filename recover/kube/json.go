package kube

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/rekindle-io/rekindle/recover/object/raw"
)

// values reads JSON values off a stream, without looking into them. The lists of
// a large cluster are hundreds of megabytes; package raw reads what is in them.
type values struct {
	r   *bufio.Reader
	buf []byte
}

func newValues(r io.Reader) *values { return &values{r: bufio.NewReaderSize(r, 64<<10)} }

// next returns the next byte that is no white space, and does not consume it.
// The end of the stream is io.ErrUnexpectedEOF.
func (v *values) next() (byte, error) {
	for {
		b, err := v.r.Peek(1)
		if err != nil {
			return 0, early(err)
		}
		switch b[0] {
		case ' ', '\t', '\n', '\r':
			_, _ = v.r.Discard(1) // it was just seen
		default:
			return b[0], nil
		}
	}
}

func early(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// take consumes the next byte, which has to be c.
func (v *values) take(c byte) error {
	have, err := v.next()
	if err != nil {
		return err
	}
	if have != c {
		return fmt.Errorf("%q where %q belongs", have, c)
	}
	_, err = v.r.Discard(1)
	return err
}

// more tells whether another element follows in a list or object that ends with
// end, and consumes the comma before it, or end.
func (v *values) more(first bool, end byte) (bool, error) {
	c, err := v.next()
	switch {
	case err != nil:
		return false, err
	case c == end:
		_, err = v.r.Discard(1)
		return false, err
	case first:
		return true, nil
	}
	return true, v.take(',')
}

// key reads the key of an object's field and its colon.
func (v *values) key() (string, error) {
	text, err := v.value()
	if err != nil {
		return "", err
	}
	var key string
	if err := json.Unmarshal(text, &key); err != nil {
		return "", err
	}
	return key, v.take(':')
}

// value returns the bytes of the next value, which are good until the next call.
// What is in them is not checked.
func (v *values) value() ([]byte, error) {
	first, err := v.next()
	if err != nil {
		return nil, err
	}
	v.buf = v.buf[:0]
	s := raw.NewCutter(first)
	for {
		if _, err := v.r.Peek(1); err != nil {
			return nil, early(err)
		}
		chunk, _ := v.r.Peek(v.r.Buffered())
		n, done := s.Cut(chunk)
		v.buf = append(v.buf, chunk[:n]...)
		_, _ = v.r.Discard(n)
		if done {
			return v.buf, nil
		}
	}
}
