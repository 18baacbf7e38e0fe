package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// HistoryKinds are the names that a history is asked by.
var HistoryKinds = []string{"digest", "reference", "name", "build", "release", "service", "owner", "cluster"}

// History asks what was handed over about the artifacts of a name, and where they
// ran, page after page. kind is one of HistoryKinds.
func (c *Client) History(ctx context.Context, tenant, kind, name string) (*report.History, error) {
	v := (&Question{Tenant: tenant}).values()
	v.Set(kind, name)
	out := &report.History{SchemaVersion: inventory.SchemaVersion, Documents: []report.HistoryDocument{}, Runs: []report.HistoryRun{}}
	type page struct {
		report.History
		Next string
	}
	err := pages(ctx, c, "/api/v1/history", v, func(p *page) (string, error) {
		out.Documents, out.Runs, out.MoreRuns = append(out.Documents, p.Documents...), append(out.Runs, p.Runs...), out.MoreRuns || p.MoreRuns
		return p.Next, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Changes asks what changed from a time on, or after a cursor, at most limit steps.
func (c *Client) Changes(ctx context.Context, since time.Time, after string, limit int) (*report.Changes, error) {
	v := url.Values{}
	out := &report.Changes{SchemaVersion: inventory.SchemaVersion, Items: []report.Change{}, Next: after}
	for len(out.Items) < limit {
		v.Set("limit", strconv.Itoa(min(pageRows, limit-len(out.Items))))
		if out.Next != "" {
			v.Set("cursor", out.Next)
		} else if !since.IsZero() {
			v.Set("since", since.UTC().Format(time.RFC3339Nano))
		}
		var page report.Changes
		if err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/changes", query: v}, &page); err != nil {
			return nil, err
		}
		out.Next = page.Next
		if len(page.Items) == 0 {
			break
		}
		out.Items = append(out.Items, page.Items...)
	}
	return out, nil
}
