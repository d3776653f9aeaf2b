package rebuild

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// bound are types of Secrets that mean something to one cluster alone, with the
// reason.
var bound = map[string]string{
	"kubernetes.io/service-account-token": "it is a token of the cluster that was, which no other one takes",
	"bootstrap.kubernetes.io/token":       "it lets nodes join the cluster that was",
	"helm.sh/release.v1":                  "it is Helm's record of a release in the cluster that was",
}

// unsealCarried decrypts the file of a Secret. What cannot be decrypted is a
// *RefusedError.
func (r *restore) unsealCarried(ctx context.Context, s *run.Scope, f sealedFile) (*carriedSecret, error) {
	opened, err := render.Render(ctx, r.carry.tree, render.Options{
		Commit: r.carry.export, Path: f.path, Kind: render.KindPlain, Secrets: r.e.Secrets, KeepDigests: true, Limits: r.e.Render,
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, r.refuseSealed(f, err)
	}
	for o := range opened.Objects.All() {
		if o.ID() != f.id || opened.Objects.Len() > 1 || len(opened.Digests) > 0 {
			continue
		}
		return r.carried(s, f, o), nil
	}
	if len(opened.Digests) == 0 {
		return nil, r.refuseCarried(f, "does not hold that Secret alone", "look at who wrote to that branch")
	}
	return nil, r.refuseCarried(f, "holds digests alone, which cannot be restored", "name whom to encrypt for (drift.export.recipients) and export again while the cluster is there")
}

// carried is a decrypted Secret as it is made.
func (r *restore) carried(s *run.Scope, f sealedFile, o *object.Object) *carriedSecret {
	secret := &carriedSecret{Object: object.New(object.Canonical(o.Unstructured), r.carriedFrom(f.path))}
	if ends, ok := expiry(secret.Object.Object); ok {
		secret.expires = ends.UTC().Format(time.RFC3339)
		if !r.e.Now().Before(ends) {
			r.noteCarried(s, f.id.String(), "its certificate has expired on "+ends.UTC().Format(time.DateOnly)+"; it is carried over all the same, for whoever issues the next")
		}
	}
	return secret
}

// expiry is when the certificate of a Secret ends, if it holds one.
func expiry(content map[string]any) (time.Time, bool) {
	raw, err := base64.StdEncoding.DecodeString(field.Text(content, "data", "tls.crt"))
	if err != nil {
		return time.Time{}, false
	}
	block, _ := pem.Decode(raw) // the first is the Secret's own, its issuers follow
	if block == nil {
		return time.Time{}, false
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, false
	}
	return certificate.NotAfter, true
}

// refuseSealed refuses to go on without a Secret that cannot be decrypted.
func (r *restore) refuseSealed(f sealedFile, err error) error {
	var missing *sops.NoKeyError
	var sealed *render.EncryptedError
	switch {
	case errors.As(err, &missing):
		return r.refuseCarried(f, missing.Error(), "give the age key of one of them ("+sops.EnvKey+" or "+sops.EnvKeyFile+")")
	case errors.As(err, &sealed):
		return r.refuseCarried(f, "is encrypted, and there is no key", "give the age key ("+sops.EnvKey+" or "+sops.EnvKeyFile+")")
	}
	return r.refuseCarried(f, "cannot be decrypted: "+err.Error(), "look at who wrote to that branch, or export again while the cluster is there")
}

func (r *restore) refuseCarried(f sealedFile, what, remedy string) error {
	return &RefusedError{
		Reason: fmt.Sprintf("%s is to be carried over, and its file %s in the export %.12s %s; nothing was made", f.id, f.path, r.carry.export, what),
		Remedy: remedy + ", or take it out of carryOver",
	}
}

// maxReport bounds the report of an export, in bytes.
const maxReport = 64 << 20

// noteGaps names the Secrets that the rules are about and that the export could
// not write.
func (r *restore) noteGaps(s *run.Scope, rules []*capture.Filter) {
	info, err := r.carry.tree.Lstat(reportFile)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxReport {
		return // it is for people; the files are what counts
	}
	raw, err := r.carry.tree.ReadFile(reportFile)
	var told struct {
		NotExported []show.NotExported `json:"notExported"`
	}
	if err != nil || json.Unmarshal(raw, &told) != nil {
		return
	}
	for _, gap := range told.NotExported {
		if names(rules, gap.ID, nil) {
			r.noteCarried(s, gap.ID.String(), "the export could not write it, so that it is missing or of an earlier export: "+gap.Reason)
		}
	}
}
