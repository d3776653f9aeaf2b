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
	// logAsked is how many lines are asked for, as a container may write empty
	// ones, and logBytes how much of their end is read, as it may write very long
	// ones: the API's own limit cuts the end off.
	logAsked = 20
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

// quote takes what looks like a secret out of a finding's message, and adds what
// its container said and the last lines of its log. Where a Secret of the Pod
// cannot be read, so that its values could not be recognised, neither is added.
func (c *Cluster) quote(ctx context.Context, f finding) finding {
	f.Message = cleaned(f.Message, nil)
	if f.voice == nil {
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, logPatience)
	defer cancel()
	hidden, err := c.secretsOf(ctx, f.voice.pod)
	if err != nil {
		c.opts.Log.Debug("what a container said is left out because its Pod's Secrets cannot be read", "pod", f.voice.pod.GetName(), "error", err)
		f.said = ""
		return f
	}
	f.Message, f.said = f.whole(hidden), ""
	f.Log = tidyLog(c.lastLines(ctx, *f.voice), hidden)
	last := f.Log[strings.LastIndexByte(f.Log, '\n')+1:]
	if last != "" && !strings.Contains(f.Message, last) {
		f.Message += "; the last line of its log: " + last
	}
	return f
}

// whole is the message with what the container said, without the values hidden.
func (f finding) whole(hidden []string) string {
	if said := tidyLog(f.said, hidden); said != "" {
		return f.Message + ": " + said
	}
	return f.Message
}

// lastLines returns the end of a container's log, of its other life when this
// one said nothing; "" when there is none to be had.
func (c *Cluster) lastLines(ctx context.Context, v voice) string {
	raw := c.log(ctx, v)
	if strings.TrimSpace(raw) == "" {
		v.previous = !v.previous
		raw = c.log(ctx, v)
	}
	return raw
}

// log asks once for the end of a log; nothing is as good as a failure.
func (c *Cluster) log(ctx context.Context, v voice) string {
	query := url.Values{}
	query.Set("container", v.container)
	query.Set("tailLines", strconv.Itoa(logAsked))
	if v.previous {
		query.Set("previous", "true")
	}
	path := pathOf(coreKind("Pod", "pods"), v.pod.GetNamespace(), v.pod.GetName()) + "/log"
	var end tail
	err := c.attempt(ctx, call{method: http.MethodGet, path: path, query: query, accept: "text/plain, */*"}, func(res *http.Response) error {
		_, err := io.Copy(&end, res.Body)
		return err
	})
	if err != nil {
		c.opts.Log.Debug("no log", "pod", v.pod.GetName(), "container", v.container, "error", err)
		return ""
	}
	return end.lines()
}

// tail keeps the last logBytes of what is written to it.
type tail struct {
	kept []byte
	cut  bool // something before them is gone
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if len(t.kept) > 2*logBytes {
		t.shorten()
	}
	return len(p), nil
}

func (t *tail) shorten() {
	if over := len(t.kept) - logBytes; over > 0 {
		t.kept, t.cut = append(t.kept[:0], t.kept[over:]...), true
	}
}

// lines returns the whole lines of what was kept: a part of one may begin within
// a secret.
func (t *tail) lines() string {
	t.shorten()
	if !t.cut {
		return string(t.kept)
	}
	_, whole, _ := strings.Cut(string(t.kept), "\n")
	return whole
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

// tidyLog returns the last lines of a log with something in them, cleaned; long
// ones are cut.
func tidyLog(raw string, values []string) string {
	var lines []string
	for line := range strings.SplitSeq(cleaned(raw, values), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "unable to retrieve container logs") { // the kubelet's words
			continue
		}
		if letters := []rune(line); len(letters) > logLineLength {
			line = string(letters[:logLineLength]) + "…"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines[max(0, len(lines)-logLines):], "\n")
}

// cleaned takes values, colours, control characters and whatever looks like a
// secret out of words. Values go twice: colours may part them, and what only
// looks like the beginning of a colour may end within one.
func cleaned(words string, values []string) string {
	for _, value := range values {
		words = strings.ReplaceAll(words, value, redacted)
	}
	words = plain(words)
	for _, value := range values {
		if value = strings.TrimSpace(plain(value)); len(value) >= shortestValue {
			words = strings.ReplaceAll(words, value, redacted)
		}
	}
	return maskedSecrets(words)
}

// escapeSequence is how programs colour what they log (ECMA-48).
var escapeSequence = regexp.MustCompile("\x1b(\\[[0-9:;<=>?]*[ -/]*[@-~]|\\][^\a\x1b]*(\a|\x1b\\\\)?|[@-Z\\\\^_])")

// plain is lines as people would read them, without what hides text.
func plain(words string) string {
	words = escapeSequence.ReplaceAllString(strings.ToValidUTF8(words, "\uFFFD"), "")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp):
			return -1
		}
		return r
	}, words)
}
