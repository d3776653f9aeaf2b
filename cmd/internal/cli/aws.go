package cli

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/eks"
)

// inAWS is the provider eks. Nothing of AWS is read or asked before the provider
// needs it, which it does for clusters that are declared or recorded.
func (a *app) inAWS() (*eks.Provider, error) {
	sdk := &awsSDK{now: a.Now, log: a.log, byRegion: map[string]awsLoaded{}}
	token, err := a.tokenCommand(eks.ProviderName)
	if err != nil {
		return nil, err
	}
	pace, err := a.awsPace()
	if err != nil {
		return nil, err
	}
	return eks.New(eks.Options{
		Every: pace, Settle: awsSettle * pace,
		Load: sdk.load,
		Declared: func() (map[string]providers.Settings, error) {
			return a.declaredBy(eks.ProviderName)
		},
		Root:  filepath.Join(a.flags.stateDir, "clusters", eks.ProviderName),
		Now:   a.Now,
		Token: token,
	})
}

// envAWSPace says how often AWS is asked whether it is done, where that is no real AWS
// and faster. awsSettle times that is how long it may not know what it has just made.
const (
	envAWSPace = "REKINDLE_AWS_PACE"
	awsSettle  = 20
)

// awsPace is 0, for what the provider has, unless the environment says otherwise.
func (a *app) awsPace() (time.Duration, error) {
	text := a.Getenv(envAWSPace)
	if text == "" {
		return 0, nil
	}
	pace, err := time.ParseDuration(text)
	if err != nil || pace <= 0 {
		return 0, &usageError{message: fmt.Sprintf("%s: %q is no duration", envAWSPace, text), next: "write one such as 15s, or leave it out"}
	}
	return pace, nil
}

// tokenCommand is the command line that prints a token for a cluster of a provider,
// without the cluster's name, from whatever folder it is run; nil where nobody knows
// how this program is called.
func (a *app) tokenCommand(provider string) ([]string, error) {
	if !filepath.IsAbs(a.Executable) {
		return nil, nil
	}
	words := []string{a.Executable, "clusters", "token", "--provider", provider, "--state-dir", a.flags.stateDir}
	if a.flags.config != "" {
		file, err := filepath.Abs(a.flags.config)
		if err != nil {
			return nil, &usageError{message: "--config: " + err.Error()}
		}
		words = append(words, "--config", file)
	}
	return words, nil
}

// declaredBy returns the settings of the clusters that rekindle.yaml declares for a
// provider, and under "" those that all of them share.
func (a *app) declaredBy(provider string) (map[string]providers.Settings, error) {
	c, err := a.sharing()
	if c == nil || err != nil {
		return nil, err
	}
	return settingsOf(c, provider), nil
}

func settingsOf(c *config.Config, provider string) map[string]providers.Settings {
	all := map[string]providers.Settings{}
	for name, cl := range c.Clusters {
		if cl.Provider == provider {
			all[name] = cl.Settings
		}
	}
	if shared := c.With(provider, nil); len(shared) > 0 {
		all[""] = shared
	}
	return all
}

// awsFresh is how long what was read of AWS' files and environment is used: a daemon
// is to notice that somebody has logged in anew.
const awsFresh = time.Minute

// awsSDK loads the SDK's configuration as every AWS tool does: from the environment
// and the shared files. Its credentials are kept for a while, as getting them may take
// requests of their own.
type awsSDK struct {
	now func() time.Time
	log *slog.Logger

	mu       sync.Mutex
	byRegion map[string]awsLoaded
}

type awsLoaded struct {
	config aws.Config
	at     time.Time
}

func (s *awsSDK) load(ctx context.Context, region string) (aws.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, is := s.byRegion[region]; is && s.now().Sub(known.at) < awsFresh {
		return known.config.Copy(), nil
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx,
		awsconfig.WithRegion(region),
		awsconfig.WithLogger(s),
		awsconfig.WithAPIOptions([]func(*middleware.Stack) error{
			awsmiddleware.AddUserAgentKeyValue("rekindle", programVersion().Version),
		}),
	)
	if err != nil {
		return aws.Config{}, err
	}
	s.byRegion[region] = awsLoaded{config: cfg, at: s.now()}
	return cfg.Copy(), nil
}

// Logf implements logging.Logger: the SDK's warnings are for who looks for them.
func (s *awsSDK) Logf(_ logging.Classification, format string, args ...any) {
	s.log.Debug("AWS SDK: " + fmt.Sprintf(format, args...))
}
