package source

import "testing"

func TestWhatToDoAboutARefusedPush(t *testing.T) {
	for _, tc := range []struct {
		name  string
		kind  locationKind
		creds credentials
		want  string
	}{
		{"a token", httpRemote, credentials{password: "s3cret"}, "check that the token is valid, and that its account may write to this repository"},
		{"no token", httpRemote, credentials{}, "put a token into REKINDLE_GIT_TOKEN or the path of a file with it into REKINDLE_GIT_TOKEN_FILE; its account must be allowed to write to the repository"},
		{"a key", sshRemote, credentials{keyRequired: true}, "check that the server knows the public half of the key in REKINDLE_SSH_KEY; its account must be allowed to write to the repository"},
		{"no key", sshRemote, credentials{}, "add a key to the ssh agent, or name one in REKINDLE_SSH_KEY; its account must be allowed to write to the repository"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if have := pushHint(location{kind: tc.kind}, tc.creds); have != tc.want {
				t.Errorf("have %q\nwant %q", have, tc.want)
			}
		})
	}
}
