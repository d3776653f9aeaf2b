package kind

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"

	kindexec "sigs.k8s.io/kind/pkg/exec"

	"github.com/rekindle-io/rekindle/providers"
)

// Error: something that is known to go wrong on machines went wrong, with what
// to do about it.
type Error struct {
	// What went wrong, for people.
	What string
	// Remedy says what to do next.
	Remedy string
	// Err is what was said, as it was said.
	Err error
}

func (e *Error) Error() string { return e.What }

func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do next.
func (e *Error) Hint() string { return e.Remedy }

// explain turns a failed docker command into what it means, where that is
// known.
func explain(err *commandError) error {
	if errors.Is(err.err, exec.ErrNotFound) {
		return missing("the docker command", "install Docker (https://docs.docker.com/engine/install/) and put docker on the PATH")
	}
	if known := meaning(err.output); known != nil {
		var e *Error
		if errors.As(known, &e) {
			e.Err = err
		}
		return known
	}
	return err
}

func missing(what, remedy string) error {
	return &providers.MissingError{Provider: ProviderName, What: what, Remedy: remedy}
}

var portTaken = regexp.MustCompile(`(?i)(?:bind for|listen (?:tcp|udp)[46]?|exposing port (?:tcp|udp)) (\[?[0-9a-f.:]*\]?:\d+)`)

// meaning knows the usual complaints of Docker, nil for any other.
func meaning(output string) error {
	switch {
	case containsAny(output, "permission denied while trying to connect", "dial unix") && containsAny(output, "permission denied"):
		return &Error{What: "Docker does not let this user in (permission denied on its socket)",
			Remedy: "add yourself to the group docker (sudo usermod -aG docker $USER, then log in again), or use rootless Docker"}
	case containsAny(output, "cannot connect to the docker daemon", "is the docker daemon running", "error during connect",
		"failed to connect to the docker api", "connection refused"):
		return &Error{What: "no Docker daemon answers",
			Remedy: "start it (sudo systemctl start docker, or Docker Desktop); DOCKER_HOST and docker context say which one is asked"}
	case containsAny(output, "no space left on device", "disk quota exceeded"):
		return &Error{What: "the disk of Docker is full (no space left on device)",
			Remedy: "free some: docker system df shows what is used, docker image prune and docker builder prune remove what nothing needs"}
	case containsAny(output, "port is already allocated", "address already in use", "ports are not available"):
		port := "a host port"
		if found := portTaken.FindStringSubmatch(output); found != nil {
			port = "the host port " + found[1]
		}
		return &Error{What: port + " is in use already",
			Remedy: "end what uses it (docker ps, ss -ltnp), or choose another in settings.portMappings"}
	case containsAny(output, "did not receive an exit event", "could not kill running container"):
		return &Error{What: "Docker cannot kill a container (could not kill running container)",
			Remedy: "with cgroup v1 what runs in it may be frozen: delete it as root, or start the machine anew"}
	case containsAny(output, "all predefined address pools have been fully subnetted", "could not find an available, non-overlapping"):
		return &Error{What: "Docker has no addresses left for another network",
			Remedy: "remove networks that nothing uses: docker network prune"}
	}
	return nil
}

// noImage says that a node image is neither here nor to be had.
func noImage(image, said string) error {
	what := "the node image " + image
	if said != "" {
		what += " (pulling it: " + said + ")"
	}
	return missing(what, "docker pull "+image+", or docker load a file of it, or name one that this machine has in settings.image")
}

// failure says in few words why kind failed: what is known, or the last lines of
// what the failing command said. Its logs run to hundreds of lines.
func failure(err error) error {
	run := kindexec.RunErrorForError(err)
	if run == nil {
		return err
	}
	said := string(run.Output)
	if known := meaning(said); known != nil {
		var e *Error
		if errors.As(known, &e) {
			e.Err = err
		}
		return known
	}
	step := err.Error()
	if at := strings.Index(step, ": command \""); at >= 0 {
		step = step[:at] // the command line of docker says nothing to people
	} else if strings.HasPrefix(step, "command \"") {
		step = "Docker failed"
	}
	said = strings.NewReplacer("docker: Error response from daemon: ", "", "Error response from daemon: ", "").Replace(said)
	if kept := telling(said, 6); kept != "" {
		step += ": " + kept
	}
	return &Error{What: step, Err: err,
		Remedy: "kind's known issues may have it: https://kind.sigs.k8s.io/docs/user/known-issues/"}
}

// telling picks the last n lines that say what went wrong, rather than what was
// tried.
func telling(output string, n int) string {
	var errs []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if containsAny(line, "error", "fail", "fatal", "cannot", "unable", "denied", "not supported", "timed out", "unhealthy") && len(line) < 400 {
			errs = append(errs, line)
		}
	}
	if len(errs) == 0 {
		return lastLines(output, n)
	}
	return strings.Join(errs[max(0, len(errs)-n):], "; ")
}

// taken is a *TakenError.
func taken(name, wanted, have string) error {
	return &providers.TakenError{Provider: ProviderName, Name: name, Wanted: wanted, Have: have}
}

// about names the cluster that an error is about, "" for none. Those of package providers say
// themselves what they are about.
func about(name string, err error) error {
	switch err.(type) {
	case nil, *providers.ForeignError, *providers.TakenError, *providers.MissingError, *providers.NotRunningError:
		return err
	}
	if name == "" {
		return fmt.Errorf("provider kind: %w", err)
	}
	return fmt.Errorf("provider kind: cluster %q: %w", name, err)
}
