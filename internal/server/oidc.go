package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
)

// Issuer is an OpenID Connect provider whose identity tokens are taken (OpenID
// Connect Core 1.0, section 3.1.3.7). Its keys are fetched when first needed, and
// again when they rotate.
type Issuer struct {
	URL      string // exactly as its tokens say it
	Audience string // that a token must be meant for
	// RolesClaim is the claim that lists groups, "groups" by default; Roles gives each
	// of them its roles. Somebody in none of them may do nothing.
	RolesClaim string
	Roles      map[string][]authz.Role
	Tenants    map[string]string // the tenant that a group is confined to
	Client     *http.Client
	Retry      time.Duration // before a provider that did not answer is asked again: 5 s by default
	// SignIn is how browsers sign in there; nil where they do not.
	SignIn *SignIn

	mu       sync.Mutex
	provider *oidc.Provider
	failed   error // of the last try
	again    time.Time
}

// discoveryTime bounds how long a request waits for the provider's keys.
const discoveryTime = 5 * time.Second

// described returns the provider once it has described itself.
func (i *Issuer) described(ctx context.Context) (*oidc.Provider, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.provider != nil {
		return i.provider, nil
	}
	if i.failed != nil && time.Now().Before(i.again) {
		return nil, i.failed // so that requests do not queue up behind a provider that is away
	}
	// The provider keeps this context for later fetches of keys: it must outlive the
	// request. The client's own timeout bounds them.
	p, err := oidc.NewProvider(i.context(context.WithoutCancel(ctx)), i.URL)
	if err != nil {
		wait := i.Retry
		if wait == 0 {
			wait = discoveryTime
		}
		i.failed, i.again = ident.Errorf(ident.KindIndeterminate, "%s cannot be asked for its keys: %w", i.URL, err), time.Now().Add(wait)
		return nil, i.failed
	}
	i.provider = p
	return p, nil
}

// context is one whose requests go by the issuer's client.
func (i *Issuer) context(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, i.client())
}

func (i *Issuer) client() *http.Client {
	if i.Client != nil {
		return i.Client
	}
	return &http.Client{Timeout: discoveryTime}
}

// actor takes a token.
func (i *Issuer) actor(ctx context.Context, text string) (authz.Actor, error) {
	subject, groups, _, err := i.verified(ctx, text)
	if err != nil {
		return authz.Actor{}, err
	}
	return i.grant(subject, groups)
}

// verified takes a token and returns whose it is, those of their groups that are
// given something here, and the nonce that the token was asked for with.
func (i *Issuer) verified(ctx context.Context, text string) (subject string, groups []string, nonce string, err error) {
	p, err := i.described(ctx)
	if err != nil {
		return "", nil, "", err
	}
	t, err := p.Verifier(&oidc.Config{ClientID: i.Audience}).Verify(ctx, text)
	if err != nil {
		return "", nil, "", errNobody
	}
	var claims map[string]any
	if err := t.Claims(&claims); err != nil {
		return "", nil, "", errNobody
	}
	name := i.RolesClaim
	if name == "" {
		name = "groups"
	}
	for _, g := range texts(claims[name]) {
		if _, known := i.Roles[g]; known {
			groups = append(groups, g)
		}
	}
	return t.Subject, groups, t.Nonce, nil
}

// grant is what the groups of somebody may do.
func (i *Issuer) grant(subject string, groups []string) (authz.Actor, error) {
	a := authz.Actor{Subject: i.URL + "#" + subject}
	confined, free := "", false
	for _, g := range groups {
		roles, known := i.Roles[g]
		if !known {
			continue // no longer
		}
		for _, r := range roles {
			if !slices.Contains(a.Roles, r) {
				a.Roles = append(a.Roles, r)
			}
		}
		tenant, bound := i.Tenants[g]
		switch {
		case !bound:
			free = true
		case confined != "" && confined != tenant:
			return authz.Actor{}, ident.Errorf(ident.KindRefused, "%s is in groups of two tenants, %s and %s", a.Subject, confined, tenant).WithHint("give the person one group that is confined to no tenant")
		default:
			confined = tenant
		}
	}
	if !free {
		a.Tenant = confined
	}
	return a, nil
}

// texts reads a claim that is a string or a list of them.
func texts(claim any) []string {
	switch c := claim.(type) {
	case string:
		return []string{c}
	case []any:
		var out []string
		for _, x := range c {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// maxIdentityToken is longer than any that a provider issues; headers are bounded
// as a whole as well.
const maxIdentityToken = 16 << 10

// unverifiedIssuer reads which issuer a token says it is of, to know whose keys
// judge it. Nothing else of it is believed.
func unverifiedIssuer(text string) (string, bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || len(text) > maxIdentityToken {
		return "", false
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	return c.Issuer, json.Unmarshal(raw, &c) == nil && c.Issuer != ""
}
