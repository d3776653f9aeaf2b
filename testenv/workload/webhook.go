package workload

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"time"
)

// Branches with a validating webhook whose backend runs in the cluster. It
// judges ConfigMaps and Pods of every namespace but kube-system, its own Pods
// included, and lets nothing pass while it does not answer.
const (
	// Guarded has the webhook, and what it lets pass.
	Guarded = "guarded"
	// Denied adds a ConfigMap that the webhook denies, shop/unwelcome, in a later
	// sync wave than the webhook, and one beside it that is fine.
	Denied = "denied"
)

// DeniedWords are the webhook's.
const DeniedWords = "the label forbidden=yes is not welcome here"

// guard is the webhook's manifests: %[1]s is the certificate, %[2]s its key,
// both in base64.
const guard = `apiVersion: v1
kind: Namespace
metadata: {name: guard}
---
apiVersion: v1
kind: Secret
metadata: {name: guard-tls, namespace: guard}
type: kubernetes.io/tls
data:
  tls.crt: %[1]s
  tls.key: %[2]s
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: guard}
webhooks:
- name: guard.rekindle.test
  failurePolicy: Fail
  sideEffects: None
  admissionReviewVersions: [v1]
  timeoutSeconds: 2
  clientConfig:
    caBundle: %[1]s
    service: {namespace: guard, name: guard, path: /validate}
  namespaceSelector:
    matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system, local-path-storage]}]
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps, pods]}]
---
apiVersion: v1
kind: Service
metadata: {name: guard, namespace: guard}
spec:
  selector: {app: guard}
  ports: [{port: 443, targetPort: 8443}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: guard, namespace: guard}
spec:
  selector: {matchLabels: {app: guard}}
  template:
    metadata: {labels: {app: guard}}
    spec:
      containers:
      - name: guard
        image: rekindle.test/workload:v1
        args: [webhook, -deny, forbidden]
        ports: [{containerPort: 8443}]
        readinessProbe: {httpGet: {scheme: HTTPS, path: /readyz, port: 8443}, periodSeconds: 1}
        volumeMounts: [{name: tls, mountPath: /tls}]
      volumes: [{name: tls, secret: {secretName: guard-tls}}]
`

// judged are two objects that wait until the webhook judges.
const judged = `apiVersion: v1
kind: ConfigMap
metadata:
  name: unwelcome
  namespace: shop
  labels: {forbidden: "yes"}
  annotations: {argocd.argoproj.io/sync-wave: "1"}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: welcome
  namespace: shop
  annotations: {argocd.argoproj.io/sync-wave: "1"}
`

// guardManifests returns guard with a certificate of its own.
func guardManifests(t testing.TB) string {
	t.Helper()
	cert, key, err := certificate("guard.guard.svc")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(guard, base64.StdEncoding.EncodeToString(cert), base64.StdEncoding.EncodeToString(key))
}

// certificate makes a certificate that signs itself, and its key, in PEM.
func certificate(host string) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	const century = 100 * 365 * 24 * time.Hour
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: epoch(), NotAfter: epoch().Add(century),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), nil
}
