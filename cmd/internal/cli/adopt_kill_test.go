package cli_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// TestKilledAdoptionsLeaveNothingBehind kills adoptions with SIGKILL at random
// instants, and more of them while they write. The repository is whole each
// time, what people have in their work tree stays as it is, and the next run
// makes the branch.
func TestKilledAdoptionsLeaveNothingBehind(t *testing.T) {
	m := newMachine(t)
	repo := gitserver.Open(t, repository(t, colour+"red}\n"))
	m.must("restore", "--repo", repo.Dir, "--provider", "local", "--name", "dev", "--wait", "1m")
	kubeconfig := filepath.Join(m.dir, "kubeconfig")
	m.must("clusters", "kubeconfig", "dev", "--output", kubeconfig)
	patched(t, kubeconfig, "/api/v1/namespaces/default/configmaps/web", `{"data":{"color":"green"}}`)
	repo.Write("staged.yaml", "a: 1\n").Git("add", "staged.yaml")
	repo.Write("staged.yaml", "a: 2\n").Write("untracked.yaml", "b: 1\n")
	state := func() string {
		return repo.Git("status", "--porcelain", "--branch", "--untracked-files=all") + repo.Git("rev-parse", "HEAD", "main") + repo.Git("ls-files", "--stage")
	}
	before := state()
	args := func(branch string) []string {
		return []string{"drift", "adopt", "--repo", repo.Dir, "--name", "dev", "--branch", branch}
	}
	begun := time.Now()
	m.must(args("whole")...)
	whole, want := time.Since(begun), repo.Git("diff", "main", "whole")
	if !strings.Contains(want, "+") {
		t.Fatalf("nothing is adopted: %s", want)
	}
	journal, err := run.OpenStore(filepath.Join(m.dir, "state", "rekindle"), run.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	chance := rand.New(rand.NewPCG(uint64(begun.UnixNano()), 1))
	const kills = 12
	made := 0
	for i := range kills {
		branch := fmt.Sprintf("cut/%d", i)
		m.killedWhile(t, journal, args(branch), i%2 == 0, time.Duration(chance.Int64N(int64(whole))), chance)
		if now := state(); now != before {
			t.Fatalf("the work tree was\n%s\nand is\n%s", before, now)
		}
		repo.Git("fsck", "--strict", "--full")
		if _, err := repo.Try("rev-parse", "--verify", "--quiet", "refs/heads/"+branch); err == nil {
			made++
			if got := repo.Git("diff", "main", branch); got != want {
				t.Errorf("%s is half of it:\n%s", branch, got)
			}
		}
		m.must(args(branch)...)
		if got := repo.Git("diff", "main", branch); got != want || repo.Git("rev-list", "--count", "main.."+branch) != "1" {
			t.Errorf("%s after another run:\n%s", branch, got)
		}
	}
	t.Logf("%d of %d had been made when they were killed, one takes %s", made, kills, whole)
	if left := leftIn(t, filepath.Join(repo.Dir, ".git")); len(left) > 0 {
		t.Errorf("left in the repository: %q", left)
	}
	if state() != before {
		t.Errorf("the work tree is\n%s", state())
	}
	m.must("clusters", "delete", "dev", "--confirm", "dev")
}

// killedWhile runs rekindle and kills it: after a while, or shortly after its run
// has begun to write.
func (m *machine) killedWhile(t *testing.T, journal *run.Store, args []string, writing bool, after time.Duration, chance *rand.Rand) {
	t.Helper()
	cmd := m.command(args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(over)
	}()
	if writing {
		waitForStep(t, journal, "propose", over)
		after = time.Duration(chance.Int64N(int64(20 * time.Millisecond)))
	}
	select {
	case <-over:
	case <-time.After(after):
	}
	_ = cmd.Process.Kill() // it may have ended
	<-over
}

// waitForStep returns when the newest run is in a step, or ended.
func waitForStep(t *testing.T, journal *run.Store, step string, over <-chan struct{}) {
	t.Helper()
	runs, err := journal.Runs(t.Context(), run.Filter{Recipe: "adopt"})
	if err != nil {
		t.Fatal(err)
	}
	before := len(runs)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-over:
			return
		case <-look.C:
		}
		if runs, err = journal.Runs(t.Context(), run.Filter{Recipe: "adopt"}); err != nil {
			t.Fatal(err)
		}
		if len(runs) == before {
			continue
		}
		events, err := journal.Events(t.Context(), runs[0].ID, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			if ev.Step == step {
				return
			}
		}
	}
}

// patched sends a merge patch to a cluster.
func patched(t *testing.T, kubeconfig, path, patch string) {
	t.Helper()
	file, err := os.ReadFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, config.Host+path+"?fieldManager=kubectl-edit", bytes.NewReader([]byte(patch)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/merge-patch+json")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, res.Status)
	}
}

// leftIn are the locks that somebody left in a git folder.
func leftIn(t *testing.T, gitDir string) (left []string) {
	t.Helper()
	err := filepath.WalkDir(gitDir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(d.Name(), ".lock") {
			left = append(left, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}
