package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/conditional"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/compare"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// artifactQuestions are about what single artifacts hold.
type artifactQuestions interface {
	Scan(ctx context.Context, tenant string, d ident.Digest) (*catalog.Scanned, error)
	SayBuilt(ctx context.Context, by authz.Actor, tenant string, b catalog.Built) (bool, error)
	Compare(ctx context.Context, tenant string, before, after ident.Digest) (*catalog.Compared, error)
	Together(ctx context.Context, tenant string, d ident.Digest) ([]catalog.Read, *compare.Union, error)
	Why(ctx context.Context, tenant string, d ident.Digest, component string, most int) ([]catalog.Traced, error)
	History(ctx context.Context, q catalog.HistoryQuery) (*catalog.History, error)
}

// Findings are what advisories say of an artifact, in the form of `cofferdam scan`.
type Findings struct {
	SchemaVersion string             `json:"schemaVersion"`
	Findings      []Finding          `json:"findings" doc:"The most severe first; what several documents show alike is one"`
	Unmatched     []vuln.Unmatched   `json:"unmatched" doc:"What could not be compared, and why: never read as not affected"`
	Documents     []string           `json:"documents" doc:"Digests of the documents that were read"`
	Components    int                `json:"components"`
	Coverage      inventory.Coverage `json:"coverage"`
	Origins       []vuln.OriginCount `json:"origins,omitempty" doc:"What is known of where the findings come from, for each base image"`
	By            AdvisoryState      `json:"by"`
}

// Finding is one vulnerability in one component.
type Finding struct {
	vuln.Finding
	CVSS []Score  `json:"cvss"`
	Seen []string `json:"seenBy" doc:"Digests of the documents that show it"`
}

// Score is a severity as published.
type Score struct {
	Type   string   `json:"type" example:"CVSS_V3"`
	Vector string   `json:"vector"`
	Base   *float64 `json:"base" doc:"Null where there is none"`
}

// History is what was handed over about artifacts, and where those ran.
type History struct {
	Documents []Document `json:"documents" doc:"In the order in which they came; archived ones are not among them"`
	Runs      []Run      `json:"runs" doc:"When and where the artifacts of these documents ran, oldest first"`
	MoreRuns  bool       `json:"moreRuns,omitempty" doc:"Some are not listed"`
	Next      string     `json:"next,omitempty" doc:"The cursor of the next page; absent on the last"`
}

// Run is an interval in which a container ran an artifact.
type Run struct {
	Artifact uint32 `json:"artifact"`
	catalog.Workload
	Until time.Time `json:"until,omitzero" doc:"Absent while it runs"`
}

// DigestPath names an artifact, by any of its digests, or a document.
type DigestPath struct {
	Digest string `path:"digest" doc:"Of an artifact, or of one document" example:"sha256:0123…" maxLength:"200"`
	Tenant string `query:"tenant" maxLength:"100"`
}

func (a *api) artifactOperations() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "findings", Method: http.MethodGet, Path: "/api/v1/artifacts/{digest}/findings", Tags: []string{"Artifacts"}, Summary: "Which vulnerabilities does it have?",
		Description: "The findings of all documents of an artifact together, by the advisories that the server has loaded.",
	}, a.findings)
	huma.Register(a.huma, huma.Operation{
		OperationID: "sayBuilt", Method: http.MethodPut, Path: "/api/v1/artifacts/{digest}/base", Tags: []string{"Artifacts"}, Summary: "Say which image it was built on", DefaultStatus: http.StatusNoContent,
		Description: "In place of what was said before. Findings of components that came with it, by its layers or by documents about it, then have the origin base, others application; what neither tells stays without.",
	}, a.sayBuilt)
	huma.Register(a.huma, huma.Operation{
		OperationID: "compare", Method: http.MethodGet, Path: "/api/v1/compare", Tags: []string{"Artifacts"}, Summary: "What changed between two releases?",
		Description: "Components, versions, licences, and by the loaded advisories vulnerabilities. Of an artifact with several documents those of one tool and format are compared, and vulnerabilities by all.",
	}, a.compare)
	huma.Register(a.huma, huma.Operation{
		OperationID: "unite", Method: http.MethodGet, Path: "/api/v1/artifacts/{digest}/union", Tags: []string{"Artifacts"}, Summary: "What do only some of its documents say?",
	}, a.unite)
	huma.Register(a.huma, huma.Operation{
		OperationID: "why", Method: http.MethodGet, Path: "/api/v1/artifacts/{digest}/why", Tags: []string{"Artifacts"}, Summary: "Why is a component there?",
		Description: "The shortest ways that each document records from its subject to the component.",
	}, a.why)
	huma.Register(a.huma, huma.Operation{
		OperationID: "history", Method: http.MethodGet, Path: "/api/v1/history", Tags: []string{"Artifacts"}, Summary: "What was handed over, by whom and when, and where did it run?",
		Description: "Exactly one of digest, reference, name, build, release, service, owner and cluster is given.",
	}, a.history)
}

