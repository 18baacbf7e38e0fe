package client

import (
	"context"
	"net/http"
	"time"

	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// IndicatorQuery selects what is measured. Zero fields select everything.
type IndicatorQuery struct {
	Tenant, Cluster, Zone string
	By                    string // owner, service, zone or cluster
	Since, At             time.Time
}

// Indicators asks how well what runs is known and kept.
func (c *Client) Indicators(ctx context.Context, q IndicatorQuery) (*report.Indicators, error) {
	v := (&FindingQuery{Tenant: q.Tenant, Cluster: q.Cluster, Zone: q.Zone, At: q.At}).values()
	if q.By != "" {
		v.Set("by", q.By)
	}
	if !q.Since.IsZero() {
		v.Set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	out := &report.Indicators{}
	if err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/indicators", query: v}, out); err != nil {
		return nil, err
	}
	out.SchemaVersion = inventory.SchemaVersion
	return out, nil
}
