package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/raw"
)

const (
	pageSize           = 500
	listsAtOnce        = 8
	acceptListMetadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
)

// ListOptions narrow a list. The zero value means all objects of the cluster,
// whole.
type ListOptions struct {
	Namespace     string
	LabelSelector string
	FieldSelector string
	// MetadataOnly leaves spec, status and data out.
	MetadataOnly bool
}

// Get returns one object, or an error that wraps ErrNotFound.
func (c *Cluster) Get(ctx context.Context, kind object.Kind, namespace, name string) (*unstructured.Unstructured, error) {
	var u *unstructured.Unstructured
	err := c.do(ctx, call{method: http.MethodGet, path: pathOf(kind, namespace, name)}, func(res *http.Response) error {
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return &brokenError{cause: err}
		}
		u, err = decode(body, kind)
		return err
	})
	id := object.ID{Group: kind.Group, Kind: kind.Kind, Namespace: namespace, Name: name}
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("%s: %w", id, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", id, err)
	}
	return u, nil
}

// List hands every object of a kind to each, in pages, one at a time, as the
// answer comes in. Any failure is an error: a list that returns nil was whole.
// An error of each ends the list and is returned. The object belongs to each,
// but for the fieldsV1 in its managedFields, which others share: they are only to
// be read.
//
// When a page breaks off, it is asked for again, and when the server has
// forgotten the state of the first page, the list goes on from the same place in
// the newer state. Either may show other objects than before, so what each has
// seen is passed over by its name: what existed all the time is handed over
// exactly once.
func (c *Cluster) List(ctx context.Context, kind object.Kind, opts ListOptions, each func(*unstructured.Unstructured) error) error {
	_, err := c.list(ctx, kind, opts, each)
	return err
}

// Scan is List for who can do without decoding most of the objects. What each is
// given is good until it returns.
func (c *Cluster) Scan(ctx context.Context, kind object.Kind, opts ListOptions, each func(*raw.Object) error) error {
	_, err := c.pages(ctx, opts, &page{kind: kind, glance: each})
	return err
}

// list is List that returns the resource version of the first try of the first
// page, from which a watch misses nothing.
func (c *Cluster) list(ctx context.Context, kind object.Kind, opts ListOptions, each func(*unstructured.Unstructured) error) (string, error) {
	return c.pages(ctx, opts, &page{kind: kind, each: each})
}

// pages reads all pages of a list.
func (c *Cluster) pages(ctx context.Context, opts ListOptions, p *page) (string, error) {
	query := opts.query()
	query.Set("limit", strconv.Itoa(pageSize))
	p.handed = make(map[name]bool, pageSize)
	for {
		r := call{method: http.MethodGet, path: pathOf(p.kind, opts.Namespace, ""), query: query, accept: acceptJSON}
		if opts.MetadataOnly {
			r.accept = acceptListMetadata
		}
		err := c.do(ctx, r, p.read)
		if next := continueOf(err); next != "" && query.Get("continue") != "" && next != query.Get("continue") {
			query.Set("continue", next)
			continue
		}
		if err != nil {
			return "", fmt.Errorf("listing %s: %w", nameOf(p.kind), err)
		}
		if p.next == "" {
			return p.version, nil
		}
		query.Set("continue", p.next)
		if !p.broke {
			clear(p.handed)
		}
	}
}

func (o ListOptions) query() url.Values {
	query := url.Values{}
	if o.LabelSelector != "" {
		query.Set("labelSelector", o.LabelSelector)
	}
	if o.FieldSelector != "" {
		query.Set("fieldSelector", o.FieldSelector)
	}
	return query
}

// continueOf returns the token that the server offers with a 410 to go on in
// the newer state.
func continueOf(err error) string {
	if !apierrors.IsResourceExpired(err) {
		return ""
	}
	return statusOf(err).Continue
}

func nameOf(kind object.Kind) string { return kind.GroupVersionResource().GroupResource().String() }

// page reads the pages of a list, one after the other, as they come in.
type page struct {
	kind object.Kind
	// One of them is set: each is handed objects, glance what was not decoded yet.
	each   func(*unstructured.Unstructured) error
	glance func(*raw.Object) error

	version string // the first one; items come from that or a newer state
	next    string
	handed  map[name]bool // what each has seen of this page, or since one broke off
	broke   bool          // a page did
	decoder raw.Decoder
}

