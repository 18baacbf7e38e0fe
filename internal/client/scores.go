package client

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// ScoreQuery selects scores of documents. Zero fields select everything.
type ScoreQuery struct {
	Tenant, Owner, Service, Cluster, Zone string
	Profile, Unmet                        string
	Grades                                string // separated by commas
	Min, Max                              float64
	Running, Below, Refused               bool
	Since, At                             time.Time
	History                               bool
}

func (q *ScoreQuery) values() url.Values {
	v := (&Question{Tenant: q.Tenant, At: q.At}).values()
	for k, text := range map[string]string{"owner": q.Owner, "service": q.Service, "cluster": q.Cluster, "zone": q.Zone, "profile": q.Profile, "unmet": q.Unmet, "grade": q.Grades} {
		if text != "" {
			v.Set(k, text)
		}
	}
	for k, n := range map[string]float64{"min": q.Min, "max": q.Max} {
		if n > 0 {
			v.Set(k, strconv.FormatFloat(n, 'g', -1, 64))
		}
	}
	for k, is := range map[string]bool{"running": q.Running, "below": q.Below, "refused": q.Refused, "history": q.History} {
		if is {
			v.Set(k, "true")
		}
	}
	if !q.Since.IsZero() {
		v.Set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	return v
}

// Scores asks how good documents are, page after page.
func (c *Client) Scores(ctx context.Context, q ScoreQuery) (*report.DocumentScores, error) {
	out := &report.DocumentScores{Items: []report.DocumentScore{}}
	err := pages(ctx, c, "/api/v1/scores", q.values(), func(page *report.DocumentScores) (string, error) {
		next := page.Next
		page.SchemaVersion, page.Items, page.Next = inventory.SchemaVersion, append(out.Items, page.Items...), ""
		*out = *page
		return next, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
