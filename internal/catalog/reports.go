package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Reporter is who says what runs, or what may be deployed. States are written only
// where they change, so that "nothing changed" and "nobody looked" are told apart by
// this.
type Reporter struct {
	Kind ReporterKind
	Name string
	Last time.Time // of the last report, to the hour
}

// ReporterKind is what somebody reports.
type ReporterKind string

// The kinds of reporters.
const (
	ClusterReporter ReporterKind = "cluster" // what runs in it
	SourceReporter  ReporterKind = "source"  // what may be deployed from it
)

func (k ReporterKind) scope(name string) string { return string(k) + "/" + name }

// reportKey is the only key of a reporter's state.
const reportKey = "report"

type reportBody struct {
	Last time.Time `json:"last"`
}

// reported remembers that somebody reported, once an hour: more would fill the
// journal with what means nothing.
func (c *Catalog) reported(ctx context.Context, by authz.Actor, kind ReporterKind, name string) error {
	hour := c.now().UTC().Truncate(time.Hour)
	rows, err := c.store.States(ctx, store.StateQuery{Kind: store.StateReport, Scope: kind.scope(name), Limit: 1})
	if err != nil {
		return storeError(err)
	}
	var b reportBody
	if len(rows) == 1 && json.Unmarshal(rows[0].Body, &b) == nil && !b.Last.Before(hour) {
		return nil
	}
	body, err := json.Marshal(reportBody{hour})
	if err != nil {
		return err
	}
	_, err = c.store.Assert(ctx, c.mutation(by), store.StateReport, kind.scope(name), []store.State{{Key: reportKey, Body: body}})
	return storeError(err)
}

// Reporters lists who reports.
func (c *Catalog) Reporters(ctx context.Context) ([]Reporter, error) {
	var out []Reporter
	err := c.states(ctx, store.StateQuery{Kind: store.StateReport}, func(s *store.State) error {
		kind, name, _ := strings.Cut(s.Scope, "/")
		r := Reporter{Kind: ReporterKind(kind), Name: name}
		var b reportBody
		if err := json.Unmarshal(s.Body, &b); err != nil {
			return ident.Errorf(ident.KindFailure, "the report of %s cannot be read: %w", s.Scope, err)
		}
		r.Last = b.Last
		out = append(out, r)
		return nil
	})
	slices.SortFunc(out, func(a, b Reporter) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	return out, err
}

// Deployable makes digests the whole of what may be deployed from a source, such as
// a registry's repository or a release channel, from now on.
func (c *Catalog) Deployable(ctx context.Context, by authz.Actor, source string, images []ident.Digest) (changed int, err error) {
	rows := make([]store.State, 0, len(images))
	for _, d := range images {
		rows = append(rows, store.State{Kind: store.StateDeployable, Key: d.String(), Subject: d.String(), Body: []byte("{}")})
	}
	slices.SortFunc(rows, func(a, b store.State) int { return cmp.Compare(a.Key, b.Key) })
	rows = slices.CompactFunc(rows, func(a, b store.State) bool { return a.Key == b.Key })
	n, err := c.store.Assert(ctx, c.mutation(by), store.StateDeployable, source, rows)
	if err != nil {
		return n, storeError(err)
	}
	return n, c.reported(ctx, by, SourceReporter, source)
}

// Forget ends everything that a reporter said, and that it is expected to report: a
// cluster that was torn down, a repository that was given up. What it said of the
// past stays.
func (c *Catalog) Forget(ctx context.Context, by authz.Actor, kind ReporterKind, name string) error {
	known, err := c.store.States(ctx, store.StateQuery{Kind: store.StateReport, Scope: kind.scope(name), Limit: 1})
	if err != nil {
		return storeError(err)
	}
	if len(known) == 0 {
		return ident.Errorf(ident.KindNotFound, "no %s %s reports", kind, name)
	}
	what := store.StateRuns
	if kind == SourceReporter {
		what = store.StateDeployable
	}
	if _, err := c.store.Assert(ctx, c.mutation(by), what, name, nil); err != nil {
		return storeError(err)
	}
	if _, err := c.store.Assert(ctx, c.mutation(by), store.StateReport, kind.scope(name), nil); err != nil {
		return storeError(err)
	}
	return c.settle(ctx)
}

// settle waits until questions see everything that is in the store.
func (c *Catalog) settle(ctx context.Context) error {
	p, err := c.store.Position(ctx)
	if err != nil {
		return storeError(err)
	}
	return c.follow.reach(ctx, p.Seq)
}
