package recoverability

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// secrets counts who makes the Secrets that are not in the commit.
type secrets struct {
	makers map[string]int
	// needed says which object of the commit needs a Secret.
	needed map[object.ID]object.ID
	// carried is Options.Carried.
	carried func(*unstructured.Unstructured) (from string, ok bool)
}

// makersOfSecrets are kinds that name the Secret which they make.
var makersOfSecrets = map[string]bool{"Certificate": true, "ExternalSecret": true, "SealedSecret": true, "Issuer": true, "ClusterIssuer": true}

// need notes which Secrets an object of the commit needs: those that it names
// where Kubernetes and most others do (secretKeyRef, secretRef, secretName,
// imagePullSecrets).
func (s *secrets) need(o *object.Object) {
	if makersOfSecrets[o.GetKind()] {
		return
	}
	id := o.ID()
	note := func(name string) {
		secret := object.ID{Kind: secretKind.Kind, Namespace: id.Namespace, Name: name}
		if by, ok := s.needed[secret]; name != "" && (!ok || id.Compare(by) < 0) {
			s.needed[secret] = id
		}
	}
	namedSecrets(o.Object, note)
}

// namedSecrets hands on the names of Secrets in a value.
func namedSecrets(value any, note func(string)) {
	switch v := value.(type) {
	case map[string]any:
		for key, below := range v {
			switch key {
			case "secretKeyRef", "secretRef":
				if ref, ok := below.(map[string]any); ok && ref["optional"] != true {
					note(field.Text(ref, "name"))
				}
			case "secretName":
				if name, ok := below.(string); ok && v["optional"] != true {
					note(name)
				}
			case "imagePullSecrets":
				for _, ref := range field.Maps(v, key) {
					note(field.Text(ref, "name"))
				}
			default:
				namedSecrets(below, note)
			}
		}
	case []any:
		for _, item := range v {
			namedSecrets(item, note)
		}
	}
}

// see takes a live Secret. Of its data it looks at the keys, never at values.
func (s *secrets) see(o drift.Sighting, find func(Finding)) {
	if o.Expected != nil {
		return
	}
	if by := keptBy(o.Live); by != "" {
		s.makers["kept elsewhere, people say: "+by]++
		return
	}
	from, awaited := "", false
	if s.carried != nil {
		from, awaited = s.carried(o.Live)
	}
	if from != "" {
		s.makers[from]++
		return
	}
	if opens, ok := unlocks(o.Live); ok {
		find(of(o.ID, Finding{
			Category: Secrets, Rule: "secret-key", Points: 15,
			What: "it opens " + opens + ": without it they stay closed, though they are in git",
			Do:   remedy(awaited, "keep a copy outside of the cluster and of this repository, and say so with the annotation "+SavedBy),
		}))
		return
	}
	if by := maker(o); by != "" {
		s.makers[by]++
		return
	}
	points, what := 4, "nobody makes it again"+madeBy(o.Live)
	if by, ok := s.needed[o.ID]; ok {
		points, what = 6, what+", and "+by.String()+", which is in git, needs it"
	}
	find(of(o.ID, Finding{
		Category: Secrets, Rule: "secret-unexpected", Points: points, What: what,
		Do: remedy(awaited, "encrypt it into the source (SOPS, a SealedSecret, an ExternalSecret), or say who keeps it with the annotation "+SavedBy),
	}))
}

// remedy is what to do about a Secret: one that is to be carried over needs no more
// than an export.
func remedy(awaited bool, otherwise string) string {
	if awaited {
		return "export the cluster (rekindle drift NAME --export --push, with drift.export.recipients): carryOver names it, and no export has it encrypted yet"
	}
	return otherwise
}

func keptBy(u *unstructured.Unstructured) string {
	return strings.TrimSpace(u.GetAnnotations()[SavedBy])
}

// unlocks tells what a Secret is the key to.
func unlocks(u *unstructured.Unstructured) (opens string, ok bool) {
	if state := u.GetLabels()["sealedsecrets.bitnami.com/sealed-secrets-key"]; state == "active" {
		return "the SealedSecrets that were sealed while it was in use", true
	}
	for key := range field.Map(u.Object, "data") {
		if strings.HasSuffix(key, ".agekey") || key == "identity.asc" || key == "sops.asc" ||
			strings.Contains(u.GetName(), "sops") && strings.HasSuffix(key, ".asc") {
			return "the files that SOPS encrypted for it", true
		}
	}
	return "", false
}

// sign is what tells by a Secret's metadata who makes it.
type sign struct {
	// key is of a label or an annotation. One that ends in "/" stands for all
	// with that prefix.
	key, by string
}

var signs = []sign{
	{"cert-manager.io/certificate-name", "issued by cert-manager"},
	{"controller.cert-manager.io/fao", "issued by cert-manager"},
	{"cert-manager.io/next-private-key", "issued by cert-manager"},
	{"reconcile.external-secrets.io/", "fetched by External Secrets"},
	{"external-secrets.io/", "fetched by External Secrets"},
	{"secrets-store.csi.k8s.io/", "fetched by the Secrets Store CSI driver"},
	{"secrets-store.csi.x-k8s.io/", "fetched by the Secrets Store CSI driver"},
	{"secrets.hashicorp.com/", "fetched by the Vault Secrets Operator"},
	{"reflector.v1.k8s.emberstack.com/reflects", "copied by Reflector"},
	{"replicator.v1.mittwald.de/replicated-from", "copied by kubernetes-replicator"},
	{"replicator.v1.mittwald.de/replicated-from-version", "copied by kubernetes-replicator"},
	{"kubed.appscode.com/origin", "copied by kubed"},
	{"config-syncer.appscode.com/origin", "copied by Config Syncer"},
	{"onepassword.com/", "fetched by the 1Password operator"},
	{"operator.1password.io/", "fetched by the 1Password operator"},
	{"kubernetes.io/service-account.name", "the token of a ServiceAccount"},
}

// maker tells who made a Secret and would again, "" when nobody would. What the
// comparison leaves out is made by whom it says.
func maker(o drift.Sighting) string {
	u := o.Live
	for _, marks := range []map[string]string{u.GetLabels(), u.GetAnnotations()} {
		for _, s := range signs {
			if marked(marks, s.key) {
				return s.by
			}
		}
	}
	switch kind := field.Text(u.Object, "type"); kind {
	case "helm.sh/release.v1":
		return "Helm's record of a release"
	case "kubernetes.io/service-account-token":
		return "the token of a ServiceAccount"
	case "bootstrap.kubernetes.io/token":
		return "a bootstrap token of kubeadm"
	}
	switch owner, _ := capture.Owner(u); owner {
	case "":
	case "SealedSecret":
		return "unsealed by Sealed Secrets"
	default:
		return "owned by a " + owner
	}
	if !o.Verdict.Taken() {
		return o.Verdict.Why
	}
	return ""
}

func marked(marks map[string]string, key string) bool {
	if !strings.HasSuffix(key, "/") {
		_, ok := marks[key]
		return ok
	}
	for k := range marks {
		if strings.HasPrefix(k, key) {
			return true
		}
	}
	return false
}
