package source

import (
	"bufio"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseRevision(t *testing.T) {
	six := time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		text, base string
		at         time.Time
		steps      int
	}{
		{"main", "main", time.Time{}, 0},
		{"feature/x@home", "feature/x@home", time.Time{}, 0},
		{"HEAD~3", "HEAD", time.Time{}, 1},
		{"@", "HEAD", time.Time{}, 0},
		{"@~2^2", "HEAD", time.Time{}, 2},
		{"v1.2^", "v1.2", time.Time{}, 1},
		{"v1.2^{}", "v1.2", time.Time{}, 0},
		{"v1.2^{commit}~1", "v1.2", time.Time{}, 1},
		{"main@2026-11-20T18:00Z", "main", six, 0},
		{"main@{2026-11-20T18:00Z}", "main", six, 0},
		{"main@{2026-11-20 18:00 +0000}~1", "main", six, 1},
		{"main@2026-11-20T19:00:00+01:00", "main", six, 0},
		{"@2026-11-20T18:00Z", "", six, 0},
		{"@2026-11-20", "", time.Date(2026, 11, 20, 23, 59, 59, 999999999, time.UTC), 0},
		{"a@b@2026-11-20", "a@b", time.Date(2026, 11, 20, 23, 59, 59, 999999999, time.UTC), 0},
	} {
		r, err := parseRevision(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if r.base != tt.base || len(r.steps) != tt.steps || (r.at != nil) != !tt.at.IsZero() || r.at != nil && !r.at.until.Equal(tt.at) {
			t.Errorf("%s: got %+v, at %+v", tt.text, r, r.at)
		}
	}
}

func TestParseRevisionRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"":                            "empty",
		"--upload-pack=evil":          "dash",
		"-":                           "dash",
		"a..b":                        "range",
		"main@2026-11-20T18:00":       "zone",
		"main@{2026-11-20 18:00}":     "zone",
		"main@2026-13-41":             "cannot be read",
		"main@{yesterday}":            "only a time",
		"main@{upstream}":             "only a time",
		"HEAD@{1}":                    "only a time",
		"main@{2026-11-20":            "closing",
		"HEAD:path":                   "colon",
		":/fix":                       "colon",
		"a b":                         "no name",
		"a\x1b[31m":                   "control",
		"a\xff":                       "control",
		"main~x":                      "neither",
		"main~9999999999999":          "too far",
		"~3":                          "begin from",
		"a/../b":                      "range",
		"x.lock":                      "no name",
		"a*":                          "no name",
		strings.Repeat("a", 600):      "too long",
		"a" + strings.Repeat("^", 70): "too many",
	} {
		_, err := parseRevision(text)
		var refused *RevisionError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want an error with %q", text, err, says)
		}
	}
}

func TestAnyTimeWithAZoneIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		offset := rapid.IntRange(-14*60, 14*60).Draw(t, "offset in minutes")
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "seconds"), 0).In(time.FixedZone("", offset*60))
		r, err := parseRevision("main@" + at.Format(time.RFC3339))
		if err != nil || !r.at.until.Equal(at) {
			t.Fatalf("%s: %+v, %v", at, r.at, err)
		}
	})
}

func FuzzParseRevision(f *testing.F) {
	for _, seed := range []string{"main", "HEAD~3", "@", "v1^2~3^{}", "main@2026-11-20T18:00Z", "main@{2026-11-20 18:00 +0100}", "@2026-11-20", "-x", "a..b", "x@{", "^{", "~~", "v1-3-gabcdef0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRevision(text)
		var refused *RevisionError
		if err != nil {
			if !errors.As(err, &refused) {
				t.Fatalf("an error of another type: %v", err)
			}
			return
		}
		if r.base != "" && r.base != "HEAD" && !validRefPart(r.base) {
			t.Fatalf("base %q is no ref name", r.base)
		}
		if r.base == "" && r.at == nil || strings.HasPrefix(text, "-") || len(r.steps) > maxSteps {
			t.Fatalf("%q was accepted as %+v", text, r)
		}
		for _, s := range r.steps {
			if s.n < 0 || s.n > maxStep {
				t.Fatalf("%q goes back %d", text, s.n)
			}
		}
	})
}

