package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// SearchQuery is a question for artifacts that contain something: exactly one of
// Component, Name, Licence, Supplier and Hash is set.
type SearchQuery struct {
	Question
	Component, Name, Match, Licence, Supplier, Hash string
	Running                                         bool
	Zone, Cluster                                   string
}

// Search asks which artifacts contain something and where they run, page after page.
func (c *Client) Search(ctx context.Context, q SearchQuery) (*report.Search, error) {
	v := q.values()
	for k, text := range map[string]string{"component": q.Component, "name": q.Name, "match": q.Match, "licence": q.Licence, "supplier": q.Supplier, "hash": q.Hash, "zone": q.Zone, "cluster": q.Cluster} {
		if text != "" {
			v.Set(k, text)
		}
	}
	if q.Running {
		v.Set("running", "true")
	}
	out := &report.Search{Artifacts: []report.FoundArtifact{}}
	type page struct {
		report.Search
		Next string
	}
	err := pages(ctx, c, "/api/v1/search", v, func(p *page) (string, error) {
		// A later page counts the components that were meant as the first does.
		p.Artifacts = append(out.Artifacts, p.Artifacts...)
		if v.Has("cursor") {
			p.Doubtful, p.Components, p.More = out.Doubtful, out.Components, out.More
		}
		*out = p.Search
		return p.Next, nil
	})
	if err != nil {
		return nil, err
	}
	out.SchemaVersion = inventory.SchemaVersion
	return out, nil
}

