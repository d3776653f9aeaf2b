package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// consent shows what a restore would change on a cluster that exists, and asks.
// With yes nobody is asked; without a terminal it is a refusal that names the
// flag.
func (a *app) consent(yes bool) rebuild.Consent {
	return func(ctx context.Context, d rebuild.InPlace) (bool, error) {
		a.asking.Store(true)
		defer a.asking.Store(false)
		a.Terminal.EndProgress()
		a.printInPlace(d)
		if yes {
			return true, nil
		}
		question := fmt.Sprintf("Change cluster %s?", d.Cluster.Name)
		agreed, err := a.Terminal.Ask(ctx, question, "--yes")
		var nobody *terminal.NoTerminalError
		if errors.As(err, &nobody) {
			next := "add --yes to agree"
			if !d.Cluster.Borrowed {
				next += ", or --fresh --confirm " + d.Cluster.Name + " to make it anew"
			}
			return false, &refusedError{
				message: fmt.Sprintf("cluster %s exists and would be changed as shown, and nobody can be asked here", d.Cluster.Name),
				next:    next,
			}
		}
		return agreed, err
	}
}

// maxShown is how many objects of one sort are listed before the rest is only
// counted; --json has them all.
const maxShown = 40

// printInPlace shows the difference on stderr: it is part of the question and
// no result.
func (a *app) printInPlace(d rebuild.InPlace) {
	t := a.Terminal
	whose := d.Cluster.Provider
	if d.Cluster.Borrowed {
		whose += ", somebody else's at " + d.Cluster.Endpoint
	}
	t.Errf("Cluster %s exists (%s). Restoring %s onto it would:\n", d.Cluster.Name, whose, shortSHA(d.Commit.SHA))
	var gone []drift.Unexpected
	for _, u := range d.Drift.Unexpected {
		if d.Prune && u.Restored {
			gone = append(gone, u)
		}
	}
	if !d.Changes() {
		t.Errf("  change nothing\n")
	}
	a.list(len(d.Drift.Missing), "create %s", func(i int) {
		t.Errf("    %s %s\n", t.Paint(terminal.Good, "+"), d.Drift.Missing[i].ID)
	})
	from := owners(d)
	a.list(len(d.Drift.Changed), "change %s", func(i int) {
		a.printChange(d.Drift.Changed[i])
		if who := from[d.Drift.Changed[i].ID]; who != "" {
			t.Errf("        taken over from %s\n", who)
		}
	})
	foreign := adopted(d.Drift)
	a.list(len(foreign), "take over %s that others made", func(i int) {
		t.Errf("    %s %s, taken over from %s\n", t.Paint(terminal.Warn, "~"), foreign[i], cmp.Or(from[foreign[i]], "somebody else"))
	})
	a.list(len(gone), "remove %s", func(i int) {
		t.Errf("    %s %s\n", t.Paint(terminal.Bad, "-"), gone[i].ID)
	})
	if d.Prune {
		a.list(len(d.GivenBack), "give back %s that others made", func(i int) {
			t.Errf("    %s %s\n", t.Paint(terminal.Warn, "~"), d.GivenBack[i])
		})
	}
	if keep := len(d.Drift.Unexpected) - len(gone); keep > 0 {
		t.Errf("  leave %s that this commit does not have", count(keep, "object"))
		if !d.Prune {
			t.Errf(" (--prune removes what an earlier restore made)")
		}
		t.Errf("\n")
	}
}

// owners are who had the objects that a restore makes its own.
func owners(d rebuild.InPlace) map[object.ID]string {
	from := make(map[object.ID]string, len(d.TakenOver))
	for _, o := range d.TakenOver {
		from[o.ID] = o.From
	}
	return from
}

// adopted are the objects of others that a restore makes its own, and that do
// not differ otherwise.
func adopted(d *drift.Report) []object.ID {
	return slices.DeleteFunc(slices.Clone(d.Adopted), func(id object.ID) bool {
		return slices.ContainsFunc(d.Changed, func(c drift.Change) bool { return c.ID == id })
	})
}

// list prints a heading with the number of objects, and the first lines.
func (a *app) list(n int, heading string, line func(i int)) {
	if n == 0 {
		return
	}
	a.Terminal.Errf("  "+heading+"\n", count(n, "object"))
	for i := range min(n, maxShown) {
		line(i)
	}
	if n > maxShown {
		a.Terminal.Errf("    … and %d more\n", n-maxShown)
	}
}

func (a *app) printChange(c drift.Change) {
	t := a.Terminal
	t.Errf("    %s %s\n", t.Paint(terminal.Warn, "~"), c.ID)
	for i, f := range c.Fields {
		if i == 5 {
			t.Errf("        … and %d more fields\n", len(c.Fields)-i)
			break
		}
		t.Errf("        %s\n", fieldText(f))
	}
	if c.Refused != "" {
		t.Errf("        the server refuses: %s\n", clip(c.Refused, 200))
	}
	if c.Terminating {
		t.Errf("        %s\n", beingDeleted)
	}
}

// beingDeleted says what a restore does about an object that is on its way out.
const beingDeleted = "is being deleted: it is made again once it is gone"

// count is a number with its noun: "1 object", "2 objects".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
