package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// lifecycle is how documents and what runs agree, what must not run, and how
// documents leave.
type lifecycle interface {
	Stand(ctx context.Context, q catalog.StandingQuery) (*catalog.Stands, error)
	Drifted(ctx context.Context, q catalog.DriftQuery) ([]catalog.Drift, error)
	Reporters(ctx context.Context) ([]catalog.Reporter, error)
	Deployable(ctx context.Context, by authz.Actor, source string, images []ident.Digest) (changed int, err error)
	Forget(ctx context.Context, by authz.Actor, kind catalog.ReporterKind, name string) error
	SetBlocks(ctx context.Context, by authz.Actor, list string, blocks []catalog.Block) (changed int, err error)
	Blocks(ctx context.Context, list string, at time.Time) ([]catalog.Block, error)
	Blocked(ctx context.Context, tenant, list string, limit int) (seq uint64, out []catalog.BlockedWhere, err error)
	Due(ctx context.Context, r catalog.Retention) (*catalog.Due, error)
	Retire(ctx context.Context, by authz.Actor, r catalog.Retention) (*catalog.Retired, error)
	Archived(ctx context.Context, tenant string, after uint64, limit int) ([]store.Document, error)
}

func (a *api) lifecycle() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "coverage", Method: http.MethodGet, Path: "/api/v1/coverage", Tags: []string{"Inventory"}, Summary: "Does what runs have a document, and does the document describe it?",
		Description: "Every running container, held against the documents: covered, unreviewed, stale, missing or unresolved, with the doubts that decided it. Counts are of all that cluster and zone select.",
	}, a.coverage)
	huma.Register(a.huma, huma.Operation{
		OperationID: "listDrift", Method: http.MethodGet, Path: "/api/v1/drift", Tags: []string{"Inventory"}, Summary: "What drifted, since when",
		Description: "What the last audit found of all tenants' documents, or was so at a time, or with history all of it. A change of it is an event of kind drift.",
	}, a.drift)
	huma.Register(a.huma, huma.Operation{
		OperationID: "listReporters", Method: http.MethodGet, Path: "/api/v1/reporters", Tags: []string{"Inventory"}, Summary: "Who says what runs and what may be deployed, and when last",
	}, a.reporters)
	huma.Register(a.huma, huma.Operation{
		OperationID: "forgetCluster", Method: http.MethodDelete, Path: "/api/v1/clusters/{name}", Tags: []string{"Inventory"}, Summary: "A cluster is no more", DefaultStatus: http.StatusNoContent,
		Description: "What ran in it stays for questions about the past.",
	}, func(ctx context.Context, in *NamePath) (*struct{}, error) {
		return a.forget(ctx, catalog.ClusterReporter, in.Name)
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "reportDeployable", Method: http.MethodPut, Path: "/api/v1/deployable/{name}", Tags: []string{"Inventory"}, Summary: "Say which images may be deployed from a source",
		Description: "The body is the whole of it, such as what a registry's repository holds or a channel releases. Documents of what may be deployed are never archived.", MaxBodyBytes: 64 << 20,
	}, a.deployable)
	huma.Register(a.huma, huma.Operation{
		OperationID: "forgetSource", Method: http.MethodDelete, Path: "/api/v1/deployable/{name}", Tags: []string{"Inventory"}, Summary: "A source is no more", DefaultStatus: http.StatusNoContent,
	}, func(ctx context.Context, in *NamePath) (*struct{}, error) {
		return a.forget(ctx, catalog.SourceReporter, in.Name)
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "setBlocklist", Method: http.MethodPut, Path: "/api/v1/blocklists/{name}", Tags: []string{"Blocked components"}, Summary: "Say which components must not be used",
		Description: "The body is the whole list. Documents that have such a component are still taken in: their receipts say so.", MaxBodyBytes: 16 << 20,
	}, a.setBlocklist)
	huma.Register(a.huma, huma.Operation{
		OperationID: "listBlocks", Method: http.MethodGet, Path: "/api/v1/blocklists", Tags: []string{"Blocked components"}, Summary: "What is blocked, or was at a time",
	}, a.blocklists)
	huma.Register(a.huma, huma.Operation{
		OperationID: "blocked", Method: http.MethodGet, Path: "/api/v1/blocked", Tags: []string{"Blocked components"}, Summary: "Where are blocked components, and do they run?",
	}, a.blocked)
	huma.Register(a.huma, huma.Operation{
		OperationID: "previewRetention", Method: http.MethodGet, Path: "/api/v1/retention", Tags: []string{"Documents"}, Summary: "What retention would do now, and what holds it up",
	}, a.previewRetention)
	huma.Register(a.huma, huma.Operation{
		OperationID: "runRetention", Method: http.MethodPost, Path: "/api/v1/retention", Tags: []string{"Documents"}, Summary: "Archive and purge what is due",
	}, a.runRetention)
	huma.Register(a.huma, huma.Operation{
		OperationID: "listArchive", Method: http.MethodGet, Path: "/api/v1/archive", Tags: []string{"Documents"}, Summary: "Documents that left the index, in the order in which they left",
		Description: "Their bytes are at /api/v1/archive/{digest}/content until they are purged.",
	}, a.archived)
	huma.Register(a.huma, huma.Operation{
		OperationID: "getArchivedContent", Method: http.MethodGet, Path: "/api/v1/archive/{digest}/content", Tags: []string{"Documents"}, Summary: "The bytes of an archived document",
	}, a.archivedContent)
}

