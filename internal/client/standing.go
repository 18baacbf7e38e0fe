package client

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// StandingQuery selects running containers. Zero fields select everything.
type StandingQuery struct {
	Tenant, Cluster, Zone string
	Standings             string // separated by commas
	MaxAgeDays            int
	At                    time.Time
}

// Standings asks how what runs and the documents agree, page after page.
func (c *Client) Standings(ctx context.Context, q StandingQuery) (*report.Standings, error) {
	v := (&Question{Tenant: q.Tenant, At: q.At}).values()
	for k, text := range map[string]string{"cluster": q.Cluster, "zone": q.Zone, "standing": q.Standings} {
		if text != "" {
			v.Set(k, text)
		}
	}
	if q.MaxAgeDays > 0 {
		v.Set("maxAgeDays", strconv.Itoa(q.MaxAgeDays))
	}
	out := &report.Standings{SchemaVersion: inventory.SchemaVersion, Items: []report.Standing{}}
	type page struct {
		report.Standings
		Next string
	}
	err := pages(ctx, c, "/api/v1/coverage", v, func(p *page) (string, error) {
		out.Sequence, out.Counts, out.Items = p.Sequence, p.Counts, append(out.Items, p.Items...)
		return p.Next, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Blocked asks where blocked components are.
func (c *Client) Blocked(ctx context.Context, tenant, list string) (*report.BlockedComponents, error) {
	v := (&Question{Tenant: tenant}).values()
	v.Set("limit", "100")
	if list != "" {
		v.Set("list", list)
	}
	out := &report.BlockedComponents{}
	if err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/blocked", query: v}, out); err != nil {
		return nil, err
	}
	out.SchemaVersion = inventory.SchemaVersion
	return out, nil
}

// Block is an entry of a list of components that must not be used.
type Block struct {
	Component string    `json:"component"`
	Reason    string    `json:"reason"`
	Ticket    string    `json:"ticket,omitempty"`
	Expires   time.Time `json:"expires,omitzero"`
}

// SetBlocks makes blocks the whole of a list. It returns how many entries changed.
func (c *Client) SetBlocks(ctx context.Context, list string, blocks []Block) (changed int, err error) {
	body, err := json.Marshal(map[string]any{"blocks": blocks})
	if err != nil {
		return 0, err
	}
	var out struct{ Changed int }
	err = c.do(ctx, putJSON("/api/v1/blocklists/"+url.PathEscape(list), body), &out)
	return out.Changed, err
}

func putJSON(path string, body []byte) *request {
	return &request{method: http.MethodPut, path: path, size: int64(len(body)), header: http.Header{"Content-Type": {"application/json"}},
		body: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }}
}
