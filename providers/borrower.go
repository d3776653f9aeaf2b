package providers

// Borrower is a provider whose clusters somebody else makes and keeps: what it
// finds is always Cluster.Borrowed. Its Create never makes one, its Find knows
// only what was declared, and its Delete gives a cluster back as it is.
type Borrower interface {
	// Borrows is true; that a provider has the method is what says so.
	Borrows() bool
}

// Borrows tells whether the clusters of p are somebody else's.
func Borrows(p Provider) bool {
	b, ok := p.(Borrower)
	return ok && b.Borrows()
}
