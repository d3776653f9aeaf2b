package kube

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestTidyLog(t *testing.T) {
	tests := map[string]struct{ raw, want string }{
		"the last lines":     {strings.Repeat("early\n", 30) + "a\n\nb\n", strings.Repeat("early\n", 6) + "a\nb"},
		"colours":            {"\x1b[31merror\x1b[0m: no \x1b]0;title\x07database\r\n", "error: no database"},
		"direction and bell": {"a\u202eb\a\u2028c", "abc"},
		"broken text":        {"a\xff\xfeb", "a\uFFFDb"},
		"a password":         {`connecting password=hunter2 to db`, `connecting password=[redacted] to db`},
		"a quoted one":       {`{"db_password": "hunter2 and more", "port": 1}`, `{"db_password": [redacted], "port": 1}`},
		"in a URL":           {`dial postgres://shop:hun!ter2@db:5432/shop failed`, `dial postgres://shop:[redacted]@db:5432/shop failed`},
		"a bearer":           {`curl -H "X: Bearer abcdefgh12345"`, `curl -H "X: Bearer [redacted]"`},
		"a token":            {"token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "token [redacted]"},
		"a cloud key":        {"using AKIAIOSFODNN7EXAMPLE", "using [redacted]"},
		"a private key":      {"x\n-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\ny", "x\n[redacted]\ny"},
		"its half":           {"MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY4PuoAoG\nend", "[redacted]\nend"},
		"a digest":           {"image sha256:" + strings.Repeat("0af1", 16), "image sha256:" + strings.Repeat("0af1", 16)},
		"a path":             {"at /Users/ada/go/src/github.com/Shop/web/internal/v2/server.go:12", "at /Users/ada/go/src/github.com/Shop/web/internal/v2/server.go:12"},
		"a value that is known": {"login with s3cr:et, then s3cr:et",
			"login with [redacted], then [redacted]"},
		"a coloured key":            {"\x1b[36mpassword\x1b[0m=hunter2horse", "password=[redacted]"},
		"a coloured value":          {"login with s3cr\x1b[1m:et\x1b[0m", "login with [redacted]"},
		"a value, half of a colour": {"login with \x1b[s3cr:et", "login with redacted]"},
		"a hidden sign":             {"pass\u200bword=hunter2horse", "password=[redacted]"},
		"a long line":               {strings.Repeat("é", 1000), strings.Repeat("é", logLineLength) + "…"},
		"nothing":                   {"\n \n\x1b[0m\n", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if have := tidyLog(test.raw, []string{"s3cr:et"}); have != test.want {
				t.Errorf("have %q\nwant %q", have, test.want)
			}
		})
	}
}

func FuzzTidyLog(f *testing.F) {
	for _, seed := range []string{"", "a\nb", "\x1b[31mred", "password=\"x", "-----BEGIN PRIVATE KEY-----\n", "\x1b]0;", "://a:b@", "\xff", strings.Repeat("A1b", 30)} {
		f.Add(seed, "hunter2")
	}
	f.Fuzz(func(t *testing.T, raw, value string) {
		tidy := tidyLog(raw, []string{value})
		if !utf8.ValidString(tidy) {
			t.Errorf("no text: %q", tidy)
		}
		lines := strings.Split(tidy, "\n")
		if len(lines) > logLines {
			t.Errorf("%d lines", len(lines))
		}
		for _, line := range lines {
			if utf8.RuneCountInString(line) > logLineLength+1 {
				t.Errorf("%d characters", utf8.RuneCountInString(line))
			}
			if strings.ContainsFunc(line, unicode.IsControl) {
				t.Errorf("a control character in %q", line)
			}
		}
	})
}

