package run

import (
	"fmt"
	"io"
	"time"
)

// idAlphabet has 32 characters, none of which is easily taken for another.
const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// NewID makes a run's ID of the time, in UTC, and four characters of chance:
// 20261122-180501-k7x2. Sorting IDs sorts by second.
func NewID(now time.Time, chance io.Reader) (string, error) {
	var b [4]byte
	if _, err := io.ReadFull(chance, b[:]); err != nil {
		return "", fmt.Errorf("make a run id: %w", err)
	}
	for i := range b {
		b[i] = idAlphabet[b[i]%32]
	}
	return now.UTC().Format("20060102-150405-") + string(b[:]), nil
}

// validID tells whether id is fit for a key and a file name.
func validID(id string) error {
	if id == "" || len(id) > 64 || id[0] == '-' {
		return fmt.Errorf("run id %q: want 1 to 64 characters of a-z, 0-9 and -", id)
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return fmt.Errorf("run id %q: want 1 to 64 characters of a-z, 0-9 and -", id)
		}
	}
	return nil
}
