package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/desk"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
)

// ailment is one line of what doctor found.
type ailment struct {
	// Part is what it belongs to: "rekindle", or a provider's name.
	Part string `json:"part"`
	providers.Finding
	// Optional: something works without it.
	Optional bool `json:"optional,omitempty"`
}

// diagnosis is what doctor prints as JSON.
type diagnosis struct {
	// Usable names the providers that can make clusters here.
	Usable   []string  `json:"usable"`
	Findings []ailment `json:"findings"`
}

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Tell what this machine can do, what is missing and how to get it", Args: exactly(),
		Long: `Tell what this machine can do, what is missing and how to get it. Exit code 1 when
no cluster could be made here. No git is needed.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := a.diagnose(cmd.Context())
			if asJSON {
				if err := a.Terminal.JSON(d); err != nil {
					return err
				}
			} else {
				a.printDiagnosis(d)
			}
			if len(d.Usable) == 0 {
				return &hintedError{errors.New("no cluster can be made on this machine"), "do what stands behind the arrows (→)"}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func (a *app) diagnose(ctx context.Context) diagnosis {
	d := diagnosis{Usable: []string{}}
	own := []ailment{a.writable("state directory", a.flags.stateDir, "--state-dir"), a.writable("cache directory", a.flags.cacheDir, "--cache-dir")}
	sound := own[0].OK
	if sound {
		own = append(own, a.journal(ctx))
		sound = own[len(own)-1].OK // a run that cannot be journaled is not begun
	}
	own = append(own, a.configuration(), a.agent(ctx))
	d.Findings = own
	for _, name := range a.providers.Names() {
		p, err := a.providers.Get(name)
		if err != nil {
			continue
		}
		findings, ok := desk.Fitness(ctx, p)
		for _, f := range findings {
			d.Findings = append(d.Findings, ailment{Part: name, Finding: f})
		}
		if finder, has := p.(providers.LeftoverFinder); has {
			f, err := leftovers(ctx, name, finder)
			if err == nil || ok && sound { // else the cause was said already
				d.Findings = append(d.Findings, f)
			}
		}
		if ok && sound {
			d.Usable = append(d.Usable, name)
		}
	}
	return d
}

func (a *app) printDiagnosis(d diagnosis) {
	t := a.Terminal
	part, room := "", 4096 // a pipe takes lines of any length
	if t.Width > 0 {
		room = max(t.Width-26, 20)
	}
	for _, f := range d.Findings {
		if f.Part != part {
			if part != "" {
				t.Outf("\n")
			}
			part = f.Part
			t.Outf("%s\n", t.Paint(terminal.Strong, part))
		}
		mark := t.Paint(terminal.Good, "✓")
		switch {
		case !f.OK && f.Optional:
			mark = t.Paint(terminal.Faint, "-")
		case !f.OK:
			mark = t.Paint(terminal.Bad, "✗")
		}
		for i, line := range fold(f.Message, room) {
			if i == 0 {
				t.Outf("  %s %-21s %s\n", mark, f.Subject, line)
			} else {
				t.Outf("    %-21s %s\n", "", line)
			}
		}
		if f.Remedy != "" {
			for i, line := range fold(f.Remedy, 70) {
				arrow := "→"
				if i > 0 {
					arrow = " "
				}
				t.Outf("      %s %s\n", arrow, line)
			}
		}
	}
	t.Outf("\n")
	for _, name := range d.Usable {
		t.Outf("Clusters can be made with --provider %s.\n", name)
	}
}

// minFree is how much room a folder should have, in bytes.
const minFree = 256 << 20

// writable looks whether a folder can be written to, or could be made.
func (a *app) writable(subject, dir, flag string) ailment {
	f := ailment{Part: "rekindle", Finding: providers.Finding{Subject: subject, Message: dir}}
	bad := func(format string, args ...any) ailment {
		f.Message = dir + ": " + fmt.Sprintf(format, args...)
		f.Remedy = "make it a folder that you can write to, or name another with " + flag
		return f
	}
	there := dir
	info, err := os.Stat(there)
	for errors.Is(err, fs.ErrNotExist) && there != filepath.Dir(there) {
		there = filepath.Dir(there)
		info, err = os.Stat(there)
	}
	switch {
	case errors.Is(err, syscall.ENOTDIR), err == nil && !info.IsDir():
		return bad("a file is in its way")
	case err != nil:
		return bad("%v", err)
	}
	const writeAndSearch = 3 // W_OK | X_OK
	if err := syscall.Access(there, writeAndSearch); err != nil {
		return bad("%s cannot be written to (%v)", there, err)
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(there, &disk); err != nil {
		return bad("%v", err)
	}
	free := disk.Bavail * uint64(disk.Bsize)
	if free < minFree {
		return bad("only %d MB are free, %d MB are wanted", free>>20, uint64(minFree)>>20)
	}
	f.OK = true
	f.Message = fmt.Sprintf("%s, %d MB free", dir, free>>20)
	return f
}

// journal looks whether the journal, if there is one, can be read.
func (a *app) journal(ctx context.Context) ailment {
	f := ailment{Part: "rekindle", Finding: providers.Finding{Subject: "journal", OK: true}}
	list, err := a.store.Runs(ctx, run.Filter{Unfinished: true})
	unfinished := len(list)
	switch {
	case err != nil:
		f.OK = false
		f.Message, f.Remedy = splitHint(err)
	case unfinished == 1:
		f.Message, f.Remedy = "1 run is unfinished", "rekindle runs resume goes on with it"
	case unfinished > 1:
		f.Message, f.Remedy = fmt.Sprintf("%d runs are unfinished", unfinished), "rekindle runs list --unfinished shows them"
	default:
		f.Message = "can be read, no run is unfinished"
	}
	return f
}

// configuration says which rekindle.yaml is read, and whether it is valid.
func (a *app) configuration() ailment {
	f := ailment{Part: "rekindle", Finding: providers.Finding{Subject: "rekindle.yaml"}}
	c, err := a.config()
	switch {
	case errors.Is(err, config.ErrNone):
		f.Optional, f.Message = true, "none; --repo and --provider do without"
	case err != nil:
		f.Message, f.Remedy = "cannot be used", "rekindle config validate says why"
	default:
		f.OK, f.Message = true, fmt.Sprintf("%s, %s", c.File, count(len(c.Clusters), "cluster"))
	}
	return f
}

// agent looks whether an ssh agent answers, or a key was named.
func (a *app) agent(ctx context.Context) ailment {
	f := ailment{Part: "rekindle", Optional: true, Finding: providers.Finding{Subject: "ssh agent"}}
	socket := a.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		f.Message = "none; keys in ~/.ssh and $" + source.EnvSSHKey + " are used for ssh repositories"
		return f
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		f.Message, f.Remedy = "does not answer at "+socket, "start it, or name a key with $"+source.EnvSSHKey
		return f
	}
	_ = conn.Close() // nothing was sent
	f.OK, f.Message = true, "answers at "+socket
	return f
}

// leftovers looks for what a provider left behind.
func leftovers(ctx context.Context, part string, finder providers.LeftoverFinder) (ailment, error) {
	f := ailment{Part: part, Finding: providers.Finding{Subject: "leftovers", OK: true, Message: "none"}}
	list, err := finder.Leftovers(ctx)
	left := slices.DeleteFunc(slices.Clone(list), func(l providers.Leftover) bool { return l.Kept })
	switch {
	case err != nil:
		f.OK, f.Message = false, err.Error()
	case len(list) == 0:
	case len(left) == 0:
		f.Message = fmt.Sprintf("none but %d that are kept on purpose: rekindle clusters leftovers names them", len(list))
	default:
		f.OK, f.Message = false, fmt.Sprintf("%d, such as %s", len(left), left[0].What)
		f.Remedy = "rekindle clusters leftovers names them, and says why they are there"
	}
	return f, err
}
