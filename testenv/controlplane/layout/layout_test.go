package layout

import (
	"os"
	"testing"
)

func TestReadPorts(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		absent bool
		want   Ports
		fails  bool
	}{
		"never run":         {absent: true},
		"as written":        {text: `{"api": 1, "etcd": 2, "etcdPeer": 3}`, want: Ports{API: 1, Etcd: 2, EtcdPeer: 3}},
		"a power cut":       {text: ""},
		"cut in the middle": {text: `{"api": 1, "et`},
		"something else":    {text: `{"api": "1"}`, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := Dir(t.TempDir())
			if !c.absent {
				if err := os.WriteFile(d.Path("ports.json"), []byte(c.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			have, err := ReadPorts(d)
			if (err != nil) != c.fails || !c.fails && have != c.want {
				t.Errorf("have %+v, %v; want %+v", have, err, c.want)
			}
		})
	}
}
