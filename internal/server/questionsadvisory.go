package server

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/conditional"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// advisories are questions by advisory.
type advisories interface {
	AdvisoryState() catalog.AdvisoryState
	Affected(ctx context.Context, id string, q catalog.Search) (*catalog.Affected, error)
	Where(ctx context.Context, q catalog.WhereQuestion) (*catalog.WherePage, error)
	artifactQuestions
	// Revision changes with everything that an answer can depend on.
	Revision() string
}

// AdvisoryState says which advisories components are compared with.
type AdvisoryState struct {
	State       string    `json:"state" enum:"none,reading,loaded,failed" doc:"none: nobody named any; failed: those that were named cannot be read, and there are no earlier ones"`
	Records     int       `json:"records" doc:"Distinct advisories"`
	AsOf        string    `json:"advisoriesAsOf,omitempty" doc:"The day of the newest change of a record"`
	Loaded      time.Time `json:"loaded,omitzero" doc:"When they were read"`
	Quarantined int       `json:"quarantined" doc:"Records that could not be read"`
	KEV         string    `json:"kevAsOf,omitempty" doc:"The day of the catalogue of exploited vulnerabilities"`
	EPSS        string    `json:"epssAsOf,omitempty" doc:"The day of the scores"`
	Statements  int       `json:"vexStatements,omitempty"`
	Fault       string    `json:"fault,omitempty" doc:"Why newer ones were not taken"`
	Matched     uint32    `json:"matched" doc:"Distinct components that have been compared with them"`
	Components  uint32    `json:"components" doc:"Distinct components there are"`
}

// Feed is one kind of what findings are judged by.
type Feed struct {
	Feed    string    `json:"feed" enum:"advisories,kev,epss,openvex,csaf,cyclonedx"`
	Entries int       `json:"entries,omitempty" doc:"Advisories, or statements"`
	Newest  time.Time `json:"newest,omitzero" doc:"Its newest entry, or the day of the list; absent where it is not loaded"`
}

// JobRun is what became of a job on one server.
type JobRun struct {
	Server    string    `json:"server"`
	Begun     time.Time `json:"begun"`
	Ended     time.Time `json:"ended,omitzero"`
	Succeeded time.Time `json:"succeeded,omitzero" doc:"When it last began and succeeded"`
	Failed    int       `json:"failed,omitempty" doc:"Times in a row"`
	Fault     string    `json:"fault,omitempty"`
	Result    string    `json:"result,omitempty"`
}

// Job is something that the servers do every day, one after the other.
type Job struct {
	Name    string    `json:"name"`
	Next    time.Time `json:"next" doc:"When this server is due"`
	Running string    `json:"running,omitempty" doc:"The server that does it now"`
	Servers []JobRun  `json:"servers" nullable:"false"`
}

// AdvisoryStatus is AdvisoryState with where it comes from.
type AdvisoryStatus struct {
	AdvisoryState
	Feeds   []Feed `json:"feeds" nullable:"false" doc:"What findings are judged by. Reports of other scanners are compared where a command is given them; a server keeps none"`
	Nightly *Job   `json:"nightly,omitempty" doc:"The refreshing and comparing of every night, where it is configured"`
}

func stateOf(s *catalog.AdvisoryState) AdvisoryState {
	out := AdvisoryState{State: "none", Records: s.Records, Loaded: s.Loaded, Quarantined: s.Quarantined, Statements: s.Statements, Matched: s.Matched, Components: s.Components}
	for _, x := range []struct {
		day time.Time
		to  *string
	}{{s.AsOf, &out.AsOf}, {s.KEV, &out.KEV}, {s.EPSS, &out.EPSS}} {
		if !x.day.IsZero() {
			*x.to = x.day.Format(time.DateOnly)
		}
	}
	switch {
	case !s.Loaded.IsZero():
		out.State = "loaded"
	case s.Reading:
		out.State = "reading"
	case s.Fault != nil:
		out.State = "failed"
	}
	if s.Fault != nil {
		out.Fault = "those that were to replace them could not be read; the server's log says why"
	}
	return out
}

