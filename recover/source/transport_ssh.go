package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

const sshDialTimeout = 30 * time.Second

// sshSession runs git-upload-pack or git-receive-pack on the server. go-git's own ssh transport
// does not give up when the context ends during the handshake, this one does.
type sshSession struct {
	service string
	client  *ssh.Client
	ssh     *ssh.Session
	stdin   io.WriteCloser
	stdout  io.Reader
	stderr  *boundedBuffer
	adv     *packp.AdvRefs
	closer  sync.Once
	after   func() // ends the watch over the context and closes the agent
}

func connectSSH(ctx context.Context, l location, creds credentials, service string) (_ *sshSession, err error) {
	config, closeAgent, err := sshConfig(ctx, l, creds)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: sshDialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", l.address())
	if err != nil {
		closeAgent()
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	s := &sshSession{service: service, stderr: &boundedBuffer{}, after: func() { stop(); conn.Close(); closeAgent() }}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	c, channels, requests, err := ssh.NewClientConn(conn, l.address(), config)
	if err != nil {
		return nil, explainSSH(err, l, creds)
	}
	s.client = ssh.NewClient(c, channels, requests)
	if s.ssh, err = s.client.NewSession(); err != nil {
		return nil, err
	}
	if s.stdin, err = s.ssh.StdinPipe(); err != nil {
		return nil, err
	}
	if s.stdout, err = s.ssh.StdoutPipe(); err != nil {
		return nil, err
	}
	s.ssh.Stderr = s.stderr
	return s, s.ssh.Start(service + " " + shellQuote(l.path))
}

// shellQuote quotes as git does (quote.c, sq_quote_buf).
func shellQuote(s string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(s) + "'"
}

func (s *sshSession) AdvertisedReferencesContext(context.Context) (*packp.AdvRefs, error) {
	adv := packp.NewAdvRefs()
	if err := adv.Decode(s.stdout); err != nil {
		return nil, s.explain(err)
	}
	if adv.IsEmpty() && s.service == transport.UploadPackServiceName {
		return nil, transport.ErrEmptyRemoteRepository
	}
	transport.FilterUnsupportedCapabilities(adv.Capabilities)
	s.adv = adv
	return adv, nil
}

// explain reads the server's own words when there is no git answer.
func (s *sshSession) explain(err error) error {
	var line *pktline.ErrorLine
	words := ""
	switch {
	case errors.Is(err, packp.ErrEmptyAdvRefs):
		return transport.ErrEmptyRemoteRepository
	case errors.As(err, &line):
		words = line.Text
	case errors.Is(err, packp.ErrEmptyInput):
		_ = s.ssh.Wait() // stderr is complete afterwards
		words = s.stderr.String()
	default:
		return err
	}
	lower := strings.ToLower(words)
	for _, sign := range []string{"not found", "does not appear to be a git repository", "does not exist", "no such", "could not be found"} {
		if strings.Contains(lower, sign) {
			return fmt.Errorf("%w: %s", transport.ErrRepositoryNotFound, oneLine(words))
		}
	}
	for _, sign := range []string{"permission denied", "access denied", "not authorized", "unauthorized", "forbidden"} {
		if strings.Contains(lower, sign) {
			return fmt.Errorf("%w: %s", transport.ErrAuthorizationFailed, oneLine(words))
		}
	}
	if words == "" {
		return io.ErrUnexpectedEOF
	}
	return fmt.Errorf("the server says: %s", oneLine(words))
}

func (s *sshSession) UploadPack(_ context.Context, req *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if err := req.UploadRequest.Encode(s.stdin); err != nil {
		return nil, err
	}
	if err := req.UploadHaves.Encode(s.stdin, true); err != nil {
		return nil, err
	}
	if err := pktline.NewEncoder(s.stdin).EncodeString("done\n"); err != nil {
		return nil, err
	}
	if err := s.stdin.Close(); err != nil {
		return nil, err
	}
	resp := packp.NewUploadPackResponse(req)
	if err := resp.Decode(io.NopCloser(s.stdout)); err != nil {
		return nil, err
	}
	return resp, nil
}

func (s *sshSession) Close() error {
	s.closer.Do(func() {
		if s.ssh != nil {
			s.ssh.Close()
		}
		if s.client != nil {
			s.client.Close()
		}
		s.after()
	})
	return nil
}

// sshConfig gathers keys and known hosts. Host keys are always checked.
func sshConfig(ctx context.Context, l location, creds credentials) (*ssh.ClientConfig, func(), error) {
	hosts, err := knownHosts(l, creds)
	if err != nil {
		return nil, nil, err
	}
	signers, err := keySigners(l, creds)
	if err != nil {
		return nil, nil, err
	}
	closeAgent := func() {}
	sources := func() ([]ssh.Signer, error) { return signers, nil }
	if creds.agent != "" && !creds.keyRequired {
		var d net.Dialer
		if conn, err := d.DialContext(ctx, "unix", creds.agent); err == nil {
			closeAgent = func() { conn.Close() }
			stop := context.AfterFunc(ctx, closeAgent)
			fromAgent := agent.NewClient(conn)
			sources = func() ([]ssh.Signer, error) {
				defer stop()
				held, err := fromAgent.Signers()
				if err != nil {
					return signers, nil // the key files may do
				}
				return append(held, signers...), nil
			}
		}
	}
	config := &ssh.ClientConfig{
		User: creds.sshUser, Auth: []ssh.AuthMethod{ssh.PublicKeysCallback(sources)}, Timeout: sshDialTimeout,
		HostKeyCallback: hosts.HostKeyCallback(), HostKeyAlgorithms: hosts.HostKeyAlgorithms(l.address()),
	}
	if creds.password != "" {
		config.Auth = append(config.Auth, ssh.Password(creds.password))
	}
	return config, closeAgent, nil
}

func knownHosts(l location, creds credentials) (*knownhosts.HostKeyDB, error) {
	var files []string
	for _, f := range creds.knownHosts {
		if _, err := os.Stat(f); err == nil {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return nil, &Error{Kind: ErrHostKey, Repo: l.display, What: "there is no known_hosts file (" + strings.Join(creds.knownHosts, ", ") + ")",
			Next: hostKeyHint(l)}
	}
	db, err := knownhosts.NewDB(files...)
	if err != nil {
		return nil, &Error{Kind: ErrHostKey, Repo: l.display, What: "a known_hosts file cannot be read", Next: "correct or remove the line", Err: err}
	}
	return db, nil
}

func hostKeyHint(l location) string {
	port := l.port
	if port == "" {
		port = "22"
	}
	return fmt.Sprintf("run ssh-keyscan -p %s %s, compare the key with what the server's owner publishes, and add it to known_hosts", port, l.host)
}

func keySigners(l location, creds credentials) ([]ssh.Signer, error) {
	var signers []ssh.Signer
	for _, path := range creds.keyFiles {
		pem, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) && !creds.keyRequired {
			continue
		}
		if err == nil {
			var s ssh.Signer
			if s, err = parseKey(pem, creds.passphrase); err == nil {
				signers = append(signers, s)
				continue
			}
		}
		if creds.keyRequired {
			return nil, &Error{Kind: ErrAuth, Repo: l.display, What: "the ssh key " + path + " cannot be used",
				Next: "check the path in " + EnvSSHKey + " and the passphrase in " + EnvSSHPassphrase, Err: err}
		}
	}
	return signers, nil
}

func parseKey(pem []byte, passphrase string) (ssh.Signer, error) {
	s, err := ssh.ParsePrivateKey(pem)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) && passphrase != "" {
		return ssh.ParsePrivateKeyWithPassphrase(pem, []byte(passphrase))
	}
	return s, err
}

