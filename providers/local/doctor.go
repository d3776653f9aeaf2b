package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/rekindle-io/rekindle/providers"
)

// Diagnose says whether this machine can run local clusters.
func (p *Provider) Diagnose(context.Context) []providers.Finding {
	findings := []providers.Finding{finding("operating system", "Linux", supported())}
	path, err := p.binary(settings{})
	findings = append(findings, finding("control plane binary", path, err))
	free, err := freeSpace(existingParent(p.opts.Root))
	if err == nil && free < minimumSpace {
		err = fmt.Errorf("only %d MB are free below %s, a cluster needs %d MB", free>>20, p.opts.Root, minimumSpace>>20)
	}
	return append(findings, finding("disk space", fmt.Sprintf("%d MB are free below %s", free>>20, p.opts.Root), err))
}

func finding(subject, found string, err error) providers.Finding {
	if err == nil {
		return providers.Finding{Subject: subject, OK: true, Message: found}
	}
	f := providers.Finding{Subject: subject, Message: err.Error(), Remedy: "free some space, or put the state directory elsewhere"}
	var missing *providers.MissingError
	if errors.As(err, &missing) {
		f.Message, f.Remedy = missing.What+" is missing", missing.Remedy
	}
	return f
}

// existingParent is the nearest directory above path that exists.
func existingParent(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// Leftovers looks for directories and processes of clusters that are no more.
func (p *Provider) Leftovers(context.Context) ([]providers.Leftover, error) {
	entries, err := os.ReadDir(p.opts.Root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("provider local: %w", err)
	}
	var found []providers.Leftover
	for _, e := range entries {
		if name, id, ok := parseRemains(e.Name()); ok {
			found = append(found, providers.Leftover{
				What: "directory " + filepath.Join(p.opts.Root, e.Name()), Cluster: name, ID: id,
			})
		}
	}
	all, err := processes(func(string) bool { return true })
	if err != nil {
		return nil, fmt.Errorf("provider local: %w", err)
	}
	for _, pr := range all {
		name, below := strings.CutPrefix(pr.dir, p.opts.Root+string(filepath.Separator))
		if !below || checkName(name) != nil {
			continue // of another root
		}
		if m, err := p.inspect(name); err == nil && m.ID == pr.id {
			continue
		}
		found = append(found, providers.Leftover{
			What: fmt.Sprintf("process %d (%s)", pr.pid, pr.command), Cluster: name, ID: pr.id,
		})
	}
	return found, nil
}

func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
