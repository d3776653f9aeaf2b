package cli

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/existing"
	"github.com/rekindle-io/rekindle/providers/kind"
	"github.com/rekindle-io/rekindle/providers/local"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/recover/source"
)

// wire makes what every command works with: the folders, the journal, the
// providers. It touches no disk and no network.
func (a *app) wire(*cobra.Command) error {
	t := a.Terminal
	if a.flags.noColor {
		t.Color = false
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.flags.logLevel)); err != nil {
		return &usageError{message: fmt.Sprintf("--log-level %q is none of debug, info, warn, error", a.flags.logLevel),
			next: didYouMean(a.flags.logLevel, []string{"debug", "info", "warn", "error"})}
	}
	a.log = slog.New(slog.NewTextHandler(logLines{a}, &slog.HandlerOptions{Level: level}))

	var err error
	if a.flags.stateDir, err = a.folder(a.flags.stateDir, "--state-dir", "XDG_STATE_HOME", ".local/state"); err != nil {
		return err
	}
	if a.flags.cacheDir, err = a.folder(a.flags.cacheDir, "--cache-dir", "XDG_CACHE_HOME", ".cache"); err != nil {
		return err
	}
	if a.store, err = run.OpenStore(a.flags.stateDir, run.StoreOptions{Keep: a.history}); err != nil {
		return err
	}
	a.providers, err = a.registry()
	return err
}

// unboundRuns is how many ended runs a process leaves that knows no policy: they
// may be those of a daemon that does.
const unboundRuns = 10_000

// history is how many ended runs the journal keeps, and for how long (0: any time),
// as rekindle.yaml has it.
func (a *app) history() (runs int, length time.Duration) {
	c, err := a.readConfig()
	if err != nil {
		return unboundRuns, 0
	}
	return int(c.Daemon.History.Runs), c.Daemon.History.Keep.Duration
}

// registry is the list of all providers.
func (a *app) registry() (*providers.Registry, error) {
	binary, err := local.FindBinary("", a.Getenv, a.Executable)
	if err != nil {
		// The provider says so when it is needed, and names what was named.
		binary = a.Getenv(local.EnvBinary)
	}
	onThisMachine, err := local.New(local.Options{
		Root:   filepath.Join(a.flags.stateDir, "clusters", local.ProviderName),
		Binary: binary,
		Now:    a.Now,
	})
	if err != nil {
		return nil, err
	}
	ofOthers, err := existing.New(existing.Options{
		Declared: a.borrowed, Now: a.Now, UserAgent: "rekindle/" + programVersion().Version, Log: a.log,
	})
	if err != nil {
		return nil, err
	}
	inDocker, err := kind.New(kind.Options{
		Root: filepath.Join(a.flags.stateDir, "clusters", kind.ProviderName),
		Now:  a.Now,
	})
	if err != nil {
		return nil, err
	}
	inAWS, err := a.inAWS()
	if err != nil {
		return nil, err
	}
	return providers.NewRegistry(append([]providers.Provider{onThisMachine, ofOthers, inDocker, inAWS}, a.Providers...)...)
}

// borrowed returns the settings of the clusters that rekindle.yaml declares as
// somebody else's.
func (a *app) borrowed() (map[string]providers.Settings, error) {
	c, err := a.sharing()
	if c == nil || err != nil {
		return nil, err
	}
	declared := settingsOf(c, existing.ProviderName)
	delete(declared, "")
	return declared, nil
}

// engine puts the recipes' parts together. It touches nothing yet.
func (a *app) engine() *rebuild.Engine {
	return &rebuild.Engine{
		Providers: a.providers,
		Journal:   a.store,
		Executor:  a.executor(),
		Source: source.Options{
			CacheDir: filepath.Join(a.flags.cacheDir, "mirrors"),
			Getenv:   a.Getenv,
			Now:      a.Now,
			Progress: func(line string) { a.stage("fetching", line) },
		},
		Secrets:   &sops.Opener{Getenv: a.Getenv},
		ExportDir: filepath.Join(a.flags.cacheDir, "exports"),
		SealKey:   a.sealKey,
		Now:       a.Now,
		Rand:      a.Rand,
		Log:       a.log,
		Version:   programVersion().Version,
	}
}

func (a *app) executor() *run.Executor {
	return &run.Executor{Journal: a.store, Leases: a.store.Leases(), Now: a.Now, Chance: a.Rand, By: a.user(), Redact: a.redact, Log: a.log}
}

// user is who types: the person behind sudo, too. Where the environment does not
// tell, the system's list of users does, or else the number.
func (a *app) user() string {
	if name := cmp.Or(a.Getenv("SUDO_USER"), a.Getenv("USER"), a.Getenv("LOGNAME")); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

// redact takes the secrets that the environment holds out of a text. Nothing is
// meant to put them there; this is the net below.
func (a *app) redact(text string) string {
	secrets := []string{a.Getenv(source.EnvToken), a.Getenv(source.EnvSSHPassphrase), a.Getenv(envExportKey),
		a.Getenv("AWS_SECRET_ACCESS_KEY"), a.Getenv("AWS_SESSION_TOKEN")}
	for _, secret := range append(secrets, strings.Fields(a.Getenv(sops.EnvKey))...) {
		if len(secret) >= 6 {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// stage says what is going on, unless nobody wants to know.
func (a *app) stage(stage, detail string) {
	if a.flags.quiet || a.asking.Load() {
		return
	}
	if a.Terminal.Redraws() && detail != "" {
		stage += ":"
	}
	a.Terminal.Progress(stage, detail)
}

// folder returns the folder that the flag names, or rekindle's in the place
// that the XDG base directory specification gives.
func (a *app) folder(named, flag, env, below string) (string, error) {
	if named != "" {
		abs, err := filepath.Abs(named)
		if err != nil {
			return "", &usageError{message: flag + ": " + err.Error()}
		}
		return abs, nil
	}
	// The specification wants relative paths ignored.
	if dir := a.Getenv(env); filepath.IsAbs(dir) {
		return filepath.Join(dir, "rekindle"), nil
	}
	if home := a.Getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, filepath.FromSlash(below), "rekindle"), nil
	}
	return "", &usageError{message: fmt.Sprintf("neither $%s nor $HOME names a folder", env), next: "name one with " + flag}
}

// logLines writes log lines to stderr around the line that is redrawn.
type logLines struct{ a *app }

var _ io.Writer = logLines{}

func (l logLines) Write(line []byte) (int, error) {
	l.a.Terminal.Errf("%s\n", strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}

// shortSHA is a commit as people read it.
func shortSHA(sha string) string { return cmp.Or(sha[:min(len(sha), 12)], "-") }
