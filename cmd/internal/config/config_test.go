package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rekindle-io/rekindle/providers"
)

func TestLoadFillsEveryField(t *testing.T) {
	data, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load("/etc/rekindle/rekindle.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	helm := Helm{
		Release: "web", Namespace: "shop",
		Values: []string{"values/dev.yaml"}, Set: []string{"replicas=2", "image.tag=1.0"},
	}
	signers := &RequireSigned{
		Keyrings:       []string{"/etc/rekindle/keys/release.asc"},
		AllowedSigners: "/etc/rekindle/keys/allowed_signers",
	}
	include := []Selection{{Namespace: "shop*"}}
	exclude := []Selection{{Kind: "*.example.com", Labels: "tier=cache", Reason: "filled again by itself"}}
	ignored := []IgnoreRule{{
		Reason: "the night team scales it", Kind: "Deployment", Namespace: "shop", Name: "web", Fields: []string{"/spec/replicas"},
		Until: Date{time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)},
	}, {
		Reason: "the mesh injects it", Group: "apps", Managers: []string{"istio-*"},
	}}
	want := map[string]Cluster{
		"dev": {
			Name: "dev",
			Source: Source{
				Repo: "/etc/rekindle/repo", Path: "deploy", Revision: "main", Kind: "helm",
				Helm: helm, Exclude: []string{"*.md"}, RequireSigned: signers,
			},
			Provider: "local",
			Settings: providers.Settings{
				"nodes": 2, "labels": map[string]any{"tier": "dev"}, "ratio": 0.5, "since": "2026-01-02",
			},
			Restore: Restore{Wait: Duration{90 * time.Second}, Prune: true, Convert: true, AllowUnserved: true},
			Drift: Drift{Include: include, Exclude: exclude, Ignore: ignored, Export: Export{
				Repo: "/etc/rekindle/exports.git", Branch: "live/dev",
				Recipients: []string{"age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z"},
			}},
			Schedule: Schedule{
				Zone: "Europe/Berlin", Awake: Texts{"Mon-Fri 07:00-20:00"},
				Except: []ScheduleException{
					{On: day(2026, 12, 24), State: "asleep", Reason: "Christmas Eve"},
					{From: day(2027, 1, 2), To: day(2027, 1, 4), State: "awake", Reason: "migration"},
					{File: "/etc/rekindle/holidays.ics", State: "asleep"},
				},
				TTL: Span{14 * 24 * time.Hour}, Warn: Span{15 * time.Minute}, Late: Span{90 * time.Minute}, Lead: Span{20 * time.Minute},
				Fallback: "last-verified",
				Drill:    &Drill{At: Texts{"0 3 * * 0"}, Provider: "kind", Settings: map[string]any{"workers": 2}},
			},
			Protected: true,
			Teardown:  Teardown{AcceptDataLoss: []string{"shop/cache-*"}, Stuck: "proceed", Silent: "last-export", Wait: Span{20 * time.Minute}},
			CarryOver: []Selection{{Namespace: "shop", Name: "*-tls"}},
			Labels:    map[string]string{"team": "shop"},
			Price:     &Price{Hour: 0.85, Currency: "EUR"},
		},
		"prod-eu": {
			Name: "prod-eu",
			Source: Source{
				Repo: "https://git.example.com/shop/deploy.git", Revision: "main", Kind: "helm",
				Helm: helm, Exclude: []string{"*.md"}, RequireSigned: signers,
			},
			Provider: "local",
			Restore:  Restore{Wait: Duration{10 * time.Minute}},
			Drift:    Drift{Include: include, Exclude: exclude, Ignore: ignored, Export: Export{Branch: "rekindle/prod-eu"}},
			Schedule: unscheduled(), Teardown: careful(),
		},
	}
	if diff := cmp.Diff(want, c.Clusters); diff != "" {
		t.Errorf("clusters (-want +have):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"dev", "prod-eu"}, c.Names()); diff != "" {
		t.Errorf("names (-want +have):\n%s", diff)
	}
	if have := c.Position("clusters", "dev", "settings", "nodes").String(); have != "/etc/rekindle/rekindle.yaml:21:7" {
		t.Errorf("position of nodes is %s", have)
	}
	if have := c.Position("clusters", "prod-eu", "restore", "wait").Line; have != 84 {
		t.Errorf("a field that is absent is placed at line %d, want that of restore", have)
	}
	daemon := Daemon{
		MaxRuns: 8, MaxTeardowns: 3, History: History{Keep: Span{30 * 24 * time.Hour}, Runs: 500},
		Listen: &Listen{Address: "127.0.0.1:7443", Certificate: "/etc/rekindle/tls/daemon.crt", Key: "/etc/rekindle/tls/daemon.key", ClientCA: "/etc/rekindle/tls/ca.crt"},
	}
	if diff := cmp.Diff(daemon, c.Daemon); diff != "" {
		t.Errorf("daemon (-want +have):\n%s", diff)
	}
	channels := []NotifyChannel{
		{Name: "team", On: []string{"failure", "teardown"}, Slack: &Webhook{URLFile: "/etc/rekindle/secrets/slack"}},
		{Name: "webhook", Webhook: &Webhook{URL: "https://hooks.example.com/rekindle", SecretFile: "/etc/rekindle/secrets/hook"}},
		{Name: "email", Email: &Email{Server: "smtp.example.com:587", From: "rekindle@example.com", To: []string{"ops@example.com"},
			User: "rekindle", PasswordFile: "/etc/rekindle/secrets/mail"}},
	}
	for i := range channels {
		if channels[i].On == nil {
			channels[i].On = []string{"failure", "recovery", "teardown", "missed"}
		}
	}
	if diff := cmp.Diff(channels, c.Notify); diff != "" {
		t.Errorf("notify (-want +have):\n%s", diff)
	}
}

