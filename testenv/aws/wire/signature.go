package wire

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"

	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	algorithm   = "AWS4-HMAC-SHA256"
	amzTime     = "20060102T150405Z"
	headerDate  = "X-Amz-Date"
	headerToken = "X-Amz-Security-Token"
)

// signature is what a request says of how it was signed.
type signature struct {
	key, region, service string
	headers              []string
	value                string
	at                   time.Time
}

// AccessKey is the key that a request says it is signed with; empty when it says none.
func AccessKey(r *http.Request) string {
	s, err := signatureOf(r)
	if err != nil {
		return ""
	}
	return s.key
}

// signatureOf reads the header, or the query of a request that was signed beforehand.
func signatureOf(r *http.Request) (signature, error) {
	missing := &Error{Status: http.StatusForbidden, Code: "MissingAuthenticationToken", Message: "Request is missing Authentication Token"}
	q := r.URL.Query()
	if q.Get("X-Amz-Algorithm") == algorithm {
		return parseSignature(q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Signature"), q.Get(headerDate))
	}
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), algorithm+" ")
	if !ok {
		return signature{}, missing
	}
	parts := map[string]string{}
	for field := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		parts[name] = value
	}
	return parseSignature(parts["Credential"], parts["SignedHeaders"], parts["Signature"], r.Header.Get(headerDate))
}

func parseSignature(credential, headers, value, date string) (signature, error) {
	scope := strings.Split(credential, "/")
	at, err := time.Parse(amzTime, date)
	if len(scope) != 5 || scope[4] != "aws4_request" || err != nil || value == "" {
		return signature{}, &Error{Status: http.StatusForbidden, Code: "IncompleteSignature", Message: "the signature lacks a part, or has one that cannot be read"}
	}
	return signature{key: scope[0], region: scope[2], service: scope[3], headers: strings.Split(headers, ";"), value: value, at: at}, nil
}

// maxSkew is how far a request's time may be from the server's.
const maxSkew = 5 * time.Minute

// Verify proves that a request with this body was signed with the keys, by signing it
// once more. Errors are *Error as AWS gives them.
func Verify(ctx context.Context, r *http.Request, body []byte, keys aws.Credentials, now time.Time) error {
	s, err := signatureOf(r)
	if err != nil {
		return err
	}
	if d := now.Sub(s.at); d > maxSkew || d < -maxSkew {
		return &Error{Status: http.StatusForbidden, Code: "SignatureDoesNotMatch", Message: fmt.Sprintf("Signature expired: %s is now earlier than %s", s.at.Format(amzTime), now.UTC().Format(amzTime))}
	}
	again, err := http.NewRequestWithContext(ctx, r.Method, address(r), nil)
	if err != nil {
		return err
	}
	again.Host = r.Host
	for _, name := range s.headers {
		switch name {
		case "host":
		case "content-length":
			again.ContentLength = int64(len(body))
		default:
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, keys, again, hex.EncodeToString(sum[:]), s.service, s.region, s.at); err != nil {
		return err
	}
	mine, err := signatureOf(again)
	if err != nil {
		return err
	}
	return same(mine, s)
}

// VerifyPresigned is Verify for a request that was signed beforehand, in its address:
// one without a body, that would be sent with these headers beside its own.
func VerifyPresigned(ctx context.Context, address *url.URL, header http.Header, keys aws.Credentials) (at time.Time, err error) {
	asked := &http.Request{Method: http.MethodGet, URL: address}
	s, err := signatureOf(asked)
	if err != nil {
		return s.at, err
	}
	q := address.Query()
	for _, added := range []string{"X-Amz-Algorithm", "X-Amz-Credential", headerDate, "X-Amz-SignedHeaders", "X-Amz-Signature", headerToken} {
		q.Del(added)
	}
	bare := *address
	bare.RawQuery = q.Encode()
	again, err := http.NewRequestWithContext(ctx, http.MethodGet, bare.String(), nil)
	if err != nil {
		return s.at, err
	}
	again.Header = header.Clone()
	sum := sha256.Sum256(nil)
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, keys, again, hex.EncodeToString(sum[:]), s.service, s.region, s.at)
	if err != nil {
		return s.at, err
	}
	mine, err := url.Parse(signed)
	if err != nil {
		return s.at, err
	}
	said, err := signatureOf(&http.Request{Method: http.MethodGet, URL: mine})
	if err != nil {
		return s.at, err
	}
	return s.at, same(said, s)
}

// Scope is what a presigned address was signed for.
func Scope(address *url.URL) (key, service string, headers []string) {
	s, err := signatureOf(&http.Request{Method: http.MethodGet, URL: address})
	if err != nil {
		return "", "", nil
	}
	return s.key, s.service, s.headers
}

func same(mine, theirs signature) error {
	if strings.Join(mine.headers, ";") != strings.Join(theirs.headers, ";") ||
		subtle.ConstantTimeCompare([]byte(mine.value), []byte(theirs.value)) != 1 {
		return &Error{Status: http.StatusForbidden, Code: "SignatureDoesNotMatch",
			Message: "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method."}
	}
	return nil
}

// address is the whole URL of a request that a server received.
func address(r *http.Request) string {
	u := *r.URL
	u.Scheme, u.Host = "http", r.Host
	return u.String()
}
