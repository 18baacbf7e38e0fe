package server

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
)

// SessionKeyBytes is the length of a key of Sessions (AES-256).
const SessionKeyBytes = 32

// Sessions are the cookies by which browsers stay signed in. A cookie carries who it
// is of, sealed (AES-256-GCM): nothing is kept here, so that all replicas with the
// same keys take it, and no longer than it says. What its groups may do is looked up
// at each request. A cookie cannot be called back before its end but by changing the
// keys, which ends all.
type Sessions struct {
	// Length is how long one lasts: 8 h by default.
	Length time.Duration
	// Plain leaves out the attribute Secure, for a server that is reached without TLS
	// on this machine.
	Plain bool

	seals   []cipher.AEAD // the first seals, all open
	foreign *http.CrossOriginProtection
}

// NewSessions takes one or more keys of SessionKeyBytes: the first seals, the others
// are of before.
func NewSessions(keys ...[]byte) (*Sessions, error) {
	s := &Sessions{Length: 8 * time.Hour, foreign: http.NewCrossOriginProtection()}
	for _, k := range keys {
		if len(k) != SessionKeyBytes {
			return nil, ident.Errorf(ident.KindUsage, "a key of sessions has %d bytes, not %d", SessionKeyBytes, len(k))
		}
		block, err := aes.NewCipher(k)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		s.seals = append(s.seals, aead)
	}
	if len(s.seals) == 0 {
		return nil, ident.Errorf(ident.KindUsage, "sessions need a key")
	}
	return s, nil
}

// What a sealed text is for is bound to it, so that none serves as another.
const (
	forSession = "cofferdam session v1"
	forSignIn  = "cofferdam sign-in v1"
)

// sealed makes a cookie's value.
func (s *Sessions) sealed(purpose string, v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.seals[0].Seal(nil, nil, b, []byte(purpose))), nil // #nosec G407 -- the AEAD makes a random nonce itself
}

// opened reads one; false is one that nobody here sealed, or for something else.
func (s *Sessions) opened(purpose, text string, v any) bool {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return false
	}
	for _, aead := range s.seals {
		if plain, err := aead.Open(nil, nil, b, []byte(purpose)); err == nil {
			d := json.NewDecoder(bytes.NewReader(plain))
			return d.Decode(v) == nil
		}
	}
	return false
}

// session is what a browser's cookie says once it is opened.
type session struct {
	Issuer  string   `json:"iss"`
	Subject string   `json:"sub"`
	Groups  []string `json:"groups"` // those that had a role at sign-in
	Until   int64    `json:"exp"`    // Unix seconds
}

// cookieName has the prefix by which browsers keep other hosts and plain HTTP from
// setting it (RFC 6265bis, section 4.1.3.2).
func (s *Sessions) cookieName(name string) string {
	if s.Plain {
		return "cofferdam-" + name
	}
	return "__Host-cofferdam-" + name
}

const sessionCookie = "session"

// cookie is one of ours; age 0 removes it.
func (s *Sessions) cookie(name, value string, age time.Duration) *http.Cookie {
	c := &http.Cookie{Name: s.cookieName(name), Value: value, Path: "/", HttpOnly: true, Secure: !s.Plain, SameSite: http.SameSiteLaxMode, MaxAge: int(age / time.Second)} // #nosec G124 -- Plain is for a server on this machine without TLS
	if age == 0 {
		c.MaxAge = -1
	}
	return c
}

// of returns the session of a request; nil is none that is still good.
func (s *Sessions) of(r *http.Request, now time.Time) *session {
	c, err := r.Cookie(s.cookieName(sessionCookie))
	if err != nil {
		return nil
	}
	var x session
	if !s.opened(forSession, c.Value, &x) || now.Unix() >= x.Until {
		return nil
	}
	return &x
}

// session says who a browser's cookie is of: nobody, where there is none that is
// still good, so that whoever asks is told to sign in.
func (a *Access) session(r *http.Request) (authz.Actor, error) {
	if a.Sessions == nil {
		return authz.Actor{}, nil
	}
	x := a.Sessions.of(r, a.Now())
	if x == nil {
		return authz.Actor{}, nil
	}
	for _, i := range a.Issuers {
		if i.URL != x.Issuer {
			continue
		}
		who, err := i.grant(x.Subject, x.Groups)
		// A browser sends the cookie by itself: also when another site's page asks it to.
		if err == nil && a.Sessions.foreign.Check(r) != nil {
			err = ident.Errorf(ident.KindRefused, "a page of another site cannot act for whoever is signed in here")
		}
		return who, err
	}
	return authz.Actor{}, nil
}
