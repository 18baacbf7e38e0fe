package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/report"
)

func policySimulateCommand(e *env) *cobra.Command {
	var q imageQuestion
	var list string
	c := &cobra.Command{
		Use: "simulate --policy FILE… FACTS|IMAGE…", Short: "What would these policies have refused",
		Long: `Simulate judges images by policies that nobody enforces yet, and counts for each rule
what it would refuse, and what it alone would. An image is a reference, of which the
registry is asked as verify image does, or a file or folder of ImageFacts, as policy
test reads them. --images FILE lists references, one a line.

Denied counts by the modes as they are written; "if every policy enforced" counts
policies in Warn and Audit, too. Exit 3 where an image would be denied, 4 where not
everything about one could be checked.`,
		Example: "  cofferdam policy simulate --policy new.yaml --images running.txt\n  cofferdam policy simulate --policy new.yaml recorded/",
		Args:    cobra.ArbitraryArgs,
		RunE: e.run(func(ctx context.Context, args []string) error {
			if len(q.policies) == 0 {
				return ident.Errorf(ident.KindUsage, "by which policies?").WithHint("--policy FILE")
			}
			l := e.loader()
			if list != "" {
				raw, err := l.Text(ctx, list)
				if err != nil {
					return err
				}
				for line := range strings.Lines(string(raw)) {
					if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
						continue
					}
					if !l.IsImage(line) {
						return ident.Errorf(ident.KindUsage, "%.200q is no reference of an image, with a tag or a digest", line).At(list)
					}
					args = append(args, line)
				}
			}
			if len(args) == 0 {
				return ident.Errorf(ident.KindUsage, "of which images?").WithHint("references, --images FILE, or files of ImageFacts")
			}
			in, err := q.inputs(ctx, e, "")
			if err != nil {
				return err
			}
			a, err := l.Simulate(ctx, args, in, q.namespace)
			if err != nil {
				return err
			}
			if len(a.Images) == 0 {
				return ident.Errorf(ident.KindFailure, "no facts of images were found")
			}
			e.outcome.refused = a.Denied > 0
			e.outcome.incomplete = a.NotChecked > 0
			return e.write(a, report.Options{})
		}),
	}
	q.flags(c)
	c.Flags().StringVar(&list, "images", "", "judge the images in `FILE`, one a line")
	return answers(c, (*report.Simulation)(nil))
}