// digest reads a digest that somebody wrote.
func digest(text string) (ident.Digest, error) {
	d, err := ident.ParseDigest(text)
	if err != nil {
		return d, ident.Errorf(ident.KindUsage, "%w", err)
	}
	return d, nil
}

// tagged is an answer with the tag of what it was made from.
type tagged[T any] struct {
	ETag string `header:"ETag"`
	Body T
}

// ask is what questions have in common: who asks, whether the answer would be the same
// again, an end, and how a failure is told.
func ask[T any](ctx context.Context, a *api, tenant string, p *conditional.Params, answer func(ctx context.Context, tenant string) (T, error)) (*tagged[T], error) {
	_, of, err := a.may(ctx, authz.Read, tenant)
	if err != nil {
		return nil, err
	}
	tag, err := a.unchanged(p)
	if err != nil {
		return nil, err
	}
	limited, cancel := a.answerTime(ctx)
	defer cancel()
	body, err := answer(limited, of)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &tagged[T]{`"` + tag + `"`, body}, nil
}

func (a *api) findings(ctx context.Context, in *struct {
	DigestPath
	conditional.Params
}) (*tagged[Findings], error) {
	return ask(ctx, a, in.Tenant, &in.Params, func(ctx context.Context, tenant string) (none Findings, err error) {
		d, err := digest(in.Digest)
		if err != nil {
			return none, err
		}
		s, err := a.Catalog.Scan(ctx, tenant, d)
		if err != nil {
			return none, err
		}
		known := true
		out := Findings{SchemaVersion: inventory.SchemaVersion, Findings: []Finding{}, Unmatched: append([]vuln.Unmatched{}, s.Report.Unmatched...), Documents: []string{},
			Components: s.Report.Components, By: stateOf(&s.By), Origins: s.Origins, Coverage: inventory.Coverage{ComponentsWithoutIdentity: s.Report.WithoutIdentity, AdvisoryKnown: &known,
				NotSeen: []string{}, AdvisoriesAsOf: s.By.AsOf.Format(time.DateOnly)}}
		for i := range s.Documents {
			out.Documents = append(out.Documents, s.Documents[i].Original.String())
		}
		for i := range s.Report.Findings {
			f := Finding{Finding: s.Report.Findings[i], CVSS: []Score{}}
			for _, c := range f.Finding.CVSS {
				x := Score{Type: c.Type, Vector: c.Vector}
				if c.Base == c.Base { //nolint:staticcheck // NaN is no number
					x.Base = &c.Base
				}
				f.CVSS = append(f.CVSS, x)
			}
			for _, by := range s.Seen[i] {
				f.Seen = append(f.Seen, by.String())
			}
			out.Findings = append(out.Findings, f)
		}
		return out, nil
	})
}

