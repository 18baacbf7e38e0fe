package main

import (
	"bytes"
	"context"
	"crypto"
	_ "crypto/sha256" // the hashes that keys sign
	_ "crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// vault is a transit engine, and who asks it.
type vault struct {
	address, mount, token, namespace string
	client                           *http.Client
}

// connect reads the environment as Vault's own command does.
func connect(getenv func(string) string) (*vault, error) {
	v := &vault{address: strings.TrimRight(getenv("VAULT_ADDR"), "/"), mount: strings.Trim(getenv("TRANSIT_SECRET_ENGINE_PATH"), "/"), token: getenv("VAULT_TOKEN"), namespace: getenv("VAULT_NAMESPACE")}
	u, err := url.Parse(v.address)
	if v.address == "" || err != nil || u.Host == "" {
		return nil, fmt.Errorf("VAULT_ADDR does not say where Vault is")
	}
	if local := u.Hostname() == "127.0.0.1" || u.Hostname() == "localhost" || u.Hostname() == "::1"; u.Scheme != "https" && !local {
		return nil, fmt.Errorf("VAULT_ADDR is not https: the token would be readable on the way")
	}
	if v.mount == "" {
		v.mount = "transit"
	}
	if home := getenv("HOME"); v.token == "" && home != "" {
		raw, err := os.ReadFile(filepath.Join(home, ".vault-token")) // #nosec G304 -- Vault's own file
		if err == nil {
			v.token = strings.TrimSpace(string(raw))
		}
	}
	if v.token == "" {
		return nil, fmt.Errorf("there is no token: VAULT_TOKEN, or ~/.vault-token of vault login")
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	if file := getenv("VAULT_CACERT"); file != "" {
		raw, err := os.ReadFile(file) // #nosec G304 -- the user's own word
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("%s has no certificate", file)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	// The token goes nowhere but to the address that was named.
	v.client = &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return v, nil
}

const maxAnswer = 1 << 20

// call asks the engine; into gets the answer's data.
func (v *vault) call(ctx context.Context, method, path string, body, into any) error {
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(raw)
	}
	q, err := http.NewRequestWithContext(ctx, method, v.address+"/v1/"+v.mount+"/"+path, in)
	if err != nil {
		return err
	}
	q.Header.Set("X-Vault-Token", v.token)
	q.Header.Set("X-Vault-Request", "true")
	if v.namespace != "" {
		q.Header.Set("X-Vault-Namespace", v.namespace)
	}
	res, err := v.client.Do(q)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return err
	}
	if len(raw) > maxAnswer {
		return fmt.Errorf("Vault answers with more than %d bytes", maxAnswer)
	}
	var a struct {
		Errors []string        `json:"errors"`
		Data   json.RawMessage `json:"data"`
	}
	err = json.Unmarshal(raw, &a)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("Vault answers %s to %s: %.300s", res.Status, path, strings.Join(a.Errors, "; "))
	}
	if err == nil {
		err = json.Unmarshal(a.Data, into)
	}
	if err != nil {
		return fmt.Errorf("what Vault answers to %s is not read: %w", path, err)
	}
	return nil
}

// key is the version of a key that signs.
type key struct {
	name, kind string
	version    int
	pem        []byte
}

// resource is NAME or NAME@VERSION, the name as transit allows it.
var resource = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)(?:@([1-9][0-9]{0,8}))?$`)

func (v *vault) key(ctx context.Context, name string) (*key, error) {
	m := resource.FindStringSubmatch(name)
	if m == nil {
		return nil, fmt.Errorf("%.80q is no key of transit: NAME, or NAME@VERSION", name)
	}
	var data struct {
		Type   string `json:"type"`
		Latest int    `json:"latest_version"`
		Keys   map[string]struct {
			Public string `json:"public_key"`
		} `json:"keys"`
	}
	if err := v.call(ctx, http.MethodGet, "keys/"+m[1], nil, &data); err != nil {
		return nil, err
	}
	k := &key{name: m[1], kind: data.Type, version: data.Latest}
	if m[2] != "" {
		k.version, _ = strconv.Atoi(m[2])
	}
	public := data.Keys[strconv.Itoa(k.version)].Public
	switch {
	case public == "":
		return nil, fmt.Errorf("the key %s (%s) has no public key of version %d", k.name, k.kind, k.version)
	case k.kind == "ed25519": // the 32 bytes, in base64
		raw, err := base64.StdEncoding.DecodeString(public)
		if err != nil || len(raw) != 32 {
			return nil, fmt.Errorf("the public key of %s is malformed", k.name)
		}
		k.pem = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: append([]byte{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}, raw...)}) // RFC 8410 section 10.1
	default:
		k.pem = []byte(strings.TrimSpace(public) + "\n")
	}
	if block, _ := pem.Decode(k.pem); block == nil || block.Type != "PUBLIC KEY" {
		return nil, fmt.Errorf("the public key of %s is not PEM", k.name)
	}
	return k, nil
}

// hashes are transit's names of hashes.
var hashes = map[crypto.Hash]string{crypto.SHA256: "sha2-256", crypto.SHA384: "sha2-384", crypto.SHA512: "sha2-512"}

// sign has a message signed by the very version whose public key was told.
func (v *vault) sign(ctx context.Context, k *key, message, digest []byte, hash int) ([]byte, error) {
	body := map[string]any{"key_version": k.version}
	path := "sign/" + k.name
	if k.kind == "ed25519" {
		if len(digest) > 0 {
			return nil, fmt.Errorf("Ed25519 signs messages, and only a digest is given")
		}
		body["input"] = base64.StdEncoding.EncodeToString(message)
	} else {
		h := crypto.Hash(hash) // #nosec G115 -- an unknown one has no name
		name := hashes[h]
		if name == "" {
			return nil, fmt.Errorf("the hash %d is not signed: SHA-256, SHA-384 and SHA-512 are", hash)
		}
		if len(digest) == 0 {
			sum := h.New()
			sum.Write(message)
			digest = sum.Sum(nil)
		}
		path += "/" + name
		body["input"], body["prehashed"], body["marshaling_algorithm"] = base64.StdEncoding.EncodeToString(digest), true, "asn1"
		if strings.HasPrefix(k.kind, "rsa") {
			body["signature_algorithm"] = "pkcs1v15"
		}
	}
	var data struct {
		Signature string `json:"signature"`
	}
	if err := v.call(ctx, http.MethodPost, path, body, &data); err != nil {
		return nil, err
	}
	sig, ok := strings.CutPrefix(data.Signature, "vault:v"+strconv.Itoa(k.version)+":")
	if !ok {
		return nil, fmt.Errorf("Vault signed with another version of the key than %d", k.version)
	}
	return base64.StdEncoding.DecodeString(sig)
}
