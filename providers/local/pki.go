package local

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// validity of every certificate: a local cluster is gone long before.
const validity = 10 * 365 * 24 * time.Hour

// leaf is one certificate below an authority.
type leaf struct {
	file   string
	cn     string
	groups []string
	server bool
	client bool
}

// authority is a certificate authority of a cluster and what it signs. There
// are three, so that no client of the API server can talk to etcd or speak for
// others as a front proxy.
type authority struct {
	file   string
	leaves []leaf
}

func authorities() []authority {
	masters := []string{"system:masters"}
	return []authority{
		{"ca", []leaf{
			{file: "server", cn: "kube-apiserver", server: true},
			{file: "admin", cn: "rekindle-admin", groups: masters, client: true},
			{file: "supervisor", cn: "rekindle:supervisor", groups: masters, client: true},
			{file: "kube-controller-manager", cn: "system:kube-controller-manager", groups: masters, client: true},
			{file: "kube-scheduler", cn: "system:kube-scheduler", groups: masters, client: true},
			{file: "kwok", cn: "rekindle:kwok", groups: masters, client: true},
			{file: "cloud", cn: "rekindle:cloud", groups: masters, client: true},
		}},
		{"etcd-ca", []leaf{
			{file: "etcd-server", cn: "etcd", server: true, client: true},
			{file: "etcd-client", cn: "kube-apiserver", client: true},
		}},
		{"front-proxy-ca", []leaf{{file: "front-proxy-client", cn: "front-proxy-client", client: true}}},
	}
}

// ensurePKI makes pki/ unless it is there. It is there whole or not at all.
func ensurePKI(h home, now time.Time) error {
	if _, err := os.Stat(h.path("pki")); err == nil {
		return nil
	}
	tmp, err := os.MkdirTemp(string(h), "pki.tmp*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	for _, a := range authorities() {
		if err := a.make(tmp, now); err != nil {
			return fmt.Errorf("certificate authority %s: %w", a.file, err)
		}
	}
	if err := makeServiceAccountKey(tmp); err != nil {
		return fmt.Errorf("service account key: %w", err)
	}
	if err := os.Rename(tmp, h.path("pki")); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (a authority) make(dir string, now time.Time) error {
	template, err := newTemplate(pkix.Name{CommonName: "rekindle " + a.file}, now)
	if err != nil {
		return err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if err := writePair(dir, a.file, template, template, key, key); err != nil {
		return err
	}
	for _, l := range a.leaves {
		if err := l.make(dir, template, key, now); err != nil {
			return fmt.Errorf("%s: %w", l.file, err)
		}
	}
	return nil
}

func (l leaf) make(dir string, ca *x509.Certificate, caKey *ecdsa.PrivateKey, now time.Time) error {
	template, err := newTemplate(pkix.Name{CommonName: l.cn, Organization: l.groups}, now)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	if l.client {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	if l.server {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(198, 18, 0, 1)}
		template.DNSNames = []string{
			"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	return writePair(dir, l.file, template, ca, key, caKey)
}

// newTemplate is valid from an hour ago, for clocks that are set back a little.
func newTemplate(subject pkix.Name, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: subject,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(validity),
	}, nil
}

func writePair(dir, name string, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) error {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(dir, name+".crt"), "CERTIFICATE", der); err != nil {
		return err
	}
	return writeKey(filepath.Join(dir, name+".key"), key)
}

func makeServiceAccountKey(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if err := writeKey(filepath.Join(dir, "sa.key"), key); err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, "sa.pub"), "PUBLIC KEY", der)
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(path, "EC PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	return writeFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
