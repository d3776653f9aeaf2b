package eks

import (
	"context"
	"net/url"
	"strings"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/testenv/aws/iam"
)

// Roles that trust an earlier cluster trust the present one afterwards, and nothing
// else about them is different.
func trusts(w *theatre) {
	roles := w.IAM.At(w.number)
	s := w.declare("prod", testRegion, nil)
	first := w.create(s)
	role := func(name, trust string) {
		must(w, ret(roles.CreateRole(iam.Role{Name: name, Trust: trust})))
	}
	of := func(issuer, account string) string {
		return strings.NewReplacer(oldARN, roles.ProviderARN(issuer), issuerPath(oldIssuer), issuerPath(issuer), "shop:app", account).Replace(usual)
	}
	role("app", of(first.Issuer, "shop:app"))
	role("other", of(oldIssuer, "shop:other"))
	role("machine", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)
	w.no(w.provider().Delete(w.Context(), s.Name, s.ID, nil))
	s.ID = "next"
	second := w.create(s)
	a := w.account(testRegion)
	w.await(func(ctx context.Context) bool {
		t, err := a.oidcProvider(ctx, a.providerARN(second.Issuer))
		w.no(err)
		return t != nil
	})
	if second.Issuer == first.Issuer || second.Issuer == "" {
		w.Fatalf("issuers %q, %q", first.Issuer, second.Issuer)
	}
	ask := func(update bool) []providers.Trust {
		found, err := w.provider().Trusts(w.Context(), "prod", s.ID, []string{first.Issuer, second.Issuer}, update)
		w.no(err)
		return found
	}
	found := ask(false)
	if len(found) != 1 || !strings.HasPrefix(found[0].What, "role app (arn:") || found[0].Issuer != first.Issuer || found[0].Updated || len(found[0].Accounts) != 1 || found[0].Accounts[0] != "shop/app" {
		w.Fatalf("have %+v", found)
	}
	if found = ask(true); len(found) != 1 || !found[0].Updated || found[0].Issuer != second.Issuer || found[0].Why != "" {
		w.Fatalf("have %+v", found)
	}
	r, err := roles.Role("app")
	w.no(err)
	have, err := readTrust(url.PathEscape(r.Trust))
	w.no(err)
	want, err := readTrust(of(second.Issuer, "shop:app"))
	w.no(err)
	if have.String() != want.String() {
		w.Errorf("have %s\nwant %s", have, want)
	}
	w.await(func(context.Context) bool { return len(ask(true)) == 0 })
	if _, err := w.provider().Trusts(w.Context(), "prod", "first", []string{first.Issuer}, true); err == nil {
		w.Error("an id that the cluster does not have is not refused")
	}
}
