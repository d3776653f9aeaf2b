package eks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/eks/permissions"
	"github.com/rekindle-io/rekindle/testenv"
	testaws "github.com/rekindle-io/rekindle/testenv/aws"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// helperWord makes the test executable a process that makes one call, and may be
// killed: "create JOB NAME ID", the same with delete, "connect JOB NAME", or the exec
// plugin of kubeconfigs, "token JOB NAME".
const helperWord = "rekindle-eks-helper"

func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == helperWord {
		if err := help(os.Args[2], os.Args[3], os.Args[4:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if sharedAWS.world != nil {
		if err := sharedAWS.world.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
		_ = os.RemoveAll(sharedAWS.root)
	}
	os.Exit(code)
}

// job is all that a provider over a simulated AWS is made of, so that another process
// can make the same one.
type job struct {
	// File is where the job itself stands.
	File, Root, Endpoint    string
	Access, Secret, Session string
	Settings                providers.Settings
	// Timeout bounds the calls that have a deadline of their own.
	Timeout time.Duration
	// Answer is how long AWS may take for one answer; the provider's own limit when 0.
	Answer time.Duration
}

// settle is how long the AWS of the tests may not show what was made.
const settle = 150 * time.Millisecond

// connections are kept by all providers of a test process, as by those of a real one.
var connections = awshttp.NewBuildableClient()

func (j job) load(_ context.Context, region string) (aws.Config, error) {
	return aws.Config{Region: region, BaseEndpoint: aws.String(j.Endpoint), HTTPClient: connections,
		Credentials: credentials.NewStaticCredentialsProvider(j.Access, j.Secret, j.Session), Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxBackoff, o.MaxAttempts, o.RateLimiter = 2*time.Millisecond, 4, ratelimit.None
			})
		}}, nil
}

func (j job) provider() (*Provider, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return New(Options{
		Load: j.load, Declared: func() (map[string]providers.Settings, error) {
			return map[string]providers.Settings{"": j.Settings}, nil
		},
		Root: j.Root, Now: time.Now, Every: 3 * time.Millisecond, Settle: settle, Answer: j.Answer, Timeout: j.Timeout, DeleteTimeout: j.Timeout,
		Token: []string{self, helperWord, "token", j.File},
	})
}

func help(call, file string, args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var j job
	if err := json.Unmarshal(raw, &j); err != nil {
		return err
	}
	p, err := j.provider()
	if err != nil {
		return err
	}
	switch call {
	case "create":
		_, err = p.Create(ctx, providers.Spec{Name: args[0], ID: args[1], Settings: j.Settings}, nil)
	case "delete":
		err = p.Delete(ctx, args[0], args[1], nil)
	case "connect":
		var config []byte
		if config, err = p.Connect(ctx, args[0]); err == nil {
			_, err = os.Stdout.Write(config)
		}
	case "token":
		var t providers.Token
		if t, err = p.Token(ctx, args[0]); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(map[string]any{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
				"status": map[string]any{"token": t.Value, "expirationTimestamp": t.Expires.UTC().Format(time.RFC3339)}})
		}
	default:
		err = errors.New("no such call: " + call)
	}
	return err
}

// cloud is one account of a simulated AWS, with who works in it.
type cloud struct {
	*testaws.World
	account, region string
	job             job
}

// appRole is a role of the account that pods take on; whose it is does not matter.
const appRole = "app"

// homeRegion is where the settings of plain lead.
const homeRegion = "eu-central-1"

// sharedAWS is the simulated AWS of all tests but those of its delays, because its
// control plane takes seconds to start. It is made by the first that needs it.
var sharedAWS struct {
	sync.Mutex
	world *testaws.World
	root  string
}

