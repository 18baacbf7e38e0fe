package server

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/oauth2"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
)

// SignIn is how browsers sign in at an Issuer: the authorization code flow of OpenID
// Connect Core 1.0, section 3.1, with PKCE (RFC 7636). The client's identifier there
// is the issuer's Audience.
type SignIn struct {
	Name   string // for people: "Company sign-in"; the issuer's host by default
	Secret string // of the client; "" is a public client, which PKCE alone protects
	// Scopes are asked for besides openid and profile: many providers say nobody's
	// groups unless they are asked for "groups".
	Scopes []string
	// Callback is <the server's URL>/auth/callback, registered with the provider.
	Callback string
}

// The paths of signing in.
const (
	signInPath  = "/auth/sign-in"
	callbackAt  = "/auth/callback"
	signOutPath = "/auth/sign-out"
)

// CallbackURL is where providers send browsers back to, for a server that people
// reach as base.
func CallbackURL(base string) string { return strings.TrimSuffix(base, "/") + callbackAt }

// signInTime is how long somebody may take at their provider.
const signInTime = 10 * time.Minute

// signingIn is what is remembered of a browser that was sent to its provider, in a
// sealed cookie of its own for each try, so that two tabs do not disturb each other.
type signingIn struct {
	Issuer   string `json:"iss"`
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"` // of PKCE
	Return   string `json:"return"`
	Until    int64  `json:"exp"`
}

func (a *api) signIn(mux *http.ServeMux) {
	huma.Register(a.huma, huma.Operation{
		OperationID: "whoAmI", Method: http.MethodGet, Path: "/api/v1/me", Tags: []string{"Access"}, Summary: "Whom this server takes the request to be of",
	}, a.me)
	mux.HandleFunc("GET /{$}", a.start)
	mux.HandleFunc("GET "+signInPath, a.toProvider)
	mux.HandleFunc("GET "+callbackAt, a.fromProvider)
	mux.HandleFunc("POST "+signOutPath, a.signOut)
}

type meAnswer struct {
	Body struct {
		Subject string   `json:"subject" doc:"As records name it"`
		Roles   []string `json:"roles"`
		Tenant  string   `json:"tenant,omitempty" doc:"That they are confined to"`
	}
}

func (a *api) me(ctx context.Context, _ *struct{}) (*meAnswer, error) {
	who, _, err := a.may(ctx, authz.Read, "")
	if err != nil {
		return nil, err
	}
	out := &meAnswer{}
	out.Body.Subject, out.Body.Roles, out.Body.Tenant = who.Subject, authz.Names(who.Roles), who.Tenant
	return out, nil
}

// providers are the issuers that browsers sign in at.
func (a *api) providers() []*Issuer {
	if a.Access.Sessions == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(a.Access.Issuers), func(i *Issuer) bool { return i.SignIn == nil })
}

// toProvider sends a browser to its provider, or asks to which.
func (a *api) toProvider(w http.ResponseWriter, r *http.Request) {
	list := a.providers()
	if len(list) == 0 {
		a.troublePage(w, r, ident.Errorf(ident.KindNotFound, "nobody signs in to this server with a browser").WithHint("oidc: with signIn in the server's configuration; programs send a token: Authorization: Bearer …"))
		return
	}
	q := r.URL.Query()
	back := localPath(q.Get("return"))
	if name := q.Get("issuer"); name != "" {
		list = slices.DeleteFunc(list, func(i *Issuer) bool { return i.URL != name })
	}
	switch len(list) {
	case 0:
		a.troublePage(w, r, ident.Errorf(ident.KindNotFound, "this server knows no provider of that name").WithHint(signInPath+" lists those that it knows"))
		return
	case 1:
	default:
		a.choicePage(w, r, list, back)
		return
	}
	i, s := list[0], a.Access.Sessions
	config, err := i.oauth(r.Context())
	if err != nil {
		a.troublePage(w, r, err)
		return
	}
	try := signingIn{Issuer: i.URL, State: oauth2.GenerateVerifier(), Nonce: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier(), Return: back, Until: a.Now().Add(signInTime).Unix()}
	value, err := s.sealed(forSignIn, try)
	if err != nil {
		a.troublePage(w, r, err)
		return
	}
	http.SetCookie(w, s.cookie(try.cookieName(), value, signInTime))
	http.Redirect(w, r, config.AuthCodeURL(try.State, oidc.Nonce(try.Nonce), oauth2.S256ChallengeOption(try.Verifier)), http.StatusFound)
}

// cookieName tells the tries of one browser apart.
func (t *signingIn) cookieName() string { return "sign-in-" + t.State[:8] }

// oauth is the client that browsers are sent with.
func (i *Issuer) oauth(ctx context.Context) (*oauth2.Config, error) {
	p, err := i.described(ctx)
	if err != nil {
		return nil, err
	}
	return &oauth2.Config{ClientID: i.Audience, ClientSecret: i.SignIn.Secret, Endpoint: p.Endpoint(), RedirectURL: i.SignIn.Callback,
		Scopes: slices.Concat([]string{oidc.ScopeOpenID, "profile"}, i.SignIn.Scopes)}, nil
}

// title is what people call a provider.
func (i *Issuer) title() string {
	u, err := url.Parse(i.URL)
	if err != nil {
		return cmp.Or(i.SignIn.Name, i.URL)
	}
	return cmp.Or(i.SignIn.Name, u.Host)
}

