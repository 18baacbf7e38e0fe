package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/retry"
)

// accessToken is what a token server gave for a scope.
type accessToken struct {
	header string
	until  time.Time
}

const (
	// maxToken bounds what a token server answers.
	maxToken = 64 << 10
	// tokenLife is how long a token is good for where its server does not say
	// (distribution's token specification).
	tokenLife = 60 * time.Second
	// mostTokens bounds the tokens that are remembered for one server.
	mostTokens = 10_000
)

func (q *question) scope() string {
	scope := "repository:" + q.to.prefix + q.repository + ":pull"
	if q.writes() {
		scope += ",push"
	}
	return scope
}

// header is what is known to let us in.
func (s *server) header(q *question) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.tokens[q.scope()]; ok {
		if time.Now().Before(t.until) {
			return t.header
		}
		delete(s.tokens, q.scope())
	}
	return s.basic[q.scope()]
}

// authorize answers a challenge: with a password where that is asked for, with a token
// where one is to be fetched first (distribution's token authentication). It returns
// what the Authorization header says.
func (c *Client) authorize(ctx context.Context, s *server, q *question, headers []string) (string, error) {
	denied := func(err error) error {
		f := q.fault(Unauthenticated, err)
		f.Status = http.StatusUnauthorized
		return f
	}
	var cred Credential
	if c.credentials != nil {
		var err error
		if cred, err = c.credentials.For(ctx, q.to.registry, q.to.prefix+q.repository); err != nil {
			return "", denied(err)
		}
	}
	for _, ch := range parseChallenges(headers) {
		switch ch.scheme {
		case "basic":
			if cred.Username == "" && cred.Password == "" {
				continue
			}
			h := basic(cred)
			s.mu.Lock()
			if len(s.basic) < mostTokens {
				s.basic[q.scope()] = h
			}
			s.mu.Unlock()
			return h, nil
		case "bearer":
			if cred.RegistryToken != "" {
				return "Bearer " + cred.RegistryToken, nil
			}
			t, err := c.tokens.do(ctx, q.to.host+" "+q.scope()+" "+ch.params["scope"], func(ctx context.Context) (accessToken, error) {
				return c.fetchToken(ctx, q, ch, cred)
			})
			if err != nil {
				return "", err
			}
			s.mu.Lock()
			if len(s.tokens) < mostTokens {
				s.tokens[q.scope()] = t
			}
			s.mu.Unlock()
			return t.header, nil
		}
	}
	return "", denied(nil)
}

func basic(c Credential) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password))
}

// fetchToken asks a token server: by OAuth 2 where we hold a token to be exchanged,
// else with a password, or as nobody.
func (c *Client) fetchToken(ctx context.Context, q *question, ch challenge, cred Credential) (accessToken, error) {
	realm, err := url.Parse(ch.params["realm"])
	if err != nil || realm.Host == "" {
		return accessToken{}, q.fault(Wrong, errors.New("it names no token server"))
	}
	if err := q.to.permits(realm); err != nil {
		return accessToken{}, q.fault(Wrong, err)
	}
	scopes := []string{q.scope()}
	if s := ch.params["scope"]; s != "" && s != scopes[0] {
		scopes = append([]string{s}, scopes...)
	}
	if cred.IdentityToken != "" {
		t, err := c.exchange(ctx, q, realm, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {cred.IdentityToken},
			"service": {ch.params["service"]}, "scope": {strings.Join(scopes, " ")}, "client_id": {"cofferdam"}})
		var f *Fault
		// A token server without OAuth 2 has no such address or method.
		if !errors.As(err, &f) || f.Status != http.StatusNotFound && f.Status != http.StatusMethodNotAllowed {
			return t, err
		}
	}
	u := *realm
	v := u.Query()
	v["scope"] = scopes
	if s := ch.params["service"]; s != "" {
		v.Set("service", s)
	}
	u.RawQuery = v.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return accessToken{}, q.fault(Wrong, err)
	}
	if cred.Username != "" {
		req.Header.Set("Authorization", basic(cred))
	}
	return c.token(req, q)
}

func (c *Client) exchange(ctx context.Context, q *question, realm *url.URL, form url.Values) (accessToken, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, realm.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return accessToken{}, q.fault(Wrong, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c.token(req, q)
}

// token sends a request to a token server. It follows no redirect: what it sends is a
// secret.
func (c *Client) token(req *http.Request, q *question) (accessToken, error) {
	req.Header.Set("User-Agent", c.agent)
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return accessToken{}, err
	}
	defer discard(res)
	if res.StatusCode != http.StatusOK {
		f := q.fault(reasonOf(res.StatusCode), nil)
		f.Status, f.Host = res.StatusCode, req.URL.Host
		f.What = "a token for " + q.what
		switch f.Reason {
		case Absent, Refused:
			f.Reason = Wrong // the registry named it: this says nothing about what was asked
			f.Err = errors.New("the token server answers " + res.Status)
		case Limited, Away:
			f.After, _ = retry.After(res.Header, time.Now())
		}
		return accessToken{}, f
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxToken+1))
	if err != nil {
		return accessToken{}, err
	}
	var t struct {
		Token       string  `json:"token"`
		AccessToken string  `json:"access_token"`
		ExpiresIn   float64 `json:"expires_in"`
	}
	if len(b) > maxToken || json.Unmarshal(b, &t) != nil {
		return accessToken{}, q.fault(Wrong, errors.New("the token server "+req.URL.Host+" answers with no token"))
	}
	if t.Token == "" {
		t.Token = t.AccessToken
	}
	if t.Token == "" || strings.ContainsFunc(t.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return accessToken{}, q.fault(Wrong, errors.New("the token server "+req.URL.Host+" answers with no token"))
	}
	life := tokenLife
	if t.ExpiresIn > 0 && t.ExpiresIn < 86400 {
		life = time.Duration(t.ExpiresIn * float64(time.Second))
	}
	// Asked for again a little before it ends.
	return accessToken{header: "Bearer " + t.Token, until: time.Now().Add(life - life/10)}, nil
}
