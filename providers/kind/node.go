package kind

import (
	"context"
	"errors"
	"fmt"
	"io"

	"sigs.k8s.io/kind/pkg/cluster/nodes"
	kindexec "sigs.k8s.io/kind/pkg/exec"
)

// node lets kind's tools for nodes work on a container by its id rather than by
// its name, and within a context.
type node struct {
	ctx       context.Context
	docker    docker
	container container
}

var _ nodes.Node = (*node)(nil)

// String is the node's name.
func (n *node) String() string { return n.container.name() }

// Role is what kind made of it.
func (n *node) Role() (string, error) { return n.container.label(kindRole), nil }

// IP is not needed for what is done here.
func (n *node) IP() (ipv4, ipv6 string, err error) {
	return "", "", errors.New("the addresses of a node are not asked for")
}

// SerialLogs writes what the node's container printed.
func (n *node) SerialLogs(w io.Writer) error {
	return n.docker.stream(n.ctx, nil, w, "logs", n.container.ID)
}

// Command runs in the node, within the context that the node was made with.
func (n *node) Command(name string, args ...string) kindexec.Cmd {
	return n.CommandContext(n.ctx, name, args...)
}

// CommandContext runs in the node, within ctx.
func (n *node) CommandContext(ctx context.Context, name string, args ...string) kindexec.Cmd {
	return &nodeCommand{ctx: ctx, node: n, args: append([]string{name}, args...), out: io.Discard}
}

// nodeCommand is one command in a node.
type nodeCommand struct {
	ctx  context.Context
	node *node
	env  []string
	args []string
	in   io.Reader
	out  io.Writer
}

var _ kindexec.Cmd = (*nodeCommand)(nil)

func (c *nodeCommand) Run() error {
	args := []string{"exec", "--privileged"}
	if c.in != nil {
		args = append(args, "--interactive")
	}
	for _, e := range c.env {
		args = append(args, "--env", e)
	}
	args = append(append(args, c.node.container.ID), c.args...)
	if err := c.node.docker.stream(c.ctx, c.in, c.out, args...); err != nil {
		return fmt.Errorf("on node %s: %s: %w", c.node, c.args[0], err)
	}
	return nil
}

func (c *nodeCommand) SetEnv(env ...string) kindexec.Cmd { c.env = env; return c }

func (c *nodeCommand) SetStdin(r io.Reader) kindexec.Cmd { c.in = r; return c }

func (c *nodeCommand) SetStdout(w io.Writer) kindexec.Cmd { c.out = w; return c }

// SetStderr does nothing: what a command complains of is in its error.
func (c *nodeCommand) SetStderr(io.Writer) kindexec.Cmd { return c }
