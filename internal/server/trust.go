package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// trust is who vouches for documents.
type trust interface {
	TakeTrust(ctx context.Context, by authz.Actor, tenant string, t *inventory.Trust) (*catalog.TrustReceipt, error)
	Trust(ctx context.Context, q catalog.TrustQuery) (*catalog.TrustedDocuments, error)
	DocumentTrust(ctx context.Context, d *store.Document) (inventory.SBOMMatch, error)
	DocumentsTrust(ctx context.Context, docs []*store.Document) ([]inventory.SBOMMatch, error)
}

// mostTrust bounds an answer of verify, in bytes.
const mostTrust = 64 << 20

func (a *api) trust() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "takeTrust", Method: http.MethodPost, Path: "/api/v1/trust", Tags: []string{"Trust"}, Summary: "Say who vouches for SBOMs",
		Description:  "The body is what verify image -o json or verify bundle -o json said. It replaces what the same sender said of the same image before, counts where the configuration takes their word (sbomTrust.uploaders), and is told with their name otherwise. The answer comes once it is on disk.",
		MaxBodyBytes: mostTrust, SkipValidateBody: true, // its reader judges it
	}, a.takeTrust)
	huma.Register(a.huma, huma.Operation{
		OperationID: "listTrust", Method: http.MethodGet, Path: "/api/v1/trust", Tags: []string{"Trust"}, Summary: "Who vouches for the SBOMs of what runs?",
		Description: "Every container that runs with each document about its image: verified, unsigned (every place was asked, and nobody vouches for the document), invalid or unchecked, with the reason, who found it out and when. Counts are of all that cluster and zone select.",
	}, a.listTrust)
	huma.Register(a.huma, huma.Operation{
		OperationID: "getDocumentTrust", Method: http.MethodGet, Path: "/api/v1/documents/{digest}/trust", Tags: []string{"Trust"}, Summary: "Who vouches for a document as the SBOM of what it is about?",
	}, func(ctx context.Context, in *DocumentPath) (*struct{ Body DocumentTrust }, error) {
		_, d, err := a.one(ctx, in, authz.Read)
		if err != nil {
			return nil, err
		}
		m, err := a.Catalog.DocumentTrust(ctx, d)
		if err != nil {
			return nil, a.fail(ctx, err)
		}
		return &struct{ Body DocumentTrust }{DocumentTrust{Digest: m.Digest.String(), Trust: m.Trust, TrustReason: m.TrustReason, SignedBy: m.SignedBy, TrustBy: m.TrustBy, TrustAt: m.TrustAt}}, nil
	})
}

// DocumentTrust says who vouches for a document.
type DocumentTrust struct {
	Digest      string `json:"digest"`
	Trust       string `json:"trust" enum:"verified,unsigned,invalid,unchecked"`
	TrustReason string `json:"trustReason,omitempty" doc:"Why it is not verified"`
	SignedBy    string `json:"signedBy,omitempty"`
	TrustBy     string `json:"trustBy,omitempty" doc:"Who found it out"`
	TrustAt     string `json:"trustAt,omitempty" doc:"When"`
}

type trustReceiptAnswer struct{ Body report.TrustReceipt }

func (a *api) takeTrust(ctx context.Context, in *struct {
	Tenant  string `query:"tenant" maxLength:"100"`
	RawBody []byte `contentType:"application/json" doc:"What verify image -o json or verify bundle -o json said"`
}) (*trustReceiptAnswer, error) {
	who, tenant, err := a.may(ctx, authz.PutDocument, in.Tenant)
	if err != nil {
		return nil, err
	}
	t := &inventory.Trust{}
	if err := report.ReadTrust(in.RawBody, t); err != nil {
		return nil, a.fail(ctx, err)
	}
	if len(t.Images)+len(t.Documents) == 0 {
		return nil, a.fail(ctx, ident.Errorf(ident.KindInvalid, "the answer says nothing of an SBOM"))
	}
	got, err := a.Catalog.TakeTrust(ctx, who, tenant, t)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &trustReceiptAnswer{Body: report.TrustReceipt{Images: got.Images, Documents: got.Documents, Changed: got.Changed, Older: got.Older, Counts: got.Counts, By: who.Subject}}, nil
}

// TrustedDocument is a document as the SBOM of a container that runs.
type TrustedDocument struct {
	catalog.Workload
	SBOM inventory.SBOMMatch `json:"sbom"`
}

type trustAnswer struct {
	Body struct {
		Sequence uint64               `json:"sequence"`
		Counts   inventory.TrustCount `json:"counts" doc:"Containers with a document by who vouches for it, of all that cluster and zone select"`
		Total    int                  `json:"total" doc:"On all pages"`
		Items    []TrustedDocument    `json:"items"`
		Next     string               `json:"next,omitempty" doc:"The cursor of the next page; absent on the last"`
	}
}

func (a *api) listTrust(ctx context.Context, in *struct {
	Page
	Tenant  string    `query:"tenant" maxLength:"100"`
	Cluster string    `query:"cluster" maxLength:"256"`
	Zone    string    `query:"zone" maxLength:"256"`
	Trust   []string  `query:"trust" enum:"verified,unsigned,invalid,unchecked" doc:"Only these, separated by commas"`
	At      time.Time `query:"at" doc:"What ran then, by what was known then"`
}) (*trustAnswer, error) {
	_, tenant, err := a.may(ctx, authz.Read, in.Tenant)
	if err != nil {
		return nil, err
	}
	q := catalog.TrustQuery{Tenant: tenant, Cluster: in.Cluster, Zone: in.Zone, Trust: in.Trust, At: in.At, Limit: a.limit(&in.Page)}
	if in.Cursor != "" {
		q.After = &catalog.TrustedDocument{}
		w := &q.After.Workload
		var image, document string
		err := uncursor(in.Cursor, &w.Cluster, &w.Namespace, &w.Kind, &w.Name, &w.Container, &image, &document)
		if err == nil {
			if w.Digest, err = ident.ParseDigest(image); err == nil {
				q.After.SBOM.Digest, err = ident.ParseDigest(document)
			}
			if err != nil {
				err = errCursor
			}
		}
		if err != nil {
			return nil, a.fail(ctx, err)
		}
	}
	ctx, cancel := a.answerTime(ctx)
	defer cancel()
	got, err := a.Catalog.Trust(ctx, q)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &trustAnswer{}
	b := &out.Body
	b.Sequence, b.Counts, b.Total, b.Items = got.Sequence, got.Counts, got.Total, []TrustedDocument{}
	for i := range got.Items {
		b.Items = append(b.Items, TrustedDocument{got.Items[i].Workload, got.Items[i].SBOM})
	}
	if got.More {
		x := &got.Items[len(got.Items)-1]
		b.Next = joined(x.Cluster, x.Namespace, x.Kind, x.Name, x.Container, x.Digest.String(), x.SBOM.Digest.String())
	}
	return out, nil
}
