package eks

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rekindle-io/rekindle/providers"
)

func TestTheDoctorSaysHowToGetWhatIsMissing(t *testing.T) {
	none := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no EC2 IMDS role found")
	})
	for _, c := range []struct {
		name     string
		declared map[string]providers.Settings
		remedy   string
	}{
		{"nothing is declared", nil, "providers.eks"},
		{"no credentials", map[string]providers.Settings{"": plain()}, "AWS_PROFILE"},
	} {
		found := offline(t, none, c.declared).Diagnose(t.Context())
		if len(found) != 1 || found[0].OK || !strings.Contains(found[0].Remedy, c.remedy) {
			t.Errorf("%s: %+v", c.name, found)
		}
	}
}
