package daemon

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/declared"
	"github.com/rekindle-io/rekindle/recover/teardown"
	"github.com/rekindle-io/rekindle/schedule/keeper"
	"github.com/rekindle-io/rekindle/schedule/notify"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// post delivers messages by the channels that are declared now.
type post struct {
	mu         sync.Mutex
	dispatcher *notify.Dispatcher
}

// set takes other channels; what waits for those before is still delivered.
func (p *post) set(ctx context.Context, channels []notify.Channel, log *slog.Logger) {
	p.mu.Lock()
	was := p.dispatcher
	p.dispatcher = notify.New(ctx, channels, notify.Options{Log: log})
	p.mu.Unlock()
	if was != nil {
		go was.Close()
	}
}

func (p *post) tell(m notify.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dispatcher.Tell(m)
}

// farewell is how long a daemon that stops waits for its last messages.
const farewell = 5 * time.Second

func (p *post) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	done := make(chan struct{})
	go func() {
		p.dispatcher.Close()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(farewell):
	}
}

// channels are those that rekindle.yaml declares.
func channels(list []config.NotifyChannel) []notify.Channel {
	var out []notify.Channel
	for _, c := range list {
		ch := notify.Channel{Name: c.Name, Kinds: c.On}
		switch {
		case c.Webhook != nil:
			ch.Sender = webhook(c.Webhook, false)
		case c.Slack != nil:
			ch.Sender = webhook(c.Slack, true)
		case c.Email != nil:
			ch.Sender = &notify.Email{Server: c.Email.Server, From: c.Email.From, To: c.Email.To, User: c.Email.User, PasswordFile: c.Email.PasswordFile}
		}
		out = append(out, ch)
	}
	return out
}

func webhook(w *config.Webhook, slack bool) *notify.Webhook {
	return &notify.Webhook{URL: w.URL, URLFile: w.URLFile, SecretFile: w.SecretFile, Slack: slack}
}

// notice tells people what the schedule did, or is about to do. Before a teardown
// it counts live changes, which takes a while.
func (d *daemon) notice(n keeper.Notice) {
	d.metrics.notices.WithLabelValues(string(n.Kind)).Inc()
	attrs := []any{"notice", n.Kind, "cluster", n.Cluster, "text", n.Text}
	if n.Run != "" {
		attrs = append(attrs, "run", n.Run)
	}
	if !n.At.IsZero() {
		attrs = append(attrs, "at", n.At)
	}
	d.Log.Info("schedule", attrs...)
	o := d.outlook(n.Cluster)
	o.why, o.live = d.why(n), d.liveChanges(d.life, n)
	d.post.tell(messageOf(n, o))
}

// outlook is what a message says of a cluster beside what happened to it.
type outlook struct {
	zone *time.Location
	// branch is where its live state is exported to, revision what comes back.
	branch, revision string
	// why are lines about what a run failed at.
	why []string
	// live are the live changes of a cluster that is about to go, nil: not known.
	live *show.Counts
}

func (d *daemon) outlook(cluster string) outlook {
	o := outlook{zone: time.UTC}
	if k, err := d.keeper.Declared(cluster); err == nil && k.Calendar != nil {
		o.zone = cmp.Or(k.Calendar.Zone(), o.zone)
	}
	if file, c, err := d.declared(cluster); err == nil {
		o.branch, o.revision = declared.Export(file, c).Export.Branch, cmp.Or(c.Source.Revision, "HEAD")
	}
	return o
}

// messageOf makes a message of a notice: its subject is short, and all that is to be
// said about it, such as an error, is in the text.
func messageOf(n keeper.Notice, o outlook) notify.Message {
	m := notify.Message{Kind: string(n.Kind), Cluster: n.Cluster, Time: n.Time.In(o.zone), At: n.At, Run: n.Run}
	if !n.At.IsZero() {
		m.At = n.At.In(o.zone)
	}
	switch n.Kind {
	case keeper.NoticeTeardown:
		m.Subject = fmt.Sprintf("%s goes down at %s", n.Cluster, m.At.Format("15:04 MST"))
		m.Text = fmt.Sprintf("%s\nTo keep it: rekindle keep %s --until TIME, or rekindle skip %s", n.Text, n.Cluster, n.Cluster)
		if o.branch != "" {
			m.Text += fmt.Sprintf("\nIts live state goes into branch %s first. What comes back is %s", o.branch, o.revision)
		}
		m.Text += liveWords(n.Cluster, cmp.Or(o.revision, "the source"), o.live)
	case keeper.NoticeDrift:
		m.Subject = n.Cluster + " " + n.Text
		if o.branch != "" {
			m.Text = fmt.Sprintf("These live changes go into branch %s. A restore brings back %s, without them:\n"+
				"rekindle drift adopt %s writes them into the source; rekindle restore %s --at %s --path live brings them back once", o.branch, o.revision, n.Cluster, n.Cluster, o.branch)
		}
	default:
		head, rest, _ := strings.Cut(n.Text, ": ")
		m.Subject, m.Text = n.Cluster+": "+couldNot(head), strings.Join(append([]string{rest}, o.why...), "\n")
	}
	return m
}

// couldNot says in full what the schedule says in short: "not taken down".
func couldNot(head string) string {
	what, not := strings.CutPrefix(head, "not ")
	if not && (strings.HasPrefix(what, "brought up, ") || strings.HasPrefix(what, "taken down, ")) {
		return "could not be " + what
	}
	return head
}

// warn tells people of a teardown that begins late, or by hand.
func (d *daemon) warn(_ context.Context, w teardown.Warning) error {
	d.notice(keeper.Notice{Kind: keeper.NoticeTeardown, Cluster: w.Cluster, Time: d.Now(), At: w.At, Run: w.Run, Text: "it is about to be torn down"})
	return nil
}