// inAWS returns the simulated AWS, in which everything goes well.
func inAWS(t *testing.T) *testaws.World {
	t.Helper()
	s := &sharedAWS
	s.Lock()
	defer s.Unlock()
	if s.world == nil {
		var err error
		if s.root, err = os.MkdirTemp("", "rekindle-aws-"); err != nil {
			t.Fatal(err)
		}
		if s.world, err = testaws.New(testaws.Options{Root: s.root, Binary: testenv.Binary(t), Delay: 3 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
	}
	s.world.Fault(nil)
	t.Cleanup(func() { s.world.Fault(nil) })
	return s.world
}

// accounts gives each test an account of its own, and so an empty place.
var accounts struct {
	sync.Mutex
	last int
}

// inAccount returns an account of its own in a simulated AWS.
func inAccount(t *testing.T, w *testaws.World, more ...providers.Settings) *cloud {
	t.Helper()
	accounts.Lock()
	accounts.last++
	number := fmt.Sprintf("%012d", 111100000000+accounts.last)
	accounts.Unlock()
	c := &cloud{World: w, account: number, region: homeRegion}
	// No more is allowed than what the documentation asks people for.
	policy, err := permissions.Policy(permissions.Scope{Account: number, Regions: []string{homeRegion, "eu-west-1"}, Roles: []string{"arn:aws:iam::" + number + ":role/" + appRole}})
	if err != nil {
		t.Fatal(err)
	}
	c.job = c.as(t, "rekindle", policy, plain(append([]providers.Settings{{"allow": map[string]any{"accounts": []any{number}}, "wait": "1m"}}, more...)...))
	return c
}

// as is the job of somebody in the account with that policy.
func (c *cloud) as(t *testing.T, role, policy string, set providers.Settings) job {
	t.Helper()
	key, err := c.Grant(c.account, role, policy)
	if err != nil {
		t.Fatal(err)
	}
	return c.with(t, key, set)
}

// with is the job of who has a key.
func (c *cloud) with(t *testing.T, key testaws.Key, set providers.Settings) job {
	t.Helper()
	j := job{Root: filepath.Join(t.TempDir(), "records"), Endpoint: aws.ToString(c.Config(key, c.region).BaseEndpoint),
		Access: key.Access, Secret: key.Secret, Session: key.Session, Settings: set, Timeout: time.Minute}
	return j.written(t)
}

// written puts the job where another process finds it.
func (j job) written(t *testing.T) job {
	t.Helper()
	j.File = filepath.Join(t.TempDir(), "job.json")
	raw, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(j.File, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return j
}

// open returns a provider as a process that was just started would have it.
func (j job) open(t *testing.T) *Provider {
	t.Helper()
	p, err := j.provider()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (j job) spec(name, id string) providers.Spec {
	return providers.Spec{Name: name, ID: id, Settings: j.Settings}
}

// changes tells whether a call changes something.
func changes(c wire.Call) bool {
	for _, asks := range []string{"Describe", "List", "Get"} {
		if strings.HasPrefix(c.Operation, asks) {
			return false
		}
	}
	return true
}

// crash runs a call in a process of its own, and kills it once AWS has done what it
// asked for at that moment and before it can hear of it; moments are calls that change
// something. It returns false when the call ended before.
func (c *cloud) crash(t *testing.T, moment int, args ...string) bool {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append([]string{helperWord, args[0], c.job.File}, args[1:]...)...)
	var output strings.Builder
	cmd.Stderr = &output
	changed := 0
	c.Fault(func(call wire.Call, _ int) testaws.Fault {
		if !changes(call) {
			return testaws.Fault{}
		}
		changed++
		if changed <= moment {
			return testaws.Fault{}
		}
		return testaws.Fault{Lost: true, Done: func() { _ = cmd.Process.Kill() }}
	})
	defer c.Fault(nil)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() {
		return true
	}
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, output.String())
	}
	return false
}

// elsewhere asks for the kubeconfig in a process that ends with it.
func (c *cloud) elsewhere(t *testing.T, name string) []byte {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, helperWord, "connect", c.job.File, name)
	var output strings.Builder
	cmd.Stderr = &output
	config, err := cmd.Output()
	if err != nil {
		t.Fatalf("connect in another process: %v\n%s", err, output.String())
	}
	return config
}

// reach fails unless the kubeconfig leads into the cluster.
func reach(ctx context.Context, t *testing.T, config []byte) {
	t.Helper()
	rest, err := clientcmd.RESTConfigFromKubeConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(rest)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{}); err != nil {
		t.Errorf("the credentials of the kubeconfig do not reach the cluster: %v", err)
	}
}

// traces are all things of the account.
func (c *cloud) traces(t *testing.T) (found []string) {
	t.Helper()
	for _, thing := range c.Things() {
		if thing.Account == c.account && !strings.HasSuffix(thing.ID, ":role/"+appRole) {
			found = append(found, thing.String())
		}
	}
	return found
}

// records are the files that are left in the state directory.
func (c *cloud) records(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(c.job.Root)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// wantNothing fails unless the account and the state directory are empty.
func (c *cloud) wantNothing(t *testing.T) {
	t.Helper()
	if left := slices.Concat(c.traces(t), c.records(t)); len(left) > 0 {
		t.Errorf("left:\n%s", strings.Join(left, "\n"))
	}
}
