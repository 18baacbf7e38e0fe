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

// statements are what somebody states about vulnerabilities in products (VEX).
type statements interface {
	TakeVEX(ctx context.Context, by authz.Actor, raw []byte) (*catalog.VEXReceipt, error)
	WithdrawVEX(ctx context.Context, by authz.Actor, id string) error
	VEX(ctx context.Context, q catalog.VEXQuery) (docs []catalog.VEXDocument, more bool, err error)
}

func (a *api) statements() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "takeVEX", Method: http.MethodPost, Path: "/api/v1/vex", Tags: []string{"Findings"}, Summary: "State something about vulnerabilities in products",
		Description: "The body is the document: OpenVEX, CSAF or CycloneDX. It replaces the uploader's earlier one of the same identifier. Statements of uploaders that the configuration trusts (vexUploaders) move findings at once; those of others are shown. " +
			"A signed document (a Sigstore bundle or DSSE envelope around an in-toto statement whose predicate it is, or {\"document\": base64, \"bundle\": {…}}) is its signer's, by the configuration's vexTrust, whoever hands it over; a signature that does not verify is refused, and so is what is older than the signer's newest. " +
			"What a document says of its author proves nothing. The answer comes once it is on disk.",
		MaxBodyBytes: catalog.MaxVEX, SkipValidateBody: true, // the codecs judge it
	}, a.takeVEX)
	huma.Register(a.huma, huma.Operation{
		OperationID: "listVEX", Method: http.MethodGet, Path: "/api/v1/vex", Tags: []string{"Findings"}, Summary: "Which statements were handed over, by whom, and do they count?",
		Description: "Those that the server reads from files are not among it.",
	}, a.listVEX)
	huma.Register(a.huma, huma.Operation{
		OperationID: "withdrawVEX", Method: http.MethodDelete, Path: "/api/v1/vex/{id}", Tags: []string{"Findings"}, Summary: "Withdraw a document of statements", DefaultStatus: http.StatusNoContent,
		Description: "It counts no longer, and is still known to have (history).",
	}, a.withdrawVEX)
}

// stating is the actor of a request that states something: it counts for the findings
// of all tenants.
func (a *api) stating(ctx context.Context) (authz.Actor, error) {
	who, _, err := a.may(ctx, authz.Triage, "")
	if err == nil {
		err = a.unbound(ctx, authz.Triage)
	}
	return who, err
}

type vexReceiptAnswer struct{ Body report.VEXReceipt }

func (a *api) takeVEX(ctx context.Context, in *struct {
	RawBody []byte `contentType:"application/json" doc:"OpenVEX, CSAF or CycloneDX, signed or not"`
}) (*vexReceiptAnswer, error) {
	who, err := a.stating(ctx)
	if err != nil {
		return nil, err
	}
	got, err := a.Catalog.TakeVEX(ctx, who, in.RawBody)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &vexReceiptAnswer{Body: report.VEXReceipt{VEXDocument: vexView(&got.VEXDocument), Changed: got.Changed}}
	for i, f := range got.Faults {
		if i == mostWarnings {
			break
		}
		out.Body.Faults = append(out.Body.Faults, f.Pointer+": "+f.Message)
	}
	return out, nil
}

// mostStatements bounds how many of a document are in an answer.
const mostStatements = 100

func vexView(d *catalog.VEXDocument) report.VEXDocument {
	return report.VEXDocument{ID: d.ID, Document: d.Document, Digest: d.Digest.String(), Uploader: d.Uploader, Signer: d.Signer, Authors: append([]string{}, d.Authors()...), Trusted: d.Trusted,
		Statements: len(d.Statements), First: d.Statements[:min(len(d.Statements), mostStatements)], From: d.From, Until: d.Until}
}

type vexListAnswer struct{ Body report.VEXDocuments }

func (a *api) listVEX(ctx context.Context, in *struct {
	Vulnerability string    `query:"vulnerability" maxLength:"200" doc:"Only documents that state something about it"`
	Uploader      string    `query:"uploader" maxLength:"400"`
	At            time.Time `query:"at" doc:"What counted then"`
	History       bool      `query:"history" doc:"Also what no longer counts"`
	Page
}) (*vexListAnswer, error) {
	if err := a.unbound(ctx, authz.Read); err != nil {
		return nil, err
	}
	q := catalog.VEXQuery{Vulnerability: in.Vulnerability, Uploader: in.Uploader, At: in.At, History: in.History, Limit: a.limit(&in.Page)}
	if in.Cursor != "" {
		var from string
		q.After = &catalog.VEXCursor{}
		err := uncursor(in.Cursor, &q.After.ID, &from)
		if err == nil {
			if q.After.From, err = time.Parse(time.RFC3339Nano, from); err != nil {
				err = errCursor
			}
		}
		if err != nil {
			return nil, a.fail(ctx, err)
		}
	}
	docs, more, err := a.Catalog.VEX(ctx, q)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &vexListAnswer{Body: report.VEXDocuments{SchemaVersion: inventory.SchemaVersion, Items: []report.VEXDocument{}}}
	for i := range docs {
		out.Body.Items = append(out.Body.Items, vexView(&docs[i]))
	}
	if more {
		last := &docs[len(docs)-1]
		out.Body.Next = joined(last.ID, last.From.Format(time.RFC3339Nano))
	}
	return out, nil
}

func (a *api) withdrawVEX(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"64"`
}) (*struct{}, error) {
	who, err := a.stating(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.Catalog.WithdrawVEX(ctx, who, in.ID); err != nil {
		return nil, a.fail(ctx, err)
	}
	return nil, nil
}
