package rebuild

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
)

// choices are what the person has chosen so far. Going back keeps all of it.
type choices struct {
	// cluster is the declared one; nil for a repository that was typed, which
	// target then holds.
	cluster *api.Cluster
	target  api.Target
	commit  *api.LogEntry
	// provider is who makes the cluster.
	provider *api.Provider
	planned  *api.Planned

	fresh                         bool
	prune, convert, allowUnserved decision
}

// decision is a switch that may be left as rekindle.yaml has it.
type decision int

const (
	declared decision = iota
	yes
	no
)

// next is the decision that a key brings; without a rekindle.yaml there is nothing
// declared, and what is not decided is off.
func (d decision) next(adhoc bool) decision {
	switch {
	case adhoc && d != yes:
		return yes
	case adhoc:
		return no
	}
	return (d + 1) % 3
}

func (d decision) words(adhoc bool) string {
	switch {
	case d == yes:
		return "on"
	case d == no || adhoc:
		return "off"
	}
	return "as declared"
}

// pointer is the decision as a request has it.
func (d decision) pointer() *bool {
	if d == declared {
		return nil
	}
	is := d == yes
	return &is
}

// adhoc tells that the target is no declared cluster.
func (c *choices) adhoc() bool { return c.cluster == nil }

// name is the cluster's.
func (c *choices) name() string { return c.target.Cluster }

// revision is what to restore: the commit that was chosen, whatever its branch
// does meanwhile.
func (c *choices) revision() string {
	if c.commit != nil {
		return c.commit.SHA
	}
	return c.target.Revision
}

// at is the target with the commit and provider that were chosen.
func (c *choices) at() api.Target {
	t := c.target
	t.Revision = c.revision()
	if c.provider != nil && (c.adhoc() || c.provider.Name != c.cluster.Provider) {
		t.Provider = c.provider.Name
	}
	return t
}

// exists tells that the cluster is there: by the plan, and until there is one by
// what is known of the declared cluster.
func (c *choices) exists() bool {
	if c.planned != nil {
		return c.planned.Exists
	}
	return c.cluster != nil && !c.cluster.Made.IsZero()
}

// destroys says what will be lost, a line each; none when nothing is.
func (c *choices) destroys() []string {
	if !c.exists() {
		return nil
	}
	var lost []string
	if c.fresh {
		lost = append(lost, "cluster "+c.name()+" is deleted with everything in it, and made anew")
	}
	if !c.fresh && c.prune == yes {
		lost = append(lost, "what an earlier restore made and this commit lacks is removed from "+c.name())
	}
	return lost
}

// request is what the daemon is asked for. The typed name is the consent to what
// is destroyed; who gets here has agreed to changes in place.
func (c *choices) request(typed string, now time.Time) api.StartRequest {
	t := c.at()
	req := api.StartRequest{
		Recipe: api.Restore, Cluster: t.Cluster, Revision: t.Revision,
		Agree: true, Fresh: c.fresh && c.exists(), Hold: true, // somebody is there who can mend, retry and skip
		Prune: c.prune.pointer(), Convert: c.convert.pointer(), AllowUnserved: c.allowUnserved.pointer(),
	}
	if req.Fresh {
		req.Confirm = typed
	}
	if c.adhoc() {
		req.Repo, req.Path, req.Provider = t.Repo, t.Path, t.Provider
	}
	req.Key = idempotency(req, now)
	return req
}

// idempotency is the idempotency key of a request: the same when it is sent again, and
// another one for the same request at another time.
func idempotency(req api.StartRequest, now time.Time) string {
	text, _ := json.Marshal(req) // strings and flags only
	sum := sha256.Sum256(fmt.Appendf(text, "@%d", now.UnixNano()))
	return "walk-" + hex.EncodeToString(sum[:16])
}

// command is the command line that does the same. The plan's own goes first: it
// knows of the target what is not chosen here.
func (c *choices) command(program string) string {
	var words []string
	if c.planned != nil && c.planned.Command != "" {
		words = without(split(c.planned.Command), ours())
	} else {
		words = c.spelled(program)
	}
	add := func(flag string, d decision) {
		switch d {
		case yes:
			words = append(words, flag)
		case no:
			if !c.adhoc() {
				words = append(words, flag+"=false")
			}
		}
	}
	switch {
	case c.fresh && c.exists():
		words = append(words, "--fresh", "--confirm", quote(c.name()))
	case c.exists():
		words = append(words, "--yes")
	}
	if !c.fresh {
		add("--prune", c.prune)
	}
	add("--convert", c.convert)
	add("--allow-unserved", c.allowUnserved)
	return strings.Join(words, " ")
}

// spelled is the command line without a plan's.
func (c *choices) spelled(program string) []string {
	t := c.at()
	words := []string{cmp.Or(program, "rekindle"), "restore"}
	add := func(flag, value string) {
		if value != "" {
			words = append(words, flag, quote(value))
		}
	}
	if c.adhoc() {
		add("--repo", t.Repo)
		add("--path", t.Path)
	} else {
		words = append(words, quote(t.Cluster))
	}
	add("--at", t.Revision)
	add("--provider", t.Provider)
	if c.adhoc() {
		add("--name", t.Cluster)
	}
	return words
}

// ours are the flags that the walkthrough decides, and how many words follow them.
func ours() map[string]int {
	return map[string]int{"--fresh": 0, "--confirm": 1, "--yes": 0, "--prune": 0, "--convert": 0, "--allow-unserved": 0}
}

// without leaves flags out, with the words that belong to them.
func without(words []string, flags map[string]int) []string {
	var rest []string
	for i := 0; i < len(words); i++ {
		name, _, joined := strings.Cut(words[i], "=")
		follow, known := flags[name]
		switch {
		case !known:
			rest = append(rest, words[i])
		case !joined:
			i += follow
		}
	}
	return rest
}

// split cuts a command line at its blanks, as a shell with single quotes does;
// words stay quoted as they are.
func split(line string) []string {
	var words []string
	var word strings.Builder
	quoted, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			escaped = false
			word.WriteRune(r)
		case r == '\\' && !quoted:
			escaped = true
			word.WriteRune(r)
		case r == '\'':
			quoted = !quoted
			word.WriteRune(r)
		case r == ' ' && !quoted:
			if word.Len() > 0 {
				words = append(words, word.String())
				word.Reset()
			}
		default:
			word.WriteRune(r)
		}
	}
	if word.Len() > 0 {
		words = append(words, word.String())
	}
	return words
}

// quote makes one word of a shell of s.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
