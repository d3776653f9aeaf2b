// Package raw reads Kubernetes objects out of the JSON that an API server sends,
// and tells what is in them without decoding more than it must.
//
// In go the bytes of one object; out comes its content as unstructured objects
// hold it, or its metadata alone, or the answer whether it has all that another
// object sets. To compare a cluster with a commit is to decode hundreds of
// megabytes in which nearly all is as it should be: that is most of the work, and
// the answer takes neither maps nor strings.
package raw

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Object is one object that was not decoded but for its metadata.
type Object struct {
	d    *Decoder
	b    []byte
	meta *unstructured.Unstructured
}

// Glance returns the object in b, which is shared: the object is good as long as
// b is, and until the decoder's next Glance. Items of lists do not say their kind,
// so it is given. What is no object at all is an error; what is wrong behind the
// metadata shows when it is decoded.
func (d *Decoder) Glance(b []byte, kind schema.GroupVersionKind) (*Object, error) {
	d.b, d.i, d.depth = b, 0, 0
	meta, err := d.metadata()
	if err != nil {
		return nil, fmt.Errorf("at byte %d: %w", d.i, err)
	}
	if kind != d.kind {
		d.kind, d.apiVersion = kind, kind.GroupVersion().String()
	}
	content := map[string]any{"apiVersion": d.apiVersion, "kind": kind.Kind}
	if meta != nil {
		content["metadata"] = meta
	}
	d.seen = Object{d: d, b: b, meta: &unstructured.Unstructured{Object: content}}
	return &d.seen, nil
}

// Metadata returns apiVersion, kind and metadata, without the server's counters
// (resourceVersion, generation). Its managedFields say who changed the object and
// when, and not what: they lack fieldsV1, which is half of an object's bytes. It
// stays good; labels and managedFields are shared with others, and only to be read.
func (o *Object) Metadata() *unstructured.Unstructured { return o.meta }

// Whole decodes the object. Like what Decoder.Object returns it shares fieldsV1
// with others.
func (o *Object) Whole() (*unstructured.Unstructured, error) {
	content, err := o.d.Object(o.b)
	if err != nil {
		return nil, fmt.Errorf("%s %s/%s cannot be read: %w", o.meta.GetKind(), o.meta.GetNamespace(), o.meta.GetName(), err)
	}
	content["apiVersion"], content["kind"] = o.meta.Object["apiVersion"], o.meta.Object["kind"]
	return &unstructured.Unstructured{Object: content}, nil
}

// Covers tells that the object has each field of want with the same value, lists
// item by item; what else it has does not count. What Metadata returns is not
// looked at. False may also mean that it is not sure, so that the object has to be
// decoded: true is always true.
func (o *Object) Covers(want map[string]any) bool {
	o.d.b, o.d.i, o.d.depth = o.b, 0, 0
	return o.d.coversObject(want)
}

// metadata decodes the field of that name, nil when there is none.
func (d *Decoder) metadata() (meta map[string]any, err error) {
	err = d.fields(func(key []byte) (goOn bool, err error) {
		if string(key) != "metadata" {
			return true, d.skip()
		}
		d.depth, d.lean = 1, true
		v, err := d.value()
		d.depth, d.lean = 0, false
		meta, _ = v.(map[string]any)
		return false, err
	})
	return meta, err
}

var errNoObject = errors.New("no object begins here")

// fields calls each with the raw key of every field of the object at the cursor,
// which is then at the field's value; each has to consume it, or to end all.
func (d *Decoder) fields(each func(key []byte) (goOn bool, err error)) error {
	if d.space(); d.i >= len(d.b) || d.b[d.i] != '{' {
		return errNoObject
	}
	d.i++
	for first := true; ; first = false {
		more, err := d.more(first, '}')
		if err != nil || !more {
			return err
		}
		key, err := d.key()
		if err != nil {
			return err
		}
		if goOn, err := each(key); err != nil || !goOn {
			return err
		}
	}
}

// key reads a key and its colon. One with escapes comes as it is written, which
// is nobody's name.
func (d *Decoder) key() ([]byte, error) {
	if d.i >= len(d.b) || d.b[d.i] != '"' {
		return nil, errors.New("a key is no text")
	}
	begin := d.i
	if err := d.skip(); err != nil {
		return nil, err
	}
	key := d.b[begin+1 : d.i-1]
	if d.space(); d.i >= len(d.b) || d.b[d.i] != ':' {
		return nil, errors.New("a key without a value")
	}
	d.i++
	return key, nil
}

// skip goes behind the value at the cursor without looking into it.
func (d *Decoder) skip() error {
	if d.space(); d.i >= len(d.b) {
		return errEnds
	}
	c := NewCutter(d.b[d.i])
	n, done := c.Cut(d.b[d.i:])
	if !done {
		return errEnds
	}
	d.i += n
	return nil
}
