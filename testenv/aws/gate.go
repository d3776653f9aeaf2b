package aws

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

const (
	tokenStart = "k8s-aws-v1."
	// tokenLife is how long EKS takes a token.
	tokenLife     = 15 * time.Minute
	clusterHeader = "x-k8s-aws-id"
)

// guard lets those through who bring a token of EKS for this cluster and are admitted.
func (w *World) guard(g *gate, next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if g.dead.Load() {
			<-r.Context().Done()
			return
		}
		who, err := w.bearer(r, g.plane.Cluster)
		if err == nil {
			groups, admitted := g.plane.Admits(who)
			if admitted {
				if !slices.Contains(groups, "system:masters") {
					impersonate(r.Header, who, groups)
				}
				next.ServeHTTP(out, r)
				return
			}
			err = fmt.Errorf("%s is not let in", who)
		}
		out.Header().Set("Content-Type", "application/json")
		out.WriteHeader(http.StatusUnauthorized)
		_ = json.NewEncoder(out).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure,
			Reason: metav1.StatusReasonUnauthorized, Code: http.StatusUnauthorized, Message: "Unauthorized: " + err.Error()})
	})
}

// impersonate lets the administrator that requests are handed on as be somebody, and
// nobody whom the request itself names: only an administrator may be whom they like.
func impersonate(header http.Header, who string, groups []string) {
	maps.DeleteFunc(header, func(name string, _ []string) bool { return strings.HasPrefix(name, "Impersonate-") })
	header["Impersonate-User"] = []string{who}
	if len(groups) > 0 {
		header["Impersonate-Group"] = groups
	}
}

// bearer proves whose token a request brings: the address of a request to STS, signed
// together with the name of this cluster.
func (w *World) bearer(r *http.Request, cluster string) (principal string, err error) {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "+tokenStart)
	if !ok {
		return "", errors.New("no token of EKS")
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", err
	}
	address, err := url.Parse(string(raw))
	if err != nil {
		return "", err
	}
	access, service, headers := wire.Scope(address)
	k, known := w.key(access)
	q := address.Query()
	switch {
	case service != "sts" || q.Get("Action") != "GetCallerIdentity" || "http://"+address.Host != w.address:
		return "", errors.New("a token for something else")
	case !slices.Contains(headers, clusterHeader):
		return "", errors.New("a token for no cluster")
	case !known || k.Session != q.Get("X-Amz-Security-Token"):
		return "", errors.New("a token of somebody unknown")
	case q.Get("X-Amz-Expires") == "":
		return "", errors.New("a token without an end")
	}
	now := w.opts.Now()
	if !k.Expires.IsZero() && !now.Before(k.Expires) {
		return "", errors.New("a token of credentials that have expired")
	}
	at, err := wire.VerifyPresigned(r.Context(), address, http.Header{http.CanonicalHeaderKey(clusterHeader): {cluster}}, k.credentials())
	if err != nil {
		return "", err
	}
	if age := now.Sub(at); age > tokenLife || age < -time.Minute {
		return "", fmt.Errorf("a token that is %s old", age)
	}
	return k.Principal, nil
}
