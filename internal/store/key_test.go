package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
)

func TestKeyIsMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	signer, public, err := OpenKey(dir, "cofferdam.example.test/journal")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, KeyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info.Mode(), err)
	}
	again, same, err := OpenKey(dir, "another.example.test")
	if err != nil || same != public || again.KeyHash() != signer.KeyHash() {
		t.Errorf("opened again: %q, %v", same, err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	b, err := evidence.Sign(evidence.Checkpoint{Origin: "o", Head: evidence.Head{Seq: 3}}, again)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := evidence.Open(b, "o", verifier); err != nil || c.Head.Seq != 3 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestKeyIsRefused(t *testing.T) {
	for what, spoil := range map[string]func(dir string) error{
		"readable by others": func(dir string) error { return os.Chmod(filepath.Join(dir, KeyFile), 0o640) },
		"no key": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, KeyFile), []byte("PRIVATE+KEY+x"), 0o600)
		},
		"no public key": func(dir string) error { return os.Remove(filepath.Join(dir, PublicKeyFile)) },
		"another public key": func(dir string) error {
			other := t.TempDir()
			if _, _, err := OpenKey(other, "other.example.test"); err != nil {
				return err
			}
			b, err := os.ReadFile(filepath.Join(other, PublicKeyFile))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, PublicKeyFile), b, 0o600)
		},
	} {
		dir := t.TempDir()
		if _, _, err := OpenKey(dir, "cofferdam.example.test"); err != nil {
			t.Fatal(err)
		}
		secret, err := os.ReadFile(filepath.Join(dir, KeyFile))
		if err != nil {
			t.Fatal(err)
		}
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
		_, _, err = OpenKey(dir, "cofferdam.example.test")
		if err == nil {
			t.Errorf("%s: the key was taken", what)
		} else if strings.Contains(err.Error(), strings.TrimSpace(string(secret))) {
			t.Errorf("%s: the error shows the key", what)
		}
	}
	if _, _, err := OpenKey(t.TempDir(), "not a name"); ident.KindOf(err) != ident.KindUsage {
		t.Errorf("a name with spaces: %v", err)
	}
}
