package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/recover/teardown"
	"github.com/rekindle-io/rekindle/schedule/keeper"
	"github.com/rekindle-io/rekindle/schedule/notify"
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

// notice tells people what the schedule did, or is about to do.
func (d *daemon) notice(n keeper.Notice) {
	d.metrics.notices.WithLabelValues(string(n.Kind)).Inc()
	d.Log.Info("schedule", "notice", n.Kind, "cluster", n.Cluster, "text", n.Text, "run", n.Run, "at", n.At)
	m := notify.Message{Kind: string(n.Kind), Cluster: n.Cluster, Time: n.Time, At: n.At, Run: n.Run, Subject: n.Cluster + ": " + n.Text}
	if n.Kind == keeper.NoticeTeardown {
		m.Subject = fmt.Sprintf("%s goes down at %s", n.Cluster, n.At.Format("15:04 MST"))
		m.Text = fmt.Sprintf("%s\nTo keep it: rekindle keep %s --until TIME, or rekindle skip %s", n.Text, n.Cluster, n.Cluster)
	}
	d.post.tell(m)
}

// warn tells people of a teardown that begins late, or by hand.
func (d *daemon) warn(_ context.Context, w teardown.Warning) error {
	d.notice(keeper.Notice{Kind: keeper.NoticeTeardown, Cluster: w.Cluster, Time: d.Now(), At: w.At, Run: w.Run, Text: "it is about to be torn down"})
	return nil
}
