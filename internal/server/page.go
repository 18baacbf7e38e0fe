package server

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/cofferdam-io/cofferdam/authz"
)

//go:embed page.tmpl
var pageText string

//go:embed page.css
var pageStyle string

// pagePolicy lets a page look as it was written and send its forms here, and nothing
// else.
func pagePolicy() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

// page is what the few pages of the server show; the zero value of a field is left
// out.
type page struct {
	Style   template.CSS
	Version string

	Title string
	Said  string // one sentence
	Hint  string
	Who   *pageActor
	Links []pageLink
}

type pageActor struct {
	Subject, Roles, Tenant string
	Session                bool // and so can be signed out
}

type pageLink struct{ Href, Text, Note string }

func (a *api) page(w http.ResponseWriter, r *http.Request, code int, p page) {
	p.Style, p.Version = template.CSS(pageStyle), a.Version //nolint:gosec // our own file
	t, err := template.New("page").Parse(pageText)          // escapes every text by where it stands
	var b bytes.Buffer
	if err == nil {
		err = t.Execute(&b, p)
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy())
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes()) // a browser that went away is no concern of ours
}

// start is the page that somebody sees who opens the server in a browser.
func (a *api) start(w http.ResponseWriter, r *http.Request) {
	p := page{Title: "Cofferdam", Said: "What runs in your clusters, what is known of it, and who vouches for it."}
	who := actorOf(r.Context())
	if who.Subject == "" {
		for _, i := range a.providers() {
			p.Links = append(p.Links, i.link("/"))
		}
		if len(p.Links) == 0 {
			p.Hint = "Nobody signs in to this server with a browser. Programs send a token: Authorization: Bearer …"
		}
		a.page(w, r, http.StatusOK, p)
		return
	}
	p.Who = &pageActor{Subject: who.Subject, Roles: strings.Join(authz.Names(who.Roles), ", "), Tenant: who.Tenant, Session: r.Header.Get("Authorization") == "" && !a.Access.Loopback}
	p.Links = []pageLink{
		{"/api/v1/coverage", "Coverage", "every running container held against the documents"},
		{"/api/v1/drift", "Drift", "what does not agree, with its interval"},
		{"/api/v1/advisories", "Advisories", "what is loaded, and how much of it was compared"},
		{"/api/v1/changes", "Changes", "what was taken in, and when"},
		{"/openapi.json", "OpenAPI 3.1", "every question that this server answers"},
	}
	a.page(w, r, http.StatusOK, p)
}

func (i *Issuer) link(back string) pageLink {
	q := url.Values{"issuer": {i.URL}}
	if back != "/" {
		q.Set("return", back)
	}
	return pageLink{Href: signInPath + "?" + q.Encode(), Text: "Sign in with " + i.title()}
}

// choicePage asks which provider somebody is known to.
func (a *api) choicePage(w http.ResponseWriter, r *http.Request, list []*Issuer, back string) {
	p := page{Title: "Sign in"}
	for _, i := range list {
		p.Links = append(p.Links, i.link(back))
	}
	a.page(w, r, http.StatusOK, p)
}

// troublePage says what is wrong to somebody who looks at it in a browser.
func (a *api) troublePage(w http.ResponseWriter, r *http.Request, err error) {
	e, header := a.problem(r.Context(), err)
	for k, v := range header {
		if k != "Www-Authenticate" { // a browser would ask for a password
			w.Header()[k] = v
		}
	}
	p := page{Title: "Not signed in", Said: "The server could not answer."}
	if x, ok := e.(*problem); ok {
		p.Said, p.Hint = x.Detail, x.Hint
	}
	if len(a.providers()) > 0 {
		p.Links = []pageLink{{Href: signInPath, Text: "Begin again"}}
	}
	a.page(w, r, e.GetStatus(), p)
}
