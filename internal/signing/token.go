package signing

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Audience is whom a token is for, unless a deployment says otherwise.
const Audience = "sigstore"

// Token is an OIDC token, read and not verified: Fulcio does that.
type Token struct {
	raw    string
	claims claims
	Source string // where it came from, for people
}

// claims are those of a token that say who may sign with it, and how long.
type claims struct {
	Issuer        string          `json:"iss"`
	Subject       string          `json:"sub"`
	Email         string          `json:"email"`
	EmailVerified json.RawMessage `json:"email_verified"` // a boolean, or its text
	Audience      json.RawMessage `json:"aud"`            // a text, or a list of them
	IssuedAt      float64         `json:"iat"`
	Expires       float64         `json:"exp"`

	EventName    string          `json:"event_name"`         // GitHub
	WorkflowRef  string          `json:"job_workflow_ref"`   // GitHub
	RefProtected json.RawMessage `json:"ref_protected"`      // GitLab, as a text
	Runner       string          `json:"runner_environment"` // both
}

const maxTokenBytes = 64 << 10

// ParseToken reads a JSON web token (RFC 7519). The error never holds any of it.
func ParseToken(source, text string) (*Token, error) {
	bad := ident.Errorf(ident.KindFailure, "is no OIDC token").At(source).WithHint("a token has three parts with dots between them; docs/pipelines.md says how each pipeline gives one")
	text = strings.TrimSpace(text)
	parts := strings.Split(text, ".")
	if len(text) > maxTokenBytes || len(parts) != 3 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, bad
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return nil, bad
	}
	t := &Token{raw: text, Source: source}
	if json.Unmarshal(payload, &t.claims) != nil || t.claims.Issuer == "" || t.name() == "" {
		return nil, bad
	}
	return t, nil
}

// String keeps the token out of what is printed.
func (*Token) String() string { return "(token)" }

// GoString keeps the token out of what is printed.
func (*Token) GoString() string { return "(token)" }

// Issuer is who vouches for the signer.
func (t *Token) Issuer() string { return t.claims.Issuer }

// WorkflowRef is the workflow that the token's issuer says runs the job; GitHub only.
func (t *Token) WorkflowRef() string { return t.claims.WorkflowRef }

// name is what proof of possession is over: the address where there is one.
func (t *Token) name() string {
	if t.claims.Email != "" {
		return t.claims.Email
	}
	return t.claims.Subject
}

// longest is how long a token for one signature need live.
const longest = 10 * time.Minute

// Check returns an error where a token cannot be used at a time, and warnings where
// whoever reads it, or anybody at all, could sign as much as its owner.
func (t *Token) Check(at time.Time, audience string) (warnings []string, err error) {
	c := &t.claims
	end := time.Unix(int64(c.Expires), 0)
	switch {
	case c.Expires <= 0:
		warnings = append(warnings, "the token never ends: whoever reads it can sign for ever")
	case !at.Before(end):
		return nil, ident.Errorf(ident.KindFailure, "the token of %s ended at %s", t.Source, end.UTC().Format(time.RFC3339)).WithHint("ask for a new one right before signing")
	case c.IssuedAt > 0 && end.Sub(time.Unix(int64(c.IssuedAt), 0)) > longest:
		warnings = append(warnings, fmt.Sprintf("the token lives for %s: whoever reads it can sign until %s; ten minutes are enough", end.Sub(time.Unix(int64(c.IssuedAt), 0)), end.UTC().Format(time.RFC3339)))
	}
	var one string
	var several []string
	if json.Unmarshal(c.Audience, &one) == nil {
		several = []string{one}
	} else if json.Unmarshal(c.Audience, &several) != nil {
		several = nil
	}
	switch {
	case len(several) > 1:
		warnings = append(warnings, fmt.Sprintf("the token is for %d services at once (%s): each of them can sign with it", len(several), strings.Join(several, ", ")))
	case len(several) == 0 || several[0] != audience:
		warnings = append(warnings, fmt.Sprintf("the token is for %q and not for %q: Fulcio will refuse it, and a service that it is for could sign with it", strings.Join(several, ""), audience))
	}
	switch {
	case c.Email != "" && !isTrue(c.EmailVerified):
		return nil, ident.Errorf(ident.KindFailure, "nobody verified the address %.200q of the token", c.Email).WithHint("Fulcio certifies verified addresses only")
	case c.EventName == "pull_request" || c.EventName == "pull_request_target":
		warnings = append(warnings, fmt.Sprintf("the identity is that of a %s: whoever opens one gets it; sign on pushes to protected branches and on tags", c.EventName))
	case len(c.RefProtected) > 0 && !isTrue(c.RefProtected):
		warnings = append(warnings, "the branch or tag is not protected: whoever may push to it gets this identity")
	case c.Email == "" && broad(c.Subject):
		warnings = append(warnings, fmt.Sprintf("the identity %.200q names neither a branch, a tag nor an environment: every job of its kind gets it", c.Subject))
	}
	if c.Runner == "self-hosted" {
		warnings = append(warnings, "the runner is self-hosted: whoever controls that machine can take the token")
	}
	return warnings, nil
}

func isTrue(raw json.RawMessage) bool { return string(raw) == "true" || string(raw) == `"true"` }

// broad reports whether a subject in the manner of pipelines (repo:…, project_path:…)
// stops before it names what ran.
func broad(subject string) bool {
	switch kind, rest, _ := strings.Cut(subject, ":"); kind {
	case "repo", "project_path":
		return !strings.Contains(rest, ":ref:") && !strings.Contains(rest, ":ref_type:") && !strings.Contains(rest, ":environment:") && !strings.Contains(rest, ":job_workflow_ref:")
	}
	return strings.Contains(subject, "*")
}

// Environment finds the token that a pipeline offers: GitHub's request address, GitLab's
// id_tokens under SIGSTORE_ID_TOKEN, or nothing, for which nil is returned.
func (c *Client) Environment(ctx context.Context, getenv func(string) string, audience string) (*Token, error) {
	if text := getenv("SIGSTORE_ID_TOKEN"); text != "" {
		return ParseToken("SIGSTORE_ID_TOKEN", text)
	}
	address := getenv("ACTIONS_ID_TOKEN_REQUEST_URL")
	if address == "" {
		return nil, nil //nolint:nilnil // none is offered
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, ident.Errorf(ident.KindFailure, "ACTIONS_ID_TOKEN_REQUEST_URL is no address")
	}
	q := u.Query()
	q.Set("audience", audience)
	u.RawQuery = q.Encode()
	return c.Fetch(ctx, u.String(), getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
}

// Fetch asks an address for a token: a text, or JSON with the token under value,
// id_token, access_token or token. A bearer, where given, says who asks.
func (c *Client) Fetch(ctx context.Context, address, bearer string) (*Token, error) {
	header := http.Header{}
	if bearer != "" {
		header.Set("Authorization", "Bearer "+bearer)
	}
	raw, err := c.ask(ctx, request{service: "the token service", address: address, method: http.MethodGet, header: header, secret: true, wants: []int{http.StatusOK}})
	if err != nil {
		return nil, err
	}
	text := string(raw)
	if body := bytes.TrimSpace(raw); len(body) > 0 && body[0] == '{' {
		var fields map[string]any
		if json.Unmarshal(body, &fields) == nil {
			text = ""
			for _, name := range []string{"value", "id_token", "access_token", "token"} {
				if s, ok := fields[name].(string); ok && text == "" {
					text = s
				}
			}
		}
	}
	return ParseToken("the token service", text)
}
