package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance/rebuild"
	"github.com/cofferdam-io/cofferdam/report"
)

func verifyRebuildCommand(e *env) *cobra.Command {
	var reg registryFlags
	c := &cobra.Command{
		Use: "rebuild A B", Short: "Compare two builds of the same source, down to files",
		Long: `Rebuild compares what was built with what was built again: files, folders in the OCI
image layout, images in registries. It says whether they are identical, bit for bit, and
otherwise what differs: parts that are missing, what files hold, only their times, modes
or owners, the order in an archive, or the compression alone; of Go programs, how they
were built. Configuration and layers of images are compared one by one.

Identical exits 0, differs 3. That a build can be repeated is a signal of its own and no
SLSA level. Whether both are of the same source is not seen here: "verify image
--builders" tells the commit that provenance names.`,
		Example: "  cofferdam verify rebuild dist/app.tar.gz rebuilt/app.tar.gz\n  cofferdam verify rebuild registry.example/shop/web@sha256:… ./rebuilt-oci -o json --output-file deviation.json",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return ident.Errorf(ident.KindUsage, "%s needs two builds", c.CommandPath()).WithHint("%s FIRST AGAIN", c.CommandPath())
			}
			return nil
		},
		RunE: e.run(func(ctx context.Context, args []string) error {
			a, err := e.loader().Rebuild(ctx, args[0], args[1], reg.inputs())
			if err != nil {
				return err
			}
			e.outcome.refused, e.outcome.failed = a.Verdict == rebuild.Differs, a.Verdict == rebuild.Unknown
			return e.write(a, report.Options{})
		}),
	}
	reg.add(c)
	return answers(c, (*report.Rebuild)(nil))
}
