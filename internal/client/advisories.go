package client

import (
	"context"
	"net/http"

	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// Advisories asks what the server compares with.
func (c *Client) Advisories(ctx context.Context) (*report.ServerAdvisories, error) {
	out := &report.ServerAdvisories{Feeds: []report.ServerFeed{}}
	if err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/advisories"}, out); err != nil {
		return nil, err
	}
	out.SchemaVersion = inventory.SchemaVersion
	return out, nil
}
