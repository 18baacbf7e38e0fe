package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/report"
)

// standings are what `coverage` may fail on, the best first.
var standings = []string{"unreviewed", "stale", "missing", "unresolved"}

func coverageCommand(e *env) *cobra.Command {
	var f serverFlags
	var q client.StandingQuery
	var failOn []string
	c := &cobra.Command{
		Use: "coverage --server URL", GroupID: "catalogue", Short: "Does what runs have a document, and does the document describe it?",
		Long: `Coverage holds every running container against the documents of a server: covered,
unreviewed (drafts only), stale (a document that describes something else), missing (no
document is about its image) or unresolved (nobody knows which image runs). Clusters
are told to the server by push -f.

It exits 4 where something is not covered, and 3 where --fail-on names its standing.`,
		Example: `  cofferdam coverage --server https://sbom.example --zone restricted --fail-on missing,stale
  cofferdam coverage --server https://sbom.example --cluster prod --at 2026-11-01T00:00:00Z -o json`,
		Args: noArgs, ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			for _, s := range failOn {
				if !slices.Contains(standings, s) {
					return ident.Errorf(ident.KindUsage, "--fail-on %q is no standing", s).WithHint("%s", strings.Join(standings, ", "))
				}
			}
			if e.at != "" {
				at, err := e.now()
				if err != nil {
					return err
				}
				q.At = at
			}
			srv, err := e.client(ctx, &f)
			if err != nil {
				return err
			}
			defer srv.Close()
			q.Tenant = f.tenant
			a, err := srv.Standings(ctx, q)
			if err != nil {
				return err
			}
			for s, n := range a.Counts {
				if n > 0 && s != "covered" {
					e.outcome.incomplete = true
					e.outcome.refused = e.outcome.refused || slices.Contains(failOn, s)
				}
			}
			return e.write(a, report.Options{})
		}),
	}
	f.add(c)
	fl := c.Flags()
	fl.StringVar(&q.Cluster, "cluster", "", "only containers of a cluster: `NAME`")
	fl.StringVar(&q.Zone, "zone", "", "only containers of a zone: `NAME`")
	fl.IntVar(&q.MaxAgeDays, "max-age", 0, "say which documents were made more than `DAYS` ago")
	fl.StringSliceVar(&failOn, "fail-on", nil, "exit 3 where a container is one of `STANDING,…`: "+strings.Join(standings, ", "))
	complete(c, "fail-on", fixed(standings...))
	return answers(c, (*report.Standings)(nil))
}

func blockedCommand(e *env) *cobra.Command {
	var f serverFlags
	var list, failOn string
	c := &cobra.Command{
		Use: "blocked --server URL", GroupID: "catalogue", Short: "Where are components that must not be used?",
		Long: `Blocked asks a server which artifacts have a component of its blocklists, and where
they run. blocked set replaces a list.`,
		Example: `  cofferdam blocked --server https://sbom.example --fail-on running
  cofferdam blocked set --server https://sbom.example security blocked.yaml`,
		Args: noArgs, ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			if !slices.Contains([]string{"", "running", "any"}, failOn) {
				return ident.Errorf(ident.KindUsage, "--fail-on %q is neither running nor any", failOn)
			}
			srv, err := e.client(ctx, &f)
			if err != nil {
				return err
			}
			defer srv.Close()
			a, err := srv.Blocked(ctx, f.tenant, list)
			if err != nil {
				return err
			}
			found, runs := a.Any()
			e.outcome.refused = failOn == "any" && found || failOn == "running" && runs
			return e.write(a, report.Options{})
		}),
	}
	f.add(c)
	fl := c.Flags()
	fl.StringVar(&list, "list", "", "only what one list blocks: `NAME`")
	fl.StringVar(&failOn, "fail-on", "", "exit 3 where a blocked component is `running`, or any artifact has one: running or any")
	complete(c, "fail-on", fixed("running", "any"))
	c = answers(c, (*report.BlockedComponents)(nil))
	c.AddCommand(blockedSetCommand(e))
	return c
}

func blockedSetCommand(e *env) *cobra.Command {
	var f serverFlags
	c := &cobra.Command{
		Use: "set --server URL NAME FILE", Short: "Make a file the whole of a list of blocked components",
		Long: `Set replaces a list by what a file says, YAML or JSON: entries with component (a
package URL or a name, with or without a version or a range), reason, and if they are
meant ticket and expires. An empty list blocks nothing. It takes the role triager or
sbom-approver.

  - component: pkg:npm/event-stream@3.3.6
    reason: carries malware
    ticket: SEC-1
  - {component: "pkg:maven/org.apache.logging.log4j/log4j-core@<2.17.1", reason: CVE-2021-44228, expires: 2027-01-01T00:00:00Z}`,
		Args: cobra.ExactArgs(2),
		RunE: e.run(func(ctx context.Context, args []string) error {
			blocks, err := e.loader().Blocks(ctx, args[1])
			if err != nil {
				return err
			}
			srv, err := e.client(ctx, &f)
			if err != nil {
				return err
			}
			defer srv.Close()
			n, err := srv.SetBlocks(ctx, args[0], blocks)
			if err != nil {
				return err
			}
			e.notef("%s: entries %d, changed %d, as of %s", args[0], len(blocks), n, time.Now().UTC().Format(time.RFC3339))
			return nil
		}),
	}
	f.add(c)
	return c
}
