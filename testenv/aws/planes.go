package aws

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/local"
	"github.com/rekindle-io/rekindle/testenv/aws/eks"
)

// planes are the control planes behind the clusters: real ones of the provider local,
// each behind a gate that takes tokens of EKS alone.
type planes struct {
	world *World
	local *local.Provider

	mu    sync.Mutex
	gates map[string]*gate
	// shared is the one control plane of all clusters, unless each has its own.
	shared *server
}

// server is a control plane.
type server struct {
	name, id   string
	kubeconfig []byte
	once       sync.Once
	err        error
}

// gate is what listens at a cluster's address.
type gate struct {
	plane    eks.Plane
	server   *server
	listener *http.Server
	dead     atomic.Bool
	// end ends the cluster's controllers.
	end context.CancelFunc
}

// startTime bounds how long a control plane may take on a busy machine.
const startTime = 3 * time.Minute

func newPlanes(w *World) (*planes, error) {
	p, err := local.New(local.Options{Root: filepath.Join(w.opts.Root, "planes"), Binary: w.opts.Binary, Now: time.Now, Tethered: true, StartTimeout: startTime})
	if err != nil {
		return nil, err
	}
	return &planes{world: w, local: p, gates: map[string]*gate{}, shared: newServer()}, nil
}

func newServer() *server {
	id := strings.ToLower(rand.Text())
	return &server{name: "plane-" + id[:10], id: id}
}

// run makes the control plane, once.
func (s *server) run(ctx context.Context, p *local.Provider) error {
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, startTime)
		defer cancel()
		if _, s.err = p.Create(ctx, providers.Spec{Name: s.name, ID: s.id}, nil); s.err == nil {
			s.kubeconfig, s.err = p.Connect(ctx, s.name)
		}
	})
	return s.err
}

// Start makes what answers at a cluster's address, with a certificate authority of its
// own (PEM).
func (p *planes) Start(ctx context.Context, plane eks.Plane) (address string, authority []byte, err error) {
	s := p.shared
	if p.world.opts.Own {
		s = newServer()
	}
	if err := s.run(ctx, p.local); err != nil {
		return "", nil, err
	}
	g := &gate{plane: plane, server: s}
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	g.end = end
	if p.world.opts.Own {
		if err := p.world.control(running, plane, s); err != nil {
			return "", nil, err
		}
	}
	forward, err := g.forward()
	if err != nil {
		return "", nil, err
	}
	authority, certificate, err := certify(plane.Cluster)
	if err != nil {
		return "", nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	g.listener = &http.Server{Handler: p.world.guard(g, forward), ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}}
	p.mu.Lock()
	p.gates[plane.ID] = g
	p.mu.Unlock()
	go func() { _ = g.listener.ServeTLS(listener, "", "") }() // ends with Stop
	return "https://" + listener.Addr().String(), authority, nil
}

// forward hands requests on to the control plane, as its administrator.
func (g *gate) forward() (http.Handler, error) {
	config, err := clientcmd.RESTConfigFromKubeConfig(g.server.kubeconfig)
	if err != nil {
		return nil, err
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(config.Host)
	if err != nil {
		return nil, err
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Del("Authorization")
		},
		Transport: transport, FlushInterval: -1,
	}, nil
}

// Stop ends what answers at a cluster's address, and its control plane.
func (p *planes) Stop(plane eks.Plane) {
	p.mu.Lock()
	g := p.gates[plane.ID]
	delete(p.gates, plane.ID)
	p.mu.Unlock()
	if g == nil {
		return
	}
	g.end()
	_ = g.listener.Close() // of what is going on it is meant to be the end
	if g.server == p.shared {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	if err := p.local.Delete(ctx, g.server.name, g.server.id, nil); err != nil {
		p.world.mistake("a control plane could not be removed: %v", err)
	}
}

func (p *planes) close(ctx context.Context) error {
	p.mu.Lock()
	gates := p.gates
	p.gates = map[string]*gate{}
	p.mu.Unlock()
	var err error
	for _, g := range gates {
		g.end()
		err = errors.Join(err, g.listener.Close())
	}
	list, failed := p.local.List(ctx)
	err = errors.Join(err, failed)
	for _, c := range list {
		err = errors.Join(err, p.local.Delete(ctx, c.Name, c.ID, nil))
	}
	return err
}

// Deaden lets the API server of a cluster take connections and say nothing, or answer
// again.
func (w *World) Deaden(account, region, cluster string, dead bool) error {
	g := w.planes.gate(account, region, cluster)
	if g == nil {
		return fmt.Errorf("aws: no control plane of cluster %s answers in %s, %s", cluster, account, region)
	}
	g.dead.Store(dead)
	return nil
}

// Kubeconfig is an administrator's, for a cluster's control plane itself.
func (w *World) Kubeconfig(account, region, cluster string) ([]byte, error) {
	g := w.planes.gate(account, region, cluster)
	if g == nil {
		return nil, fmt.Errorf("aws: no control plane of cluster %s answers in %s, %s", cluster, account, region)
	}
	return g.server.kubeconfig, nil
}

func (p *planes) gate(account, region, cluster string) *gate {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.gates {
		if g.plane.Account == account && g.plane.Region == region && g.plane.Cluster == cluster {
			return g
		}
	}
	return nil
}

// certify makes a certificate authority (PEM) and a certificate for the loopback
// address that it signed.
func certify(cluster string) (authority []byte, own tls.Certificate, err error) {
	root, rootKey, err := certificate(&x509.Certificate{Subject: pkix.Name{CommonName: "kubernetes"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	if err != nil {
		return nil, own, err
	}
	leaf, leafKey, err := certificate(&x509.Certificate{Subject: pkix.Name{CommonName: "kube-apiserver " + cluster}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, root, rootKey)
	if err != nil {
		return nil, own, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}), tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: leafKey}, nil
}

func certificate(of, by *x509.Certificate, byKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if of.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		return nil, nil, err
	}
	now := time.Now()
	of.NotBefore, of.NotAfter = now.Add(-time.Hour), now.Add(24*time.Hour)
	if by == nil {
		by, byKey = of, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, of, by, &key.PublicKey, byKey)
	if err != nil {
		return nil, nil, err
	}
	made, err := x509.ParseCertificate(raw)
	return made, key, err
}