// explainSSH knows the handshake's errors.
func explainSSH(err error, l location, creds credentials) error {
	switch {
	case knownhosts.IsHostKeyChanged(err):
		return &Error{Kind: ErrHostKey, Repo: l.display, What: "the server's host key is not the one in known_hosts: somebody may be listening in",
			Next: "ask the server's owner whether the key was changed before you replace the line", Err: err}
	case knownhosts.IsHostUnknown(err):
		return &Error{Kind: ErrHostKey, Repo: l.display, What: "the server's host key is not in known_hosts", Next: hostKeyHint(l), Err: err}
	case strings.Contains(err.Error(), "unable to authenticate"):
		return &Error{Kind: ErrAuth, Repo: l.display, What: "the server accepted none of the ssh keys for user " + creds.sshUser, Next: authHint(l, creds)}
	}
	return err
}

// boundedBuffer keeps the beginning of what is written to it.
type boundedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *boundedBuffer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(p[:min(len(p), max(0, maxErrorBody-w.b.Len()))])
	return len(p), nil
}

func (w *boundedBuffer) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// ReceivePack sends commands and pack, and reads the server's report.
func (s *sshSession) ReceivePack(_ context.Context, req *packp.ReferenceUpdateRequest) (*packp.ReportStatus, error) {
	sent := errors.Join(req.Encode(s.stdin), s.stdin.Close())
	answer := io.LimitReader(s.stdout, maxReport)
	if req.Capabilities.Supports(capability.Sideband64k) {
		d := sideband.NewDemuxer(sideband.Sideband64k, answer)
		d.Progress = req.Progress
		answer = d
	}
	report := packp.NewReportStatus()
	if err := report.Decode(answer); err != nil {
		return nil, errors.Join(err, sent)
	}
	return report, nil
}