func day(year int, month time.Month, d int) Date {
	return Date{time.Date(year, month, d, 0, 0, 0, 0, time.UTC)}
}

// unscheduled and careful are the defaults.
func unscheduled() Schedule {
	return Schedule{Warn: Span{10 * time.Minute}, Late: Span{2 * time.Hour}, Fallback: "none"}
}

func careful() Teardown {
	return Teardown{Stuck: "fail", Silent: "fail", Wait: Span{10 * time.Minute}}
}

func TestLoadMinimal(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "comment": "# nothing yet\n", "null": "~\n", "no clusters": "clusters:\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Load("rekindle.yaml", []byte(text))
			if err != nil || len(c.Clusters) != 0 {
				t.Fatalf("have %v, %v", c, err)
			}
		})
	}
	c, err := Load("rekindle.yaml", []byte("clusters: {dev: {source: {repo: git@example.com:a/b.git}, provider: local}}"))
	if err != nil {
		t.Fatal(err)
	}
	want := Cluster{
		Name:     "dev",
		Source:   Source{Repo: "git@example.com:a/b.git", Revision: "HEAD", Kind: "auto"},
		Provider: "local", Restore: Restore{Wait: Duration{10 * time.Minute}},
		Drift:    Drift{Export: Export{Branch: "rekindle/dev"}},
		Schedule: unscheduled(), Teardown: careful(),
	}
	if diff := cmp.Diff(want, c.Clusters["dev"], cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("defaults (-want +have):\n%s", diff)
	}
}