// read may be called again after the transfer broke. The first page then comes
// from a newer state, in which items are gone or new.
func (p *page) read(res *http.Response) error {
	p.next = ""
	ended, err := p.fields(newValues(res.Body))
	p.broke = p.broke || err != nil || !ended
	switch {
	case err == nil && ended:
		return nil
	case err == nil:
		err = io.ErrUnexpectedEOF
	}
	var own *ownError
	if errors.As(err, &own) {
		return own.cause
	}
	return &brokenError{cause: err}
}

// ownError is an error that is not the transfer's.
type ownError struct{ cause error }

func (e *ownError) Error() string { return e.cause.Error() }

// fields walks through the list's top level. ended tells that its closing
// brace was read and that there were items (null counts).
func (p *page) fields(v *values) (ended bool, err error) {
	if c, err := v.next(); err != nil || c != '{' {
		return false, orNoList(err)
	}
	if err := v.take('{'); err != nil {
		return false, err
	}
	items := false
	for first := true; ; first = false {
		more, err := v.more(first, '}')
		if err != nil {
			return false, err
		}
		if !more {
			break
		}
		key, err := v.key()
		if err != nil {
			return false, err
		}
		items = items || key == "items"
		if err := p.field(v, key); err != nil {
			return false, err
		}
	}
	if !items {
		return false, orNoList(nil)
	}
	return true, nil
}

// field reads one value of the top level.
func (p *page) field(v *values, key string) error {
	if key == "items" {
		return p.items(v)
	}
	text, err := v.value()
	if err != nil || key != "metadata" {
		return err
	}
	var meta struct {
		ResourceVersion string `json:"resourceVersion"`
		Continue        string `json:"continue"`
	}
	if err := json.Unmarshal(text, &meta); err != nil {
		return err
	}
	p.version, p.next = or(p.version, meta.ResourceVersion), meta.Continue
	return nil
}

func orNoList(err error) error {
	if err != nil {
		return err
	}
	return &ownError{cause: errors.New("the API server's answer is no list")}
}

func (p *page) items(v *values) error {
	switch c, err := v.next(); {
	case err != nil:
		return err
	case c == 'n':
		_, err := v.value()
		return err // "items": null
	case c != '[':
		return orNoList(nil)
	}
	if err := v.take('['); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := v.more(first, ']')
		if err != nil || !more {
			return err
		}
		item, err := v.value()
		if err != nil {
			return err
		}
		if err := p.item(item); err != nil {
			return &ownError{cause: err}
		}
	}
}

// item hands over one object, unless it was.
func (p *page) item(b []byte) error {
	if p.glance != nil {
		o, err := p.decoder.Glance(b, p.kind.GroupVersionKind)
		if err != nil {
			return unreadable(p.kind, err)
		}
		if !p.first(o.Metadata()) {
			return nil
		}
		return p.glance(o)
	}
	u, err := decodeWith(&p.decoder, b, p.kind)
	if err != nil || !p.first(u) {
		return err
	}
	return p.each(u)
}

// first tells whether an object was not handed over yet, and notes that it is.
func (p *page) first(u *unstructured.Unstructured) bool {
	id := name{u.GetNamespace(), u.GetName()}
	if p.handed[id] {
		return false
	}
	p.handed[id] = true
	return true
}

func unreadable(kind object.Kind, err error) error {
	return fmt.Errorf("an object of %s cannot be read: %w", nameOf(kind), err)
}

// decode reads one object. Items of lists and partial metadata do not say
// their kind, so it is set.
func decode(b []byte, kind object.Kind) (*unstructured.Unstructured, error) {
	return decodeWith(new(raw.Decoder), b, kind)
}

func decodeWith(d *raw.Decoder, b []byte, kind object.Kind) (*unstructured.Unstructured, error) {
	content, err := d.Object(b)
	if err != nil {
		return nil, unreadable(kind, err)
	}
	if content == nil {
		return nil, fmt.Errorf("an object of %s is null", nameOf(kind))
	}
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(kind.GroupVersionKind)
	return u, nil
}

// ListAll lists several kinds at once. each is called by one goroutine at a
// time. The kinds that could not be listed whole are named in the error; the
// others are handed over all the same.
func (c *Cluster) ListAll(ctx context.Context, kinds []object.Kind, opts ListOptions, each func(object.Kind, *unstructured.Unstructured) error) error {
	var (
		wg     sync.WaitGroup
		serial sync.Mutex
		errs   = make([]error, len(kinds))
		slots  = make(chan struct{}, listsAtOnce)
	)
	for i, kind := range kinds {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			errs[i] = c.List(ctx, kind, opts, func(u *unstructured.Unstructured) error {
				serial.Lock()
				defer serial.Unlock()
				return each(kind, u)
			})
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