func FuzzBundleHeader(f *testing.F) {
	f.Add("# v2 git bundle\n2f4590967624d30004845273b38776d1285d7cec refs/heads/main\n\nPACK")
	f.Add("# v3 git bundle\n@object-format=sha1\n-2f4590967624d30004845273b38776d1285d7cec x\n2f4590967624d30004845273b38776d1285d7cec HEAD\n\n")
	f.Add("# v3 git bundle\n@filter=blob:none\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := readBundleHeader(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			return
		}
		for name := range h.refs {
			if name != "HEAD" && !validRefName(name) {
				t.Fatalf("ref %q was accepted", name)
			}
		}
		if h.check("x") == nil && len(h.refs) == 0 {
			t.Fatal("a bundle without refs was accepted")
		}
		h.advertised()
	})
}

func TestRedact(t *testing.T) {
	for address, want := range map[string]string{
		"https://user:pass@host/x.git":        "https://host/x.git",
		"https://ghp_token@host/x.git":        "https://host/x.git",
		"https://user:p@ss@host/x.git":        "https://host/x.git",
		"https://user:p/ss@host/x.git":        "https://host/x.git",
		"https://user:p%ss@host/x.git":        "https://host/x.git",
		"https://host/x.git?private_token=yy": "https://host/x.git",
		"https://host/x.git#frag":             "https://host/x.git",
		"ssh://git:pw@host:22/x":              "ssh://git@host:22/x",
		"git@host:x.git":                      "git@host:x.git",
		"/some/path":                          "/some/path",
	} {
		if got := Redact(address); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("https", "user", "pass", "host/x.git")
	f.Add("https", "u", "p@/:%?#", "host")
	f.Fuzz(func(t *testing.T, scheme, user, password, rest string) {
		if strings.ContainsAny(scheme+rest+user, "@:/?# ") && !strings.Contains(rest, "/") || strings.ContainsAny(rest, "@") {
			return
		}
		marked := "SECRET" + password + "SECRET"
		if got := Redact("https://" + user + ":" + marked + "@" + rest); strings.Contains(got, "SECRET") {
			t.Fatalf("%s still has the password", got)
		}
	})
}

func TestLocate(t *testing.T) {
	for repo, want := range map[string]location{
		"https://Host.example:8443/a/b.git": {kind: httpRemote, scheme: "https", host: "Host.example", port: "8443", path: "/a/b.git"},
		"git@host.example:a/b.git":          {kind: sshRemote, user: "git", host: "host.example", path: "a/b.git"},
		"host.example:b":                    {kind: sshRemote, host: "host.example", path: "b"},
		"git@[::1]:b":                       {kind: sshRemote, user: "git", host: "::1", path: "b"},
		"ssh://git@host.example:2222/a":     {kind: sshRemote, scheme: "ssh", user: "git", host: "host.example", port: "2222", path: "/a"},
		"ssh://host.example/~ada/a":         {kind: sshRemote, scheme: "ssh", host: "host.example", path: "~ada/a"},
	} {
		got, err := locate(repo)
		got.display = ""
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v", repo, got, err)
		}
	}
	for _, repo := range []string{"", "git://host/x", "https:///x", "ssh://-oProxyCommand=evil/x", "git@host:-x", "-u@host:x", "https://tok/en@host/x", "file://host/x", "/nowhere", "a\nb", "https://user:p%zz@host/"} {
		if _, err := locate(repo); !errors.Is(err, ErrNotRepository) || strings.Contains(err.Error(), "tok") || strings.Contains(err.Error(), "p%zz") {
			t.Errorf("%q: got %v", repo, err)
		}
	}
}

func TestCacheNames(t *testing.T) {
	name := func(repo string) string {
		l, err := locate(repo)
		if err != nil {
			t.Fatal(err)
		}
		return l.cacheName()
	}
	same := name("https://host.example/a/b.git")
	for _, repo := range []string{"https://HOST.example:443/a/b.git/", "https://user:pw@host.example/a/b.git", "HTTPS://host.example/a/b.git"} {
		if name(repo) != same {
			t.Errorf("%s has another mirror than it should: %s", repo, name(repo))
		}
	}
	for _, repo := range []string{"http://host.example/a/b.git", "https://host.example:444/a/b.git", "https://host.example/a/b", "ssh://host.example/a/b.git"} {
		if name(repo) == same {
			t.Errorf("%s shares a mirror with another repository", repo)
		}
	}
	if !strings.HasPrefix(same, "host-example-a-b-") {
		t.Errorf("%s cannot be recognised", same)
	}
}
