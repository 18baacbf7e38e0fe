package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
)

func benchVerifyCommand(e *env) *cobra.Command {
	var n int
	c := &cobra.Command{
		Use: "verify", Short: "Measure the verification of bundles", Args: noArgs, ValidArgsFunction: noFiles,
		Long: `Verify makes a Sigstore deployment, has it sign artifacts in several ways, and
measures what it costs to verify them: milliseconds of CPU of the whole process on
one processor, from the bytes of a bundle to the fact. Warm is with a trusted root
that was read before, cold reads it for each bundle; floor is what the signatures
alone cost that must be verified, warm and cold, each once; refused is the same bundles
with another's signature, the search for the reason included.`,
		Example: "  cofferdam bench verify -o json",
		RunE: e.run(func(ctx context.Context, _ []string) error {
			b, err := app.BenchVerify(ctx, n, func(what string) { e.meter.at(what, 0, 0) })
			if err != nil {
				return err
			}
			return e.write(b, report.Options{})
		}),
	}
	c.Flags().IntVar(&n, "bundles", 500, "bundles of each way to sign")
	return answers(c, &report.BenchVerify{})
}
