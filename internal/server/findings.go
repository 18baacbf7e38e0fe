package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// runningFindings are what is wrong with what runs, and what was decided about it.
type runningFindings interface {
	Findings(ctx context.Context, q catalog.FindingQuery) (*catalog.RunningFindings, error)
	SetTriage(ctx context.Context, by authz.Actor, t catalog.Triage) error
	HasDeadlines() bool
	CheckEPSS(likely float64) error
	Remediation(ctx context.Context, q catalog.FindingQuery, since time.Time) (*catalog.Remediation, error)
}

func (a *api) runningFindings() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "listFindings", Method: http.MethodGet, Path: "/api/v1/findings", Tags: []string{"Findings"}, Summary: "Which vulnerabilities has what runs, since when, and what was decided about them?",
		Description: "Of every running container that has a document, as of the last look a few seconds ago; or what was so at a time, or with history all of it, by vulnerability and container then. A change is an event of kind findings.",
	}, a.listFindings)
	huma.Register(a.huma, huma.Operation{
		OperationID: "decide", Method: http.MethodPut, Path: "/api/v1/findings/decision", Tags: []string{"Findings"}, Summary: "Say that findings are being worked on, or accepted until a time",
		Description: "In place of an earlier decision about the same findings. Of several that fit a finding the narrowest counts. An acceptance hides nothing.",
	}, a.decide)
	huma.Register(a.huma, huma.Operation{
		OperationID: "remediation", Method: http.MethodGet, Path: "/api/v1/remediation", Tags: []string{"Findings"}, Summary: "How long do vulnerabilities stay in what runs?",
	}, a.remediation)
}

// FindingFilter selects findings of what runs.
type FindingFilter struct {
	Tenant   string  `query:"tenant" maxLength:"100"`
	Cluster  string  `query:"cluster" maxLength:"256"`
	Zone     string  `query:"zone" maxLength:"256"`
	Service  string  `query:"service" maxLength:"256"`
	Owner    string  `query:"owner" maxLength:"256"`
	ID       string  `query:"id" maxLength:"200" doc:"Of the vulnerability, by any of its names"`
	Severity string  `query:"severity" enum:"unknown,none,low,medium,high,critical" doc:"This or worse"`
	KEV      bool    `query:"kev" doc:"Only what is known to be exploited"`
	EPSS     float64 `query:"epss" minimum:"0" maximum:"1" doc:"Only what is as likely to be exploited within thirty days, or likelier: one of the server's steps (findings.epssSteps; 0.1 and 0.5 by default)"`

	Status []string `query:"status" enum:"affected,not_affected,fixed,under_investigation" doc:"Only these, separated by commas: affected, or what statements (VEX) of trusted authors say"`
}

func (f *FindingFilter) query(c runningFindings, who authz.Actor, tenant string) (catalog.FindingQuery, error) {
	q := catalog.FindingQuery{Tenant: tenant, Mine: tenant != "" || who.Tenant != "", Cluster: f.Cluster, Zone: f.Zone, Service: f.Service, Owner: f.Owner, ID: f.ID, KEV: f.KEV, EPSS: f.EPSS}
	if f.Severity != "" {
		if err := q.Severity.UnmarshalText([]byte(f.Severity)); err != nil {
			return q, ident.Errorf(ident.KindUsage, "%.40q is no severity", f.Severity)
		}
	}
	for _, s := range f.Status {
		q.Statuses = append(q.Statuses, vuln.Status(s))
	}
	return q, c.CheckEPSS(q.EPSS)
}

type findingsAnswer struct{ Body report.RunningFindings }

