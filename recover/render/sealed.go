package render

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/sops"
)

// open decrypts the values of the sealed documents of one file. They are filled
// into the objects last of all, so that no tool that changes manifests on the
// way, nor its messages, ever sees them.
func (r *renderer) open(docs []*document) error {
	if r.opts.Secrets == nil {
		return nil // collect refuses them
	}
	roots, sealed := make([]*yaml.Node, len(docs)), false
	for i, doc := range docs {
		roots[i] = doc.root
		sealed = sealed || sops.IsSealed(doc.root)
	}
	if !sealed {
		return nil
	}
	values, err := r.opts.Secrets.Open(roots)
	var fault *sops.DocumentError
	if errors.As(err, &fault) {
		doc := docs[fault.Document]
		return &FileError{File: doc.file, Line: fault.Line + doc.offset, Message: fault.Err.Error(), Err: fault.Err}
	}
	if err != nil {
		return err
	}
	if r.values == nil {
		r.values = sops.Values{}
	}
	r.values.Add(values)
	return nil
}

// openFile decrypts the values of a file that kustomize reads, once.
func (r *renderer) openFile(name string, data []byte) error {
	if r.opts.Secrets == nil || r.opened[name] || !bytes.Contains(data, []byte(sops.Section)) || isKustomizationFile(name) {
		return nil
	}
	docs, err := parseDocuments(name, data)
	if err != nil {
		return nil // it may be any file; kustomize reports what it cannot read
	}
	if err := r.open(docs); err != nil {
		return err
	}
	if r.opened == nil {
		r.opened = map[string]bool{}
	}
	r.opened[name] = true
	return nil
}

// unseal decrypts o, which is not in a set yet, in place.
func (r *renderer) unseal(o *object.Object) error {
	_, sealed := o.Object[sops.Section].(map[string]any)
	if !sealed && !isSecret(o) {
		return nil
	}
	values := r.values
	if !isSecret(o) {
		values = nil // plans and reports show what it holds
	}
	if r.opts.Secrets == nil && sealed || r.opts.Secrets != nil && !values.Fill(o.Object) {
		return &EncryptedError{ID: o.ID(), From: o.From}
	}
	return nil
}

func isSecret(o *object.Object) bool {
	id := o.ID()
	return id.Kind == "Secret" && id.Group == ""
}

// ciphertextInside tells whether a generator has put a file into a Secret that
// SOPS has encrypted.
func ciphertextInside(o *object.Object) bool {
	data, _ := o.Object["data"].(map[string]any)
	for _, v := range data {
		text, _ := v.(string)
		raw, err := base64.StdEncoding.DecodeString(text)
		if err == nil && strings.Contains(string(raw), sops.Ciphertext) {
			return true
		}
	}
	return false
}
