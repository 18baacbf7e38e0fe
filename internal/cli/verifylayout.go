package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
)

func verifyLayoutCommand(e *env) *cobra.Command {
	var in app.LayoutInputs
	c := &cobra.Command{
		Use: "layout --layout F --key K… [--links DIR] [FILE…]", Short: "Verify that an artifact came about as an in-toto layout lays down",
		Long: `Layout verifies an in-toto layout: that each of its owners signed it (--key) and it
still holds; that as many of those whom it names for a step as it asks for carried the
step out and say the same of it; that what went in and came out keeps the artifact
rules (MATCH, ALLOW, DISALLOW, REQUIRE, CREATE, DELETE, MODIFY); and layouts that
stand for a step. Each FILE has to be among what came out of the last step.

Links lie in --links (the layout's folder without it) as STEP.KEYID.link: metadata as
in-toto writes it, DSSE envelopes, or statements with a link as predicate. Who signed
is told by the signature, what a link is about by what was signed.

Inspections are commands that a layout asks to be run on the verifier's machine. They
are never run: what they would find is unknown, and the layout could not be checked
(exit 1) unless --without-inspections takes the steps for enough.

Functionaries sign with keys, with GPG keys and their subkeys, or with certificates of
the layout's authorities that keep a constraint of the step (ITE-7). An owner's key may
be GPG's, too: JSON as in-toto exports it. Certificates and keys have to be good at
--at (now without it).`,
		Example: "  cofferdam verify layout --layout root.layout --key owner.pub --links ./links dist/app.tar.gz",
		RunE: e.run(func(ctx context.Context, args []string) error {
			switch {
			case in.Layout == "":
				return ident.Errorf(ident.KindUsage, "which layout?").WithHint("--layout FILE")
			case len(in.Keys) == 0:
				return ident.Errorf(ident.KindUsage, "whose layout is it?").WithHint("--key FILE of its owner; every key that is named has to have signed it")
			}
			in.Artifacts = args
			var err error
			if in.At, err = e.now(); err != nil {
				return err
			}
			a, err := e.loader().VerifyLayout(ctx, in)
			if err != nil {
				return err
			}
			e.concludes(a.Verdict)
			return e.write(a, report.Options{})
		}),
	}
	f := c.Flags()
	f.StringVar(&in.Layout, "layout", "", "the layout in `FILE`")
	f.StringArrayVar(&in.Keys, "key", nil, "the owner's public key in `FILE`: PEM, or JSON as in-toto writes it; repeatable, and each has to have signed")
	f.StringVar(&in.Links, "links", "", "links in `DIR` (default: the layout's folder)")
	f.BoolVar(&in.WithoutInspections, "without-inspections", false, "take steps that were kept for enough: inspections are never run")
	return answers(c, (*report.LayoutVerification)(nil))
}
