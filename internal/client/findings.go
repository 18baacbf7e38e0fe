package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// FindingQuery selects findings of what runs. Zero fields select everything.
type FindingQuery struct {
	Tenant, Cluster, Zone, Service, Owner string
	ID                                    string
	Severity                              string // this or worse
	States                                string // separated by commas
	Origins                               string // separated by commas
	KEV, Overdue                          bool
	EPSS                                  float64 // one of the server's steps: as likely to be exploited, or likelier
	Images                                string  // digests, separated by commas
	At                                    time.Time
	History                               bool
}

func (q *FindingQuery) values() url.Values {
	v := (&Question{Tenant: q.Tenant, At: q.At}).values()
	for k, text := range map[string]string{"cluster": q.Cluster, "zone": q.Zone, "service": q.Service, "owner": q.Owner, "id": q.ID, "severity": q.Severity, "state": q.States, "origin": q.Origins, "image": q.Images} {
		if text != "" {
			v.Set(k, text)
		}
	}
	for k, is := range map[string]bool{"kev": q.KEV, "history": q.History, "overdue": q.Overdue} {
		if is {
			v.Set(k, "true")
		}
	}
	if q.EPSS != 0 {
		v.Set("epss", strconv.FormatFloat(q.EPSS, 'g', -1, 64))
	}
	return v
}

// RunningFindings asks which vulnerabilities what runs has, page after page.
func (c *Client) RunningFindings(ctx context.Context, q FindingQuery) (*report.RunningFindings, error) {
	out := &report.RunningFindings{Items: []report.RunningFinding{}}
	err := pages(ctx, c, "/api/v1/findings", q.values(), func(p *report.RunningFindings) (string, error) {
		next := p.Next
		p.SchemaVersion, p.Items, p.Next = inventory.SchemaVersion, append(out.Items, p.Items...), ""
		*out = *p
		return next, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Decide records a decision about findings.
func (c *Client) Decide(ctx context.Context, d report.FindingDecision) error {
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return c.do(ctx, putJSON("/api/v1/findings/decision", body), nil)
}

// FindingDecisions asks what was decided about findings: of one vulnerability, as decisions name it, or
// of all where id is "".
func (c *Client) FindingDecisions(ctx context.Context, id string, at time.Time, history bool) (*report.FindingDecisions, error) {
	v := (&FindingQuery{ID: id, At: at, History: history}).values()
	out := &report.FindingDecisions{}
	if err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/findings/decisions", query: v}, out); err != nil {
		return nil, err
	}
	out.SchemaVersion = inventory.SchemaVersion
	return out, nil
}

// ApproveDecision approves an acceptance that was read: by what it is about, and its Since.
func (c *Client) ApproveDecision(ctx context.Context, d *report.FindingDecision) error {
	body, err := json.Marshal(map[string]any{"id": d.ID, "component": d.Component, "cluster": d.Cluster, "container": d.Container, "since": d.Since})
	if err != nil {
		return err
	}
	return c.do(ctx, putJSON("/api/v1/findings/approval", body), nil)
}

// Remediation asks how long vulnerabilities stay in what runs.
func (c *Client) Remediation(ctx context.Context, q FindingQuery, since time.Time) (*report.Remediation, error) {
	v := q.values()
	if !since.IsZero() {
		v.Set("since", since.UTC().Format(time.RFC3339Nano))
	}
	out := &report.Remediation{}
	if err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/remediation", query: v}, out); err != nil {
		return nil, err
	}
	out.SchemaVersion = inventory.SchemaVersion
	return out, nil
}
