package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/report"
)

// indicatorRows are what --by takes.
var indicatorRows = []string{"owner", "service", "zone", "cluster"}

func indicatorsCommand(e *env) *cobra.Command {
	var f serverFlags
	var q client.IndicatorQuery
	var since string
	c := &cobra.Command{
		Use: "indicators --server URL", GroupID: "catalogue", Short: "How well is what runs known and kept, in numbers?",
		Long: `Indicators measures what runs, by the documents and findings that a server has:

  aligned        containers with a document that describes just their image, by digest
  SBOM age       of these documents, since they were made, and how many are within the
                 server's goal (goals.sbomAgeDays)
  third parties' images with a document whose signature verified (goals.ownImages says
                 which are one's own)
  licences       products in which the licence of a package is declared as unknown, since when, and how
                 long it took to find out (goals.licenseDays)
  remediation    open, overdue and mended exposures by severity, and how long those took
  blocked        products that a recorded gate failed for (gate --record), by SBOM, findings or
                 policy, and how long until one passed

--by owner makes a score card of each owner. With --at it is what was known then, by the
goals of now. What has no document is in "aligned" and in nothing else.`,
		Example: `  cofferdam indicators --server https://sbom.example --by owner
  cofferdam indicators --server https://sbom.example --since 720h --at 2026-11-01T00:00:00Z -o json`,
		Args: noArgs, ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			if q.By != "" && !slices.Contains(indicatorRows, q.By) {
				return ident.Errorf(ident.KindUsage, "--by %q is no row", q.By).WithHint("%s", strings.Join(indicatorRows, ", "))
			}
			var err error
			if q.Since, err = e.since(since); err != nil {
				return err
			}
			if e.at != "" {
				if q.At, err = e.now(); err != nil {
					return err
				}
			}
			srv, err := e.client(ctx, &f)
			if err != nil {
				return err
			}
			defer srv.Close()
			q.Tenant = f.tenant
			a, err := srv.Indicators(ctx, q)
			if err != nil {
				return err
			}
			return e.write(a, report.Options{})
		}),
	}
	f.add(c)
	fl := c.Flags()
	fl.StringVar(&q.By, "by", "", "a row for each `KIND`: "+strings.Join(indicatorRows, ", "))
	fl.StringVar(&q.Cluster, "cluster", "", "only containers of a cluster: `NAME`")
	fl.StringVar(&q.Zone, "zone", "", "only containers of a zone: `NAME`")
	fl.StringVar(&since, "since", "", "what ended from a `TIME` on (RFC 3339), or how long ago (720h); 90 days by default")
	complete(c, "by", fixed(indicatorRows...))
	return answers(c, (*report.Indicators)(nil))
}
