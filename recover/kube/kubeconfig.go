package kube

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// maxKubeconfig is the largest kubeconfig file that is read, in bytes.
const maxKubeconfig = 4 << 20

// ContextError: a kubeconfig file does not hold the context that was named, or
// cannot be read. Its message never quotes the file, which holds credentials.
type ContextError struct {
	File, Context string
	// Why says what is wrong, Remedy what to do about it; Remedy may be empty.
	Why, Remedy string
}

func (e *ContextError) Error() string {
	text := fmt.Sprintf("context %q of %s: %s", e.Context, e.File, e.Why)
	if e.Remedy != "" {
		text += ": " + e.Remedy
	}
	return text
}

// LoadContext reads the kubeconfig file at an absolute path and returns one that
// holds the context of that name and nothing else: certificates and keys that it
// refers to are put in, other paths (token files, exec plugins) made absolute,
// so that it works from any folder. The default context and $KUBECONFIG do not
// matter. The error is a *ContextError.
func LoadContext(file, context string) ([]byte, error) {
	fail := func(why, remedy string) ([]byte, error) {
		return nil, &ContextError{File: file, Context: context, Why: why, Remedy: remedy}
	}
	raw, err := readRegular(file)
	if err != nil {
		return fail(err.Error(), "")
	}
	config, err := clientcmd.Load(raw)
	if err != nil { // a parser's error may quote what it could not read
		return fail("the file is no kubeconfig", "kubectl config view --kubeconfig FILE says where it is wrong")
	}
	known := slices.Sorted(maps.Keys(config.Contexts))
	if context == "" || config.Contexts[context] == nil {
		return fail("the file has no context of that name", "it has "+orNone(known))
	}
	locate(config, file)
	config.CurrentContext = context
	if err := clientcmdapi.MinifyConfig(config); err != nil {
		return fail("the context names a cluster or a user that the file does not have", "")
	}
	for _, broken := range []error{clientcmd.ResolveLocalPaths(config), clientcmdapi.FlattenConfig(config)} {
		if broken != nil {
			return fail(pathErrorOf(broken), "")
		}
	}
	if err := clientcmd.ConfirmUsable(*config, context); err != nil {
		return fail("the context is not complete", "kubectl config view --minify --context "+context+" shows it")
	}
	flat, err := clientcmd.Write(*config)
	if err != nil {
		return fail("the context cannot be written as a kubeconfig", "")
	}
	return flat, nil
}

// readRegular reads a file of bounded size that cannot block.
func readRegular(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, pathCause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, pathCause(err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxKubeconfig+1))
	if err != nil {
		return nil, pathCause(err)
	}
	if len(raw) > maxKubeconfig {
		return nil, fmt.Errorf("the file is larger than %d MB", maxKubeconfig>>20)
	}
	return raw, nil
}

// pathCause is why a file could not be used, without its name.
func pathCause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// pathErrorOf names the file that a kubeconfig refers to and that is not there.
func pathErrorOf(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fmt.Sprintf("%s, which it refers to: %v", p.Path, p.Err)
	}
	return "the certificates and keys that it refers to cannot be read"
}

// locate notes for each part which file it is from: relative paths are relative
// to that.
func locate(config *clientcmdapi.Config, file string) {
	for _, c := range config.Contexts {
		c.LocationOfOrigin = file
	}
	for _, c := range config.Clusters {
		c.LocationOfOrigin = file
	}
	for _, u := range config.AuthInfos {
		u.LocationOfOrigin = file
	}
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
