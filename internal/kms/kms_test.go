package kms_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/handler"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/kms"
	"github.com/cofferdam-io/cofferdam/internal/testenv/keyring"
)

// TestMain makes this program a helper, if it is started as one: by Sigstore's own handler
// of the protocol, over a key in a file.
func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	if !strings.HasPrefix(name, "cofferdam-kms-") && !strings.HasPrefix(name, "sigstore-kms-") {
		os.Exit(m.Run())
	}
	switch _, behaviour, _ := strings.Cut(name, "-kms-"); behaviour {
	case "hangs":
		time.Sleep(time.Minute)
	case "floods":
		for range 1 << 12 {
			fmt.Println(strings.Repeat("x", 1024))
		}
	case "chats":
		fmt.Println("hello")
		fmt.Fprintln(os.Stderr, "the account is locked")
	case "dies":
		os.Exit(3)
	case "nothing":
		fmt.Println("{}")
	case "environment":
		_ = handler.WriteErrorResponse(os.Stdout, errors.New(strings.Join(os.Environ(), " ")))
	default:
		keyring.Help()
	}
}

// install puts helpers of these names on a PATH of their own.
func install(t *testing.T, names ...string) func(string) string {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if err := os.Symlink(self, filepath.Join(dir, n)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	return os.Getenv
}

// TestHelper speaks to Sigstore's own implementation of the protocol.
func TestHelper(t *testing.T) {
	getenv := install(t, "sigstore-kms-localkms")
	for name, k := range keyring.All(t) {
		t.Run(name, func(t *testing.T) {
			file := keyring.Write(t, k)
			key, err := kms.Find("localkms://"+file, getenv, os.Environ())
			if err != nil {
				t.Fatal(err)
			}
			raw, err := key.PublicKey(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			block, _ := pem.Decode(raw)
			public, err := x509.ParsePKIXPublicKey(block.Bytes)
			if err != nil || !k.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(public) {
				t.Fatalf("%v %v", public, err)
			}
			message, hash := bytes.Repeat([]byte("m"), 1<<20), crypto.SHA384
			if _, ok := public.(ed25519.PublicKey); ok {
				hash = 0
			}
			sig, err := key.Sign(t.Context(), message, hash)
			if err != nil {
				t.Fatal(err)
			}
			good := false
			switch p := public.(type) {
			case *ecdsa.PublicKey:
				h := hash.New()
				h.Write(message)
				good = ecdsa.VerifyASN1(p, h.Sum(nil), sig)
			case *rsa.PublicKey:
				h := hash.New()
				h.Write(message)
				good = rsa.VerifyPKCS1v15(p, hash, h.Sum(nil), sig) == nil
			case ed25519.PublicKey:
				good = ed25519.Verify(p, message, sig)
			}
			if !good {
				t.Error("the signature is not of the key, or over another hash")
			}
		})
	}
}

// TestBadHelpers: what a helper does wrong is named, and nothing hangs or grows.
func TestBadHelpers(t *testing.T) {
	var programs []string
	for _, b := range []string{"hangs", "floods", "chats", "dies", "nothing", "file"} {
		programs = append(programs, "cofferdam-kms-"+b)
	}
	getenv := install(t, programs...)
	for name, want := range map[string]string{"floods": "more than", "chats": "the account is locked", "dies": "exit status 3", "nothing": "without a public key", "file": "no such file"} {
		t.Run(name, func(t *testing.T) {
			k, err := kms.Find(name+"://"+t.TempDir()+"/missing", getenv, os.Environ())
			if err != nil {
				t.Fatal(err)
			}
			if _, err = k.PublicKey(t.Context()); ident.KindOf(err) != ident.KindIndeterminate || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
	t.Run("hangs", func(t *testing.T) {
		k, err := kms.Find("hangs://x", getenv, os.Environ())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := k.Sign(ctx, nil, crypto.SHA256); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
	for name, want := range map[string]ident.Kind{"missing://x": ident.KindFailure, "x": ident.KindUsage, "://x": ident.KindUsage, "hangs://": ident.KindUsage, "../hangs://x": ident.KindUsage,
		"Hangs://x": ident.KindUsage, "hangs://" + strings.Repeat("x", 5000): ident.KindUsage} {
		if _, err := kms.Find(name, getenv, nil); err == nil || ident.KindOf(err) != want {
			t.Errorf("%.40q: %v", name, err)
		}
	}
}

// TestEnvironment: helpers see what their service needs, and no secrets of others.
func TestEnvironment(t *testing.T) {
	getenv := func(name string) string {
		return map[string]string{"COFFERDAM_KMS_ENV": "NAMED,OTHER"}[name]
	}
	got := kms.Environment("awskms", getenv, []string{"PATH=/bin", "HOME=/h", "AWS_REGION=x", "VAULT_TOKEN=s", "COSIGN_PASSWORD=s", "GITHUB_TOKEN=s", "SIGSTORE_ID_TOKEN=s", "NAMED=n", "COFFERDAM_KMS_X=y", "AWSKMS_Y=z", "COFFERDAM_TOKEN=s", "AWS=s"})
	if want := []string{"PATH=/bin", "HOME=/h", "AWS_REGION=x", "NAMED=n", "COFFERDAM_KMS_X=y", "AWSKMS_Y=z"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	install(t, "cofferdam-kms-environment")
	t.Setenv("COSIGN_PASSWORD", "secret")
	k, err := kms.Find("environment://x", os.Getenv, os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.PublicKey(t.Context()); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "PATH=") {
		t.Errorf("%v", err)
	}
}