// Unite asks what only some of an artifact's documents say.
func (c *Client) Unite(ctx context.Context, d ident.Digest, tenant string) (*report.SBOMUnion, error) {
	out := &report.SBOMUnion{}
	if err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/artifacts/" + d.String() + "/union", query: (&Question{Tenant: tenant}).values()}, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Drifted asks what drifted, or was so at a time, or with history all of it.
func (c *Client) Drifted(ctx context.Context, cluster string, at time.Time, history bool) (*report.Drifts, error) {
	v := (&Question{At: at}).values()
	if cluster != "" {
		v.Set("cluster", cluster)
	}
	if history {
		v.Set("history", "true")
	}
	out := &report.Drifts{SchemaVersion: inventory.SchemaVersion, Items: []report.Drift{}}
	type page struct {
		report.Drifts
		Next string
	}
	err := pages(ctx, c, "/api/v1/drift", v, func(p *page) (string, error) {
		out.Items = append(out.Items, p.Items...)
		return p.Next, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Reporters asks who says what runs and what may be deployed.
func (c *Client) Reporters(ctx context.Context) (*report.Reporters, error) {
	out := &report.Reporters{}
	if err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/reporters"}, out); err != nil {
		return nil, err
	}
	out.SchemaVersion = inventory.SchemaVersion
	return out, nil
}

// Quarantine asks which documents could not be read, and why.
func (c *Client) Quarantine(ctx context.Context, tenant string) (*report.Quarantine, error) {
	out := &report.Quarantine{SchemaVersion: inventory.SchemaVersion, Items: []report.Quarantined{}}
	type page struct {
		report.Quarantine
		Next string
	}
	err := pages(ctx, c, "/api/v1/quarantine", (&Question{Tenant: tenant}).values(), func(p *page) (string, error) {
		out.Items = append(out.Items, p.Items...)
		return p.Next, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Refused returns the bytes of a document in quarantine, as they came. Nobody has
// judged them.
func (c *Client) Refused(ctx context.Context, id uint64, tenant string) ([]byte, error) {
	var raw []byte
	err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/quarantine/" + strconv.FormatUint(id, 10) + "/content", query: (&Question{Tenant: tenant}).values()}, &raw)
	return raw, err
}

// DropRefused forgets a document in quarantine.
func (c *Client) DropRefused(ctx context.Context, id uint64, tenant string) error {
	return c.do(ctx, &request{method: http.MethodDelete, path: "/api/v1/quarantine/" + strconv.FormatUint(id, 10), query: (&Question{Tenant: tenant}).values()}, nil)
}

// Archived asks which documents left the index, in the order in which they left.
func (c *Client) Archived(ctx context.Context, tenant string) (*report.Archive, error) {
	out := &report.Archive{SchemaVersion: inventory.SchemaVersion, Items: []report.HistoryDocument{}}
	type page struct {
		report.Archive
		Next string
	}
	err := pages(ctx, c, "/api/v1/archive", (&Question{Tenant: tenant}).values(), func(p *page) (string, error) {
		out.Items = append(out.Items, p.Items...)
		return p.Next, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// SetStatus reviews or publishes a document, or makes a draft of it again. Its number
// is needed where several have the same bytes; -1 is the only one.
func (c *Client) SetStatus(ctx context.Context, d ident.Digest, number int64, tenant, status string) error {
	path, v, err := c.document(ctx, d, number, tenant)
	if err != nil {
		return err
	}
	r := putJSON(path+"/status", []byte(`{"status":`+strconv.Quote(status)+`}`))
	r.query = v
	return c.do(ctx, r, nil)
}

// Archive takes a document out of the index. number is as SetStatus has it.
func (c *Client) Archive(ctx context.Context, d ident.Digest, number int64, tenant string) error {
	path, v, err := c.document(ctx, d, number, tenant)
	if err != nil {
		return err
	}
	return c.do(ctx, &request{method: http.MethodDelete, path: path, query: v}, nil)
}

// document is where the one document is that a digest, and its number, name.
func (c *Client) document(ctx context.Context, d ident.Digest, number int64, tenant string) (path string, query url.Values, err error) {
	one, numbers, err := c.only(ctx, d, tenant)
	if err != nil {
		return "", nil, err
	}
	if number < 0 {
		if number = int64(numbers[0]); len(numbers) > 1 {
			return "", nil, ident.Errorf(ident.KindUsage, "%d documents have the bytes %s: what was said of them differs", len(numbers), one).
				WithHint("--document says which, of %s; cofferdam history shows them in this order", strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers), " ", ", "), "[]"))
		}
	}
	query = (&Question{Tenant: tenant}).values()
	query.Set("document", strconv.FormatInt(number, 10))
	return "/api/v1/documents/" + one.String(), query, nil
}

// RetentionDue asks what retention would do now, and what holds it up.
func (c *Client) RetentionDue(ctx context.Context) (*report.RetentionDue, error) {
	out := &report.RetentionDue{}
	if err := c.do(ctx, &request{method: http.MethodGet, path: "/api/v1/retention"}, out); err != nil {
		return nil, err
	}
	out.SchemaVersion = inventory.SchemaVersion
	return out, nil
}

// Retain archives and purges what is due.
func (c *Client) Retain(ctx context.Context) (*Retained, error) {
	out := &Retained{}
	return out, c.do(ctx, &request{method: http.MethodPost, path: "/api/v1/retention"}, out)
}

// Retained is what retention did.
type Retained struct {
	Archived, Purged, Decisions int
	Held                        []string
}

// SetDeployable says which images may be deployed from a source: all of them. It
// returns how many changed.
func (c *Client) SetDeployable(ctx context.Context, source string, images []ident.Digest) (changed int, err error) {
	body, err := json.Marshal(map[string]any{"images": images})
	if err != nil {
		return 0, err
	}
	var out struct{ Changed int }
	err = c.do(ctx, putJSON("/api/v1/deployable/"+url.PathEscape(source), body), &out)
	return out.Changed, err
}

// Forget says that a cluster, or a source of images, is no more.
func (c *Client) Forget(ctx context.Context, cluster bool, name string) error {
	path := "/api/v1/deployable/"
	if cluster {
		path = "/api/v1/clusters/"
	}
	return c.do(ctx, &request{method: http.MethodDelete, path: path + url.PathEscape(name)}, nil)
}
