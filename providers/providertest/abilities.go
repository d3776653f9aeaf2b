package providertest

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// abilities is what only some providers can, about a cluster that runs.
func (s *suite) abilities(sp providers.Spec) {
	p := s.provider()
	if e, ok := p.(providers.Estimator); ok {
		s.part("what it would make has a price", func(s *suite) { s.estimates(e) })
	}
	if makes, ok := p.(providers.Tokener); ok {
		s.part("it makes tokens", func(s *suite) { s.tokens(makes, sp) })
	}
	if t, ok := p.(providers.Truster); ok {
		s.part("nobody trusts a stranger", func(s *suite) { s.trusts(t, sp) })
	}
}

// estimates asks nobody: settings are all that it needs.
func (s *suite) estimates(e providers.Estimator) {
	if _, err := e.Estimate(s.w.BadSettings); err == nil {
		s.Error("an estimate for bad settings")
	}
	first, err := e.Estimate(s.w.Settings)
	if err != nil {
		s.Fatalf("estimate: %v", err)
	}
	if len(first.Parts) == 0 {
		s.Error("an estimate without parts")
	}
	sum := 0.0
	for _, part := range first.Parts {
		if part.What == "" || part.Hourly != nil && *part.Hourly < 0 {
			s.Errorf("part %+v", part)
		}
		if part.Hourly != nil {
			sum += *part.Hourly
		}
	}
	if math.Abs(sum-first.Hourly) > 1e-6 {
		s.Errorf("its parts cost %v an hour, all of it %v", sum, first.Hourly)
	}
	if _, err := time.Parse(time.DateOnly, first.AsOf); first.Hourly > 0 && (err != nil || first.Currency == "") {
		s.Errorf("prices in %q of %q: %v", first.Currency, first.AsOf, err)
	}
	again, err := e.Estimate(s.w.Settings)
	if err != nil || again.Hourly != first.Hourly || !slices.EqualFunc(again.Parts, first.Parts, func(x, y providers.EstimatedPart) bool { return x.What == y.What }) {
		s.Errorf("estimated twice: %+v, then %+v, %v", first, again, err)
	}
}

func (s *suite) tokens(makes providers.Tokener, sp providers.Spec) {
	var first providers.Token
	err := s.call(func(ctx context.Context) (err error) {
		first, err = makes.Token(ctx, sp.Name)
		return err
	})
	if err != nil || first.Value == "" {
		s.Fatalf("token: %d characters, %v", len(first.Value), err)
	}
	if time.Until(first.Expires) < time.Minute {
		s.Errorf("it expires at %s already", first.Expires)
	}
	for _, name := range []string{"../life", "", "UPPER"} {
		if err := s.call(func(ctx context.Context) error { _, err := makes.Token(ctx, name); return err }); err == nil {
			s.Errorf("a token for %q", name)
		}
	}
	ended, cancel := context.WithCancel(s.Context())
	cancel()
	if _, err := makes.Token(ended, sp.Name); err != nil && !errors.Is(err, context.Canceled) {
		s.Errorf("token with an ended context: %v", err)
	}
}

// trusts: an issuer that nobody ever heard of is trusted by nobody, and nothing is
// changed for it.
func (s *suite) trusts(t providers.Truster, sp providers.Spec) {
	for _, update := range []bool{false, true} {
		for _, earlier := range [][]string{nil, {"https://nobody.invalid/life"}} {
			err := s.call(func(ctx context.Context) error {
				list, err := t.Trusts(ctx, sp.Name, sp.ID, earlier, update)
				if err == nil && len(list) > 0 {
					s.Errorf("trust in %v: %+v", earlier, list)
				}
				return err
			})
			if err != nil {
				s.Errorf("trusts of %v: %v", earlier, err)
			}
		}
	}
}