// NamePath names a cluster, a source or a list.
type NamePath struct {
	Name string `path:"name" maxLength:"512"`
}

// Stood is a running container and how its image and the catalogue agree.
type Stood struct {
	catalog.Workload
	Standing  string   `json:"standing" enum:"covered,unreviewed,stale,missing,unresolved"`
	Documents []string `json:"documents" doc:"About its image, the newest first"`
	Doubts    []Doubt  `json:"doubts,omitempty"`
}

// Doubt is why a document may not describe an image.
type Doubt struct {
	Kind     string   `json:"kind" enum:"names-another,reused,serial-reused,only-claimed,by-index,old,future" doc:"The first three make a document stale"`
	Document string   `json:"document"`
	Others   []string `json:"others,omitempty" doc:"The images, or documents, that it concerns as well"`
}

type coverageAnswer struct {
	Body struct {
		Sequence uint64         `json:"sequence"`
		Counts   map[string]int `json:"counts" doc:"Containers by standing, of all that cluster and zone select"`
		Total    int            `json:"total" doc:"Containers on all pages"`
		Items    []Stood        `json:"items"`
		Next     string         `json:"next,omitempty" doc:"The cursor of the next page; absent on the last"`
	}
}

func (a *api) coverage(ctx context.Context, in *struct {
	Page
	Tenant   string    `query:"tenant" maxLength:"100"`
	Cluster  string    `query:"cluster" maxLength:"256"`
	Zone     string    `query:"zone" maxLength:"256"`
	Standing []string  `query:"standing" enum:"covered,unreviewed,stale,missing,unresolved" doc:"Only these, separated by commas"`
	MaxAge   int       `query:"maxAgeDays" minimum:"0" maximum:"36500" doc:"How old documents may be; older ones are said to be"`
	At       time.Time `query:"at" doc:"What ran then, by the documents of today"`
}) (*coverageAnswer, error) {
	who, tenant, err := a.may(ctx, authz.Read, in.Tenant)
	if err != nil {
		return nil, err
	}
	q := catalog.StandingQuery{Tenant: tenant, Mine: who.Tenant != "", Cluster: in.Cluster, Zone: in.Zone, At: in.At, MaxAge: time.Duration(in.MaxAge) * 24 * time.Hour, Limit: a.limit(&in.Page)}
	for _, s := range in.Standing {
		q.Standings = append(q.Standings, catalog.Standing(s))
	}
	if in.Cursor != "" {
		q.After = &catalog.Workload{}
		if err := uncursor(in.Cursor, &q.After.Cluster, &q.After.Namespace, &q.After.Kind, &q.After.Name, &q.After.Container); err != nil {
			return nil, a.fail(ctx, err)
		}
	}
	ctx, cancel := a.answerTime(ctx)
	defer cancel()
	s, err := a.Catalog.Stand(ctx, q)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &coverageAnswer{}
	b := &out.Body
	b.Sequence, b.Total, b.Counts, b.Items = s.Sequence, s.Total, map[string]int{}, []Stood{}
	for _, k := range catalog.Standings() {
		b.Counts[string(k)] = s.Counts[k]
	}
	for i := range s.Items {
		x := &s.Items[i]
		y := Stood{Workload: x.Workload, Standing: string(x.Standing), Documents: digestTexts(x.Documents)}
		for _, d := range x.Doubts {
			y.Doubts = append(y.Doubts, Doubt{Kind: string(d.Kind), Document: d.Document.String(), Others: digestTexts(d.Others)})
		}
		b.Items = append(b.Items, y)
	}
	if s.More {
		w := &s.Items[len(s.Items)-1].Workload
		b.Next = joined(w.Cluster, w.Namespace, w.Kind, w.Name, w.Container)
	}
	return out, nil
}

