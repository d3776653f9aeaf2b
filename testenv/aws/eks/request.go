package eks

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// body reads the body of a call. What is asked for and not simulated is the simulation's
// own error, which fails a test.
func body[T any](c *wire.Call) (into T, err error) {
	if len(c.Body) == 0 {
		return into, nil
	}
	d := json.NewDecoder(bytes.NewReader(c.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&into); err != nil {
		if strings.Contains(err.Error(), "unknown field") {
			return into, fmt.Errorf("eks: %s asks for what is not simulated: %w", c.Operation, err)
		}
		return into, refuse(400, "SerializationException", "%v", err)
	}
	return into, nil
}

func of(c *wire.Call) where { return where{c.Account, c.Region} }

// asked is what makes two calls the same: what they ask for, in whatever order the
// members of their JSON stand.
func asked(c *wire.Call) string {
	var in any
	if err := json.Unmarshal(c.Body, &in); err != nil {
		return string(c.Body)
	}
	text, err := json.Marshal([]any{c.Operation, c.Path, in})
	if err != nil {
		return string(c.Body)
	}
	return string(text)
}

// begun is a thing that a call makes now.
func begun(c *wire.Call, now time.Time, token string, tags map[string]string) thing {
	return thing{made: now, tags: maps.Clone(tags), token: token, request: asked(c)}
}

// again tells whether a call is the one that made a thing, once more. The token of that
// call may be used for nothing else.
func (t *thing) again(c *wire.Call, token string) (bool, error) {
	switch {
	case token == "" || t.token != token:
		return false, nil
	case t.request != asked(c):
		return false, invalid("The client request token was used for a request with other parameters")
	}
	return true, nil
}

// checkTags refuses tags that nobody may set.
func checkTags(tags map[string]string) error {
	if len(tags) > 50 {
		return invalid("Too many tags: a resource has up to 50")
	}
	for key, value := range tags {
		switch {
		case key == "" || len(key) > 128 || len(value) > 256:
			return invalid("Tag keys have 1 to 128 characters, and values up to 256")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return invalid("Tag keys must not begin with aws:")
		}
	}
	return nil
}

// page cuts a list to the page that a call asks for.
func page[T any](c *Cloud, call *wire.Call, key string, list []T) (map[string]any, error) {
	start, most := 0, c.options.Page
	if t := call.Query.Get("nextToken"); t != "" {
		raw, err := base64.RawURLEncoding.DecodeString(t)
		if err != nil {
			return nil, invalid("Invalid nextToken")
		}
		if start, err = strconv.Atoi(string(raw)); err != nil || start < 0 {
			return nil, invalid("Invalid nextToken")
		}
	}
	if text := call.Query.Get("maxResults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 100 {
			return nil, invalid("maxResults must be between 1 and 100")
		}
		most = min(most, n)
	}
	from := min(start, len(list))
	to := min(from+most, len(list))
	answer := map[string]any{key: append([]T{}, list[from:to]...)}
	if to < len(list) {
		answer["nextToken"] = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(to)))
	}
	return answer, nil
}

// names answers with the names of what a cluster has, as far as describe operations show
// it; each lists the things of one kind.
func (c *Cloud) names(call *wire.Call, key string, each func(k *cluster, add func(name string, t *thing))) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.shown(call, now)
	if err != nil {
		return nil, err
	}
	var list []string
	each(k, func(name string, t *thing) {
		if t.seen(now, c.options.Lag) && !slices.Contains(list, name) {
			list = append(list, name)
		}
	})
	return page(c, call, key, list)
}
