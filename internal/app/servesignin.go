package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/server"
)

// issuers are the providers whose people and programs are known.
func (l *Loader) issuers(ctx context.Context, c *serveConfig) ([]*server.Issuer, error) {
	var out []*server.Issuer
	for i := range c.OIDC {
		o := &c.OIDC[i]
		x := &server.Issuer{URL: o.Issuer, Audience: o.Audience, RolesClaim: o.RolesClaim, Tenants: o.Tenants, Roles: map[string][]authz.Role{}}
		for group, names := range o.Roles {
			for _, n := range names {
				r, err := authz.ParseRoles(n)
				if err != nil {
					return nil, err
				}
				x.Roles[group] = append(x.Roles[group], r...)
			}
		}
		if o.SignIn != nil {
			x.SignIn = &server.SignIn{Name: o.SignIn.Name, Scopes: o.SignIn.Scopes, Callback: server.CallbackURL(c.URL)}
			if f := o.SignIn.SecretFile; f != "" {
				b, err := l.read(ctx, f)
				if err != nil {
					return nil, err
				}
				x.SignIn.Secret = strings.TrimSpace(string(b))
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// sessionKeyFile keeps the key of sessions in a data folder.
const sessionKeyFile = "session.key"

// sessions are those of browsers; nil where nobody signs in with one. The file of the
// key holds one key a line, in base64: the first seals, those after it are of before.
func (l *Loader) sessions(ctx context.Context, c *serveConfig, data string) (*server.Sessions, error) {
	if !slices.ContainsFunc(c.OIDC, func(o oidcConfig) bool { return o.SignIn != nil }) {
		return nil, nil
	}
	file := c.Session.Key
	if file == "" {
		file = filepath.Join(data, sessionKeyFile)
		if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
			key := make([]byte, server.SessionKeyBytes)
			_, _ = rand.Read(key) // never fails: crypto/rand
			if err := os.MkdirAll(data, 0o700); err != nil {
				return nil, ident.Errorf(ident.KindFailure, "the data folder cannot be made: %w", err)
			}
			if err := server.WriteSecret(file, []byte(base64.StdEncoding.EncodeToString(key)+"\n")); err != nil {
				return nil, err
			}
		}
	}
	b, err := l.read(ctx, file)
	if err != nil {
		return nil, err
	}
	var keys [][]byte
	for line := range strings.FieldsSeq(string(b)) {
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != server.SessionKeyBytes { // the line is not quoted: it may be a key
			return nil, ident.Errorf(ident.KindUsage, "a key of sessions is %d random bytes in base64, one a line", server.SessionKeyBytes).At(file).WithHint("head -c %d /dev/urandom | base64", server.SessionKeyBytes)
		}
		keys = append(keys, key)
	}
	s, err := server.NewSessions(keys...)
	if err != nil {
		return nil, err
	}
	s.Plain = strings.HasPrefix(c.URL, "http://")
	if c.Session.Hours > 0 {
		s.Length = time.Duration(c.Session.Hours) * time.Hour
	}
	return s, nil
}
