package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/listen"
	"github.com/cofferdam-io/cofferdam/internal/retry"
)

// Hook is an address that is told. It is safe for concurrent use.
type Hook struct {
	Name   string
	url    string
	secret []byte
	client *http.Client
}

// The bounds of one try.
const (
	tryTime      = 15 * time.Second
	answerLooked = 64 << 10 // of the answer's body, so that the connection can be used again
)

// Secrets of Standard Webhooks have 24 to 64 bytes.
const (
	secretPrefix = "whsec_"
	leastSecret  = 24
	mostSecret   = 64
)

// NewHook checks an address and the secret that messages are signed with: "whsec_"
// and base64, or base64 alone. It has to be HTTPS, unless it is on this machine.
func NewHook(name, address, secret string) (*Hook, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || !listen.IsLoopback(u.Host)) {
		return nil, ident.Errorf(ident.KindUsage, "the webhook %q has no https URL", name).WithHint("url: https://hooks.example/cofferdam; who it is of is said by the signature, not by the URL")
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(secret), secretPrefix))
	if err != nil || len(key) < leastSecret || len(key) > mostSecret {
		return nil, ident.Errorf(ident.KindUsage, "the secret of the webhook %q is not %d to %d bytes in base64", name, leastSecret, mostSecret).WithHint("head -c 32 /dev/urandom | base64")
	}
	return &Hook{Name: name, url: address, secret: key, client: &http.Client{Timeout: tryTime, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: tryTime, MaxIdleConns: 1},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// Close drops the connections.
func (h *Hook) Close() { h.client.CloseIdleConnections() }

// Sign is the signature of a message (Standard Webhooks 1.0, "Signature scheme"):
// HMAC-SHA256 over its identifier, its time and its bytes.
func Sign(secret []byte, id string, at time.Time, body []byte) string {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	m.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// Refused is an answer that is not 2xx.
type Refused struct {
	Status int
	After  time.Duration // that the receiver asked for; 0: it did not
}

func (r *Refused) Error() string {
	return "the receiver answers " + strconv.Itoa(r.Status) + " " + http.StatusText(r.Status)
}

// Gone reports whether the receiver wants no more messages at all.
func (r *Refused) Gone() bool { return r.Status == http.StatusGone }

// Send tries once to deliver a message. The error is a *Refused where the receiver
// answered something else than that it took it.
func (h *Hook) Send(ctx context.Context, id string, at time.Time, body []byte) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("User-Agent", "cofferdam")
	q.Header.Set("webhook-id", id)
	q.Header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	q.Header.Set("webhook-signature", Sign(h.secret, id, at, body))
	r, err := h.client.Do(q)
	if err != nil {
		return ident.Errorf(ident.KindIndeterminate, "the receiver is not reached: %w", unaddressed(err))
	}
	defer r.Body.Close() //nolint:errcheck // nothing of it is needed
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, answerLooked))
	if r.StatusCode >= 200 && r.StatusCode < 300 {
		return nil
	}
	out := &Refused{Status: r.StatusCode}
	after, _ := retry.After(r.Header, at)
	out.After = min(after, longestWait)
	return out
}

// unaddressed is an error without the URL, whose path is a secret with many
// receivers.
func unaddressed(err error) error {
	if e, ok := err.(*url.Error); ok { //nolint:errorlint // http.Client returns it bare
		return e.Err
	}
	return err
}
