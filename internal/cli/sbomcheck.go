package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom/witness"
)

func sbomCheckCommand(e *env) *cobra.Command {
	var locks []string
	var rootfs string
	var srv serverFlags
	c := &cobra.Command{
		Use: "check FILE --lock FILE… | --rootfs DIR", Short: "Hold a document against lock files and the package databases of an image",
		Long: `Check says what a document omits of what is really there, and what it lists that is
not: by lock files (go.mod, go.sum, package-lock.json, npm-shrinkwrap.json, yarn.lock,
pnpm-lock.yaml, poetry.lock, uv.lock, Pipfile.lock, Cargo.lock, Gemfile.lock, gems.locked,
composer.lock, gradle.lockfile) and by the databases of dpkg, apk and rpm (SQLite, ndb,
Berkeley DB) below the root of an image that was unpacked.

Exit 3 where something is omitted, added or at another version; 4 where that is left
open: a lock file that lists tests and other platforms too cannot tell an omission for
sure. go.sum tells additions only.`,
		Example: "  cofferdam sbom check app.cdx.json --lock package-lock.json\n  crane export IMAGE - | tar -x -C root && cofferdam sbom check image.cdx.json --rootfs root",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return ident.Errorf(ident.KindUsage, "%s takes one document", c.CommandPath()).WithHint("%s app.cdx.json --lock package-lock.json", c.CommandPath())
			}
			return nil
		},
		RunE: e.run(func(ctx context.Context, args []string) error {
			if len(locks) == 0 && rootfs == "" {
				return ident.Errorf(ident.KindUsage, "sbom check needs something to hold the document against").WithHint("--lock package-lock.json, or --rootfs DIR")
			}
			l := e.loader()
			end, err := e.remote(ctx, l, &srv, args)
			if err != nil {
				return err
			}
			defer end()
			d, _, err := l.SBOM(ctx, args[0])
			if err != nil {
				return err
			}
			lists, problems, err := l.Witnesses(ctx, locks, rootfs)
			if err != nil {
				return err
			}
			e.problems(problems)
			a := &report.SBOMCheck{SchemaVersion: inventory.SchemaVersion, Document: report.NameOf(d), Witnesses: []report.WitnessNamed{}, Result: witness.Compare(d, lists),
				Coverage: inventory.Coverage{NotSeen: []string{}, Quarantined: len(problems)}}
			for _, w := range lists {
				a.Witnesses = append(a.Witnesses, report.WitnessNamed{Source: w.Source, Kind: w.Kind, Packages: len(w.Packages)})
			}
			e.outcome.failed = len(problems) > 0 // what it was to be held against could not be read
			e.outcome.refused = !a.Agrees()
			e.outcome.incomplete = len(a.Unknown)+len(a.Perhaps) > 0
			return e.write(a, report.Options{})
		}),
	}
	c.Flags().StringArrayVar(&locks, "lock", nil, "a lock `FILE`, or a folder of them (repeatable)")
	c.Flags().StringVar(&rootfs, "rootfs", "", "the root of an image, unpacked to `DIR`")
	srv.add(c)
	return answers(c, (*report.SBOMCheck)(nil))
}
