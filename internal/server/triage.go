package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// triages are what was decided about findings, and who else approves it.
type triages interface {
	ApproveTriage(ctx context.Context, by authz.Actor, t catalog.Triage) (*catalog.Triage, error)
	Triages(ctx context.Context, id string, at time.Time, history bool) ([]catalog.Triage, error)
	Counts(t *catalog.Triage, at time.Time) bool
	FourEyes() bool
}

func (a *api) triages() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "listFindingDecisions", Method: http.MethodGet, Path: "/api/v1/findings/decisions", Tags: []string{"Findings"}, Summary: "What was decided about findings, by whom, and whether it counts",
		Description: "What stands now, or stood at a time, or with history all of it.",
	}, a.listTriages)
	huma.Register(a.huma, huma.Operation{
		OperationID: "approveFindingDecision", Method: http.MethodPut, Path: "/api/v1/findings/approval", Tags: []string{"Findings"}, Summary: "Approve that somebody else accepted findings",
		Description: "The body names the decision by what it is about and by its since, so that nobody approves what was changed since. Where the server asks for approval, an acceptance counts from then on.",
	}, a.approveTriage)
}

type triagesAnswer struct{ Body report.FindingDecisions }

func (a *api) listTriages(ctx context.Context, in *struct {
	ID      string    `query:"id" maxLength:"200" doc:"As the decision names the vulnerability"`
	At      time.Time `query:"at"`
	History bool      `query:"history" doc:"Also what no longer stands"`
}) (*triagesAnswer, error) {
	if err := a.unbound(ctx, authz.Read); err != nil {
		return nil, err
	}
	ctx, cancel := a.answerTime(ctx)
	defer cancel()
	list, err := a.Catalog.Triages(ctx, in.ID, in.At, in.History)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	at := in.At
	if at.IsZero() {
		at = a.Now()
	}
	out := &triagesAnswer{Body: report.FindingDecisions{SchemaVersion: inventory.SchemaVersion, At: at.UTC(), Approval: a.Catalog.FourEyes(), Items: []report.FindingDecision{}}}
	for i := range list {
		d := triageView(&list[i])
		d.Counts = d.Standing(at) != "replaced" && a.Catalog.Counts(&list[i], at)
		out.Body.Items = append(out.Body.Items, *d)
	}
	return out, nil
}

// triageView is a decision as answers and messages say it.
func triageView(t *catalog.Triage) *report.FindingDecision {
	return &report.FindingDecision{ID: t.ID, Component: t.Component, Cluster: t.Cluster, Container: t.Container, State: string(t.State), Reason: t.Reason, Ticket: t.Ticket, Until: t.Until, By: t.By,
		Approved: t.Approved, Since: t.Since, Ended: t.Ended}
}

type triageAnswer struct{ Body report.FindingDecision }

func (a *api) approveTriage(ctx context.Context, in *struct {
	Body struct {
		ID        string    `json:"id" maxLength:"200"`
		Component string    `json:"component,omitempty" maxLength:"2000"`
		Cluster   string    `json:"cluster,omitempty" maxLength:"256"`
		Container string    `json:"container,omitempty" maxLength:"1100"`
		Since     time.Time `json:"since" doc:"Of the decision that was read"`
	}
}) (*triageAnswer, error) {
	who, _, err := a.may(ctx, authz.ApproveTriage, "")
	if err == nil {
		err = a.unbound(ctx, authz.ApproveTriage)
	}
	if err != nil {
		return nil, err
	}
	b := &in.Body
	t, err := a.Catalog.ApproveTriage(ctx, who, catalog.Triage{ID: b.ID, Component: b.Component, Cluster: b.Cluster, Container: b.Container, Since: b.Since})
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &triageAnswer{*triageView(t)}, nil
}
