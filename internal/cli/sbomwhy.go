package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom/trace"
)

func sbomWhyCommand(e *env) *cobra.Command {
	var srv serverFlags
	c := &cobra.Command{
		Use: "why FILE PACKAGE", Short: "Why a component is there: the shortest ways to it that the document records",
		Long: `Why shows the shortest ways from what a document is about to a component, over
the dependencies and the containment that it records. PACKAGE is a package URL,
with a version or without, or a name. With --server, FILE may be sha256:… of a document
that the server has, or of the artifact that it is about.

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
			l := e.loader()
			end, err := e.remote(ctx, l, &srv, args[:1])
			if err != nil {
				return err
			}
			defer end()
			d, _, err := l.SBOM(ctx, args[0])
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
	srv.add(c)
	return answers(c, (*report.ComponentWays)(nil))
}
