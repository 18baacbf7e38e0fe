package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/report"
)

func verifyRecordCommand(e *env) *cobra.Command {
	var q imageQuestion
	c := &cobra.Command{
		Use: "record IMAGE (--key K | --certificate-identity I --certificate-oidc-issuer U | --policy FILE…)", Short: "How an image came about, from the entries that transparency logs hold of it",
		Long: `Record verifies what is attached to an image, as verify image does, and puts together
what of it stands in transparency logs: what was signed when, by whom, in which log under
which number; the repository, commit, workflow and run that the certificate in the entry
names; and what provenance says of the build: builder, run, times, inputs by digest.

Where two that were logged contradict each other (the certificate's commit is not among
the inputs, the build ended after its provenance was signed, two runs of different
commits) it says so, and exits 3. What verified and was not logged is counted, and no
part of it. No entry at all exits 3, and 1 where not everything could be checked.
--policy names no condition here: whoever the trusted root certifies is heard.`,
		Example: "  cofferdam verify record registry.example/shop/web:1.4 --certificate-identity-regexp '^https://github.com/shop/' --certificate-oidc-issuer https://token.actions.githubusercontent.com",
		Args:    oneImage,
		RunE: e.run(func(ctx context.Context, args []string) error {
			in, err := q.inputs(ctx, e, args[0])
			if err != nil {
				return err
			}
			a, err := e.loader().BuildRecord(ctx, in)
			if err != nil {
				return err
			}
			e.outcome.refused = a.Conflicting()
			e.outcome.incomplete = len(a.Unchecked) > 0
			return e.write(a, report.Options{})
		}),
	}
	q.flags(c)
	return answers(c, (*report.BuildRecord)(nil))
}
