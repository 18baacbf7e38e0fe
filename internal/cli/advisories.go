package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/feeds"
	"github.com/cofferdam-io/cofferdam/report"
)

func advisoriesCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use: "advisories", GroupID: "sbom", Short: "The local cache of advisories",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return ident.Errorf(ident.KindUsage, "unknown command %q for %q", args[0], c.CommandPath()).WithHint("advisories update, advisories status")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(advisoriesUpdateCommand(e), advisoriesStatusCommand(e))
	return c
}

func advisoriesUpdateCommand(e *env) *cobra.Command {
	var q feeds.Request
	c := &cobra.Command{
		Use: "update [--from PATH|URL…]", Short: "Bring the cache of OSV records up to date",
		Long: `Update reads OSV records into the local cache, which commands use where --advisories
is absent: from files, folders, checkouts of git and zip archives (JSON, YAML), or from
a mirror that serves them as osv.dev does (URL/ECOSYSTEM/all.zip). Only what changed is
read or fetched; a mirror that is busy or cuts off is asked again, up to five times, and
what it publishes a digest of is compared with that.

--from says which sources the cache has from now on; without it those that it has are
brought up to date. A source that cannot be reached, or that lost more than half of its
records, keeps those of before and is named (exit 4). The old cache stays until the new
one is complete.`,
		Example: "  cofferdam advisories update --from ./all.zip --ecosystem Go --ecosystem npm\n  cofferdam advisories update --from https://osv-vulnerabilities.storage.googleapis.com --ecosystem Go\n  cofferdam advisories update",
		Args:    noArgs,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			at, err := e.now()
			if err != nil {
				return err
			}
			q.At = at
			note, problems, err := e.loader().Update(ctx, q)
			e.problems(problems)
			if err != nil {
				return err
			}
			return e.write(cacheReport(note), report.Options{})
		}),
	}
	c.Flags().StringArrayVar(&q.From, "from", nil, "OSV records: `PATH` of a file, folder or zip archive, or URL of a mirror; repeatable")
	c.Flags().StringArrayVar(&q.Only, "ecosystem", nil, "keep only records about this `ECOSYSTEM` (Go, npm, PyPI, Debian, …); repeatable")
	c.Flags().BoolVar(&q.Force, "accept-shrunk", false, "take sources as they are although they lost more than half of their records")
	c.ValidArgsFunction = noFiles
	return answers(c, (*report.Cache)(nil))
}

func advisoriesStatusCommand(e *env) *cobra.Command {
	var maxAge int
	var f serverFlags
	c := &cobra.Command{
		Use: "status [ID…]", Short: "What the cache holds, how old it is, and whether it knows identifiers", ValidArgsFunction: noFiles,
		Long: `Status says what the local cache of advisories holds and how old it is. Of each ID it
says whether a record has it, by its name or an alias; exit 4 where one has not: an
identifier that no record has is not the same as a vulnerability that nothing has.

With --max-age it is a check: exit 3 where a source was last read without fault more
than so many days ago, because nobody did or because it was held back.

With --server it is a server's: what it compares with and of when each feed is, and what
became of its job of every night (nightly in its configuration; exit 4 where that
failed last, or never succeeded on a server).`,
		Example: "  cofferdam advisories status CVE-2024-3094\n  cofferdam advisories status --max-age 3\n  cofferdam advisories status --server https://sbom.example",
		RunE: e.run(func(ctx context.Context, ids []string) error {
			if maxAge < 0 {
				return ident.Errorf(ident.KindUsage, "--max-age %d is no number of days", maxAge).WithHint("--max-age 3")
			}
			at, err := e.now()
			if err != nil {
				return err
			}
			if f.server != "" {
				return e.advisoriesOfServer(ctx, &f, ids, maxAge)
			}
			note, err := e.loader().Status(ctx)
			if err != nil {
				return err
			}
			if note == nil {
				return ident.Errorf(ident.KindFailure, "there is no advisory cache").WithHint("cofferdam advisories update --from PATH")
			}
			const day = 24
			if age := at.Sub(note.Updated).Hours() / day; age > 7 {
				e.notef("the cache is %.0f days old", age)
			}
			a := cacheReport(note)
			for i := range a.Feeds {
				f := &a.Feeds[i]
				f.AgeDays = at.Sub(f.Updated).Hours() / day
				f.TooOld = maxAge > 0 && f.AgeDays > float64(maxAge)
				e.outcome.refused = e.outcome.refused || f.TooOld
			}
			if len(ids) > 0 {
				known, err := e.loader().Knows(ctx, ids)
				if err != nil {
					return err
				}
				for i, id := range ids {
					a.Known = append(a.Known, report.KnownID{ID: id, Known: known[i]})
					e.outcome.incomplete = e.outcome.incomplete || !known[i]
				}
			}
			return e.write(a, report.Options{})
		}),
	}
	c.Flags().IntVar(&maxAge, "max-age", 0, "fail where a source was last read without fault more than `DAYS` ago")
	f.add(c)
	return answers(c, (*report.Cache)(nil))
}

// advisoriesOfServer says what a server compares with.
func (e *env) advisoriesOfServer(ctx context.Context, f *serverFlags, ids []string, maxAge int) error {
	if len(ids) > 0 || maxAge > 0 {
		return ident.Errorf(ident.KindUsage, "a server is not asked for identifiers or --max-age here").WithHint("cofferdam where ID --server URL; the server's metrics tell of when its feeds are")
	}
	srv, err := e.client(ctx, f)
	if err != nil {
		return err
	}
	defer srv.Close()
	a, err := srv.Advisories(ctx)
	if err != nil {
		return err
	}
	e.outcome.incomplete = a.State != "loaded" || a.Fault != ""
	if n := a.Nightly; n != nil {
		e.outcome.incomplete = e.outcome.incomplete || len(n.Servers) == 0
		for _, r := range n.Servers {
			e.outcome.incomplete = e.outcome.incomplete || r.Failed > 0 || r.Succeeded.IsZero()
		}
	}
	return e.write(a, report.Options{})
}

func cacheReport(n *feeds.Note) *report.Cache {
	r := &report.Cache{SchemaVersion: n.SchemaVersion, Updated: n.Updated, AsOf: n.AsOf, Sources: []string{}, Advisories: n.Advisories, Path: n.Path, Ecosystems: []string{}}
	for _, s := range n.Sources {
		from := s.From
		if s.URL != "" {
			from = s.URL
		}
		r.Sources = append(r.Sources, from)
		r.Quarantined += s.Quarantined
		r.Feeds = append(r.Feeds, report.Feed{From: from, Updated: s.Updated, Advisories: s.Advisories, Held: s.Held})
	}
	for _, x := range n.Ecosystems {
		r.Ecosystems = append(r.Ecosystems, fmt.Sprintf("%s %d", x.Ecosystem, x.Advisories))
	}
	return r
}
