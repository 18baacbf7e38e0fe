package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
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
	var from, ecosystems []string
	c := &cobra.Command{
		Use: "update --from PATH…", Short: "Replace the cache by OSV records from files",
		Long: `Update reads OSV records (JSON, YAML, folders, zip archives) and replaces the
local cache by them. Commands use the cache where --advisories is absent. The old
cache stays until the new one is complete.`,
		Example: "  cofferdam advisories update --from ./all.zip --ecosystem Go --ecosystem npm",
		Args:    noArgs,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			if len(from) == 0 {
				return ident.Errorf(ident.KindUsage, "--from is missing: this version fetches nothing from the network").
					WithHint("--from PATH of OSV records: a folder, a file, or a zip archive as the ecosystems publish them")
			}
			at, err := e.now()
			if err != nil {
				return err
			}
			note, problems, err := e.loader().Update(ctx, from, ecosystems, at)
			e.problems(problems)
			if err != nil {
				return err
			}
			return e.write(cacheReport(note), report.Options{})
		}),
	}
	c.Flags().StringArrayVar(&from, "from", nil, "OSV records: `PATH` of a file, folder or zip archive; repeatable")
	c.Flags().StringArrayVar(&ecosystems, "ecosystem", nil, "keep only records about this `ECOSYSTEM` (Go, npm, PyPI, Debian, …); repeatable")
	c.ValidArgsFunction = noFiles
	return answers(c, (*report.Cache)(nil))
}

func advisoriesStatusCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use: "status", Short: "What the cache holds, and how old it is", Args: noArgs, ValidArgsFunction: noFiles,
		RunE: e.run(func(_ context.Context, _ []string) error {
			at, err := e.now()
			if err != nil {
				return err
			}
			note, err := e.loader().Status()
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
			return e.write(cacheReport(note), report.Options{})
		}),
	}
	return answers(c, (*report.Cache)(nil))
}

func cacheReport(n *app.CacheNote) *report.Cache {
	r := &report.Cache{SchemaVersion: n.SchemaVersion, Updated: n.Updated, AsOf: n.AsOf, Sources: n.Sources, Advisories: n.Advisories,
		Quarantined: n.Quarantined, Path: n.Path, Ecosystems: []string{}}
	for _, x := range n.Ecosystems {
		r.Ecosystems = append(r.Ecosystems, fmt.Sprintf("%s %d", x.Ecosystem, x.Advisories))
	}
	return r
}
