package server

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/conditional"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Catalog is what the server asks; *catalog.Catalog is one.
type Catalog interface {
	Ready(ctx context.Context) error
	Take(ctx context.Context, by authz.Actor, u catalog.Upload) (*catalog.Receipt, error)
	Documents(ctx context.Context, tenant string, digest ident.Digest) ([]store.Document, error)
	// Content returns the bytes of a document as they were handed over.
	Content(ctx context.Context, tenant string, digest ident.Digest) (io.ReadCloser, int64, error)
	SetStatus(ctx context.Context, by authz.Actor, document uint32, s store.Status) error
	Archive(ctx context.Context, by authz.Actor, document uint32) error
	Rejected(ctx context.Context, tenant string, after uint64, limit int) ([]store.Rejected, error)
	RejectedContent(ctx context.Context, tenant string, id uint64) (io.ReadCloser, int64, error)
	DropRejected(ctx context.Context, by authz.Actor, tenant string, id uint64) error
	questions
	lifecycle
	runningFindings
	triages
	indicators
	scores
	statements
	trust
	decisions
	records
}

// Receipt is the answer to an upload: what it names is on disk.
type Receipt struct {
	Digest     string   `json:"digest" doc:"SHA-256 of the document's bytes"`
	Sequence   uint64   `json:"sequence" doc:"The change that took it in"`
	Artifact   uint32   `json:"artifact" doc:"The artifact that it is about"`
	Components int      `json:"components,omitempty" doc:"Distinct components"`
	Duplicate  bool     `json:"duplicate" doc:"It was there already, and nothing was written"`
	Status     string   `json:"status" enum:"draft,reviewed,published"`
	Warnings   []string `json:"warnings,omitempty" doc:"What was tolerated"`
	// Blocked is what the artifact has and must not.
	Blocked []BlockedUse `json:"blocked,omitempty" doc:"Components of the artifact that must not be used"`
}

// BlockedUse is a blocked component in an artifact.
type BlockedUse struct {
	Block
	Components []Component `json:"components" doc:"That are meant"`
	Doubtful   bool        `json:"doubtful,omitempty" doc:"A version cannot be compared: it may be one that is meant"`
}

func receiptOf(r *catalog.Receipt) Receipt {
	out := Receipt{Digest: r.Digest.String(), Sequence: r.Sequence, Artifact: r.Artifact, Components: r.Components, Duplicate: r.Duplicate, Status: r.Status.String()}
	for i := range r.Blocked {
		b := &r.Blocked[i]
		out.Blocked = append(out.Blocked, BlockedUse{Block: blockOf(&b.Block), Components: componentsOf(b.Components), Doubtful: b.Doubtful})
	}
	for i, w := range r.Warnings {
		if i == mostWarnings {
			out.Warnings = append(out.Warnings, "and "+strconv.Itoa(len(r.Warnings)-i)+" more")
			break
		}
		out.Warnings = append(out.Warnings, w.Pointer+": "+w.Message)
	}
	return out
}

const mostWarnings = 50

// Document is the metadata of a document.
type Document struct {
	Digest     string    `json:"digest" doc:"SHA-256 of its bytes"`
	Document   uint32    `json:"document" doc:"Its number: the same bytes about two artifacts are two documents"`
	Artifact   uint32    `json:"artifact" doc:"The artifact that it is about"`
	Tenant     string    `json:"tenant,omitempty"`
	Sequence   uint64    `json:"sequence" doc:"The change that took it in"`
	Size       int64     `json:"size" doc:"Bytes"`
	MediaType  string    `json:"mediaType,omitempty"`
	Format     string    `json:"format" example:"spdx-2.3"`
	Status     string    `json:"status" enum:"draft,reviewed,published"`
	Name       string    `json:"name,omitempty"`
	Version    string    `json:"version,omitempty"`
	Digests    []Digest  `json:"digests" doc:"Of the artifact"`
	Claimed    string    `json:"claimed,omitempty" doc:"The digest that only the sender says it is about; the document does not name it"`
	References []string  `json:"references"`
	Serial     string    `json:"serial,omitempty" doc:"The document's own serial number or namespace"`
	Made       time.Time `json:"made,omitzero" doc:"When it says it was made"`
	Build      string    `json:"build,omitempty"`
	Release    string    `json:"release,omitempty"`
	Service    string    `json:"service,omitempty"`
	Owner      string    `json:"owner,omitempty"`
	Cluster    string    `json:"cluster,omitempty"`
	Origin     *Origin   `json:"origin,omitempty" doc:"Where it was found, if it was attached to an image in a registry"`
	By         string    `json:"by" doc:"Who handed it over"`
	Time       time.Time `json:"time" doc:"When"`
	Archived   uint64    `json:"archived,omitempty" doc:"The change that took it out of the index; absent while it is in it"`
}

