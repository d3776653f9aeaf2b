package server_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/cmd/internal/control/client"
	"github.com/rekindle-io/rekindle/cmd/internal/control/server"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

var errEnough = errors.New("enough")

func TestTheFeedGoesOnWhereItsReaderWas(t *testing.T) {
	d := serve(t, newMemory(), func(o *server.Options) { o.FeedSize = 10 })
	for i := range 5 {
		d.Publish(api.Change{Kind: api.ConfigChanged, Message: fmt.Sprint(i)})
	}
	feed := feedOf(t, d)
	kinds := func(query string) string {
		_, raw := d.do(t, exchange{method: "GET", path: "/v1/events?" + query})
		return brief(t, raw)
	}
	for query, want := range map[string]string{
		"":                        "begin5 end",
		"follow=false":            "begin5 end",
		"since=3&feed=" + feed:    "begin3 config4 config5 end",
		"since=5&feed=" + feed:    "begin5 end",
		"since=0&feed=" + feed:    "begin0 config1 config2 config3 config4 config5 end",
		"since=6&feed=" + feed:    "begin6 reset5 end", // never was
		"since=3&feed=0123456789": "begin5 reset5 end", // another life of the daemon
	} {
		if got := kinds(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for range 15 {
		d.Publish(api.Change{Kind: api.ConfigChanged})
	}
	if got := kinds("since=9&feed=" + feed); got != "begin9 reset20 end" {
		t.Errorf("too far behind: %s", got)
	}
	if got := kinds("since=18&feed=" + feed); got != "begin18 config19 config20 end" {
		t.Errorf("not too far behind: %s", got)
	}
}

// brief is a feed's lines in short.
func brief(t testing.TB, raw []byte) string {
	t.Helper()
	var out []string
	for line := range strings.Lines(string(raw)) {
		c := decodeChange(t, line)
		text := string(c.Kind)
		if c.Seq > 0 || c.Kind == api.FeedBegin {
			text += fmt.Sprint(c.Seq)
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestAListAndTheFeedTogetherMissNothing(t *testing.T) {
	m := newMemory()
	m.declare("dev")
	d := serve(t, m)
	for range 3 {
		d.Publish(api.Change{Kind: api.ConfigChanged})
	}
	list, err := d.dial(t).Clusters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.Publish(api.Change{Kind: api.ClusterGone, Name: "dev"})
	_, raw := d.do(t, exchange{method: "GET", path: fmt.Sprintf("/v1/events?feed=%s&since=%d", list.Feed, list.Seq)})
	if got := brief(t, raw); got != "begin3 cluster.gone4 end" {
		t.Errorf("got %s", got)
	}
}

func TestTheFeedWithoutEvents(t *testing.T) {
	d := serve(t, newMemory())
	for i := range 2000 {
		d.Observe(run.Event{Run: "r", Seq: uint64(i + 1), Type: "object.applied"})
		if i%800 == 0 {
			d.Publish(api.Change{Kind: api.ConfigChanged})
		}
	}
	_, raw := d.do(t, exchange{method: "GET", path: "/v1/events?events=false&since=0&feed=" + feedOf(t, d)})
	if got := brief(t, raw); got != "begin0 config2 config803 config1604 end" {
		t.Errorf("got %s", got)
	}
	var got []api.ChangeKind
	err := d.dial(t).Watch(t.Context(), client.Watching{NoEvents: true}, func(c api.Change) error {
		if got = append(got, c.Kind); len(got) == 1 {
			d.Observe(run.Event{Run: "r", Seq: 2001, Type: run.RunEnd})
			d.Publish(api.Change{Kind: api.RunChanged, Name: "r"})
			return nil
		}
		return errEnough
	})
	if !errors.Is(err, errEnough) || len(got) != 2 || got[1] != api.RunChanged {
		t.Errorf("%v, %v", got, err)
	}
}

func TestTheFeedShowsRunsInBrief(t *testing.T) {
	m := newMemory()
	m.begin("r", "dev", "restore")
	m.end("r", run.Done)
	r, _ := m.Run(t.Context(), "r")
	d := serve(t, m)
	d.Publish(api.Change{Kind: api.RunChanged, Name: "r", Run: &r})
	_, raw := d.do(t, exchange{method: "GET", path: "/v1/events?since=0&feed=" + feedOf(t, d)})
	if strings.Contains(string(raw), "objects") || strings.Contains(string(raw), "commit") || !strings.Contains(string(raw), `"outcome":"done"`) {
		t.Errorf("got %s", raw)
	}
	if r.Steps[0].Made == nil {
		t.Error("the publisher's run was changed")
	}
}

// TestWatchSeesEveryChangeOnce: over cut connections and restarts each change comes
// once and in order, or a reset says that some did not.
func TestWatchSeesEveryChangeOnce(t *testing.T) {
	d := serve(t, newMemory())
	rapid.Check(t, func(rt *rapid.T) {
		cuts := rapid.SliceOfN(rapid.IntRange(150, 10000), 0, 3).Draw(rt, "cuts")
		proxy := sever(t, d.path, cuts)
		defer proxy.Close()
		c, err := client.Dial(proxy.Addr().String(), client.Options{})
		if err != nil {
			rt.Fatal(err)
		}
		defer c.Close()
		const n = 100
		var last, from uint64
		err = c.Watch(t.Context(), client.Watching{}, func(ch api.Change) error {
			switch ch.Kind {
			case api.FeedBegin:
				last, from = ch.Seq, ch.Seq
				for range n {
					d.Publish(api.Change{Kind: api.ConfigChanged})
				}
			case api.FeedReset:
				return errors.New("reset although all is kept")
			default:
				if last++; ch.Seq != last {
					return fmt.Errorf("change %d came when %d was due", ch.Seq, last)
				}
				if last == from+n {
					return errEnough
				}
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			rt.Fatal(err)
		}
	})
}

func TestWatchTellsOfANewLifeOfTheDaemon(t *testing.T) {
	m := newMemory()
	d := serve(t, m)
	c := d.dial(t)
	var lives []string
	err := c.Watch(t.Context(), client.Watching{}, func(ch api.Change) error {
		lives = append(lives, string(ch.Kind))
		switch len(lives) {
		case 1:
			d.Publish(api.Change{Kind: api.ConfigChanged})
		case 2:
			if err := d.stop(); err != nil {
				return err
			}
			d = serveAt(t, m, d.path)
		case 3:
			d.Publish(api.Change{Kind: api.ConfigChanged})
		case 4:
			return errEnough
		}
		return nil
	})
	if got := strings.Join(lives, " "); !errors.Is(err, errEnough) || got != "begin config reset config" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestSlowReadersOfTheFeedAreTold(t *testing.T) {
	d := serve(t, newMemory(), func(o *server.Options) { o.FeedSize = 50 })
	s, _ := d.follow(t, "/v1/events?follow=true")
	next[api.Change](t, s)
	long := strings.Repeat("x", 10000)
	for range 2000 { // more than the socket's buffers hold
		d.Publish(api.Change{Kind: api.ConfigChanged, Message: long})
	}
	last, resets := uint64(0), 0
	for last < 2000 {
		c := next[api.Change](t, s)
		switch {
		case c.Kind == api.FeedReset:
			resets++
		case c.Seq != last+1:
			t.Fatalf("change %d came after %d without a reset", c.Seq, last)
		}
		last = c.Seq
	}
	if resets == 0 {
		t.Error("nothing was missed: the reader was not slow")
	}
}
