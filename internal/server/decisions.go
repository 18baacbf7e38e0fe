package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/report"
)

// decisions are what verifications and gates came to.
type decisions interface {
	TakeDecisions(ctx context.Context, by authz.Actor, tenant string, list []evidence.Decision, answer []byte) (fresh int, err error)
	Decisions(ctx context.Context, q catalog.DecisionQuery) (list []catalog.TakenDecision, more bool, err error)
	DecisionAnswer(ctx context.Context, tenant string, digest ident.Digest) ([]byte, error)
}

// mostDecision bounds an answer of gate or verify, in bytes.
const mostDecision = 16 << 20

func (a *api) decisions() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "takeDecisions", Method: http.MethodPost, Path: "/api/v1/decisions", Tags: []string{"Records"}, Summary: "Record what a gate or a verification came to",
		Description:  "The body is what gate, verify image or verify bundle -o json said. Each artifact's decision is a record of the journal for good: digest, policies, verdict, reasons, time, who handed it over; the answer is kept beside it. The same answer of the same sender is recorded once. The reply comes once it is on disk.",
		MaxBodyBytes: mostDecision, SkipValidateBody: true, // its reader judges it
	}, a.takeDecisions)
	huma.Register(a.huma, huma.Operation{
		OperationID: "listDecisions", Method: http.MethodGet, Path: "/api/v1/decisions", Tags: []string{"Records"}, Summary: "What was decided about an artifact, by whom, under which policies and why?",
		Description: "In the order of the times at which they were judged.",
	}, a.listDecisions)
	huma.Register(a.huma, huma.Operation{
		OperationID: "getDecisionAnswer", Method: http.MethodGet, Path: "/api/v1/decisions/answers/{digest}", Tags: []string{"Records"}, Summary: "The answer that a decision was read from, byte for byte",
		Responses: map[string]*huma.Response{"200": {Description: "The answer", Content: map[string]*huma.MediaType{"application/json": {}}}},
	}, a.decisionAnswer)
}

func (a *api) takeDecisions(ctx context.Context, in *struct {
	Tenant  string `query:"tenant" maxLength:"100"`
	RawBody []byte `contentType:"application/json" doc:"What gate, verify image or verify bundle -o json said"`
}) (*struct{ Body report.DecisionReceipt }, error) {
	who, tenant, err := a.may(ctx, authz.PutDocument, in.Tenant)
	if err != nil {
		return nil, err
	}
	list, err := report.ReadDecisions(in.RawBody)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	fresh, err := a.Catalog.TakeDecisions(ctx, who, tenant, list, in.RawBody)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &struct{ Body report.DecisionReceipt }{report.DecisionReceipt{By: who.Subject, Answer: list[0].Answer.String(), Decisions: len(list), New: fresh}}, nil
}

type decisionsAnswer struct {
	Body struct {
		Items []report.RecordedDecision `json:"items"`
		Next  string                    `json:"next,omitempty" doc:"The cursor of the next page; absent on the last"`
	}
}

func (a *api) listDecisions(ctx context.Context, in *struct {
	Cursor   string    `query:"cursor" doc:"Where the last page ended: its next" maxLength:"2000"`
	Limit    int       `query:"limit" doc:"Rows at most" minimum:"1" default:"100"`
	Tenant   string    `query:"tenant" maxLength:"100"`
	Artifact string    `query:"artifact" doc:"About this digest only" maxLength:"200"`
	What     string    `query:"what" enum:"verify-image,verify-bundle,gate"`
	Verdict  string    `query:"verdict" enum:"verified,refused,indeterminate,passed,failed,not-checked"`
	Since    time.Time `query:"since" doc:"Judged then or later"`
	Until    time.Time `query:"until" doc:"Judged before"`
}) (*decisionsAnswer, error) {
	_, tenant, err := a.may(ctx, authz.Read, in.Tenant)
	if err != nil {
		return nil, err
	}
	q := catalog.DecisionQuery{Tenant: tenant, What: in.What, Verdict: in.Verdict, Since: in.Since, Until: in.Until, Limit: a.limit(&Page{Limit: in.Limit})}
	if in.Artifact != "" {
		if q.Artifact, err = ident.ParseDigest(in.Artifact); err != nil {
			return nil, a.fail(ctx, ident.Errorf(ident.KindUsage, "artifact: %w", err))
		}
	}
	if in.Cursor != "" {
		if err := uncursor(in.Cursor, &q.After); err != nil {
			return nil, a.fail(ctx, err)
		}
	}
	ctx, cancel := a.answerTime(ctx)
	defer cancel()
	list, more, err := a.Catalog.Decisions(ctx, q)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &decisionsAnswer{}
	out.Body.Items = []report.RecordedDecision{}
	for i := range list {
		out.Body.Items = append(out.Body.Items, report.RecordedDecision{Decision: list[i].Decision, By: list[i].By, Recorded: list[i].Recorded})
	}
	if more {
		out.Body.Next = joined(list[len(list)-1].Cursor(tenant))
	}
	return out, nil
}

func (a *api) decisionAnswer(ctx context.Context, in *struct {
	Digest string `path:"digest" maxLength:"200"`
	Tenant string `query:"tenant" maxLength:"100"`
}) (*huma.StreamResponse, error) {
	_, tenant, err := a.may(ctx, authz.Read, in.Tenant)
	if err != nil {
		return nil, err
	}
	d, err := ident.ParseDigest(in.Digest)
	if err != nil {
		return nil, a.fail(ctx, ident.Errorf(ident.KindUsage, "%w", err))
	}
	raw, err := a.Catalog.DecisionAnswer(ctx, tenant, d)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		h.SetHeader("Content-Type", "application/json")
		h.SetHeader("Content-Disposition", `attachment; filename="answer.json"`)
		h.SetHeader("X-Content-Type-Options", "nosniff")
		h.SetStatus(http.StatusOK)
		_, _ = h.BodyWriter().Write(raw) // a client that has gone needs none
	}}, nil
}
