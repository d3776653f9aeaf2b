package rebuild

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/run"
)

// Estimate is what a provider would make for settings, and what that costs; nil where
// nobody knows.
func (e *Engine) Estimate(p providers.Provider, s providers.Settings) *providers.Estimate {
	knows, ok := p.(providers.Estimator)
	if !ok {
		return nil
	}
	estimate, err := knows.Estimate(s)
	if err != nil {
		e.Log.Debug("what a cluster would cost cannot be told", "provider", p.Name(), "error", err)
		return nil
	}
	return &estimate
}

// Cost is an estimate in a few words: "about 0.35 USD an hour by the prices of
// 2026-11-01", "at least" where a part has no price; empty when none has.
func Cost(e *providers.Estimate) string {
	if e == nil || e.Hourly <= 0 {
		return ""
	}
	return fmt.Sprintf("%s %.2f %s an hour by the prices of %s", About(e), e.Hourly, e.Currency, e.AsOf)
}

// About is how sure the sum of an estimate is: "about", or "at least" where a part has
// no price.
func About(e *providers.Estimate) string {
	if slices.ContainsFunc(e.Parts, func(p providers.EstimatedPart) bool { return p.Hourly == nil }) {
		return "at least"
	}
	return "about"
}

// ClusterEstimated is the type of the event that says what is about to be made and
// what it costs, before anything is.
const ClusterEstimated = "cluster.estimate"

// announce says what is about to be made, and what it costs.
func (r *restore) announce(s *run.Scope) {
	e := r.e.Estimate(r.provider, r.req.Settings)
	if e == nil {
		return
	}
	var parts []string
	for _, p := range e.Parts {
		parts = append(parts, p.What)
	}
	text := "making " + strings.Join(parts, "; ")
	if cost := Cost(e); cost != "" {
		text += ": " + cost
	}
	s.Eventf(run.LevelInfo, ClusterEstimated, "%s", text)
}
