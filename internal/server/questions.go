package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
)

// questions are what can be asked of the catalogue.
type questions interface {
	Search(ctx context.Context, q catalog.Search) (*catalog.Found, error)
	Report(ctx context.Context, by authz.Actor, cluster string, workloads []catalog.Workload) (changed int, err error)
	advisories
}

// searchInput is a question for artifacts that contain something.
type searchInput struct {
	Page
	Tenant    string    `query:"tenant" maxLength:"100"`
	Component string    `query:"component" doc:"A package URL or a bare name, with or without a version or a range" example:"pkg:maven/org.apache.logging.log4j/log4j-core@<2.17.1" maxLength:"2048"`
	Name      string    `query:"name" doc:"A component's name; case does not count" maxLength:"1024"`
	Match     string    `query:"match" doc:"How much of the name is given" enum:"exact,prefix,contains" default:"exact"`
	License   string    `query:"licence" doc:"An SPDX identifier, or a licence as it was written" maxLength:"1024"`
	Supplier  string    `query:"supplier" maxLength:"1024"`
	Hash      string    `query:"hash" doc:"Of a component's file, in hexadecimal" maxLength:"200"`
	Running   bool      `query:"running" doc:"Only artifacts that run"`
	Zone      string    `query:"zone" doc:"Only artifacts that run in a zone" maxLength:"256"`
	Cluster   string    `query:"cluster" doc:"Only artifacts that run in a cluster" maxLength:"256"`
	At        time.Time `query:"at" doc:"What ran then, instead of what runs now"`
}

// Search is the answer: artifacts, where they run, and what the answer covers.
type Search struct {
	Sequence   uint64      `json:"sequence" doc:"What was taken in up to this change is covered"`
	Total      int         `json:"total" doc:"Artifacts on all pages"`
	Artifacts  []Artifact  `json:"artifacts"`
	Doubtful   []Artifact  `json:"doubtful,omitempty" doc:"Artifacts that may contain it: a version cannot be compared with the one asked for"`
	Components []Component `json:"components" doc:"The components that were meant"`
	More       int         `json:"moreComponents,omitempty" doc:"Components beyond those listed"`
	Coverage   Coverage    `json:"coverage"`
	Next       string      `json:"next,omitempty" doc:"The cursor of the next page; absent on the last"`
}

// Artifact is one that was found.
type Artifact struct {
	Artifact   uint32             `json:"artifact"`
	Name       string             `json:"name,omitempty"`
	Version    string             `json:"version,omitempty"`
	References []string           `json:"references"`
	Digests    []Digest           `json:"digests"`
	Service    string             `json:"service,omitempty"`
	Owner      string             `json:"owner,omitempty"`
	Documents  []string           `json:"documents" doc:"Digests of the documents that say so"`
	Components []int              `json:"components,omitempty" doc:"Which of the answer's components it has, by their place; absent where they are too many"`
	Running    []catalog.Workload `json:"running" doc:"Containers that run it"`
}

// Component is a package, as documents describe it.
type Component struct {
	PURL     string   `json:"purl,omitempty"`
	Name     string   `json:"name"`
	Version  string   `json:"version,omitempty"`
	Supplier string   `json:"supplier,omitempty"`
	Licenses []string `json:"licences,omitempty"`
}

// Coverage says what an answer covers, and what it cannot.
type Coverage struct {
	Artifacts  int      `json:"artifacts" doc:"Artifacts with a document"`
	Workloads  int      `json:"workloads" doc:"Containers reported to run"`
	WithSBOM   int      `json:"withSbom" doc:"Of them, those whose image has a document"`
	Unresolved int      `json:"unresolved" doc:"Of them, those whose image's digest nobody knows"`
	Clusters   []string `json:"clusters" doc:"That were reported; of a tenant, those in which images run that its documents describe"`
}

type searchAnswer struct{ Body Search }

func (a *api) questions() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "search", Method: http.MethodGet, Path: "/api/v1/search", Tags: []string{"Questions"}, Summary: "Which artifacts contain it, and where do they run?",
		Description: "Exactly one of component, name, licence, supplier and hash is given. An answer says what it covers: artifacts without a document are not in it.",
	}, a.search)
	huma.Register(a.huma, huma.Operation{
		OperationID: "reportWorkloads", Method: http.MethodPut, Path: "/api/v1/clusters/{cluster}/workloads", Tags: []string{"Inventory"}, Summary: "Say what runs in a cluster",
		Description:  "The body is the whole of it: what is not in it has ended. Earlier reports stay, for questions about the past.",
		MaxBodyBytes: 256 << 20,
	}, a.report)
	a.advisoryQuestions()
}