// Affected is the answer of which artifacts an advisory affects.
type Affected struct {
	Advisory inventory.AdvisorySummary `json:"advisory"`
	Search
	Unmatched  []Unmatched   `json:"unmatched" doc:"The components behind doubtful, and why nobody can tell; on the first page"`
	MoreDoubts int           `json:"moreUnmatched,omitempty" doc:"Components beyond those listed"`
	By         AdvisoryState `json:"by" doc:"What the answer was told by"`
}

// Unmatched is a component that an advisory may be about.
type Unmatched struct {
	PURL    string `json:"purl,omitempty"`
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	Reason  string `json:"reason"`
}

// Where is the answer of `cofferdam where`, a page of it.
type Where struct {
	inventory.Where
	Sequence       uint64 `json:"sequence" doc:"What was taken in up to this change is covered"`
	MoreNotCovered int    `json:"moreNotCovered,omitempty" doc:"Containers without a document beyond those listed"`
	MoreUnknowns   int    `json:"moreUnknowns,omitempty" doc:"Unknowns beyond those listed"`
	Next           string `json:"next,omitempty" doc:"The cursor of the next page; absent on the last"`
}

func (a *api) advisoryQuestions() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "advisoryState", Method: http.MethodGet, Path: "/api/v1/advisories", Tags: []string{"Questions"}, Summary: "Which advisories are components compared with?",
	}, a.advisoryState)
	huma.Register(a.huma, huma.Operation{
		OperationID: "affected", Method: http.MethodGet, Path: "/api/v1/advisories/{id}/artifacts", Tags: []string{"Questions"}, Summary: "Which artifacts does an advisory affect, and where do they run?",
		Description: "Artifacts of which nobody can tell are doubtful, with the reason: a version that no comparator understands is never read as not affected. An identifier that no loaded advisory has is 404, which is not the same as not affected.",
	}, a.affected)
	huma.Register(a.huma, huma.Operation{
		OperationID: "where", Method: http.MethodGet, Path: "/api/v1/where", Tags: []string{"Questions"}, Summary: "Where does it run?",
		Description: "The answer of cofferdam where: for an advisory's identifier, a package URL or bare name with or without a version or range, a digest of an artifact or a document, or a workload as ns/name. Pages are of artifacts; what was not searched and what is unknown is on the first.",
	}, a.where)
	a.artifactOperations()
}

func (a *api) advisoryState(ctx context.Context, _ *struct{}) (*struct{ Body AdvisoryStatus }, error) {
	if _, _, err := a.may(ctx, authz.Read, ""); err != nil {
		return nil, err
	}
	s := a.Catalog.AdvisoryState()
	out := AdvisoryStatus{AdvisoryState: stateOf(&s), Feeds: []Feed{{"advisories", s.Records, s.AsOf}, {"kev", s.Exploited, s.KEV}, {"epss", s.Scored, s.EPSS}}}
	for _, form := range []string{vuln.FormOpenVEX, vuln.FormCSAF, vuln.FormCycloneDX} {
		out.Feeds = append(out.Feeds, Feed{form, s.Stated[form].Statements, s.Stated[form].Newest})
	}
	if a.Nightly != nil {
		var err error
		if out.Nightly, err = a.Nightly(ctx); err != nil {
			return nil, err
		}
	}
	return &struct{ Body AdvisoryStatus }{out}, nil
}

// unchanged answers a conditional request whose answer would be the same again.
func (a *api) unchanged(p *conditional.Params) (tag string, err error) {
	tag = a.Catalog.Revision()
	if p.HasConditionalParams() {
		if same := p.PreconditionFailed(tag, time.Time{}); same != nil {
			return tag, same
		}
	}
	return tag, nil
}