// TestNoValueInALog: whatever the program writes around the value of a Secret.
func TestNoValueInALog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[a-zA-Z0-9!$%/=]{3,60}`).Draw(t, "value")
		before, after := rapid.String().Draw(t, "before"), rapid.String().Draw(t, "after")
		tidy := tidyLog(before+value+after+"\n"+value, []string{value})
		if strings.Contains(tidy, value) && !strings.Contains(redacted, value) && !strings.Contains(tidyLog(before+after, nil), value) {
			t.Errorf("%q shows the value", tidy)
		}
	})
}

// kubelet answers for the API server: the logs of one Pod, and one Secret.
type kubelet struct {
	present, previous string
	secret            int      // the status of its answer
	hangs             bool     // no log ever comes
	asked             []string // the logs
}

func (k *kubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/pods/web-1/log"):
		k.asked = append(k.asked, r.URL.String())
		if k.hangs {
			<-r.Context().Done()
			return
		}
		log := k.present
		if r.URL.Query().Get("previous") == "true" {
			log = k.previous
		}
		if lines := strings.SplitAfter(log, "\n"); r.URL.Query().Get("tailLines") != "" {
			n, _ := strconv.Atoi(r.URL.Query().Get("tailLines"))
			log = strings.Join(lines[max(0, len(lines)-1-n):], "")
		}
		if n, err := strconv.Atoi(r.URL.Query().Get("limitBytes")); err == nil {
			log = log[:min(n, len(log))]
		}
		if log == "" {
			http.Error(w, `{"kind":"Status","code":400,"message":"previous terminated container \"web\" in pod \"web-1\" not found"}`, http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, log)
	case strings.HasSuffix(r.URL.Path, "/secrets/db"):
		if k.secret != http.StatusOK {
			w.WriteHeader(k.secret)
			return
		}
		fmt.Fprint(w, `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"db"},"data":{"word":"b3BlbnNlc2FtZQ=="}}`)
	default:
		http.NotFound(w, r)
	}
}

func TestQuote(t *testing.T) {
	subject := parse(t, `{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: web-1}, spec: {containers: [{name: web, env: [{name: W, valueFrom: {secretKeyRef: {name: db, key: word}}}, {name: N, valueFrom: {secretKeyRef: {name: gone, key: word}}}]}]}}`)
	// Of the first line that is kept the secret's first half is cut off.
	verbose := strings.Repeat("x", logBytes) + "opensesame\n" + strings.Repeat("y", logBytes-20) + "\nno database\n"
	tests := map[string]struct {
		kubelet
		said         string
		log, message string
	}{
		"the life before":      {kubelet{present: "starting\n", previous: "starting\nno database\n", secret: 200}, "", "starting\nno database", "it ended; the last line of its log: no database"},
		"only the present one": {kubelet{present: "no disk\n", secret: 200}, "", "no disk", "it ended; the last line of its log: no disk"},
		"with a secret":        {kubelet{previous: "I was told opensesame\n", secret: 200}, "", "I was told [redacted]", "it ended; the last line of its log: I was told [redacted]"},
		"it may be secret":     {kubelet{previous: "I was told opensesame\n", secret: 403}, "not opensesame", "", "it ended"},
		"no log at all":        {kubelet{secret: 200}, "", "", "it ended"},
		"a node that is dead":  {kubelet{previous: "late\n", secret: 200, hangs: true}, "", "", "it ended"},
		"last words":           {kubelet{secret: 200}, "\x1b[31mnot opensesame\n", "", "it ended: not [redacted]"},
		"a verbose one":        {kubelet{previous: verbose, secret: 200}, "", strings.Repeat("y", logLineLength) + "…\nno database", "it ended; the last line of its log: no database"},
		"a part of a secret":   {kubelet{previous: verbose[:logBytes+11] + strings.Repeat("y", logBytes-7) + "\n", secret: 200}, "", strings.Repeat("y", logLineLength) + "…", "it ended; the last line of its log: " + strings.Repeat("y", logLineLength) + "…"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := dialServer(t, &test.kubelet)
			f := c.quote(within(t, 10*time.Second), finding{Reason: "CrashLoop", Message: "it ended", said: test.said, voice: &voice{pod: subject, container: "web", previous: true}})
			if f.Log != test.log || f.Message != test.message {
				t.Errorf("have %q, %q", f.Log, f.Message)
			}
			if test.secret != http.StatusOK {
				if len(test.asked) > 0 {
					t.Errorf("asked %q for nothing", test.asked)
				}
				return
			}
			if len(test.asked) == 0 || !strings.Contains(test.asked[0], "container=web") || !strings.Contains(test.asked[0], "previous=true") {
				t.Errorf("asked %q", test.asked)
			}
		})
	}
	warning := finding{Reason: "Warned", Message: "login with password=hunter2horse failed"}
	if f := (&Cluster{}).quote(t.Context(), warning); f.Message != "login with password=[redacted] failed" {
		t.Errorf("have %+v", f)
	}
	none := finding{Reason: "Unschedulable", Message: "no node fits"}
	if f := (&Cluster{}).quote(t.Context(), none); f != none {
		t.Errorf("have %+v", f)
	}
}

// TestWhatAContainerSaid: words of a program are not in a message before the
// values of its Secrets are taken out.
func TestWhatAContainerSaid(t *testing.T) {
	const crashed = `{phase: Running, containerStatuses: [{name: web, ready: false, restartCount: 4, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 3, message: "no opensesame"}}}]}`
	about := strings.Replace(eventAbout("p", "Warning", "Odd", "no opensesame"), "uid: p", `uid: p, fieldPath: "spec.containers{web}"`, 1)
	for name, docs := range map[string][]string{
		"its last words":     {pod(crashed)},
		"what kills it":      {pod(crashed), eventAbout("p", "Warning", "Unhealthy", "Liveness probe failed: no opensesame"), eventAbout("p", "Normal", "Killing", "Container web failed liveness probe, will be restarted")},
		"its probe":          {pod(`{phase: Running, containerStatuses: [{name: web, ready: false, state: {running: {}}}]}`), eventAbout("p", "Warning", "Unhealthy", "Readiness probe failed: no opensesame")},
		"a warning about it": {pod(`{phase: Pending}`), about},
		"its command":        {pod(`{phase: Pending, containerStatuses: [{name: web, state: {waiting: {reason: RunContainerError, message: "exec no opensesame"}}}]}`)},
	} {
		t.Run(name, func(t *testing.T) {
			f := explain(scene(t, strings.Join(docs, "\n---\n")))
			if f.voice == nil || strings.Contains(f.Message, "opensesame") || !strings.Contains(f.whole([]string{"opensesame"}), "no [redacted]") {
				t.Errorf("%+v", f)
			}
		})
	}
}
