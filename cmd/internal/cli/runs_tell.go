package cli

import (
	"bytes"
	"context"
	"io"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// tell is what runs show prints of a run, for who shows it elsewhere.
func (a *app) tell(ctx context.Context, r run.Run) (string, error) {
	report, err := rebuild.ReportOf(r)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	aside := &app{Process: a.Process, flags: a.flags, providers: a.providers, store: a.store, log: a.log, loaded: a.current.Load()}
	aside.Terminal = &terminal.Terminal{Out: &text, Err: io.Discard, Now: a.Now}
	if err := aside.show(ctx, r, report); err != nil {
		return "", err
	}
	return text.String(), aside.Terminal.Failed()
}

// resumeThere has the daemon go on with a run. It can ask nobody: what the run had
// not been allowed before, it is not allowed by this.
func (a *app) resumeThere(ctx context.Context, id string, asJSON bool) error {
	d, err := a.daemonClient()
	if err != nil {
		return err
	}
	defer d.Close()
	r, err := d.Resume(ctx, id)
	if err != nil {
		return withoutDaemon(err)
	}
	if asJSON {
		return a.Terminal.JSON(r)
	}
	a.Terminal.Outf("%s\n", r.ID)
	a.Terminal.Errf("the daemon goes on with it; follow it with: rekindle runs events %s --follow\n", r.ID)
	return nil
}
