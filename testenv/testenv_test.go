package testenv_test

import (
	"testing"

	"github.com/rekindle-io/rekindle/testenv"
)

func TestStart(t *testing.T) {
	c := testenv.Start(t)
	t.Logf("%+v", c.Cluster)
}