func digestTexts(list []ident.Digest) []string {
	out := make([]string, 0, len(list))
	for _, d := range list {
		out = append(out, d.String())
	}
	return out
}

// joined is a cursor of several names.
func joined(names ...string) string {
	b, _ := json.Marshal(names) // of strings: it cannot fail
	return base64.RawURLEncoding.EncodeToString(b)
}

// uncursor reads what joined wrote.
func uncursor(cursor string, names ...*string) error {
	var list []string
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || json.Unmarshal(b, &list) != nil || len(list) != len(names) {
		return errCursor
	}
	for i := range names {
		*names[i] = list[i]
	}
	return nil
}

// Drift is a container whose image and the catalogue did not agree, for a time.
type Drift struct {
	Cluster   string    `json:"cluster"`
	Container string    `json:"container" doc:"namespace/kind/name/container"`
	Image     string    `json:"image,omitempty"`
	Standing  string    `json:"standing" enum:"unreviewed,stale,missing,unresolved"`
	Doubts    []string  `json:"doubts,omitempty"`
	From      time.Time `json:"from"`
	Until     time.Time `json:"until,omitzero" doc:"Absent while it is so"`
}

type driftAnswer struct {
	Body struct {
		Items []Drift `json:"items"`
		Next  string  `json:"next,omitempty"`
	}
}

func (a *api) drift(ctx context.Context, in *struct {
	Page
	Cluster string    `query:"cluster" maxLength:"256"`
	At      time.Time `query:"at"`
	History bool      `query:"history" doc:"Also what is no longer so"`
}) (*driftAnswer, error) {
	if err := a.unbound(ctx, authz.Read); err != nil {
		return nil, err
	}
	q := catalog.DriftQuery{Cluster: in.Cluster, At: in.At, History: in.History, Limit: a.limit(&in.Page)}
	if in.Cursor != "" {
		var from string
		q.After = &catalog.Drift{}
		err := uncursor(in.Cursor, &q.After.Cluster, &q.After.Container, &from)
		if err == nil {
			if q.After.From, err = time.Parse(time.RFC3339Nano, from); err != nil {
				err = errCursor
			}
		}
		if err != nil {
			return nil, a.fail(ctx, err)
		}
	}
	rows, err := a.Catalog.Drifted(ctx, q)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &driftAnswer{}
	out.Body.Items = []Drift{}
	for i := range rows {
		r := &rows[i]
		d := Drift{Cluster: r.Cluster, Container: r.Container, Image: r.Image.String(), Standing: string(r.Standing), From: r.From, Until: r.Until}
		for _, k := range r.Doubts {
			d.Doubts = append(d.Doubts, string(k))
		}
		out.Body.Items = append(out.Body.Items, d)
	}
	if n := len(rows); n == q.Limit {
		out.Body.Next = joined(rows[n-1].Cluster, rows[n-1].Container, rows[n-1].From.Format(time.RFC3339Nano))
	}
	return out, nil
}

