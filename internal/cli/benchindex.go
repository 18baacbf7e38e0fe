package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
)

func benchIndexCommand(e *env) *cobra.Command {
	var config synth.Config
	c := &cobra.Command{
		Use: "index", Short: "Measure the index of components", Args: noArgs, ValidArgsFunction: noFiles,
		Long: `Index makes the documents of an organisation, the same for the same flags, and
measures the index of their components: its bytes, opening it, questions (which
artifacts hold a component in a range of versions, run now and are in a zone),
and dropping a tenth of the documents.

With --unrelated no two documents share a base image or a service: the worst
that an index can be given.`,
		Example: "  cofferdam bench index --images 100000 --components 500 -o json",
		RunE: e.run(func(ctx context.Context, _ []string) error {
			b, err := app.BenchIndex(ctx, config, func(what string) { e.meter.at(what, 0, 0) })
			if err != nil {
				return err
			}
			return e.write(b, report.Options{})
		}),
	}
	f := c.Flags()
	f.IntVar(&config.Documents, "images", 10_000, "artifacts, each with one document")
	f.IntVar(&config.Components, "components", 500, "components of a document, on average")
	f.Uint64Var(&config.Seed, "seed", 1, "of the documents")
	f.BoolVar(&config.Unrelated, "unrelated", false, "no two documents share a base image or a service")
	return answers(c, &report.BenchIndex{})
}