func (a *api) affected(ctx context.Context, in *struct {
	Page
	conditional.Params
	ID      string    `path:"id" doc:"Of any record of its alias group: CVE-…, GHSA-…, any OSV id" maxLength:"200"`
	Tenant  string    `query:"tenant" maxLength:"100"`
	Running bool      `query:"running" doc:"Only artifacts that run"`
	Zone    string    `query:"zone" doc:"Only artifacts that run in a zone" maxLength:"256"`
	Cluster string    `query:"cluster" doc:"Only artifacts that run in a cluster" maxLength:"256"`
	At      time.Time `query:"at" doc:"What ran then, instead of what runs now"`
}) (*tagged[Affected], error) {
	return ask(ctx, a, in.Tenant, &in.Params, func(ctx context.Context, tenant string) (none Affected, err error) {
		after, err := in.after()
		if err != nil {
			return none, err
		}
		f, err := a.Catalog.Affected(ctx, in.ID, catalog.Search{Tenant: tenant, Running: in.Running, Zone: in.Zone, Cluster: in.Cluster, At: in.At,
			Begin: in.Cursor == "", After: uint32(after), Limit: a.limit(&in.Page)}) //nolint:gosec // our own cursor; a foreign one selects nothing worse
		if err != nil {
			if ident.KindOf(err) == ident.KindUsage { // none are loaded: what is asked for is not there
				err = asNotFound(err)
			}
			return none, err
		}
		out := Affected{Advisory: *f.Advisory, Search: searchOf(&f.Found), Unmatched: []Unmatched{}, MoreDoubts: f.CutUnmatched, By: stateOf(&f.By)}
		for i := range f.Unmatched {
			u := &f.Unmatched[i]
			out.Unmatched = append(out.Unmatched, Unmatched{PURL: u.PURL, Name: u.Name, Version: u.Version, Reason: u.Reason})
		}
		return out, nil
	})
}

// withhold counts the containers that no document of the tenant describes instead of
// naming them: a tenant's people do not see what others run, and are still told that it was
// not searched.
func withhold(p *catalog.WherePage) {
	if n := len(p.NotCovered) + p.CutNotCovered; n > 0 {
		p.Unknowns = append(p.Unknowns, inventory.Unknown{Object: "what others run", Reason: strconv.Itoa(n) + " running containers are of images that no document of the tenant describes, and are not named to it", Affects: []ident.Ref{}})
	}
	p.NotCovered, p.CutNotCovered = []inventory.NotCovered{}, 0
}

// asNotFound is a usage error of the command line, as the API says it.
func asNotFound(err error) error {
	var e *ident.Error
	if !errors.As(err, &e) {
		return err
	}
	other := *e
	other.Kind = ident.KindNotFound
	return &other
}

func (a *api) where(ctx context.Context, in *struct {
	Page
	conditional.Params
	Query  string    `query:"query" required:"true" doc:"What is looked for" example:"CVE-2021-44228" minLength:"1" maxLength:"4096"`
	Tenant string    `query:"tenant" maxLength:"100"`
	At     time.Time `query:"at" doc:"What ran then, instead of what runs now"`
}) (*tagged[Where], error) {
	return ask(ctx, a, in.Tenant, &in.Params, func(ctx context.Context, tenant string) (none Where, err error) {
		q, err := inventory.ParseQuery(in.Query)
		if err != nil {
			return none, err
		}
		after, err := in.after()
		if err != nil {
			return none, err
		}
		p, err := a.Catalog.Where(ctx, catalog.WhereQuestion{Tenant: tenant, Query: q, At: in.At,
			Begin: in.Cursor == "", After: uint32(after), Limit: a.limit(&in.Page)}) //nolint:gosec // the same
		if err != nil {
			return none, err
		}
		if actorOf(ctx).Tenant != "" {
			withhold(p)
		}
		out := Where{Where: p.Where, Sequence: p.Sequence, MoreNotCovered: p.CutNotCovered, MoreUnknowns: p.CutUnknowns}
		if p.More {
			out.Next = cursor(uint64(p.Last))
		}
		return out, nil
	})
}