// unbound refuses people of one tenant what concerns all.
func (a *api) unbound(ctx context.Context, do authz.Action) error {
	_, err := a.unboundActor(ctx, do)
	return err
}

// unboundActor is unbound, and says who it is.
func (a *api) unboundActor(ctx context.Context, do authz.Action) (authz.Actor, error) {
	who, _, err := a.may(ctx, do, "")
	if err == nil && who.Tenant != "" {
		err = a.fail(ctx, ident.Errorf(ident.KindRefused, "%s belongs to the tenant %s, and this concerns all of them", who.Subject, who.Tenant).WithHint("a token without a tenant may (cofferdam token create without --tenant)"))
	}
	return who, err
}

// Reporter is who says what runs, or what may be deployed.
type Reporter struct {
	Kind string    `json:"kind" enum:"cluster,source"`
	Name string    `json:"name"`
	Last time.Time `json:"last" doc:"When last, to the hour"`
}

type reportersAnswer struct {
	Body struct {
		Items []Reporter `json:"items"`
	}
}

func (a *api) reporters(ctx context.Context, _ *struct{}) (*reportersAnswer, error) {
	if err := a.unbound(ctx, authz.Read); err != nil {
		return nil, err
	}
	list, err := a.Catalog.Reporters(ctx)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &reportersAnswer{}
	out.Body.Items = []Reporter{}
	for _, r := range list {
		out.Body.Items = append(out.Body.Items, Reporter{Kind: string(r.Kind), Name: r.Name, Last: r.Last})
	}
	return out, nil
}

func (a *api) forget(ctx context.Context, kind catalog.ReporterKind, name string) (*struct{}, error) {
	who, err := a.unboundActor(ctx, authz.ReportInventory) // what runs and may be deployed is of all tenants
	if err != nil {
		return nil, err
	}
	if err := a.Catalog.Forget(ctx, who, kind, name); err != nil {
		return nil, a.fail(ctx, err)
	}
	return nil, nil
}

func (a *api) deployable(ctx context.Context, in *struct {
	NamePath
	Body struct {
		Images []string `json:"images" maxItems:"1000000" doc:"Digests"`
	}
}) (*reportAnswer, error) {
	who, err := a.unboundActor(ctx, authz.ReportInventory) // what runs and may be deployed is of all tenants
	if err != nil {
		return nil, err
	}
	images := make([]ident.Digest, 0, len(in.Body.Images))
	for _, text := range in.Body.Images {
		d, err := ident.ParseDigest(text)
		if err != nil {
			return nil, a.fail(ctx, ident.Errorf(ident.KindInvalid, "%w", err))
		}
		images = append(images, d)
	}
	out := &reportAnswer{}
	if out.Body.Changed, err = a.Catalog.Deployable(ctx, who, in.Name, images); err != nil {
		return nil, a.fail(ctx, err)
	}
	return out, nil
}

// Block is a component that must not be used.
type Block struct {
	List      string    `json:"list,omitempty" readOnly:"true"`
	Component string    `json:"component" doc:"A package URL or a bare name, with or without a version or a range" minLength:"1" maxLength:"2048" example:"pkg:npm/event-stream@3.3.6"`
	Reason    string    `json:"reason" minLength:"1" maxLength:"1024"`
	Ticket    string    `json:"ticket,omitempty" maxLength:"256"`
	Expires   time.Time `json:"expires,omitzero" doc:"Absent: never"`
	Since     time.Time `json:"since,omitzero" readOnly:"true"`
}

