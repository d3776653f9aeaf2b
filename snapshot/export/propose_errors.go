package export

import "fmt"

// SupersededError: the branch proposes changes onto another commit than the one
// that is to be changed, and a proposal of a part would take them back.
type SupersededError struct {
	Repo, Branch string
	// Commit is the SHA of the tip, Had what it proposes onto, Onto what was asked
	// for.
	Commit, Had, Onto string
}

func (e *SupersededError) Error() string {
	return fmt.Sprintf("branch %s of %s is left alone: its last commit %s proposes changes onto %s, and not onto %s, and a part of the drift would take them back",
		e.Branch, e.Repo, short(e.Commit), short(e.Had), short(e.Onto))
}

// Hint says what to do next.
func (e *SupersededError) Hint() string {
	return "merge it first, name a new branch, adopt against " + short(e.Had) + ", or adopt everything without --only"
}

// Is makes it an ErrRefused.
func (e *SupersededError) Is(target error) bool { return target == ErrRefused }