// Digest is one of an artifact's, with what it was computed over.
type Digest struct {
	Role   string `json:"role" enum:"index,manifest,config,document,unknown"`
	Digest string `json:"digest"`
}

func documentOf(d *store.Document) Document {
	out := Document{Digest: d.Original.String(), Document: d.ID, Artifact: d.Artifact, Tenant: d.Tenant, Sequence: d.Seq, Size: d.Size, MediaType: d.Media, Format: d.Format,
		Status: d.Status.String(), Name: d.Subject.Name, Version: d.Subject.Version, References: d.Subject.References, Build: d.Subject.Build, Release: d.Subject.Release,
		Service: d.Subject.Service, Owner: d.Subject.Owner, Cluster: d.Subject.Cluster, By: d.Actor, Time: d.Time, Digests: []Digest{},
		Claimed: d.Subject.Claimed.String(), Serial: d.Subject.Serial, Made: d.Subject.Made, Archived: d.Deleted}
	out.Origin = originOf(&d.Subject.Origin)
	for _, x := range d.Subject.Digests {
		out.Digests = append(out.Digests, Digest{Role: x.Role.String(), Digest: x.Digest.String()})
	}
	if out.References == nil {
		out.References = []string{}
	}
	return out
}

// vouched says of documents that were found in a registry who vouches for them.
func (a *api) vouched(ctx context.Context, stored []store.Document, docs []Document) error {
	var of []*store.Document
	var at []*Origin
	for i := range docs {
		if docs[i].Origin != nil {
			of, at = append(of, &stored[i]), append(at, docs[i].Origin)
		}
	}
	if len(of) == 0 {
		return nil
	}
	got, err := a.Catalog.DocumentsTrust(ctx, of)
	for i := range got {
		at[i].Trust = got[i].Trust
	}
	return err
}

// described is what is known of a document, and the tag of it: its bytes never change,
// its status, its artifact and who vouches for it may.
func (a *api) described(ctx context.Context, d *store.Document) (Document, string, error) {
	out := []Document{documentOf(d)}
	tag := strconv.FormatUint(d.Seq, 36) + "-" + strconv.Itoa(int(d.Status)) + "-" + strconv.FormatUint(uint64(d.Artifact), 36)
	if err := a.vouched(ctx, []store.Document{*d}, out); err != nil {
		return Document{}, "", a.fail(ctx, err)
	}
	if o := out[0].Origin; o != nil {
		tag += "-" + o.Trust
	}
	return out[0], tag, nil
}

type receiptAnswer struct {
	Status int
	Body   Receipt
}

