package teardown

import (
	"slices"
	"testing"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
)

func claim(namespace, name string) object.ID {
	return object.ID{Kind: "PersistentVolumeClaim", Namespace: namespace, Name: name}
}

func accepting(t testing.TB, texts ...string) *teardown {
	t.Helper()
	globs, err := parseGlobs(texts)
	if err != nil {
		t.Fatal(err)
	}
	return &teardown{accepted: globs, req: Request{AcceptLoss: texts}}
}

// A loss is accepted where both namespace and name match, and nowhere else.
func TestAcceptedLosses(t *testing.T) {
	for _, c := range []struct {
		globs []string
		id    object.ID
		want  bool
	}{
		{nil, claim("shop", "data"), false},
		{[]string{"shop/data"}, claim("shop", "data"), true},
		{[]string{"shop/data"}, claim("shop2", "data"), false},
		{[]string{"shop/*"}, claim("shop", "a.b-c"), true},
		{[]string{"*/cache-?"}, claim("any", "cache-1"), true},
		{[]string{"*/cache-?"}, claim("any", "cache-12"), false},
		{[]string{"x/y", "s*/d*"}, claim("shop", "data"), true},
	} {
		if have := accepting(t, c.globs...).accepts(c.id); have != c.want {
			t.Errorf("%v, %s: %v", c.globs, c.id, have)
		}
	}
	all := teardown{req: Request{DriftRequest: rebuild.DriftRequest{Request: rebuild.Request{AllowDataLoss: true}}}}
	if !all.acceptsAll() || !accepting(t, "*/*").acceptsAll() || accepting(t, "*/a*").acceptsAll() {
		t.Error("what accepts everything")
	}
}

// However a glob is made, an accepted loss is never one without a namespace or a
// name, and reading it never panics.
func FuzzAcceptLoss(f *testing.F) {
	for _, seed := range []string{"", "/", "a/", "/b", "a/b", "a/b/c", "*/*", "{a,b}/[c-d]?", "a/[", "\\/x", "a\x00/b"} {
		f.Add(seed, "shop", "data")
	}
	f.Fuzz(func(t *testing.T, text, namespace, name string) {
		globs, err := parseGlobs([]string{text})
		if err != nil {
			return
		}
		accepted := (&teardown{accepted: globs}).accepts(claim(namespace, name))
		if text == namespace+"/"+name && !accepted && namespace != "" && name != "" && plain(namespace) && plain(name) {
			t.Errorf("%q does not accept itself", text)
		}
	})
}

func plain(s string) bool {
	for _, r := range s {
		if r != '-' && r != '.' && (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}

func TestEachThingStaysOnce(t *testing.T) {
	r := Report{
		Retained: []Retained{{Volume: "pv-1", Claim: "shop/db", Handle: "vol-1", Why: "its reclaim policy is Retain"}, {Volume: "pv-2", Claim: "shop/cache", Why: "so"}},
		Kept:     []providers.Leftover{{What: "volume vol-1 (8 GiB)", Why: "its claim says Retain"}, {What: "snapshot snap-1"}},
	}
	want := []string{"volume pv-2 of shop/cache: so", "volume vol-1 (8 GiB): its claim says Retain", "snapshot snap-1"}
	if have := r.Stays(); !slices.Equal(have, want) {
		t.Errorf("have %q\nwant %q", have, want)
	}
}