func (a *api) sayBuilt(ctx context.Context, in *struct {
	DigestPath
	Body report.BaseImage
}) (*struct{}, error) {
	who, tenant, err := a.may(ctx, authz.PutDocument, in.Tenant)
	if err != nil {
		return nil, err
	}
	d, err := digest(in.Digest)
	if err == nil {
		_, err = a.Catalog.SayBuilt(ctx, who, tenant, catalog.Built{Image: d, Base: in.Body.Base, Layers: in.Body.Layers})
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return nil, nil
}

func (a *api) compare(ctx context.Context, in *struct {
	conditional.Params
	Tenant string `query:"tenant" maxLength:"100"`
	Old    string `query:"old" required:"true" doc:"Digest of an artifact or a document" maxLength:"200"`
	New    string `query:"new" required:"true" doc:"Digest of an artifact or a document" maxLength:"200"`
}) (*tagged[report.SBOMDiff], error) {
	return ask(ctx, a, in.Tenant, &in.Params, func(ctx context.Context, tenant string) (none report.SBOMDiff, err error) {
		before, err := digest(in.Old)
		if err != nil {
			return none, err
		}
		after, err := digest(in.New)
		if err != nil {
			return none, err
		}
		c, err := a.Catalog.Compare(ctx, tenant, before, after)
		if err != nil {
			return none, err
		}
		r := report.NewReleaseDiff(compare.Release{Artifact: compare.Artifact(c.New), Old: c.Old, New: c.New})
		r.Diff, r.Vulnerabilities, r.Unmatched = c.Diff, c.Vulnerabilities, c.Unmatched
		out := report.SBOMDiff{SchemaVersion: inventory.SchemaVersion, Releases: []report.ReleaseDiff{r}, Coverage: inventory.Coverage{NotSeen: []string{}}}
		if c.Vulnerabilities != nil {
			known := true
			out.Coverage.AdvisoriesAsOf, out.Coverage.AdvisoryKnown = c.By.AsOf.Format(time.DateOnly), &known
		}
		return out, nil
	})
}

func (a *api) unite(ctx context.Context, in *struct {
	DigestPath
	conditional.Params
}) (*tagged[report.SBOMUnion], error) {
	return ask(ctx, a, in.Tenant, &in.Params, func(ctx context.Context, tenant string) (none report.SBOMUnion, err error) {
		d, err := digest(in.Digest)
		if err != nil {
			return none, err
		}
		docs, u, err := a.Catalog.Together(ctx, tenant, d)
		if err != nil {
			return none, err
		}
		var list []*sbom.Document
		for i := range docs {
			list = append(list, docs[i].SBOM)
		}
		return *report.NewSBOMUnion(list, u), nil
	})
}

// whyAnswer is why a component is there.
type whyAnswer struct {
	Documents []report.ComponentWays `json:"documents" doc:"Those that have it"`
}

func (a *api) why(ctx context.Context, in *struct {
	DigestPath
	conditional.Params
	Component string `query:"component" required:"true" doc:"A package URL, with a version or without, or a name" minLength:"1" maxLength:"2048"`
	Ways      int    `query:"ways" doc:"Shortest ways to each component at most" minimum:"1" maximum:"1000" default:"3"`
}) (*tagged[whyAnswer], error) {
	return ask(ctx, a, in.Tenant, &in.Params, func(ctx context.Context, tenant string) (out whyAnswer, err error) {
		d, err := digest(in.Digest)
		if err != nil {
			return out, err
		}
		found, err := a.Catalog.Why(ctx, tenant, d, in.Component, in.Ways)
		if err != nil {
			return out, err
		}
		for i := range found {
			out.Documents = append(out.Documents, *report.NewComponentWays(found[i].SBOM, in.Component, found[i].Ways))
		}
		return out, nil
	})
}

func (a *api) history(ctx context.Context, in *struct {
	Page
	conditional.Params
	Tenant    string `query:"tenant" maxLength:"100"`
	Digest    string `query:"digest" doc:"Of an artifact or a document" maxLength:"200"`
	Reference string `query:"reference" doc:"An image's reference or package URL, as documents write it" maxLength:"4096"`
	Name      string `query:"name" doc:"The artifact's name, as documents write it" maxLength:"4096"`
	Build     string `query:"build" doc:"A build's identifier" maxLength:"4096"`
	Release   string `query:"release" doc:"A release's tag" maxLength:"4096"`
	Service   string `query:"service" maxLength:"4096"`
	Owner     string `query:"owner" maxLength:"4096"`
	Cluster   string `query:"cluster" doc:"The cluster that documents are about" maxLength:"4096"`
}) (*tagged[History], error) {
	return ask(ctx, a, in.Tenant, &in.Params, func(ctx context.Context, tenant string) (none History, err error) {
		q := catalog.HistoryQuery{Tenant: tenant, After: -1, Limit: a.limit(&in.Page)}
		if in.Cursor != "" {
			after, err := in.after()
			if err != nil {
				return none, err
			}
			q.After = int64(uint32(after)) //nolint:gosec // our own cursor; a foreign one selects nothing worse
		}
		given := 0
		for _, x := range []struct {
			kind store.NameKind
			text string
		}{{store.ByReference, in.Reference}, {store.ByName, in.Name}, {store.ByBuild, in.Build}, {store.ByRelease, in.Release}, {store.ByService, in.Service}, {store.ByOwner, in.Owner}, {store.ByCluster, in.Cluster}} {
			if x.text != "" {
				q.Kind, q.Name = x.kind, x.text
				given++
			}
		}
		if in.Digest != "" {
			given++
			if q.Digest, err = digest(in.Digest); err != nil {
				return none, err
			}
		}
		if given != 1 {
			return none, ident.Errorf(ident.KindUsage, "history is of exactly one digest, reference, name, build, release, service, owner or cluster, not of %d", given)
		}
		h, err := a.Catalog.History(ctx, q)
		if err != nil {
			return none, err
		}
		out := History{Documents: []Document{}, Runs: []Run{}, MoreRuns: h.CutRuns}
		for i := range h.Documents {
			out.Documents = append(out.Documents, documentOf(&h.Documents[i]))
		}
		if err := a.vouched(ctx, h.Documents, out.Documents); err != nil {
			return none, err
		}
		for _, r := range h.Runs {
			out.Runs = append(out.Runs, Run{r.Artifact, r.Workload, r.Until})
		}
		if h.More {
			out.Next = cursor(uint64(h.Documents[len(h.Documents)-1].ID))
		}
		return out, nil
	})
}