func (a *api) listFindings(ctx context.Context, in *struct {
	FindingFilter
	State   []string  `query:"state" enum:"new,triaged,accepted,proposed" doc:"Only these, separated by commas"`
	Origin  []string  `query:"origin" enum:"base,application,unknown" doc:"Only what the base image brought, what was put on it, or of which that is not known, separated by commas"`
	At      time.Time `query:"at" doc:"What was so then, with the decisions of now"`
	History bool      `query:"history" doc:"Also what is no longer so"`
	Overdue bool      `query:"overdue" doc:"Only what was to be gone by now, or by the time that is asked for"`
	Image   []string  `query:"image" maxItems:"20" doc:"Only what containers of one of these images run: digests, separated by commas"`
	Cursor  string    `query:"cursor" doc:"Where the last page ended: its next" maxLength:"8000"`
	Limit   int       `query:"limit" doc:"Rows at most" minimum:"1" default:"100"`
}) (*findingsAnswer, error) {
	who, tenant, err := a.may(ctx, authz.Read, in.Tenant)
	if err != nil {
		return nil, err
	}
	q, err := in.query(a.Catalog, who, tenant)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	q.Origins = in.Origin
	q.At, q.History, q.Overdue, q.Limit = in.At, in.History, in.Overdue, a.limit(&Page{Limit: in.Limit})
	for _, text := range in.Image {
		d, err := ident.ParseDigest(text)
		if err != nil {
			return nil, a.fail(ctx, err)
		}
		q.Images = append(q.Images, d)
	}
	for _, s := range in.State {
		q.States = append(q.States, catalog.TriageState(s))
	}
	if in.Cursor != "" {
		var from string
		q.After = &catalog.FindingCursor{}
		if err := uncursor(in.Cursor, &q.After.ID, &q.After.Scope, &q.After.Key, &from); err != nil {
			return nil, a.fail(ctx, err)
		}
		if q.After.From, err = time.Parse(time.RFC3339Nano, from); err != nil {
			return nil, a.fail(ctx, errCursor)
		}
	}
	ctx, cancel := a.answerTime(ctx)
	defer cancel()
	found, err := a.Catalog.Findings(ctx, q)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &findingsAnswer{}
	b := &out.Body
	b.SchemaVersion, b.Sequence, b.AdvisoriesLoaded, b.KEV, b.Cleared, b.Total, b.Overdue, b.Items = inventory.SchemaVersion, found.Sequence, found.Loaded, found.KEV, found.Cleared, found.Total, found.Overdue, []report.RunningFinding{}
	b.Deadlines = a.Catalog.HasDeadlines()
	b.OriginUnknown, b.OriginPending = found.OriginUnknown, found.OriginPending
	if found.Counts != nil {
		b.Counts = map[string]int{}
		for s := ident.SeverityUnknown; s <= ident.SeverityCritical; s++ {
			b.Counts[s.String()] = found.Counts[s]
		}
	}
	for i := range found.Items {
		b.Items = append(b.Items, FindingView(&found.Items[i]))
	}
	if found.More {
		c := found.Items[len(found.Items)-1].Cursor()
		b.Next = joined(c.ID, c.Scope, c.Key, c.From.Format(time.RFC3339Nano))
	}
	return out, nil
}

// FindingView is a finding as answers and messages say it.
func FindingView(x *catalog.TriagedFinding) report.RunningFinding {
	s := &x.Said
	f := report.RunningFinding{Cluster: x.Cluster, Container: x.Container, Image: s.Image.String(), Zone: s.Zone, Service: s.Service, Owner: s.Owner, ID: x.ID, Aliases: s.Aliases, PURL: s.PURL,
		Component: s.Component, Severity: s.Severity.String(), KEV: s.KEV, EPSSReached: s.EPSS, Fixed: s.Fixed, Fix: s.Fix, Status: string(s.Status), VEXSource: s.VEXSource, Doubtful: s.Doubtful, Unheard: s.Unheard, From: x.From, Until: x.Until, State: string(x.State), Origin: string(x.Origin), Base: x.Base}
	f.Exposed, f.Due, f.Overdue = x.Exposed, x.Due, x.Overdue
	if !x.Until.IsZero() {
		f.State = "remediated"
	}
	if t := x.Triage; t != nil {
		f.Decision = triageView(t)
	}
	return f
}

func (a *api) decide(ctx context.Context, in *struct{ Body report.FindingDecision }) (*struct{}, error) {
	who, _, err := a.may(ctx, authz.Triage, "")
	if err == nil {
		err = a.unbound(ctx, authz.Triage) // a decision counts for the findings of all tenants
	}
	if err != nil {
		return nil, err
	}
	d := &in.Body
	err = a.Catalog.SetTriage(ctx, who, catalog.Triage{ID: d.ID, Component: d.Component, Cluster: d.Cluster, Container: d.Container, State: catalog.TriageState(d.State), Reason: d.Reason, Ticket: d.Ticket, Until: d.Until})
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return nil, nil
}

// since is the beginning of what is measured, where nobody says.
func (a *api) since(given, at time.Time) time.Time {
	if !given.IsZero() {
		return given
	}
	if at.IsZero() {
		at = a.Now()
	}
	return at.AddDate(0, 0, -remediationDays)
}

type remediationAnswer struct{ Body report.Remediation }

// remediationDays is how far back remediation looks where nobody says.
const remediationDays = 90

func (a *api) remediation(ctx context.Context, in *struct {
	FindingFilter
	Since time.Time `query:"since" doc:"Exposures that ended from then on, besides those that hold; 90 days by default"`
	At    time.Time `query:"at" doc:"As was known then"`
}) (*remediationAnswer, error) {
	who, tenant, err := a.may(ctx, authz.Read, in.Tenant)
	if err != nil {
		return nil, err
	}
	q, err := in.query(a.Catalog, who, tenant)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	since := a.since(in.Since, in.At)
	q.At = in.At
	ctx, cancel := a.answerTime(ctx)
	defer cancel()
	r, err := a.Catalog.Remediation(ctx, q, since)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &remediationAnswer{Body: report.Remediation{SchemaVersion: inventory.SchemaVersion, Since: r.Since.UTC(), Classes: remediationClasses(r.Classes)}}, nil
}
