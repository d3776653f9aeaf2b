package eks

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// Our tags. A thing is ours when it bears the first three; what else it is called
// does not matter.
const (
	tagPrefix  = "rekindle.io/"
	tagCluster = tagPrefix + "cluster"
	tagID      = tagPrefix + "id"
	tagCreated = tagPrefix + "created"
)

// mark is whose something is.
type mark struct {
	name, id string
	created  time.Time
}

// tags are those of everything that is made for the cluster.
func (m mark) tags(more map[string]string) map[string]string {
	all := map[string]string{tagCluster: m.name, tagID: m.id, tagCreated: m.created.UTC().Format(time.RFC3339)}
	maps.Copy(all, more)
	return all
}

// markOf reads the mark of what bears tags; false when it bears none.
func markOf(tags map[string]string) (mark, bool) {
	m := mark{name: tags[tagCluster], id: tags[tagID]}
	m.created, _ = time.Parse(time.RFC3339, tags[tagCreated]) // the zero time makes nothing ours by its age
	return m, m.name != "" && m.id != ""
}

// token is the idempotency token of one request for the cluster: AWS takes the same
// request with the same token for one. Requests that differ in more are others.
func (m mark) token(what string, more ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{m.id, what}, more...), "\x00")))
	return hex.EncodeToString(sum[:16])
}

// owns refuses what bears another mark than this one, or none.
func (m mark) owns(tags map[string]string, holder string) error {
	switch other, ours := markOf(tags); {
	case !ours || other.name != m.name:
		return &providers.ForeignError{Provider: ProviderName, Name: m.name, Holder: holder}
	case other.id != m.id:
		return &providers.TakenError{Provider: ProviderName, Name: m.name, Wanted: m.id, Have: other.id}
	}
	return nil
}