// valid wraps lines of one cluster, indented by four.
func cluster(lines ...string) string {
	return "clusters:\n  dev:\n    " + strings.Join(lines, "\n    ") + "\n"
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	const source = "source: {repo: https://example.com/r}"
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"misspelt field", cluster("sorce: {repo: x}", "provider: local"), []string{
			`f.yaml:3:5: clusters.dev.sorce: unknown field, did you mean "source"?`,
			`f.yaml:3:5: clusters.dev.source: required, but it is missing`,
		}},
		{"unknown field", cluster(source, "provider: local", "zzz: 1"), []string{
			`f.yaml:5:5: clusters.dev.zzz: unknown field (known here: source, provider, settings, restore, drift, schedule, protected, teardown, carryOver, price, labels)`,
		}},
		{"unknown at the top", "cluster: {}", []string{`f.yaml:1:1: cluster: unknown field, did you mean "clusters"?`}},
		{"missing and empty", cluster("source:", "provider: ''"), []string{
			`f.yaml:3:12: clusters.dev.source: required, but it is empty`,
			`f.yaml:4:15: clusters.dev.provider: required, but it is empty`,
		}},
		{"number for text", cluster(`source: {repo: https://example.com/r, revision: 1.10}`, "provider: local"), []string{
			`f.yaml:3:53: clusters.dev.source.revision: want text, have a number: put it in quotes: "1.10"`,
		}},
		{"prices", cluster(source, "provider: local", "price: {hour: -1, currency: euro}"), []string{
			`f.yaml:5:19: clusters.dev.price.hour: want a sum such as 0.85, have "-1"`,
			`f.yaml:5:33: clusters.dev.price.currency: want a currency by its three letters, such as EUR`,
		}},
		{"list for text", cluster(source, "provider: [local]"), []string{
			`f.yaml:4:15: clusters.dev.provider: want text, have a list`,
		}},
		{"text for truth", cluster(source, "provider: local", "restore: {prune: yes}"), []string{
			`f.yaml:5:22: clusters.dev.restore.prune: want true or false, have text "yes"`,
		}},
		{"text for a list", cluster("source: {repo: https://example.com/r, exclude: a}", "provider: local"), []string{
			`f.yaml:3:52: clusters.dev.source.exclude: want a list, have text "a"`,
		}},
		{"text for a mapping", "clusters: dev", []string{`f.yaml:1:11: clusters: want a mapping, have text "dev"`}},
		{"list at the top", "- a", []string{`f.yaml:1:1: want a mapping, have a list`}},
		{"bad word", cluster("source: {repo: https://example.com/r, kind: kustomise}", "provider: local"), []string{
			`f.yaml:3:49: clusters.dev.source.kind: "kustomise" is none of auto, plain, kustomize, helm, did you mean "kustomize"?`,
		}},
		{"duration without unit", cluster(source, "provider: local", "restore: {wait: 10}"), []string{
			`f.yaml:5:21: clusters.dev.restore.wait: want a duration such as 90s, 10m or 1h30m, have "10"`,
		}},
		{"no duration", cluster(source, "provider: local", "restore: {wait: 0s}"), []string{
			`f.yaml:5:21: clusters.dev.restore.wait: want a duration of more than nothing and at most 168h, have "0s"`,
		}},
		{"key twice", cluster(source, "provider: local", "provider: kind"), []string{
			`f.yaml:5:5: clusters.dev.provider: given twice, first at line 4`,
		}},
		{"setting twice", cluster(source, "provider: local", "settings: {a: {b: 1, b: 2}}"), []string{
			`f.yaml:5:26: clusters.dev.settings.a.b: given twice, first at line 5`,
		}},
		{"key that is no text", cluster(source, "provider: local", "settings: {1: a}"), []string{
			`f.yaml:5:16: clusters.dev.settings: want text as a key, have a number`,
		}},
		{"number without end", cluster(source, "provider: local", "settings: {a: .inf}"), []string{
			`f.yaml:5:19: clusters.dev.settings.a: want a finite number, have .inf`,
		}},
		{"bad name", "clusters: {Dev_1: {source: {repo: https://e.com/r}, provider: local}}", []string{
			`f.yaml:1:12: clusters.Dev_1: "Dev_1" is not a name: use lower-case letters, digits and '-', with a letter or digit at both ends`,
		}},
		{"long name", "clusters: {" + strings.Repeat("a", 41) + ": {source: {repo: https://e.com/r}, provider: local}}", []string{
			`f.yaml:1:12: clusters.` + strings.Repeat("a", 41) + `: the name has 41 characters, more than 40`,
		}},
		{"path that leaves", cluster("source: {repo: https://example.com/r, path: ../x}", "provider: local"), []string{
			`f.yaml:3:49: clusters.dev.source.path: "../x" is not a path inside the repository: give it from the repository's root, with slashes`,
		}},
		{"password", cluster("source: {repo: 'https://me:secret@example.com/r'}", "provider: local"), []string{
			`f.yaml:3:20: clusters.dev.source.repo: the URL holds a password: take it out and give it by environment or key file, this file is meant to be committed`,
		}},
		{"scheme", cluster("source: {repo: 'ext::sh://x'}", "provider: local"), []string{
			`f.yaml:3:20: clusters.dev.source.repo: scheme "ext" is none of https, http, ssh, git, file`,
		}},
		{"home", cluster("source: {repo: ~/x}", "provider: local"), []string{
			`f.yaml:3:20: clusters.dev.source.repo: ~ is not expanded here: write a path relative to this file, or an absolute one`,
		}},
		{"helm for plain", cluster("source: {repo: https://e.com/r, kind: plain, helm: {set: [a]}}", "provider: local"), []string{
			`f.yaml:3:56: clusters.dev.source.helm: means nothing to a source of kind plain: remove it, or set kind: helm`,
			`f.yaml:3:63: clusters.dev.source.helm.set[0]: want name=value, have "a"`,
		}},
		{"signed by nobody", cluster("source: {repo: https://e.com/r, requireSigned: {}}", "provider: local"), []string{
			`f.yaml:3:52: clusters.dev.source.requireSigned: name keyrings or allowedSigners: without a key every commit would be refused`,
		}},
		{"not YAML", "clusters:\n  dev: [\n", []string{`f.yaml:2: not YAML: did not find expected node content`}},
		{"unknown anchor", "clusters: *nothing", []string{`f.yaml: not YAML: unknown anchor 'nothing' referenced`}},
		{"two documents", "clusters: {}\n---\nclusters: {}\n", []string{
			`f.yaml:2:1: a second document begins here: a rekindle.yaml has one`,
		}},
		{"merge of text", cluster(source, "provider: local", "<<: x"), []string{
			`f.yaml:5:9: clusters.dev: << wants a mapping, have text "x"`,
		}},
		{"several at once", cluster("source: {repo: 1, kin: helm}", "provder: local", "restore: {wait: soon}"), []string{
			`f.yaml:3:5: clusters.dev.provider: required, but it is missing`,
			`f.yaml:3:20: clusters.dev.source.repo: want text, have a number: put it in quotes: "1"`,
			`f.yaml:3:23: clusters.dev.source.kin: unknown field, did you mean "kind"?`,
			`f.yaml:4:5: clusters.dev.provder: unknown field, did you mean "provider"?`,
			`f.yaml:5:21: clusters.dev.restore.wait: want a duration such as 90s, 10m or 1h30m, have "soon"`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := Load("f.yaml", []byte(tc.text))
			var inv *InvalidError
			if !errors.As(err, &inv) {
				t.Fatalf("have %v, %v; want an InvalidError", c, err)
			}
			if diff := cmp.Diff(tc.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("problems (-want +have):\n%s", diff)
			}
		})
	}
}