// errNotThisBrowser is an answer that no try of this browser asked for: too late, a
// second time, or somebody else's link.
var errNotThisBrowser = ident.Errorf(ident.KindRefused, "this browser did not begin to sign in here, or too long ago").WithHint("begin again at " + signInPath)

// fromProvider takes a browser back, and signs it in.
func (a *api) fromProvider(w http.ResponseWriter, r *http.Request) {
	s, q := a.Access.Sessions, r.URL.Query()
	var try signingIn
	state := q.Get("state")
	if s == nil || len(state) < 8 {
		a.troublePage(w, r, errNotThisBrowser)
		return
	}
	c, err := r.Cookie(s.cookieName((&signingIn{State: state}).cookieName()))
	if err != nil || !s.opened(forSignIn, c.Value, &try) || try.State != state || a.Now().Unix() >= try.Until {
		a.troublePage(w, r, errNotThisBrowser)
		return
	}
	http.SetCookie(w, s.cookie(try.cookieName(), "", 0)) // one try, one answer
	list := slices.DeleteFunc(a.providers(), func(i *Issuer) bool { return i.URL != try.Issuer })
	if len(list) == 0 {
		a.troublePage(w, r, errNotThisBrowser)
		return
	}
	i := list[0]
	x, who, err := a.exchange(r.Context(), i, &try, q)
	if err != nil {
		a.Log.WarnContext(r.Context(), "somebody could not sign in", "issuer", i.URL, "error", err, "cause", errors.Unwrap(err))
		a.troublePage(w, r, err)
		return
	}
	value, err := s.sealed(forSession, x)
	if err != nil {
		a.troublePage(w, r, err)
		return
	}
	a.Log.InfoContext(r.Context(), "signed in", "actor", who.Subject, "roles", who.Roles, "tenant", who.Tenant, "until", time.Unix(x.Until, 0).UTC())
	http.SetCookie(w, s.cookie(sessionCookie, value, s.Length))
	http.Redirect(w, r, try.Return, http.StatusSeeOther)
}

// exchange gets the identity token of whom the provider sent, and judges it.
func (a *api) exchange(ctx context.Context, i *Issuer, try *signingIn, q url.Values) (*session, authz.Actor, error) {
	// RFC 9207: the answer says which provider it is of, so that one cannot pass its
	// code off as another's.
	if iss := q.Get("iss"); iss != "" && iss != i.URL {
		return nil, authz.Actor{}, ident.Errorf(ident.KindRefused, "the answer is of another provider than the one that was asked")
	}
	if e := q.Get("error"); e != "" {
		return nil, authz.Actor{}, ident.Errorf(ident.KindRefused, "%s did not sign you in: %.60q, %.200q", i.title(), e, q.Get("error_description")).WithHint("begin again at " + signInPath)
	}
	config, err := i.oauth(ctx)
	if err != nil {
		return nil, authz.Actor{}, err
	}
	limited, cancel := context.WithTimeout(i.context(ctx), discoveryTime)
	defer cancel()
	tokens, err := config.Exchange(limited, q.Get("code"), oauth2.VerifierOption(try.Verifier))
	if err != nil {
		var said *oauth2.RetrieveError
		if errors.As(err, &said) && said.Response.StatusCode < http.StatusInternalServerError {
			return nil, authz.Actor{}, ident.Errorf(ident.KindRefused, "%s did not take the code that it gave: %.60q", i.title(), said.ErrorCode).WithHint("begin again at " + signInPath + "; where that does not help, the client's secret in the server's configuration is another than the provider's")
		}
		away := ident.Errorf(ident.KindIndeterminate, "%s does not answer", i.title())
		away.Err = err // for the log: it can hold what the provider said
		return nil, authz.Actor{}, away
	}
	text, _ := tokens.Extra("id_token").(string)
	subject, groups, nonce, err := i.verified(ctx, text)
	if err != nil {
		return nil, authz.Actor{}, err
	}
	if nonce != try.Nonce {
		return nil, authz.Actor{}, ident.Errorf(ident.KindRefused, "the identity token was made for another sign-in")
	}
	who, err := i.grant(subject, groups)
	if err != nil {
		return nil, authz.Actor{}, err
	}
	if len(who.Roles) == 0 {
		return nil, authz.Actor{}, ident.Errorf(ident.KindRefused, "%s is in no group that may do anything here", who.Subject).WithHint("oidc.roles in the server's configuration says which groups may; the provider may have to be asked for them: signIn.scopes")
	}
	return &session{Issuer: i.URL, Subject: subject, Groups: groups, Until: a.Now().Add(a.Access.Sessions.Length).Unix()}, who, nil
}

// signOut forgets the session in this browser.
func (a *api) signOut(w http.ResponseWriter, r *http.Request) {
	if s := a.Access.Sessions; s != nil {
		http.SetCookie(w, s.cookie(sessionCookie, "", 0))
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// localPath is where a browser goes after it is signed in: a path of this server,
// and nothing that a browser takes for another host.
func localPath(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") || len(text) > 2000 ||
		strings.ContainsFunc(text, func(c rune) bool { return c == '\\' || c < ' ' || c == 0x7f }) {
		return "/"
	}
	return text
}
