package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom/licensing"
)

func sbomLicensesCommand(e *env) *cobra.Command {
	var policyFile, usage string
	var srv serverFlags
	var reg registryFlags
	c := &cobra.Command{
		Use: "licenses FILE…|IMAGE…", Short: "What a policy says of the licences, what they ask for, and which cannot be together",
		Long: `Licenses judges the licence of every component by a policy: allowed, restricted, unknown
or denied. Of a choice (OR) the best part counts, of what applies together (AND) the worst;
what was concluded counts before what was declared. Then what the licences ask for, by
how the product is used (--usage), dependencies between licences that cannot be in one
work, each with its source, and components that are known for cryptography, as a hint
for who reviews exports.

Without --policy, what is permissive is allowed, copyleft is restricted, and licences that
are not for every purpose are denied. With one it is a gate: exit 3 where a component is
denied, 4 where the licence of one is unknown. None of this is legal advice.`,
		Example: "  cofferdam sbom licenses image.cdx.json --policy licences.yaml\n  cofferdam sbom licenses ./sbom --usage saas -o csv --output-file licences.csv",
		Args:    someFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			at, err := e.now()
			if err != nil {
				return err
			}
			l := e.loader()
			o := licensing.Options{At: at, Policy: licensing.DefaultPolicy()}
			if policyFile != "" {
				raw, err := l.Raw(ctx, policyFile)
				if err != nil {
					return err
				}
				if o.Policy, err = licensing.ParsePolicy(raw); err != nil {
					return asFailure(err, policyFile)
				}
			}
			if usage != "" {
				if err := o.Policy.SetUsage(usage); err != nil {
					return ident.Errorf(ident.KindUsage, "--usage: %w", err).WithHint("one of: %s", strings.Join(licensing.Usages, ", "))
				}
			}
			end, err := e.remote(ctx, l, &srv, args)
			if err != nil {
				return err
			}
			defer end()
			docs, problems, err := e.sboms(ctx, l, args, &reg)
			if err != nil {
				return err
			}
			e.problems(problems)
			gate := policyFile != ""
			e.outcome.failed = len(problems) > 0 && (gate || len(docs) == 0)
			if len(docs)+len(problems) == 0 {
				return noSBOM(args...)
			}
			e.meter.at("judging licences", 0, 0)
			r, err := licensing.Judge(ctx, docs, o)
			if err != nil {
				return err
			}
			if gate {
				e.outcome.refused = r.Denied > 0
				e.outcome.incomplete = e.outcome.incomplete || r.Unknown > 0
			}
			return e.write(&report.Licenses{SchemaVersion: inventory.SchemaVersion, Report: r,
				Coverage: inventory.Coverage{NotSeen: []string{}, Quarantined: len(problems)}}, report.Options{})
		}),
	}
	c.Flags().StringVar(&policyFile, "policy", "", "which licences are wanted: a `FILE` of kind LicensePolicy")
	c.Flags().StringVar(&usage, "usage", "", "how the product reaches its users: "+strings.Join(licensing.Usages, ", ")+" (default: the policy's, else distributed)")
	complete(c, "usage", fixed(licensing.Usages...))
	srv.add(c)
	reg.add(c)
	return answers(c, (*report.Licenses)(nil))
}
