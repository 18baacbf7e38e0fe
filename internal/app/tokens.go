package app

import (
	"context"
	"path/filepath"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/server"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// Tokens are a server's access tokens.
type Tokens struct{ server.TokenFolder }

// TokensIn are those of a data folder, or of a folder of their own.
func TokensIn(data, dir string) Tokens {
	if dir == "" {
		dir = filepath.Join(data, tokensDir)
	}
	return Tokens{server.TokenFolder{Dir: dir}}
}

// Create makes a token.
func (t Tokens) Create(name string, roles []authz.Role, tenant string, now time.Time, good time.Duration) (*report.NewToken, error) {
	if name == "" || len(name) > 100 {
		return nil, ident.Errorf(ident.KindUsage, "a token needs a name of 1 to 100 characters, to be found in records").WithHint("--name ci-shop")
	}
	if good < 0 {
		return nil, ident.Errorf(ident.KindUsage, "a token that is good for %s is good for nothing", good)
	}
	var until time.Time
	if good > 0 {
		until = now.Add(good).UTC().Truncate(time.Second)
	}
	text, tok := server.NewToken(name, roles, tenant, until)
	if err := t.Put(tok); err != nil {
		return nil, err
	}
	return &report.NewToken{SchemaVersion: inventory.SchemaVersion, Token: text, AccessToken: tokenView(tok, now)}, nil
}

// List returns all of them.
func (t Tokens) List(ctx context.Context, now time.Time) (*report.Tokens, error) {
	list, err := t.TokenFolder.List(ctx)
	if err != nil {
		return nil, err
	}
	out := &report.Tokens{SchemaVersion: inventory.SchemaVersion, Tokens: []report.AccessToken{}}
	for i := range list {
		out.Tokens = append(out.Tokens, tokenView(&list[i], now))
	}
	return out, nil
}

func tokenView(t *server.Token, now time.Time) report.AccessToken {
	return report.AccessToken{ID: t.ID, Name: t.Name, Roles: authz.Names(t.Roles), Tenant: t.Tenant, Expires: t.Expires, Expired: !t.Expires.IsZero() && !now.Before(t.Expires)}
}
