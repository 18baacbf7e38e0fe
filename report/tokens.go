package report

import (
	"io"
	"strings"
	"time"
)

// Tokens is the answer of `token list`.
type Tokens struct {
	SchemaVersion string        `json:"schemaVersion"`
	Tokens        []AccessToken `json:"tokens"`
}

// AccessToken is what is known of a token: not its secret.
type AccessToken struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Roles   []string  `json:"roles"`
	Tenant  string    `json:"tenant,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Expired bool      `json:"expired,omitempty"`
}

// NewToken is the answer of `token create`, the only one with the secret in it.
type NewToken struct {
	SchemaVersion string `json:"schemaVersion"`
	Token         string `json:"token"`
	AccessToken
}

func (t *AccessToken) until() string {
	switch {
	case t.Expires.IsZero():
		return "never"
	case t.Expired:
		return "expired " + t.Expires.UTC().Format(time.RFC3339)
	}
	return t.Expires.UTC().Format(time.RFC3339)
}

func tokensTable(w io.Writer, a *Tokens, o Options) error {
	p := newPrinter(w, o)
	p.heading("TOKENS", len(a.Tokens), "")
	var rows [][]string
	for i := range a.Tokens {
		t := &a.Tokens[i]
		rows = append(rows, []string{p.bold(clean(t.Name)), t.ID, clean(strings.Join(t.Roles, ", ")), clean(t.Tenant), t.until()})
	}
	p.table([]column{{"NAME", 16}, {"ID", 16}, {"ROLES", 20}, {"TENANT", 10}, {"EXPIRES", 20}}, rows)
	return p.done()
}

func newTokenText(w io.Writer, a *NewToken, o Options) error {
	p := newPrinter(w, o)
	p.linef("%s", a.Token)
	p.blank()
	p.linef("%s  %s, %s; expires %s", p.bold(clean(a.Name)), a.ID, clean(strings.Join(a.Roles, ", ")), a.until())
	p.linef("it is shown this once: COFFERDAM_TOKEN or --token-file hands it to push")
	return p.done()
}