func blockOf(b *catalog.Block) Block {
	return Block{List: b.List, Component: b.Component, Reason: b.Reason, Ticket: b.Ticket, Expires: b.Expires, Since: b.Since}
}

func (a *api) setBlocklist(ctx context.Context, in *struct {
	NamePath
	Body struct {
		Blocks []Block `json:"blocks" maxItems:"10000"`
	}
}) (*reportAnswer, error) {
	who, _, err := a.may(ctx, authz.BlockComponent, "")
	if err != nil {
		return nil, err
	}
	list := make([]catalog.Block, 0, len(in.Body.Blocks))
	for i := range in.Body.Blocks {
		b := &in.Body.Blocks[i]
		list = append(list, catalog.Block{Component: b.Component, Reason: strings.TrimSpace(b.Reason), Ticket: b.Ticket, Expires: b.Expires})
	}
	out := &reportAnswer{}
	if out.Body.Changed, err = a.Catalog.SetBlocks(ctx, who, in.Name, list); err != nil {
		return nil, a.fail(ctx, err)
	}
	return out, nil
}

type blocklistsAnswer struct {
	Body struct {
		Items []Block `json:"items"`
	}
}

func (a *api) blocklists(ctx context.Context, in *struct {
	List string    `query:"list" maxLength:"512"`
	At   time.Time `query:"at"`
}) (*blocklistsAnswer, error) {
	if _, _, err := a.may(ctx, authz.Read, ""); err != nil {
		return nil, err
	}
	rows, err := a.Catalog.Blocks(ctx, in.List, in.At)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &blocklistsAnswer{}
	out.Body.Items = []Block{}
	for i := range rows {
		out.Body.Items = append(out.Body.Items, blockOf(&rows[i]))
	}
	return out, nil
}

// BlockedWhere is where a blocked component is.
type BlockedWhere struct {
	Block
	Total     int        `json:"total" doc:"Artifacts that have it"`
	Running   int        `json:"running" doc:"Of them, those that run"`
	Artifacts []Artifact `json:"artifacts" doc:"The first of them, those that run before the others"`
	Doubtful  []Artifact `json:"doubtful,omitempty" doc:"Artifacts that may have it: a version cannot be compared"`
}

type blockedAnswer struct {
	Body struct {
		Sequence uint64         `json:"sequence"`
		Items    []BlockedWhere `json:"items"`
	}
}

