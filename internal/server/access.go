package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
)

// Token is what is remembered of an access token: never its secret.
type Token struct {
	ID      string // the part of the token that names it
	Name    string // who uses it: "ci-shop"
	Hash    []byte // SHA-256 of the secret
	Roles   []authz.Role
	Tenant  string    // "" is all tenants
	Expires time.Time // zero: never
}

// Tokens looks tokens up. An error of kind not-found says that there is none; any
// other, that nobody can tell.
type Tokens interface {
	Token(ctx context.Context, id string) (*Token, error)
}

// Access establishes who asks.
type Access struct {
	// Loopback lets requests without a token in as a publisher: for a server that
	// nobody outside this machine reaches.
	Loopback bool
	Tokens   Tokens
	Issuers  []*Issuer
	// Sessions are the browsers that are signed in; nil where none can.
	Sessions *Sessions
	Now      func() time.Time
}

const tokenPrefix = "cof_"

// secretBytes are enough that nobody guesses one, so that a plain digest of it may
// be kept.
const secretBytes = 32

// NewToken makes a token: what its user is told once, and what is remembered.
func NewToken(name string, roles []authz.Role, tenant string, expires time.Time) (text string, t *Token) {
	id, secret := make([]byte, 8), make([]byte, secretBytes)
	_, _ = rand.Read(id) // never fails: crypto/rand
	_, _ = rand.Read(secret)
	sum := sha256.Sum256(secret)
	t = &Token{ID: hex.EncodeToString(id), Name: name, Hash: sum[:], Roles: roles, Tenant: tenant, Expires: expires}
	return tokenPrefix + t.ID + "_" + base64.RawURLEncoding.EncodeToString(secret), t
}

// splitToken reads a token's two parts.
func splitToken(text string) (id string, secret []byte, ok bool) {
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok {
		return "", nil, false
	}
	id, coded, ok := strings.Cut(rest, "_")
	if !ok || len(id) != 16 {
		return "", nil, false
	}
	secret, err := base64.RawURLEncoding.DecodeString(coded)
	return id, secret, err == nil && len(secret) == secretBytes
}

// errNobody is what every request with a bad token gets: which part of it is wrong
// is nobody's business.
var errNobody = ident.Errorf(ident.KindRefused, "the token is not one of this server's, or no longer").
	WithHint("ask an administrator for another: cofferdam token create")

// actor says who sent a request. A request without any sign of who sends it is the
// zero Actor's, who may do nothing, unless the server is open to this machine.
func (a *Access) actor(r *http.Request) (authz.Actor, error) {
	head := r.Header.Get("Authorization")
	if head == "" {
		if a.Loopback {
			return authz.Actor{Subject: "loopback", Roles: []authz.Role{authz.Publisher}}, nil
		}
		return a.session(r)
	}
	scheme, text, ok := strings.Cut(head, " ")
	if text = strings.TrimSpace(text); !ok || !strings.EqualFold(scheme, "Bearer") || text == "" {
		return authz.Actor{}, ident.Errorf(ident.KindRefused, "this server takes bearer tokens only").WithHint("Authorization: Bearer …")
	}
	if strings.HasPrefix(text, tokenPrefix) {
		return a.token(r.Context(), text)
	}
	return a.identity(r.Context(), text)
}

func (a *Access) token(ctx context.Context, text string) (authz.Actor, error) {
	id, secret, ok := splitToken(text)
	if !ok {
		return authz.Actor{}, errNobody
	}
	t, err := a.Tokens.Token(ctx, id)
	if err != nil {
		if ident.KindOf(err) == ident.KindNotFound {
			return authz.Actor{}, errNobody
		}
		return authz.Actor{}, ident.Errorf(ident.KindIndeterminate, "tokens cannot be checked now: %w", err)
	}
	sum := sha256.Sum256(secret)
	if subtle.ConstantTimeCompare(sum[:], t.Hash) != 1 || !t.Expires.IsZero() && !a.Now().Before(t.Expires) {
		return authz.Actor{}, errNobody
	}
	return authz.Actor{Subject: "token:" + t.Name, Roles: t.Roles, Tenant: t.Tenant}, nil
}

// identity takes an OpenID Connect identity token of a configured issuer.
func (a *Access) identity(ctx context.Context, text string) (authz.Actor, error) {
	issuer, ok := unverifiedIssuer(text)
	if !ok {
		return authz.Actor{}, errNobody
	}
	for _, i := range a.Issuers {
		if i.URL == issuer {
			return i.actor(ctx, text)
		}
	}
	return authz.Actor{}, errNobody
}

type actorKey struct{}

// actorOf returns who sent the request that a context belongs to.
func actorOf(ctx context.Context) authz.Actor {
	a, _ := ctx.Value(actorKey{}).(authz.Actor)
	return a
}

// status of a refusal: 401 where nobody is signed in, 403 where somebody is who may
// not.
func refusal(err error, who authz.Actor) int {
	var e *ident.Error
	if errors.As(err, &e) && e.Kind == ident.KindRefused && who.Subject == "" {
		return http.StatusUnauthorized
	}
	return statusOf(err)
}