// documents registers what concerns single documents.
func (a *api) documents() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "putDocument", Method: http.MethodPost, Path: "/api/v1/documents", Tags: []string{"Documents"},
		Summary:     "Take a document in",
		Description: "The body is the document: CycloneDX, SPDX, syft or Trivy, also in an in-toto statement or a DSSE envelope; Content-Encoding gzip and zstd are read. The answer comes once it is on disk (201), or was already (200). A document that cannot be read is kept in quarantine (422). 429 says when to come again.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {}, "application/xml": {}, "application/octet-stream": {}}},
		Responses: map[string]*huma.Response{"200": {Description: "It was there already"}, "201": {Description: "It is on disk"},
			"422": {Description: "It cannot be read, and is kept in quarantine"}, "429": {Description: "Come again after Retry-After"}},
		DefaultStatus: http.StatusCreated,
	}, a.putDocument)

	a.batches()
	huma.Register(a.huma, huma.Operation{
		OperationID: "getDocument", Method: http.MethodGet, Path: "/api/v1/documents/{digest}", Tags: []string{"Documents"}, Summary: "What is known of a document",
	}, a.getDocument)
	huma.Register(a.huma, huma.Operation{
		OperationID: "getDocumentContent", Method: http.MethodGet, Path: "/api/v1/documents/{digest}/content", Tags: []string{"Documents"}, Summary: "The bytes of a document, as they were handed over",
	}, a.content)
	huma.Register(a.huma, huma.Operation{
		OperationID: "setDocumentStatus", Method: http.MethodPut, Path: "/api/v1/documents/{digest}/status", Tags: []string{"Documents"},
		Summary: "Review or publish a document", Description: "Who handed a document over does not review it.", DefaultStatus: http.StatusNoContent,
	}, a.setStatus)
	huma.Register(a.huma, huma.Operation{
		OperationID: "archiveDocument", Method: http.MethodDelete, Path: "/api/v1/documents/{digest}", Tags: []string{"Documents"},
		Summary: "Take a document out of the index", Description: "Its bytes stay for as long as retention says.", DefaultStatus: http.StatusNoContent,
	}, a.archive)

	huma.Register(a.huma, huma.Operation{
		OperationID: "listQuarantine", Method: http.MethodGet, Path: "/api/v1/quarantine", Tags: []string{"Quarantine"}, Summary: "Documents that could not be read, and why",
	}, a.quarantine)
	huma.Register(a.huma, huma.Operation{
		OperationID: "getQuarantined", Method: http.MethodGet, Path: "/api/v1/quarantine/{id}/content", Tags: []string{"Quarantine"}, Summary: "The bytes of a refused document",
	}, a.quarantined)
	huma.Register(a.huma, huma.Operation{
		OperationID: "dropQuarantined", Method: http.MethodDelete, Path: "/api/v1/quarantine/{id}", Tags: []string{"Quarantine"}, Summary: "Forget a refused document", DefaultStatus: http.StatusNoContent,
	}, a.dropQuarantined)
}

func (a *api) putDocument(ctx context.Context, in *uploadInput) (*receiptAnswer, error) {
	who, tenant, err := a.may(ctx, authz.PutDocument, in.Tenant)
	if err != nil {
		return nil, err
	}
	u, err := in.upload(tenant)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	body, media, size, err := in.body.open(a, a.Limits.Document)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	defer body.Close() //nolint:errcheck // of a reader
	u.Body, u.Media, u.Size = body, media, size
	r, err := a.Catalog.Take(ctx, who, u)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &receiptAnswer{Status: http.StatusCreated, Body: receiptOf(r)}
	if r.Duplicate {
		out.Status = http.StatusOK
	}
	return out, nil
}

// upload is what the sender says.
func (in *uploadInput) upload(tenant string) (catalog.Upload, error) {
	u := catalog.Upload{Tenant: tenant, Version: in.Version, Build: in.Build, Release: in.Release, Service: in.Service, Owner: in.Owner, Cluster: in.Cluster}
	if in.Artifact != "" {
		d, err := ident.ParseDigest(in.Artifact)
		if err != nil {
			return u, ident.Errorf(ident.KindUsage, "artifact is no digest: %w", err).WithHint("sha256: and 64 hexadecimal digits, of the image's manifest")
		}
		u.Artifact = d
	}
	return u, in.attached(&u)
}

// DocumentPath names a document by its bytes.
type DocumentPath struct {
	Digest string `path:"digest" doc:"SHA-256 of its bytes" example:"sha256:0123…"`
	Tenant string `query:"tenant" maxLength:"100"`
	// Document is text, since 0 is a number, and not the lack of one.
	Document string `query:"document" pattern:"^[0-9]+$" maxLength:"10" doc:"Its number, where the same bytes are several documents"`
}