func (a *api) blocked(ctx context.Context, in *struct {
	Tenant string `query:"tenant" maxLength:"100"`
	List   string `query:"list" maxLength:"512"`
	Limit  int    `query:"limit" doc:"Artifacts of each at most" minimum:"1" maximum:"100" default:"10"`
}) (*blockedAnswer, error) {
	_, tenant, err := a.may(ctx, authz.Read, in.Tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := a.answerTime(ctx)
	defer cancel()
	seq, rows, err := a.Catalog.Blocked(ctx, tenant, in.List, in.Limit)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &blockedAnswer{}
	out.Body.Sequence, out.Body.Items = seq, []BlockedWhere{}
	for i := range rows {
		r := &rows[i]
		w := BlockedWhere{Block: blockOf(&r.Block), Total: r.Total, Running: r.Running, Artifacts: artifactsOf(r.Artifacts)}
		if len(r.Doubtful) > 0 {
			w.Doubtful = artifactsOf(r.Doubtful)
		}
		out.Body.Items = append(out.Body.Items, w)
	}
	return out, nil
}

type dueAnswer struct {
	Body struct {
		Held      []string      `json:"held" doc:"Why nothing is archived or removed; empty where nothing stands in the way"`
		Archive   []DueDocument `json:"archive" doc:"The first of them"`
		Total     int           `json:"total" doc:"Documents that would be archived"`
		Purge     int           `json:"purge" doc:"Archived documents whose bytes would be removed"`
		Kept      int           `json:"kept" doc:"Archived documents whose bytes would be, were what they are about not needed again"`
		Decisions int           `json:"decisions" doc:"Decisions of gates and verifications that would be removed, whatever holds up the rest"`
	}
}

// DueDocument is one that would be archived.
type DueDocument struct {
	Document   string    `json:"document"`
	Tenant     string    `json:"tenant,omitempty"`
	Name       string    `json:"name,omitempty"`
	Version    string    `json:"version,omitempty"`
	Taken      time.Time `json:"taken"`
	LastNeeded time.Time `json:"lastNeeded,omitzero" doc:"When its artifact last ran or could be deployed; absent where it never did"`
}

func (a *api) previewRetention(ctx context.Context, _ *struct{}) (*dueAnswer, error) {
	if err := a.retains(ctx); err != nil {
		return nil, err
	}
	due, err := a.Catalog.Due(ctx, a.Retention)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &dueAnswer{}
	b := &out.Body
	b.Held, b.Archive, b.Total, b.Purge, b.Kept, b.Decisions = append([]string{}, due.Held...), []DueDocument{}, len(due.Archive), due.Purge, len(due.Kept), due.Decisions
	for i := range due.Archive[:min(len(due.Archive), a.Limits.Page)] {
		d := &due.Archive[i]
		b.Archive = append(b.Archive, DueDocument{Document: d.Original.String(), Tenant: d.Tenant, Name: d.Subject.Name, Version: d.Subject.Version, Taken: d.Time, LastNeeded: d.LastNeeded})
	}
	return out, nil
}

// retains refuses where nobody may ask, or nothing is configured.
func (a *api) retains(ctx context.Context) error {
	if err := a.unbound(ctx, authz.Administer); err != nil {
		return err
	}
	if a.Retention == (catalog.Retention{}) {
		return a.fail(ctx, ident.Errorf(ident.KindNotFound, "nothing says how long documents are kept: they are kept for ever").WithHint("retention: in the server's configuration"))
	}
	return nil
}

type retiredAnswer struct {
	Body struct {
		Archived  int      `json:"archived"`
		Purged    int      `json:"purged"`
		Decisions int      `json:"decisions" doc:"That were removed"`
		Held      []string `json:"held"`
	}
}

func (a *api) runRetention(ctx context.Context, _ *struct{}) (*retiredAnswer, error) {
	if err := a.retains(ctx); err != nil {
		return nil, err
	}
	got, err := a.Catalog.Retire(ctx, actorOf(ctx), a.Retention)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &retiredAnswer{}
	out.Body.Archived, out.Body.Purged, out.Body.Decisions, out.Body.Held = got.Archived, got.Purged, got.Decisions, append([]string{}, got.Held...)
	return out, nil
}

type archiveAnswer struct {
	Body struct {
		Items []Document `json:"items"`
		Next  string     `json:"next,omitempty"`
	}
}

func (a *api) archived(ctx context.Context, in *struct {
	Page
	Tenant string `query:"tenant" maxLength:"100"`
}) (*archiveAnswer, error) {
	_, tenant, err := a.may(ctx, authz.Read, in.Tenant)
	if err != nil {
		return nil, err
	}
	out := &archiveAnswer{}
	out.Body.Items, out.Body.Next, err = listed(a, &in.Page, func(after uint64, n int) ([]store.Document, error) { return a.Catalog.Archived(ctx, tenant, after, n) },
		func(d *store.Document) (Document, uint64) { return documentOf(d), d.Deleted })
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return out, nil
}

func (a *api) archivedContent(ctx context.Context, in *struct {
	Digest string `path:"digest" doc:"SHA-256 of its bytes"`
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
	body, size, err := a.Catalog.Content(ctx, tenant, d)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return a.stream(ctx, body, size, `"`+d.String()+`"`), nil
}
