package adopt

import "github.com/rekindle-io/rekindle/snapshot/adopt/edit"

// withoutDefaults returns have, a live value, without the defaults that the
// server has put into it. They are known where git has a value and the server's
// answer to it, want, has more: what git leaves out and live and want agree upon
// is a default, and git goes on leaving it out. Items that git does not have stay
// as they are, because a default may depend on its neighbours.
func withoutDefaults(git, want, have any) any {
	switch have := have.(type) {
	case map[string]any:
		g, inGit := git.(map[string]any)
		w, answered := want.(map[string]any)
		if !inGit || !answered {
			return have
		}
		out := make(map[string]any, len(have))
		for key, v := range have {
			below, has := g[key]
			if !has {
				if wanted, ok := w[key]; ok && edit.Equal(wanted, v) {
					continue
				}
				out[key] = v
				continue
			}
			out[key] = withoutDefaults(below, w[key], v)
		}
		return out
	case []any:
		g, inGit := git.([]any)
		w, answered := want.([]any)
		if !inGit || !answered || len(g) != len(w) {
			return have
		}
		out := make([]any, len(have))
		pairs := edit.Align(have, w)
		for i, item := range have {
			out[i] = item
			if j, ok := pairs[i]; ok {
				out[i] = withoutDefaults(g[j], w[j], item)
			}
		}
		return out
	}
	return have
}