func (a *api) search(ctx context.Context, in *searchInput) (*searchAnswer, error) {
	_, tenant, err := a.may(ctx, authz.Read, in.Tenant)
	if err != nil {
		return nil, err
	}
	after, err := in.after()
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	ctx, cancel := a.answerTime(ctx)
	defer cancel()
	q := catalog.Search{Tenant: tenant, Component: in.Component, Name: in.Name, License: in.License, Supplier: in.Supplier, Hash: in.Hash,
		Match:   map[string]index.NameMatch{"prefix": index.NamePrefix, "contains": index.NameContains}[in.Match],
		Running: in.Running, Zone: in.Zone, Cluster: in.Cluster, At: in.At, Begin: in.Cursor == "", After: uint32(after), Limit: a.limit(&in.Page)} //nolint:gosec // our own cursor; a foreign one selects nothing worse
	f, err := a.Catalog.Search(ctx, q)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &searchAnswer{Body: searchOf(f)}, nil
}

func searchOf(f *catalog.Found) Search {
	out := Search{Sequence: f.Sequence, Total: f.Total, Artifacts: artifactsOf(f.Artifacts), Components: componentsOf(f.Components), More: f.CutComponents,
		Coverage: Coverage{Artifacts: f.Coverage.Artifacts, Workloads: f.Coverage.Workloads, WithSBOM: f.Coverage.WithSBOM, Unresolved: f.Coverage.Unresolved, Clusters: append([]string{}, f.Coverage.Clusters...)}}
	if len(f.Doubtful) > 0 {
		out.Doubtful = artifactsOf(f.Doubtful)
	}
	if f.More {
		out.Next = cursor(uint64(f.Artifacts[len(f.Artifacts)-1].Artifact))
	}
	return out
}

func componentsOf(found []catalog.FoundComponent) []Component {
	out := make([]Component, 0, len(found))
	for i := range found {
		c := &found[i]
		out = append(out, Component{PURL: c.PURL, Name: c.Name, Version: c.Version, Supplier: c.Supplier, Licenses: c.Licenses})
	}
	return out
}

func artifactsOf(found []catalog.FoundArtifact) []Artifact {
	out := make([]Artifact, 0, len(found))
	for i := range found {
		f := &found[i]
		x := Artifact{Artifact: f.Artifact, References: []string{}, Digests: []Digest{}, Documents: []string{}, Components: f.Components, Running: append([]catalog.Workload{}, f.Running...)}
		for k := range f.Documents {
			d := documentOf(&f.Documents[k])
			// The newest document names it; the identities are those of all.
			x.Name, x.Version, x.Service, x.Owner = or(d.Name, x.Name), or(d.Version, x.Version), or(d.Service, x.Service), or(d.Owner, x.Owner)
			x.Documents = append(x.Documents, d.Digest)
			for _, r := range d.References {
				x.References = appendNew(x.References, r)
			}
			for _, g := range d.Digests {
				x.Digests = appendNew(x.Digests, g)
			}
		}
		out = append(out, x)
	}
	return out
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func appendNew[T comparable](list []T, x T) []T {
	for _, y := range list {
		if x == y {
			return list
		}
	}
	return append(list, x)
}

type reportInput struct {
	Cluster string `path:"cluster" maxLength:"256"`
	Body    struct {
		Workloads []ReportedWorkload `json:"workloads" maxItems:"1000000"`
	}
}

// ReportedWorkload is a container of a workload, as a cluster has it.
type ReportedWorkload struct {
	Namespace   string `json:"namespace" minLength:"1" maxLength:"253"`
	Kind        string `json:"kind" minLength:"1" maxLength:"63"`
	Name        string `json:"name" minLength:"1" maxLength:"253"`
	Container   string `json:"container" minLength:"1" maxLength:"253"`
	Image       string `json:"image,omitempty" maxLength:"1024"`
	Digest      string `json:"digest,omitempty" doc:"Of the image, as the cluster resolved it" maxLength:"200"`
	Zone        string `json:"zone,omitempty" maxLength:"256"`
	Service     string `json:"service,omitempty" maxLength:"256"`
	Owner       string `json:"owner,omitempty" maxLength:"256"`
	Criticality string `json:"criticality,omitempty" maxLength:"256"`
}

type reportAnswer struct {
	Body struct {
		Changed int `json:"changed" doc:"Containers that began or ended since the last report"`
	}
}

func (a *api) report(ctx context.Context, in *reportInput) (*reportAnswer, error) {
	who, err := a.unboundActor(ctx, authz.ReportInventory) // a report ends what it does not name, whosever it is
	if err != nil {
		return nil, err
	}
	list := make([]catalog.Workload, 0, len(in.Body.Workloads))
	for i := range in.Body.Workloads {
		w := &in.Body.Workloads[i]
		x := catalog.Workload{Namespace: w.Namespace, Kind: w.Kind, Name: w.Name, Container: w.Container, Image: w.Image, Zone: w.Zone, Service: w.Service, Owner: w.Owner, Criticality: w.Criticality}
		if w.Digest != "" {
			if x.Digest, err = ident.ParseDigest(w.Digest); err != nil {
				return nil, a.fail(ctx, ident.Errorf(ident.KindInvalid, "%s/%s, container %s: %w", w.Namespace, w.Name, w.Container, err))
			}
		}
		list = append(list, x)
	}
	out := &reportAnswer{}
	if out.Body.Changed, err = a.Catalog.Report(ctx, who, in.Cluster, list); err != nil {
		return nil, a.fail(ctx, err)
	}
	return out, nil
}
