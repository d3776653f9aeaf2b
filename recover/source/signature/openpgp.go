package signature

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// verifyPGP checks an armored detached signature.
func (a *Allowed) verifyPGP(payload, sig []byte, at time.Time) (string, error) {
	config := &packet.Config{Time: func() time.Time { return at }}
	entity, err := openpgp.CheckArmoredDetachedSignature(a.pgp, bytes.NewReader(payload), bytes.NewReader(sig), config)
	switch {
	case err == nil:
		return pgpName(entity), nil
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return "", ErrUnknownSigner
	case errors.Is(err, pgperrors.ErrKeyExpired), errors.Is(err, pgperrors.ErrSignatureExpired), errors.Is(err, pgperrors.ErrKeyRevoked):
		return "", fmt.Errorf("%w (%s): %w", ErrExpired, pgpName(entity), err)
	}
	return "", fmt.Errorf("%w: %w", ErrBad, err)
}

func pgpName(e *openpgp.Entity) string {
	if e == nil {
		return "unknown"
	}
	if id := e.PrimaryIdentity(); id != nil {
		return id.Name
	}
	return fmt.Sprintf("%X", e.PrimaryKey.Fingerprint)
}
