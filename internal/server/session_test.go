package server

import (
	"net/http"
	"testing"
	"time"
)

func TestCookiesAreKeptFromScripts(t *testing.T) {
	s, err := NewSessions(make([]byte, SessionKeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	c := s.cookie(sessionCookie, "x", time.Hour)
	if c.Name != "__Host-cofferdam-session" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 3600 {
		t.Errorf("%+v", c)
	}
	if c := s.cookie(sessionCookie, "", 0); c.MaxAge >= 0 {
		t.Errorf("%+v removes nothing", c)
	}
	if _, err := NewSessions(); err == nil {
		t.Error("no key is no seal")
	}
	if _, err := NewSessions(make([]byte, 16)); err == nil {
		t.Error("a short key is taken")
	}
}

// A new key seals, an old one still opens; one that was taken away ends its sessions.
func TestKeysChange(t *testing.T) {
	before, after := make([]byte, SessionKeyBytes), make([]byte, SessionKeyBytes)
	after[0] = 1
	sessions := func(keys ...[]byte) *Sessions {
		s, err := NewSessions(keys...)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	text, err := sessions(before).sealed(forSession, session{Subject: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	var x session
	if !sessions(after, before).opened(forSession, text, &x) || x.Subject != "alice" {
		t.Error("the old key no longer opens")
	}
	if sessions(after).opened(forSession, text, &x) {
		t.Error("a key that was taken away opens")
	}
	if sessions(before).opened(forSignIn, text, &x) {
		t.Error("a session serves as something else")
	}
}
