package rebuild

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/recover/render"
)

func TestSecretsStayOutOfTheJournal(t *testing.T) {
	req := Request{Cluster: "dev", Source: Source{
		Repo: "https://user:hunter2@git.example.com/deploy.git",
		Helm: render.HelmOptions{Set: []string{"replicas=2", "a=1,db.password=hunter2", "auth.apiKey=hunter2"}},
	}}
	raw, err := json.Marshal(req.ForJournal())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "hunter2") {
		t.Errorf("a secret is journaled: %s", raw)
	}
	if !req.ForJournal().Withheld {
		t.Errorf("it is not said that something was left out: %s", raw)
	}
	if !strings.Contains(req.Source.Repo, "hunter2") || !strings.Contains(req.Source.Helm.Set[1], "hunter2") {
		t.Error("the request itself was changed")
	}
}
