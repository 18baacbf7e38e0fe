package store

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/wholefile"
)

// The files of a data folder that hold the journal's key: the one that signs, for
// its owner only, and the one that verifies, to be handed out.
const (
	KeyFile       = "journal.key"
	PublicKeyFile = "journal.pub"
)

// OpenKey returns the Ed25519 key that signs the journal's checkpoints, and the
// text of the key that verifies them (C2SP signed-note verifier key). Both are made
// in the folder at the first call, under a name that says whose they are: a host and
// path such as "cofferdam.example.com/journal". Later calls take the key as it is,
// whatever name they give.
//
// It refuses a key file that others may read.
func OpenKey(dir, name string) (note.Signer, string, error) {
	path := filepath.Join(dir, KeyFile)
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		if err := makeKey(dir, name); err != nil {
			return nil, "", err
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", ident.Errorf(ident.KindFailure, "the journal's key cannot be read: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, "", ident.Errorf(ident.KindRefused, "the journal's key %s can be read by others (mode %04o)", path, info.Mode().Perm()).
			WithHint("chmod 600 %s, and consider the key known", path)
	}
	secret, err := os.ReadFile(path) // #nosec G304 -- the operator's data folder
	if err != nil {
		return nil, "", ident.Errorf(ident.KindFailure, "the journal's key cannot be read: %w", err)
	}
	// The error of the parser is not passed on: it could quote the key.
	signer, err := note.NewSigner(strings.TrimSpace(string(secret)))
	if err != nil {
		return nil, "", ident.Errorf(ident.KindInvalid, "%s holds no signing key", path).WithHint("restore it, or remove it to start with a new one")
	}
	public, err := os.ReadFile(filepath.Join(dir, PublicKeyFile)) // #nosec G304 -- as above
	if err != nil {
		return nil, "", ident.Errorf(ident.KindFailure, "the journal's public key cannot be read: %w", err)
	}
	verifier := strings.TrimSpace(string(public))
	if v, err := note.NewVerifier(verifier); err != nil || v.KeyHash() != signer.KeyHash() || v.Name() != signer.Name() {
		return nil, "", ident.Errorf(ident.KindInvalid, "%s does not belong to %s", PublicKeyFile, KeyFile).WithHint("restore both from one backup")
	}
	return signer, verifier, nil
}

// makeKey writes the public key first: a crash between the two leaves no key that
// signs, and the next start makes both anew.
func makeKey(dir, name string) error {
	if name == "" || len(name) > 255 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '+' }) {
		return ident.Errorf(ident.KindUsage, "%.80q cannot name a key: printable ASCII without spaces and plus signs can", name)
	}
	secret, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return ident.Errorf(ident.KindUsage, "the journal's key cannot be made: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return ident.Errorf(ident.KindFailure, "the data folder %s cannot be made: %w", dir, err)
	}
	for _, f := range []struct{ name, text string }{{PublicKeyFile, public}, {KeyFile, secret}} {
		if err := wholefile.Keep(filepath.Join(dir, f.name), 0o600, wholefile.Bytes([]byte(f.text+"\n"))); err != nil {
			return ident.Errorf(ident.KindFailure, "the journal's key cannot be kept: %w", err)
		}
	}
	return nil
}
