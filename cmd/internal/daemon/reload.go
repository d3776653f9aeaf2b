package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/providers/existing"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/schedule/keeper"
)

// Reload implements server.Backend: it reads rekindle.yaml again. One that is
// wrong changes nothing.
func (d *daemon) Reload(ctx context.Context, by string) (api.Reloaded, error) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	was := d.config.Load()
	c, err := d.Load()
	if err == nil {
		err = d.declare(ctx, c)
	}
	if err != nil {
		d.Log.Error("daemon: rekindle.yaml is wrong, the one before stays in force", "file", d.File, "by", by, "error", err)
		d.server.Publish(api.Change{Kind: api.ConfigChanged, Message: "wrong, the one before stays in force: " + err.Error()})
		return api.Reloaded{}, badConfig(err)
	}
	r := compare(was, c)
	r.File = d.File
	if len(r.Restart) > 0 {
		d.Log.Warn("daemon: needs a restart: "+strings.Join(r.Restart, ", "), "file", d.File)
	}
	d.Log.Info("daemon: read rekindle.yaml", "file", d.File, "by", by, "clusters", r.Clusters, "added", r.Added, "changed", r.Changed, "removed", r.Removed)
	d.server.Publish(api.Change{Kind: api.ConfigChanged, Message: fmt.Sprintf("read: %d clusters", r.Clusters)})
	for _, name := range slices.Concat(r.Added, r.Changed, r.Removed) {
		d.changes.touch(name)
	}
	return r, nil
}

// badConfig lists what is wrong with a file.
func badConfig(err error) error {
	p := api.NewProblem(api.BadConfig, "rekindle.yaml is wrong; the one before stays in force")
	for line := range strings.Lines(err.Error()) {
		p.Lines = append(p.Lines, strings.TrimSpace(line))
	}
	return p.WithHint("rekindle config validate shows what is wrong")
}

// compare tells what is declared otherwise.
func compare(was, is *config.Config) api.Reloaded {
	r := api.Reloaded{Clusters: len(is.Clusters), Restart: atStart(was, is)}
	for name, c := range is.Clusters {
		old, known := was.Clusters[name]
		switch {
		case !known:
			r.Added = append(r.Added, name)
		case !reflect.DeepEqual(old, c):
			r.Changed = append(r.Changed, name)
		}
	}
	for name := range was.Clusters {
		if _, still := is.Clusters[name]; !still {
			r.Removed = append(r.Removed, name)
		}
	}
	slices.Sort(r.Added)
	slices.Sort(r.Changed)
	slices.Sort(r.Removed)
	return r
}

// atStart are the settings that differ and that a daemon reads when it starts.
func atStart(was, is *config.Config) []string {
	var list []string
	for _, s := range []struct {
		name    string
		was, is any
	}{
		{"daemon.maxRuns", was.Daemon.MaxRuns, is.Daemon.MaxRuns},
		{"daemon.maxTeardowns", was.Daemon.MaxTeardowns, is.Daemon.MaxTeardowns},
		{"daemon.listen", was.Daemon.Listen, is.Daemon.Listen},
	} {
		if !reflect.DeepEqual(s.was, s.is) {
			list = append(list, s.name)
		}
	}
	return list
}

// declare puts a configuration in force, wholly or not at all.
func (d *daemon) declare(ctx context.Context, c *config.Config) error {
	clusters := make([]keeper.Cluster, 0, len(c.Clusters))
	var problems []error
	for _, name := range c.Names() {
		k, err := kept(c.Clusters[name])
		if err != nil {
			problems = append(problems, c.ScheduleError(name, err))
			continue
		}
		clusters = append(clusters, k)
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	was := d.config.Swap(c)
	if err := d.keeper.Set(ctx, clusters); err != nil {
		d.config.Store(was)
		return err
	}
	d.post.set(d.after, channels(c.Notify), d.Log) //nolint:contextcheck // channels outlive the request that declared them
	return nil
}

// kept is a declared cluster as the keeper has it.
func kept(c config.Cluster) (keeper.Cluster, error) {
	s := c.Schedule
	k := keeper.Cluster{
		Name: c.Name, Warn: s.Warn.Duration, Late: s.Late.Duration, Lead: s.Lead.Duration,
		Fallback: s.Fallback == "last-verified", Protected: c.Protected, Borrowed: c.Provider == existing.ProviderName, DrillRule: s.DrillRule(),
	}
	var err error
	if k.Calendar, err = s.Calendar(os.ReadFile); err != nil {
		return k, err
	}
	k.Drill, err = s.Drills()
	return k, err
}

// watchFile reads rekindle.yaml again when it, or a calendar file that it names,
// is another one. It looks rather than waits to be told: editors replace files,
// and ConfigMaps are links that move.
func (d *daemon) watchFile() {
	seen := d.stamps()
	ticker := time.NewTicker(max(d.Tick, time.Second))
	defer ticker.Stop()
	for {
		select {
		case <-d.life.Done():
			return
		case <-d.Hangups:
			_, _ = d.Reload(d.life, "SIGHUP") // logged, and published
			seen = d.stamps()
		case <-ticker.C:
			if now := d.stamps(); !reflect.DeepEqual(now, seen) {
				_, _ = d.Reload(d.life, "change")
				seen = d.stamps()
			}
		}
	}
}

type stamp struct {
	size int64
	at   time.Time
	mode fs.FileMode
}

// stamps tell whether files are the ones that were read.
func (d *daemon) stamps() map[string]stamp {
	stamps := map[string]stamp{}
	files := []string{d.File}
	for _, c := range d.config.Load().Clusters {
		for _, e := range c.Schedule.Except {
			if e.File != "" {
				files = append(files, e.File)
			}
		}
	}
	for _, file := range files {
		if fi, err := os.Stat(file); err == nil {
			stamps[file] = stamp{fi.Size(), fi.ModTime(), fi.Mode()}
		}
	}
	return stamps
}