// one finds the document that a path names, for somebody who may do something.
func (a *api) one(ctx context.Context, in *DocumentPath, do authz.Action) (authz.Actor, *store.Document, error) {
	who, tenant, err := a.may(ctx, do, in.Tenant)
	if err != nil {
		return who, nil, err
	}
	d, err := ident.ParseDigest(in.Digest)
	if err != nil {
		return who, nil, a.fail(ctx, ident.Errorf(ident.KindUsage, "%w", err))
	}
	docs, err := a.Catalog.Documents(ctx, tenant, d)
	if err != nil {
		return who, nil, a.fail(ctx, err)
	}
	for i := range docs {
		if in.Document == "" && len(docs) == 1 || in.Document == strconv.FormatUint(uint64(docs[i].ID), 10) {
			return who, &docs[i], nil
		}
	}
	if len(docs) > 1 && in.Document == "" {
		return who, nil, a.fail(ctx, ident.Errorf(ident.KindUsage, "%d documents have these bytes", len(docs)).WithHint("document=%d says which", docs[0].ID))
	}
	return who, nil, a.fail(ctx, ident.Errorf(ident.KindNotFound, "no document is %s", in.Digest))
}

type documentAnswer struct {
	ETag string `header:"ETag"`
	Body Document
}

func (a *api) getDocument(ctx context.Context, in *struct {
	DocumentPath
	conditional.Params
}) (*documentAnswer, error) {
	_, d, err := a.one(ctx, &in.DocumentPath, authz.Read)
	if err != nil {
		return nil, err
	}
	out, tag, err := a.described(ctx, d)
	if err != nil {
		return nil, err
	}
	if in.HasConditionalParams() {
		if failed := in.PreconditionFailed(tag, d.Time); failed != nil {
			return nil, failed
		}
	}
	return &documentAnswer{ETag: `"` + tag + `"`, Body: out}, nil
}

func (a *api) content(ctx context.Context, in *struct {
	DocumentPath
	conditional.Params
}) (*huma.StreamResponse, error) {
	_, d, err := a.one(ctx, &in.DocumentPath, authz.Read)
	if err != nil {
		return nil, err
	}
	if in.HasConditionalParams() {
		if failed := in.PreconditionFailed(d.Original.String(), d.Time); failed != nil {
			return nil, failed
		}
	}
	body, size, err := a.Catalog.Content(ctx, d.Tenant, d.Original)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return a.stream(ctx, body, size, `"`+d.Original.String()+`"`), nil
}

// stream sends bytes that somebody handed over. They are nobody's to interpret: a
// browser saves them.
func (a *api) stream(ctx context.Context, body io.ReadCloser, size int64, tag string) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer body.Close() //nolint:errcheck // of a reader
		hctx.SetHeader("Content-Type", "application/octet-stream")
		hctx.SetHeader("Content-Disposition", "attachment")
		hctx.SetHeader("Content-Length", strconv.FormatInt(size, 10))
		if tag != "" {
			hctx.SetHeader("ETag", tag)
		}
		hctx.SetStatus(http.StatusOK)
		if _, err := io.Copy(hctx.BodyWriter(), body); err != nil && ctx.Err() == nil {
			a.Log.WarnContext(ctx, "an answer broke off", "error", err)
		}
	}}
}

func (a *api) setStatus(ctx context.Context, in *struct {
	DocumentPath
	conditional.Params
	Body struct {
		Status string `json:"status" enum:"draft,reviewed,published"`
	}
}) (*struct{}, error) {
	who, d, err := a.one(ctx, &in.DocumentPath, authz.ApproveDocument)
	if err != nil {
		return nil, err
	}
	if in.HasConditionalParams() {
		_, tag, err := a.described(ctx, d)
		if err != nil {
			return nil, err
		}
		if failed := in.PreconditionFailed(tag, d.Time); failed != nil {
			return nil, failed
		}
	}
	status := map[string]store.Status{"draft": store.StatusDraft, "reviewed": store.StatusReviewed, "published": store.StatusPublished}[in.Body.Status]
	if who.Subject == d.Actor && status != store.StatusDraft {
		return nil, a.fail(ctx, ident.Errorf(ident.KindRefused, "%s handed the document over, and does not review it", who.Subject).WithHint("somebody else with the role %s does", authz.SBOMApprover))
	}
	if err := a.Catalog.SetStatus(ctx, who, d.ID, status); err != nil {
		return nil, a.fail(ctx, err)
	}
	return nil, nil
}

