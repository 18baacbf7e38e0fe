package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// transit answers as Vault's transit engine does, by its API documentation: keys/NAME and
// sign/NAME[/HASH]. It signs with whatever version it is asked for.
type transit struct {
	keys  map[string][]crypto.Signer // by name, the oldest first
	types map[string]string
}

func (v *transit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fail := func(code int, text string) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": []string{text}})
	}
	if r.Header.Get("X-Vault-Token") != "s.token" {
		fail(http.StatusForbidden, "permission denied")
		return
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/transit/"), "/")
	list := v.keys[parts[1]]
	switch {
	case len(list) == 0:
		fail(http.StatusNotFound, "no such key")
	case r.Method == http.MethodGet && parts[0] == "keys":
		keys := map[string]any{}
		for i, k := range list {
			keys[strconv.Itoa(i+1)] = map[string]any{"public_key": public(k)}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"type": v.types[parts[1]], "latest_version": len(list), "keys": keys}})
	case r.Method == http.MethodPost && parts[0] == "sign":
		var q struct {
			Input     []byte `json:"input"`
			Prehashed bool   `json:"prehashed"`
			Algorithm string `json:"signature_algorithm"`
			Version   int    `json:"key_version"`
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			fail(http.StatusBadRequest, err.Error())
			return
		}
		k := list[q.Version-1]
		hash := crypto.Hash(0)
		if _, pure := k.(ed25519.PrivateKey); !pure {
			hash = map[string]crypto.Hash{"sha2-256": crypto.SHA256, "sha2-384": crypto.SHA384, "sha2-512": crypto.SHA512}[parts[2]]
			if _, is := k.(*rsa.PrivateKey); !q.Prehashed || is != (q.Algorithm == "pkcs1v15") {
				fail(http.StatusBadRequest, "not what was asked for")
				return
			}
		}
		sig, err := k.Sign(rand.Reader, q.Input, hash)
		if err != nil {
			fail(http.StatusBadRequest, err.Error())
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"signature": fmt.Sprintf("vault:v%d:%s", q.Version, base64.StdEncoding.EncodeToString(sig))}})
	default:
		fail(http.StatusMethodNotAllowed, "no")
	}
}

func public(k crypto.Signer) string {
	if p, ok := k.Public().(ed25519.PublicKey); ok {
		return base64.StdEncoding.EncodeToString(p)
	}
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func TestVault(t *testing.T) {
	v := &transit{keys: map[string][]crypto.Signer{}, types: map[string]string{}}
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		name := fmt.Sprintf("ecdsa-p%d", c.Params().BitSize)
		for range 2 {
			k, err := ecdsa.GenerateKey(c, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			v.keys[name], v.types[name] = append(v.keys[name], k), name
		}
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, e, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	v.keys["rsa-2048"], v.types["rsa-2048"], v.keys["ed25519"], v.types["ed25519"] = []crypto.Signer{r}, "rsa-2048", []crypto.Signer{e}, "ed25519"
	s := httptest.NewServer(v)
	defer s.Close()
	env := map[string]string{"VAULT_ADDR": s.URL, "VAULT_TOKEN": "s.token"}
	getenv := func(name string) string { return env[name] }
	ask := func(method, key string, hash crypto.Hash, message string) (*answer, error) {
		q := fmt.Sprintf(`{"initOptions":{"protocolVersion":"v1","keyResourceID":%q,"hashFunc":%d,"rpcOptions":{}},"methodName":%q}`, key, hash, method)
		return run([]string{"x", "v1", q}, strings.NewReader(message), getenv)
	}
	for name, keys := range v.keys {
		for version := range keys {
			t.Run(fmt.Sprintf("%s@%d", name, version+1), func(t *testing.T) {
				at := fmt.Sprintf("%s@%d", name, version+1)
				hash := crypto.SHA384
				if name == "ed25519" {
					hash = 0
				}
				a, err := ask("publicKey", at, crypto.SHA256, "")
				if err != nil {
					t.Fatal(err)
				}
				block, _ := pem.Decode(a.PublicKey.PEM)
				p, err := x509.ParsePKIXPublicKey(block.Bytes)
				if err != nil {
					t.Fatal(err)
				}
				if a, err = ask("signMessage", at, hash, "message"); err != nil {
					t.Fatal(err)
				}
				sum := []byte("message")
				if hash != 0 {
					h := hash.New()
					h.Write(sum)
					sum = h.Sum(nil)
				}
				good := false
				switch p := p.(type) {
				case *ecdsa.PublicKey:
					good = ecdsa.VerifyASN1(p, sum, a.Sign.Signature)
				case *rsa.PublicKey:
					good = rsa.VerifyPKCS1v15(p, hash, sum, a.Sign.Signature) == nil
				case ed25519.PublicKey:
					good = ed25519.Verify(p, sum, a.Sign.Signature)
				}
				if !good {
					t.Error("the signature is not of the key")
				}
			})
		}
	}
	for name, c := range map[string]struct {
		method, key string
		hash        crypto.Hash
		change      map[string]string
		says        string
	}{
		"no such key":         {"publicKey", "none", crypto.SHA256, nil, "no such key"},
		"no such version":     {"publicKey", "rsa-2048@7", crypto.SHA256, nil, "version 7"},
		"a path":              {"publicKey", "../sys/seal", crypto.SHA256, nil, "no key of transit"},
		"an unknown hash":     {"signMessage", "rsa-2048", crypto.MD5, nil, "hash 2"},
		"an unknown method":   {"createKey", "rsa-2048", crypto.SHA256, nil, "createKey"},
		"another's token":     {"publicKey", "rsa-2048", crypto.SHA256, map[string]string{"VAULT_TOKEN": "other"}, "permission denied"},
		"no token":            {"publicKey", "rsa-2048", crypto.SHA256, map[string]string{"VAULT_TOKEN": ""}, "no token"},
		"no address":          {"publicKey", "rsa-2048", crypto.SHA256, map[string]string{"VAULT_ADDR": ""}, "VAULT_ADDR"},
		"without TLS":         {"publicKey", "rsa-2048", crypto.SHA256, map[string]string{"VAULT_ADDR": "http://vault.example"}, "https"},
		"the default version": {"publicKey", "ecdsa-p256", crypto.SHA256, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			was := map[string]string{}
			for k, x := range c.change {
				was[k], env[k] = env[k], x
			}
			defer func() {
				for k, x := range was {
					env[k] = x
				}
			}()
			a, err := ask(c.method, c.key, c.hash, "m")
			switch {
			case c.says == "" && (err != nil || !bytes.Equal(a.PublicKey.PEM, []byte(public(v.keys[c.key][1])))):
				t.Errorf("%v %v", a, err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
	if _, err := run([]string{"x", "v2", "{}"}, nil, getenv); err == nil {
		t.Error("another version of the protocol was taken")
	}
	if _, err := run([]string{"x"}, nil, getenv); err == nil {
		t.Error("no question was answered")
	}
}
