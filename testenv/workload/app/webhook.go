package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
)

// review is what of an AdmissionReview is read and written here
// (admission.k8s.io/v1).
type review struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Request    *request  `json:"request,omitempty"`
	Response   *response `json:"response,omitempty"`
}

type request struct {
	UID    string `json:"uid"`
	Name   string `json:"name"`
	Object struct {
		Metadata struct {
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
	} `json:"object"`
}

type response struct {
	UID     string  `json:"uid"`
	Allowed bool    `json:"allowed"`
	Status  *status `json:"status,omitempty"`
}

type status struct {
	Message string `json:"message"`
	Code    int    `json:"code"`
}

// reviewBytes is the most of a review that is read.
const reviewBytes = 8 << 20

// webhook judges at /validate: it denies every object that bears a certain
// label, whatever its value.
func webhook(ctx context.Context, args []string, log io.Writer) error {
	f := flag.NewFlagSet("webhook", flag.ContinueOnError)
	f.SetOutput(log)
	address := f.String("listen", ":8443", "address to listen at")
	cert := f.String("cert", "/tls/tls.crt", "certificate in PEM")
	key := f.String("key", "/tls/tls.key", "its key in PEM")
	deny := f.String("deny", "forbidden", "label whose bearers are denied")
	if err := f.Parse(args); err != nil {
		return err
	}
	fmt.Fprintf(log, "webhook: listening at %s\n", *address)
	return listen(ctx, *address, *cert, *key, reviews(*deny, log))
}

// reviews answers AdmissionReviews at /validate.
func reviews(deny string, log io.Writer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("POST /validate", func(w http.ResponseWriter, r *http.Request) {
		var in review
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, reviewBytes)).Decode(&in); err != nil || in.Request == nil {
			http.Error(w, "this is no AdmissionReview with a request", http.StatusBadRequest)
			return
		}
		out := review{APIVersion: in.APIVersion, Kind: in.Kind, Response: judge(in.Request, deny)}
		fmt.Fprintf(log, "webhook: %q allowed: %t\n", in.Request.Name, out.Response.Allowed)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out) // the API server says what it lacks
	})
	return mux
}

func judge(r *request, deny string) *response {
	value, bears := r.Object.Metadata.Labels[deny]
	if !bears {
		return &response{UID: r.UID, Allowed: true}
	}
	return &response{UID: r.UID, Status: &status{Code: http.StatusForbidden, Message: fmt.Sprintf("the label %s=%s is not welcome here", deny, value)}}
}
