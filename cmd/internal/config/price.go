package config

import (
	"errors"
	"math"
	"regexp"
	"strconv"
)

// Price is what a cluster costs while it is there.
type Price struct {
	Hour     Amount `yaml:"hour" required:"true" doc:"What an hour of it costs."`
	Currency string `yaml:"currency" required:"true" doc:"The currency, such as EUR."`
}

// Amount is a sum of money.
type Amount float64

const maxAmount = 1e9

func (a *Amount) parse(text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || v < 0 || v > maxAmount {
		return errors.New("want a sum such as 0.85")
	}
	*a = Amount(v)
	return nil
}

// number: a sum is not put in quotes.
func (*Amount) number() {}

// fraction: nor does it have to be whole.
func (*Amount) fraction() {}

func (*Amount) schema() map[string]any { return map[string]any{"type": "number", "minimum": 0} }

var currency = regexp.MustCompile(`^[A-Z]{3}$`)

// price checks what a cluster is said to cost.
func (k *checker) price(p *Price) {
	if p != nil && p.Currency != "" && !currency.MatchString(p.Currency) {
		k.fail("want a currency by its three letters, such as EUR", "price", "currency")
	}
}
