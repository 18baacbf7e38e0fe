package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
)

func benchMatchCommand(e *env) *cobra.Command {
	var config synth.VulnerableConfig
	var known []string
	c := &cobra.Command{
		Use: "match", Short: "Measure the comparing of components with advisories", Args: noArgs, ValidArgsFunction: noFiles,
		Long: `Match makes components of every ecosystem and advisories about their packages, the
same for the same flags, and measures comparing each component with all of them, by
each ecosystem's own order of versions: CPU seconds of the whole process on one processor.

With --advisories real records are among them, and components of the packages and
versions that those name.`,
		Example: "  cofferdam bench match -o json\n  cofferdam bench match --components 1000000 --ranges 500000 --advisories ./all.zip",
		RunE: e.run(func(ctx context.Context, _ []string) error {
			if len(known) > 0 {
				db, problems, err := e.loader().Advisories(ctx, known)
				if err != nil {
					return err
				}
				e.problems(problems)
				config.Known = db.Advisories()
			}
			b, err := app.BenchMatch(ctx, config, func(what string) { e.meter.at(what, 0, 0) })
			if err != nil {
				return err
			}
			return e.write(b, report.Options{})
		}),
	}
	f := c.Flags()
	f.IntVar(&config.Components, "components", 300_000, "distinct components")
	f.IntVar(&config.Ranges, "ranges", 85_000, "ranges of versions, of all advisories together")
	f.StringArrayVar(&known, "advisories", nil, "real OSV records to be among them: `PATH` of a file, folder or zip archive; repeatable")
	f.Uint64Var(&config.Seed, "seed", 1, "of what is made")
	return answers(c, &report.BenchMatch{})
}
