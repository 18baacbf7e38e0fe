package server

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/wholefile"
)

// TokenFolder keeps tokens as files, one each, without their secrets: beside the
// data of one server, or as a Secret that several mount. Removing a file revokes its
// token at once.
type TokenFolder struct{ Dir string }

// storedToken is the file of a token.
type storedToken struct {
	Name    string    `json:"name"`
	Hash    string    `json:"sha256"` // of the secret, in hexadecimal
	Roles   []string  `json:"roles"`
	Tenant  string    `json:"tenant,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
}

// maxTokenFile is far above what a token's file holds.
const maxTokenFile = 8 << 10

// Token implements Tokens.
func (f TokenFolder) Token(_ context.Context, id string) (*Token, error) {
	if b, err := hex.DecodeString(id); err != nil || len(b) != 8 {
		return nil, ident.Errorf(ident.KindNotFound, "no token has this name") // and no path is made of it
	}
	path := filepath.Join(f.Dir, id+".json")
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ident.Errorf(ident.KindNotFound, "no token has this name")
	}
	if err == nil && (!st.Mode().IsRegular() || st.Size() > maxTokenFile) {
		err = ident.Errorf(ident.KindInvalid, "is not the file of a token").At(path)
	}
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path) // #nosec G304 -- a folder of the operator's, and a name that is checked above
	if err != nil {
		return nil, err
	}
	return decodeToken(id, b)
}

func decodeToken(id string, b []byte) (*Token, error) {
	var s storedToken
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the file of token %s cannot be read: %w", id, err)
	}
	hash, err := hex.DecodeString(s.Hash)
	if err != nil || len(hash) != 32 {
		return nil, ident.Errorf(ident.KindInvalid, "the file of token %s has no SHA-256", id)
	}
	roles, err := authz.ParseRoles(strings.Join(s.Roles, ","))
	if err != nil {
		return nil, err
	}
	return &Token{ID: id, Name: s.Name, Hash: hash, Roles: roles, Tenant: s.Tenant, Expires: s.Expires}, nil
}

// Put keeps a token. It is there whole or not at all.
func (f TokenFolder) Put(t *Token) error {
	s := storedToken{Name: t.Name, Hash: hex.EncodeToString(t.Hash), Roles: authz.Names(t.Roles), Tenant: t.Tenant, Expires: t.Expires}
	b, err := json.MarshalIndent(&s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return ident.Errorf(ident.KindFailure, "the folder of tokens cannot be made: %w", err)
	}
	return WriteSecret(filepath.Join(f.Dir, t.ID+".json"), append(b, '\n'))
}

// List returns the tokens by name; those whose file cannot be read are left out, as
// they let nobody in.
func (f TokenFolder) List(ctx context.Context) ([]Token, error) {
	entries, err := os.ReadDir(f.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []Token
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok {
			continue
		}
		if t, err := f.Token(ctx, id); err == nil {
			out = append(out, *t)
		}
	}
	slices.SortFunc(out, func(a, b Token) int { return strings.Compare(a.Name+"\x00"+a.ID, b.Name+"\x00"+b.ID) })
	return out, nil
}

// Revoke removes a token.
func (f TokenFolder) Revoke(ctx context.Context, id string) error {
	if _, err := f.Token(ctx, id); ident.KindOf(err) == ident.KindNotFound {
		return ident.Errorf(ident.KindNotFound, "no token is %.40q", id).WithHint("cofferdam token list names them")
	}
	return os.Remove(filepath.Join(f.Dir, id+".json"))
}

// WriteSecret writes a file that only its owner reads, whole or not at all.
func WriteSecret(path string, data []byte) error {
	if err := wholefile.Keep(path, 0o600, wholefile.Bytes(data)); err != nil {
		return ident.Errorf(ident.KindFailure, "%s cannot be written: %w", path, err)
	}
	return nil
}
