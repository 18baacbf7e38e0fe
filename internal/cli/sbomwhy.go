package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom/trace"
)

func sbomWhyCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use: "why FILE PACKAGE", Short: "Why a component is there: the shortest ways to it that the document records",
		Long: `Why shows the shortest ways from what a document is about to a component, over
the dependencies and the containment that it records. PACKAGE is a package URL,
with a version or without, or a name.

A document that lists a component and says of nothing that it needs it has no
way to show. That is an answer, and an incomplete one: exit 4.`,
		Example: "  cofferdam sbom why image.cdx.json pkg:maven/org.apache.logging.log4j/log4j-core",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return ident.Errorf(ident.KindUsage, "%s takes a file and a package", c.CommandPath()).WithHint("%s image.cdx.json log4j-core", c.CommandPath())
			}
			return nil
		},
		RunE: e.run(func(ctx context.Context, args []string) error {
			d, _, err := e.loader().SBOM(ctx, args[0])
			if err != nil {
				return err
			}
			found := trace.Find(d, args[1])
			if len(found) == 0 {
				return ident.Errorf(ident.KindFailure, "no component of the document is %q", args[1]).At(args[0]).
					WithHint("cofferdam sbom show %s --all lists them", args[0])
			}
			most := 3
			if e.all {
				most = 1000
			}
			a := report.NewComponentWays(d, args[1], trace.New(d).Ways(found, most))
			for _, c := range a.Components {
				if !c.Recorded || c.ListedOnly {
					e.outcome.incomplete = true
				}
			}
			return e.write(a, report.Options{})
		}),
	}
	return answers(c, (*report.ComponentWays)(nil))
}