func (a *api) archive(ctx context.Context, in *DocumentPath) (*struct{}, error) {
	who, d, err := a.one(ctx, in, authz.ArchiveDocument)
	if err != nil {
		return nil, err
	}
	if err := a.Catalog.Archive(ctx, who, d.ID); err != nil {
		return nil, a.fail(ctx, err)
	}
	return nil, nil
}

// Page is which part of a list is asked for.
type Page struct {
	Cursor string `query:"cursor" doc:"Where the last page ended: its next" maxLength:"200"`
	Limit  int    `query:"limit" doc:"Rows at most" minimum:"1" default:"100"`
}

// limit bounds a page.
func (a *api) limit(p *Page) int { return min(max(p.Limit, 1), a.Limits.Page) }

// after reads a cursor that is a number.
func (p *Page) after() (uint64, error) {
	if p.Cursor == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(p.Cursor, 36, 64)
	if err != nil {
		return 0, errCursor
	}
	return n, nil
}

var errCursor = ident.Errorf(ident.KindUsage, "the cursor is not one of this list's").WithHint("send the next of the page before, unchanged")

func cursor(n uint64) string { return strconv.FormatUint(n, 36) }

// listed reads a page of rows that are numbered; of gives a row's answer and number.
func listed[Row, Item any](a *api, p *Page, rows func(after uint64, limit int) ([]Row, error), of func(*Row) (Item, uint64)) (items []Item, next string, err error) {
	after, err := p.after()
	if err != nil {
		return nil, "", err
	}
	n := a.limit(p)
	got, err := rows(after, n)
	if err != nil {
		return nil, "", err
	}
	items = make([]Item, 0, len(got))
	for i := range got {
		item, number := of(&got[i])
		items, after = append(items, item), number
	}
	if len(got) == n {
		next = cursor(after)
	}
	return items, next, nil
}

// Rejected is a document in quarantine.
type Rejected struct {
	ID     uint64    `json:"id"`
	Digest string    `json:"digest"`
	Size   int64     `json:"size"`
	Media  string    `json:"mediaType,omitempty"`
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	Time   time.Time `json:"time"`
}

type rejectedPage struct {
	Body struct {
		Items []Rejected `json:"items"`
		Next  string     `json:"next,omitempty" doc:"The cursor of the next page; absent on the last"`
	}
}

func (a *api) quarantine(ctx context.Context, in *struct {
	Page
	Tenant string `query:"tenant" maxLength:"100"`
}) (*rejectedPage, error) {
	_, tenant, err := a.may(ctx, authz.ReadQuarantine, in.Tenant)
	if err != nil {
		return nil, err
	}
	out := &rejectedPage{}
	out.Body.Items, out.Body.Next, err = listed(a, &in.Page, func(after uint64, n int) ([]store.Rejected, error) { return a.Catalog.Rejected(ctx, tenant, after, n) },
		func(r *store.Rejected) (Rejected, uint64) {
			return Rejected{ID: r.ID, Digest: r.Original.String(), Size: r.Size, Media: r.Media, Reason: r.Reason, By: r.Actor, Time: r.Time}, r.ID
		})
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return out, nil
}

type pathRejected struct {
	ID     uint64 `path:"id"`
	Tenant string `query:"tenant" maxLength:"100"`
}

func (a *api) quarantined(ctx context.Context, in *pathRejected) (*huma.StreamResponse, error) {
	_, tenant, err := a.may(ctx, authz.ReadQuarantine, in.Tenant)
	if err != nil {
		return nil, err
	}
	body, size, err := a.Catalog.RejectedContent(ctx, tenant, in.ID)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return a.stream(ctx, body, size, ""), nil
}

func (a *api) dropQuarantined(ctx context.Context, in *pathRejected) (*struct{}, error) {
	who, tenant, err := a.may(ctx, authz.ArchiveDocument, in.Tenant)
	if err != nil {
		return nil, err
	}
	if err := a.Catalog.DropRejected(ctx, who, tenant, in.ID); err != nil {
		return nil, a.fail(ctx, err)
	}
	return nil, nil
}
