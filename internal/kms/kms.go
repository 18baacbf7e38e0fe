package kms

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/callout"
)

const (
	// helperTime bounds one call; some helpers ask a cloud, and log in before.
	helperTime = 60 * time.Second
	// maxAnswer bounds what a helper prints; a public key has 800 bytes.
	maxAnswer    = 1 << 20
	maxReference = 4096
)

// Key is a key that a service keeps.
type Key struct {
	uri, resource string
	program       string // path
	env           []string
}

var scheme = regexp.MustCompile(`^[a-z][a-z0-9-]{0,40}$`)

// Is reports whether a key's name is that of one that a service keeps.
func Is(name string) bool { return strings.Contains(name, "://") }

// Find finds the helper program of a key (NAME://…) on the PATH. getenv is asked for the
// variables that the helper gets: see Environment.
func Find(uri string, getenv func(string) string, environ []string) (*Key, error) {
	name, resource, ok := strings.Cut(uri, "://")
	if !ok || !scheme.MatchString(name) || resource == "" || len(uri) > maxReference || strings.ContainsAny(uri, "\x00\n\r") {
		return nil, ident.Errorf(ident.KindUsage, "%.120q names no key of a key management service", uri).WithHint("NAME://KEY, such as hashivault://release")
	}
	k := &Key{uri: uri, resource: resource, env: Environment(name, getenv, environ)}
	var err error
	for _, prefix := range []string{"cofferdam-kms-", "sigstore-kms-"} {
		if k.program, err = exec.LookPath(prefix + name); err == nil {
			return k, nil
		}
		if errors.Is(err, exec.ErrDot) {
			return nil, ident.Errorf(ident.KindFailure, "%s%s lies in the working folder, and is not started from there", prefix, name).WithHint("put the folder of helpers into PATH by its full name")
		}
	}
	return nil, ident.Errorf(ident.KindFailure, "the key %.200s needs the helper program cofferdam-kms-%s (or sigstore-kms-%s), which is not on the PATH", uri, name, name).
		WithHint("install it (docs/kms.md), or write the public key to a file")
}

// prefixes are the beginnings of the variables that a service's own tools read.
var prefixes = map[string][]string{
	"awskms":     {"AWS_"},
	"gcpkms":     {"GOOGLE_", "CLOUDSDK_", "GCE_METADATA_"},
	"azurekms":   {"AZURE_", "MSI_", "IDENTITY_"},
	"hashivault": {"VAULT_", "TRANSIT_SECRET_ENGINE_PATH"},
}

// Environment returns what a helper sees of the environment: where it finds programs,
// its home and the network, what its service's tools read, what begins with
// COFFERDAM_KMS_, and the variables that COFFERDAM_KMS_ENV names, with commas between. No
// password of a key, and no token of the pipeline is among them unless it is named.
func Environment(name string, getenv func(string) string, environ []string) []string {
	own := append([]string{"COFFERDAM_KMS_", strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "_"}, prefixes[name]...)
	return callout.Environment(environ, strings.Split(getenv("COFFERDAM_KMS_ENV"), ","), own)
}

// version is that of the protocol.
const version = "v1"

// question is what a helper is asked (sigstore/pkg/signature/kms/cliplugin/common). Numbers
// of hashes are Go's.
type question struct {
	Init struct {
		Deadline *time.Time  `json:"ctxDeadline,omitempty"`
		Version  string      `json:"protocolVersion"`
		Resource string      `json:"keyResourceID"`
		Hash     crypto.Hash `json:"hashFunc"`
		RPC      rpc         `json:"rpcOptions"`
	} `json:"initOptions"`
	Method    string    `json:"methodName"`
	PublicKey *ofPublic `json:"publicKey,omitempty"`
	Sign      *ofSign   `json:"signMessage,omitempty"`
}

type (
	rpc      struct{}
	ofPublic struct {
		Options struct {
			RPC rpc `json:"rpcOptions"`
		} `json:"publicKeyOptions"`
	}
	ofSign struct {
		Options struct {
			RPC     rpc `json:"rpcOptions"`
			Message struct {
				Hash crypto.Hash `json:"hashFunc"`
			} `json:"messageOptions"`
		} `json:"signOptions"`
	}
)

type answer struct {
	Error     string `json:"errorMessage"`
	PublicKey *struct {
		PEM []byte `json:"publicKeyPEM"`
	} `json:"publicKey"`
	Sign *struct {
		Signature []byte `json:"signature"`
	} `json:"signMessage"`
}

// PublicKey asks for the public key, in PEM. What a helper cannot answer is an error of
// KindIndeterminate.
func (k *Key) PublicKey(ctx context.Context) ([]byte, error) {
	a, err := k.ask(ctx, question{Method: "publicKey", PublicKey: &ofPublic{}}, crypto.SHA256, nil)
	if err != nil {
		return nil, err
	}
	if a.PublicKey == nil || len(a.PublicKey.PEM) == 0 {
		return nil, k.failed("answers without a public key")
	}
	return a.PublicKey.PEM, nil
}

// Sign has a message signed, of which the service signs the hash; zero is a key that
// signs what it is given (Ed25519). The signature is as the helper gave it.
func (k *Key) Sign(ctx context.Context, message []byte, hash crypto.Hash) ([]byte, error) {
	q := question{Method: "signMessage", Sign: &ofSign{}}
	q.Sign.Options.Message.Hash = hash
	a, err := k.ask(ctx, q, hash, message)
	if err != nil {
		return nil, err
	}
	if a.Sign == nil || len(a.Sign.Signature) == 0 {
		return nil, k.failed("answers without a signature")
	}
	return a.Sign.Signature, nil
}

// ask starts the helper once, and reads its answer.
func (k *Key) ask(ctx context.Context, q question, hash crypto.Hash, stdin []byte) (*answer, error) {
	q.Init.Version, q.Init.Resource, q.Init.Hash = version, k.resource, hash
	until := time.Now().Add(helperTime)
	if at, ok := ctx.Deadline(); ok && at.Before(until) {
		until = at
	}
	until = until.UTC()
	q.Init.Deadline = &until
	args, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	said, err := callout.Call{Program: k.program, Args: []string{version, string(args)}, Stdin: stdin, Env: k.env, Time: helperTime, Most: maxAnswer}.Run(ctx)
	switch {
	case errors.Is(err, callout.ErrSlow):
		return nil, k.failed("did not answer within %s", helperTime)
	case errors.Is(err, callout.ErrLong):
		return nil, k.failed("answers with more than %d bytes", maxAnswer)
	case err != nil:
		return nil, err
	}
	// The protocol has no exit codes: what counts is the answer.
	var a answer
	if err := json.Unmarshal(said.Out, &a); err != nil {
		return nil, k.failed("does not answer with JSON: %s", said.Why())
	}
	if a.Error != "" {
		return nil, k.failed("says: %.500s", a.Error)
	}
	return &a, nil
}

func (k *Key) failed(format string, args ...any) error {
	return ident.Errorf(ident.KindIndeterminate, "the helper %s "+format, append([]any{k.program}, args...)...).At(k.uri)
}
