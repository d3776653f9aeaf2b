package gitserver

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// SSH serves a folder of repositories over ssh: it runs git-upload-pack and
// git-receive-pack for whoever holds the client key.
type SSH struct {
	// Host and Port of the server; a repository is ssh://git@Host:Port/NAME.
	Host, Port string
	// KnownHosts and ClientKey are files that a client needs: the server's host
	// key, and a private key that the server accepts.
	KnownHosts, ClientKey string
	// HostKey is the line for KnownHosts.
	HostKey string

	ctx     context.Context // ends with the test
	root    string
	config  *ssh.ServerConfig
	reached chan struct{}
	mu      sync.Mutex
	mute    bool
	conns   map[net.Conn]bool
}

// ServeSSH starts a server for the repositories below root.
func ServeSSH(t testing.TB, root string) *SSH {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is absent: install it to run this test")
	}
	dir := t.TempDir()
	s := &SSH{ctx: t.Context(), root: root, conns: map[net.Conn]bool{}, reached: make(chan struct{}, 64), ClientKey: filepath.Join(dir, "id"), KnownHosts: filepath.Join(dir, "known_hosts")}
	client := NewSSHKey(t, s.ClientKey)
	host := NewSSHKey(t, filepath.Join(dir, "host"))
	allowed := string(client.PublicKey().Marshal())
	s.config = &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != allowed {
			return nil, fmt.Errorf("unknown key")
		}
		return nil, nil
	}}
	s.config.AddHostKey(host)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Host, s.Port, _ = net.SplitHostPort(l.Addr().String())
	s.HostKey = fmt.Sprintf("[%s]:%s %s", s.Host, s.Port, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(host.PublicKey()))))
	if err := os.WriteFile(s.KnownHosts, []byte(s.HostKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { s.accept(l, &running) })
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		running.Wait()
	})
	return s
}

// URL is the address of the repository name.
func (s *SSH) URL(name string) string {
	return fmt.Sprintf("ssh://git@%s:%s%s", s.Host, s.Port, filepath.Join(s.root, name))
}

// Mute makes the server accept connections and say nothing at all.
func (s *SSH) Mute(mute bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mute = mute
}

// Reached gets a value whenever a mute server has accepted a connection.
func (s *SSH) Reached() <-chan struct{} { return s.reached }

// NewSSHKey writes a new private key to file and its public half to file.pub.
func NewSSHKey(t testing.TB, file string) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file+".pub", ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	return signer
}

func (s *SSH) accept(l net.Listener, running *sync.WaitGroup) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return // the listener was closed
		}
		s.mu.Lock()
		s.conns[conn] = true
		mute := s.mute
		s.mu.Unlock()
		if mute {
			s.reached <- struct{}{}
			continue // closed with the test
		}
		running.Go(func() {
			defer conn.Close()
			s.serve(conn)
		})
	}
}

func (s *SSH) serve(conn net.Conn) {
	server, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return // the client gave up, or has no key
	}
	defer server.Close()
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			_ = offered.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		s.session(channel, requests)
	}
}

func served(line string) bool {
	return strings.HasPrefix(line, "git-upload-pack '") || strings.HasPrefix(line, "git-receive-pack '")
}

// session runs the one command of a session.
func (s *SSH) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	for req := range requests {
		var command struct{ Line string }
		if req.Type != "exec" || ssh.Unmarshal(req.Payload, &command) != nil || !served(command.Line) {
			_ = req.Reply(false, nil)
			continue
		}
		_ = req.Reply(true, nil)
		// As sshd does, the line goes to a shell, so quoting is tested too.
		cmd := exec.CommandContext(s.ctx, "sh", "-c", command.Line)
		cmd.Env = append(Env(Epoch()), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
		cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			return
		}
		go func() {
			defer in.Close()
			buf := make([]byte, 1<<15)
			for {
				n, err := channel.Read(buf)
				if _, werr := in.Write(buf[:n]); err != nil || werr != nil {
					return
				}
			}
		}()
		_ = cmd.Wait() // its status is handed on
		status := struct{ Status uint32 }{uint32(cmd.ProcessState.ExitCode())}
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status))
		return
	}
}
