// Command kms-vault signs with keys of the transit engine of HashiCorp's Vault or of OpenBao,
// as a helper of cofferdam and as a plugin of cosign (protocol: docs/kms.md):
//
//	go build -o /usr/local/bin/cofferdam-kms-hashivault .
//	cofferdam sign --key hashivault://release IMAGE
//
// VAULT_ADDR, VAULT_TOKEN (or ~/.vault-token), VAULT_NAMESPACE, VAULT_CACERT and
// TRANSIT_SECRET_ENGINE_PATH (transit) say where and as whom. It reads and signs; it makes
// no keys.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// version is that of the protocol.
const version = "v1"

// args are what a helper is asked.
type args struct {
	Init struct {
		Deadline *time.Time `json:"ctxDeadline"`
		Version  string     `json:"protocolVersion"`
		Resource string     `json:"keyResourceID"`
		Hash     int        `json:"hashFunc"`
	} `json:"initOptions"`
	Method string `json:"methodName"`
	Sign   struct {
		Options struct {
			Message struct {
				Digest []byte `json:"digest"`
				Hash   *int   `json:"hashFunc"`
			} `json:"messageOptions"`
		} `json:"signOptions"`
	} `json:"signMessage"`
}

type answer struct {
	Error     string     `json:"errorMessage,omitempty"`
	PublicKey *publicKey `json:"publicKey,omitempty"`
	Sign      *signed    `json:"signMessage,omitempty"`
	Default   *algorithm `json:"defaultAlgorithm,omitempty"`
	Supported *supported `json:"supportedAlgorithms,omitempty"`
}

type (
	publicKey struct {
		PEM []byte `json:"publicKeyPEM"`
	}
	signed struct {
		Signature []byte `json:"signature"`
	}
	algorithm struct {
		Name string `json:"defaultAlgorithm"`
	}
	supported struct {
		Names []string `json:"supportedAlgorithms"`
	}
)

const maxMessage = 128 << 20

func main() {
	a, err := run(os.Args, os.Stdin, os.Getenv)
	if err != nil {
		a = &answer{Error: err.Error()}
	}
	if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run answers one question.
func run(argv []string, stdin io.Reader, getenv func(string) string) (*answer, error) {
	if len(argv) != 3 {
		return nil, fmt.Errorf("this is a helper for keys in Vault: cofferdam and cosign start it (two arguments are due, and %d are there)", len(argv)-1)
	}
	var q args
	if argv[1] != version {
		return nil, fmt.Errorf("the protocol %.20q is not spoken: %s is", argv[1], version)
	}
	if err := json.Unmarshal([]byte(argv[2]), &q); err != nil {
		return nil, fmt.Errorf("the question is malformed: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if q.Init.Deadline != nil {
		var end context.CancelFunc
		ctx, end = context.WithDeadline(ctx, *q.Init.Deadline)
		defer end()
	}
	switch q.Method {
	case "defaultAlgorithm":
		return &answer{Default: &algorithm{"ecdsa-p256"}}, nil
	case "supportedAlgorithms":
		return &answer{Supported: &supported{[]string{"ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096"}}}, nil
	}
	v, err := connect(getenv)
	if err != nil {
		return nil, err
	}
	k, err := v.key(ctx, q.Init.Resource)
	if err != nil {
		return nil, err
	}
	switch q.Method {
	case "publicKey":
		return &answer{PublicKey: &publicKey{k.pem}}, nil
	case "signMessage":
		o := q.Sign.Options.Message
		hash := q.Init.Hash
		if o.Hash != nil {
			hash = *o.Hash
		}
		message, err := io.ReadAll(io.LimitReader(stdin, maxMessage+1))
		if err != nil {
			return nil, err
		}
		if len(message) > maxMessage {
			return nil, fmt.Errorf("the message has more than %d bytes", maxMessage)
		}
		sig, err := v.sign(ctx, k, message, o.Digest, hash)
		if err != nil {
			return nil, err
		}
		return &answer{Sign: &signed{sig}}, nil
	}
	return nil, fmt.Errorf("%.40q is not answered: publicKey and signMessage are", q.Method)
}
