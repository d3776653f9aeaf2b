package kind

import (
	"fmt"
	"strings"
	"sync"
	"unicode"

	"sigs.k8s.io/kind/pkg/log"

	"github.com/rekindle-io/rekindle/providers"
)

// logger hands the steps of kind on as progress, in plain words. Once it is
// closed it is silent, whatever kind still does.
type logger struct {
	mu       sync.Mutex
	progress providers.Progress
}

var _ log.Logger = (*logger)(nil)

func (l *logger) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.progress = nil
}

func (l *logger) say(message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.progress.Say(message)
}

// Warn drops kind's warnings: what they warn of is in rekindle doctor.
func (l *logger) Warn(string) {}

// Warnf is Warn.
func (l *logger) Warnf(string, ...any) {}

// Error hands an error on; kind returns most of its errors instead.
func (l *logger) Error(message string) { l.say(plain(message)) }

// Errorf is Error.
func (l *logger) Errorf(format string, args ...any) { l.Error(fmt.Sprintf(format, args...)) }

// V is silent for all but the steps.
func (l *logger) V(level log.Level) log.InfoLogger { return steps{l: l, enabled: level == 0} }

// steps receives kind's lines of status: " • Preparing nodes 📦  ...".
type steps struct {
	l       *logger
	enabled bool
}

func (s steps) Info(message string) {
	if step, ok := strings.CutPrefix(strings.TrimSpace(message), "•"); ok && s.enabled {
		if words := stepWords(plain(step)); words != "" {
			s.l.say(words)
		}
	}
}

func (s steps) Infof(format string, args ...any) { s.Info(fmt.Sprintf(format, args...)) }

func (s steps) Enabled() bool { return s.enabled }

// stepWords says a step of kind in our words; "" for one that tells nothing.
func stepWords(step string) string {
	switch step {
	case "Preparing nodes":
		return "starting the containers of the nodes"
	case "Starting control-plane":
		return "starting the control plane (kubeadm init)"
	case "Configuring the external load balancer", "Writing configuration", "Installing CNI", "Installing StorageClass", "Joining worker nodes", "Joining more control-plane nodes":
		return strings.ToLower(step[:1]) + step[1:]
	}
	if strings.HasPrefix(step, "Ensuring node image") || strings.HasPrefix(step, "Waiting") {
		return ""
	}
	return step
}

// plain takes pictures and dots from a line.
func plain(line string) string {
	line = strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || r < ' ' {
			return -1
		}
		return r
	}, line)
	return strings.TrimSpace(strings.TrimRight(strings.TrimSpace(line), ". "))
}
