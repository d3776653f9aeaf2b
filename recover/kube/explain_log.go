package kube

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	// logLines is how many last lines of a container's log are kept, and
	// logLineLength how much of each, in characters.
	logLines      = 8
	logLineLength = 240
	// logAsked and logBytes bound what is asked for: a container may write
	// empty lines, and very long ones.
	logAsked = 40
	logBytes = 64 << 10
	// logPatience is how long the kubelet may take to answer.
	logPatience = 3 * time.Second
	// secretsToHide is of how many Secrets the values are looked for in a log.
	secretsToHide = 20
)

// voice is a container whose log tells why.
type voice struct {
	pod       *unstructured.Unstructured
	container string
	// previous: its life before the present one.
	previous bool
}

// quote adds the last lines of the log of a finding's container, and the very
// last one to its message. Without a log the finding stays as it is.
func (c *Cluster) quote(ctx context.Context, f finding) finding {
	if f.voice == nil {
		return f
	}
	f.Log = c.lastLines(ctx, *f.voice)
	last := f.Log[strings.LastIndexByte(f.Log, '\n')+1:]
	if last != "" && !strings.Contains(f.Message, last) {
		f.Message += "; the last line of its log: " + last
	}
	return f
}

// lastLines returns the last lines of a container's log, joined by newlines,
// without secrets and control characters; "" when there are none to be had.
// Where a Secret of the Pod cannot be read, so that its values could not be
// recognised, there are none either.
func (c *Cluster) lastLines(ctx context.Context, v voice) string {
	ctx, cancel := context.WithTimeout(ctx, logPatience)
	defer cancel()
	raw := c.log(ctx, v)
	if strings.TrimSpace(raw) == "" {
		v.previous = !v.previous
		raw = c.log(ctx, v)
	}
	if strings.TrimSpace(raw) == "" {
		return ""
	}
	hidden, err := c.secretsOf(ctx, v.pod)
	if err != nil {
		c.opts.Log.Debug("a log is left out because its Pod's Secrets cannot be read", "pod", v.pod.GetName(), "error", err)
		return ""
	}
	return tidyLog(raw, hidden)
}

// log asks once for the end of a log; nothing is as good as a failure.
func (c *Cluster) log(ctx context.Context, v voice) string {
	query := url.Values{}
	query.Set("container", v.container)
	query.Set("tailLines", strconv.Itoa(logAsked))
	query.Set("limitBytes", strconv.Itoa(logBytes))
	if v.previous {
		query.Set("previous", "true")
	}
	path := pathOf(coreKind("Pod", "pods"), v.pod.GetNamespace(), v.pod.GetName()) + "/log"
	var raw []byte
	err := c.attempt(ctx, call{method: http.MethodGet, path: path, query: query, accept: "text/plain, */*"}, func(res *http.Response) error {
		var err error
		raw, err = io.ReadAll(io.LimitReader(res.Body, logBytes))
		return err
	})
	if err != nil {
		c.opts.Log.Debug("no log", "pod", v.pod.GetName(), "container", v.container, "error", err)
		return ""
	}
	return string(raw)
}

// secretsOf returns the values of the Secrets that a Pod uses. A Secret that
// does not exist has none.
func (c *Cluster) secretsOf(ctx context.Context, pod *unstructured.Unstructured) ([]string, error) {
	names := secretsUsed(pod)
	if len(names) > secretsToHide {
		return nil, errors.New("the Pod uses too many Secrets")
	}
	all := &unstructured.Unstructured{Object: map[string]any{"data": map[string]any{}}}
	data := all.Object["data"].(map[string]any)
	for _, name := range names {
		u, err := c.Get(ctx, coreKind("Secret", "secrets"), pod.GetNamespace(), name)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		values, _, _ := unstructured.NestedStringMap(u.Object, "data")
		for key, value := range values {
			data[name+"/"+key] = value
		}
	}
	return secretLines(secretValues(all)), nil
}

// secretsUsed are the names of the Secrets in a Pod's environment and volumes.
func secretsUsed(pod *unstructured.Unstructured) []string {
	seen := map[string]bool{}
	var names []string
	add := func(name string) {
		if name != "" && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, list := range []string{"initContainers", "containers"} {
		for _, container := range entries(pod.Object, "spec", list) {
			for _, e := range entries(container, "env") {
				add(text(e, "valueFrom", "secretKeyRef", "name"))
			}
			for _, e := range entries(container, "envFrom") {
				add(text(e, "secretRef", "name"))
			}
		}
	}
	for _, v := range entries(pod.Object, "spec", "volumes") {
		add(text(v, "secret", "secretName"))
		for _, source := range entries(v, "projected", "sources") {
			add(text(source, "secret", "name"))
		}
	}
	return names
}

// tidyLog returns the last lines of a log with something in them: values,
// whatever looks like a secret, colours and control characters are taken out,
// and long lines are cut.
func tidyLog(raw string, values []string) string {
	raw = strings.ToValidUTF8(raw, "\uFFFD")
	for _, value := range values {
		raw = strings.ReplaceAll(raw, value, redacted)
	}
	raw = maskedSecrets(raw)
	var lines []string
	for line := range strings.SplitSeq(raw, "\n") {
		if line = plainLine(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-logLines):], "\n")
}

// escapeSequence is how programs colour what they log (ECMA-48).
var escapeSequence = regexp.MustCompile("\x1b(\\[[0-9:;<=>?]*[ -/]*[@-~]|\\][^\a\x1b]*(\a|\x1b\\\\)?|[@-Z\\\\^_])")

// plainLine is a line as people would read it, without what hides text.
func plainLine(line string) string {
	line = escapeSequence.ReplaceAllString(line, "")
	line = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp):
			return -1
		}
		return r
	}, line)
	line = strings.TrimSpace(line)
	if letters := []rune(line); len(letters) > logLineLength {
		line = string(letters[:logLineLength]) + "…"
	}
	return line
}
