package raw

// Cutter finds the end of a value that comes in pieces.
type Cutter struct {
	depth           int
	inText, escaped bool
	scalar          bool
}

// NewCutter returns a Cutter for a value that begins with the byte first, which is
// the first one to be cut.
func NewCutter(first byte) *Cutter {
	return &Cutter{scalar: first != '{' && first != '[' && first != '"'}
}

// Cut returns how many bytes of chunk belong to the value, and whether it ends
// with them.
func (s *Cutter) Cut(chunk []byte) (n int, done bool) {
	if s.scalar {
		return cutScalar(chunk)
	}
	depth, inText, escaped := s.depth, s.inText, s.escaped
	for i, c := range chunk {
		switch {
		case escaped:
			escaped = false
		case inText:
			switch {
			case c == '\\':
				escaped = true
			case c == '"' && depth == 0:
				return i + 1, true
			case c == '"':
				inText = false
			}
		case c == '"':
			inText = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
			if depth == 0 {
				return i + 1, true
			}
		}
	}
	s.depth, s.inText, s.escaped = depth, inText, escaped
	return len(chunk), false
}

func cutScalar(chunk []byte) (n int, done bool) {
	for i, c := range chunk {
		switch c {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return i, true
		}
	}
	return len(chunk), false
}
