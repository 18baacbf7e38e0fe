package client

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// PushDecisions hands over what gate or verify said.
func (c *Client) PushDecisions(ctx context.Context, tenant string, raw []byte) (*report.DecisionReceipt, error) {
	out := &report.DecisionReceipt{}
	if err := c.pushAnswer(ctx, "/api/v1/decisions", tenant, raw, out); err != nil {
		return nil, err
	}
	return out, nil
}

// pushAnswer posts an answer of the command line for a tenant.
func (c *Client) pushAnswer(ctx context.Context, path, tenant string, raw []byte, out any) error {
	return c.do(ctx, &request{method: http.MethodPost, path: path, query: (&Question{Tenant: tenant}).values(), size: int64(len(raw)), header: http.Header{"Content-Type": {"application/json"}},
		body: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }}, out)
}

// DecisionQuery selects decisions. Zero fields select everything.
type DecisionQuery struct {
	Tenant       string
	Artifact     ident.Digest
	What         string
	Verdict      string
	Since, Until time.Time
	Limit        int
}

// Decisions asks what was decided, by the time at which it was judged.
func (c *Client) Decisions(ctx context.Context, q DecisionQuery) (*report.Decisions, error) {
	v := (&Question{Tenant: q.Tenant}).values()
	for k, text := range map[string]string{"artifact": q.Artifact.String(), "what": q.What, "verdict": q.Verdict} {
		if text != "" {
			v.Set(k, text)
		}
	}
	for k, t := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !t.IsZero() {
			v.Set(k, t.UTC().Format(time.RFC3339Nano))
		}
	}
	out := &report.Decisions{SchemaVersion: inventory.SchemaVersion, Items: []report.RecordedDecision{}}
	for len(out.Items) < q.Limit {
		var page struct {
			Items []report.RecordedDecision
			Next  string
		}
		v.Set("limit", strconv.Itoa(min(pageRows, q.Limit-len(out.Items))))
		if err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/decisions", query: v}, &page); err != nil {
			return nil, err
		}
		out.Items = append(out.Items, page.Items...)
		if out.More = page.Next != ""; !out.More || len(page.Items) == 0 {
			break
		}
		v.Set("cursor", page.Next)
	}
	return out, nil
}

// DecisionAnswer returns the answer that decisions were read from, byte for byte.
func (c *Client) DecisionAnswer(ctx context.Context, d ident.Digest, tenant string) ([]byte, error) {
	var raw []byte
	err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/decisions/answers/" + url.PathEscape(d.String()), query: (&Question{Tenant: tenant}).values()}, &raw)
	return raw, err
}