func TestLoadRefusesWhatGrows(t *testing.T) {
	bomb := "x-a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
	for _, pair := range []string{"ab", "bc", "cd", "de", "ef", "fg"} {
		alias := "*" + pair[:1]
		bomb += "x-" + pair[1:] + ": &" + pair[1:] + " [" + strings.Repeat(alias+", ", 9) + alias + "]\n"
	}
	for name, tc := range map[string]struct{ text, want string }{
		"bomb": {bomb + "clusters: {dev: {source: {repo: https://e.com/r}, provider: local, settings: {a: *g}}}",
			"more than 100000 values"},
		"cycle": {"clusters: &a {dev: {source: {repo: https://e.com/r}, provider: local, settings: {a: *a}}}",
			"contains itself"},
		"merge cycle": {"clusters: {dev: &a {<<: *a}}", "contains itself"},
		"deep": {"clusters: {dev: {source: {repo: https://e.com/r}, provider: local, settings: {a: " +
			strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}}}", "nested more than 64"},
		"large": {"# " + strings.Repeat("x", MaxSize), "more than the 1048576"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load("f.yaml", []byte(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("have %v, want %q", err, tc.want)
			}
		})
	}
}

func TestClusterSuggestsTheNearest(t *testing.T) {
	c, err := Load("rekindle.yaml", []byte("clusters: {staging: {source: {repo: r}, provider: local}}"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Cluster("stagin")
	want := `rekindle.yaml declares no cluster "stagin", did you mean "staging"? (declared: staging)`
	if err == nil || err.Error() != want {
		t.Errorf("have %v\nwant %s", err, want)
	}
	if cl, err := c.Cluster("staging"); err != nil || !filepath.IsAbs(cl.Source.Repo) {
		t.Errorf("have %v, %v", cl, err)
	}
}

// picky is a provider that refuses one setting.
type picky struct{ providers.Provider }

func (picky) Name() string { return "picky" }
func (picky) Check(s providers.Settings) error {
	var into struct {
		Nodes int               `json:"nodes"`
		Ports []map[string]int  `json:"ports"`
		Ways  map[string]string `json:"ways"`
	}
	if err := s.Decode(&into); err != nil || into.Nodes < 9 {
		return err
	}
	return errors.Join(errors.New("settings.nodes: too many"), errors.New("settings.ports[1].host: 0 is no port"), errors.New("settings: they do not go together: leave one out"))
}

func TestCheckProviders(t *testing.T) {
	registry, err := providers.NewRegistry(picky{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load("f.yaml", []byte(`clusters:
  a: {source: {repo: r}, provider: pick}
  b: {source: {repo: r}, provider: picky, settings: {nodes: 2}}
  c: {source: {repo: r}, provider: picky, settings: {node: 2}}
  d:
    source: {repo: r}
    provider: picky
    settings:
      nodes: 9
      ports:
        - {host: 1}
        - {host: 0}
  e: {source: {repo: r}, provider: picky, settings: {nodes: many}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`f.yaml:2:36: clusters.a.provider: unknown provider "pick", did you mean "picky"? (known: [picky])`,
		`f.yaml:4:54: clusters.c.settings.node: unknown field`,
		`f.yaml:9:7: clusters.d.settings.nodes: too many`,
		`f.yaml:9:7: clusters.d.settings: they do not go together: leave one out`,
		`f.yaml:12:12: clusters.d.settings.ports[1].host: 0 is no port`,
		`f.yaml:13:54: clusters.e.settings.nodes: want int, have string`,
	}
	if diff := cmp.Diff(want, strings.Split(c.CheckProviders(registry).Error(), "\n")); diff != "" {
		t.Errorf("problems (-want +have):\n%s", diff)
	}
}

func scheduled(lines ...string) string {
	return cluster(append([]string{"source: {repo: https://example.com/r}", "provider: local", "schedule:"}, lines...)...)
}

func TestLoadSaysWhatIsWrongAboutSchedules(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"zone missing":   {scheduled("  awake: Mon-Fri 07:00-20:00"), "clusters.dev.schedule.zone: "},
		"zone unknown":   {scheduled("  zone: Europe/Berlim", "  awake: Mon-Fri 07:00-20:00"), "f.yaml:6:13: clusters.dev.schedule.zone: "},
		"window":         {scheduled("  zone: UTC", "  awake: Mon-Fri 25:00-20:00"), "f.yaml:7:14: clusters.dev.schedule.awake: "},
		"window of many": {scheduled("  zone: UTC", "  awake: [Mon 07:00-08:00, Mon-Fry 07:00-20:00]"), "f.yaml:7:32: clusters.dev.schedule.awake[1]: "},
		"cron":           {scheduled("  zone: UTC", "  teardown: 0 20 * *", "  recreate: 0 7 * * *"), "f.yaml:7:17: clusters.dev.schedule.teardown: "},
		"drill":          {scheduled("  zone: UTC", "  drill: {at: [0 3 30 2 *]}"), "clusters.dev.schedule.drill.at[0]: "},
		"exception":      {scheduled("  zone: UTC", "  awake: Mon 07:00-08:00", "  except: [{on: 2026-12-24, file: x.ics}]"), "f.yaml:8:16: clusters.dev.schedule.except[0]: want just one of"},
		"half a range":   {scheduled("  zone: UTC", "  awake: Mon 07:00-08:00", "  except: [{from: 2026-12-24}]"), "from and to belong together"},
		"span":           {scheduled("  ttl: forever"), "want a length of time"},
		"no life":        {scheduled("  ttl: 0s"), "f.yaml:6:12: clusters.dev.schedule.ttl: a cluster that lives for no time"},
		"carry over":     {cluster("source: {repo: https://example.com/r}", "provider: local", "carryOver: [{name: '*-tls'}]"), "name drift.export.recipients"},
		"channel":        {"notify: [{name: x}]", "f.yaml:1:10: notify[0]: want just one of webhook, slack and email"},
		"notice":         {"notify: [{on: [fire], slack: {urlFile: x}}]", `notify[0].on[0]: "fire" is none of`},
		"password":       {"notify: [{webhook: {url: 'https://a:b@example.com'}}]", "holds a password"},
		"listen":         {"daemon: {listen: {address: x, certificate: a, key: b, clientCA: c}}", `"x" is no host and port`},
		"teardowns":      {"daemon: {maxRuns: 1, maxTeardowns: 2}", "more than maxRuns (1)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load("f.yaml", []byte(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("have %v\nwant %s", err, tc.want)
			}
		})
	}
}
