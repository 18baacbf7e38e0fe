package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// trustWords are what may be said of an SBOM.
var trustWords = []string{inventory.SBOMVerified, inventory.SBOMUnsigned, inventory.SBOMInvalid, inventory.SBOMUnchecked}

func trustCommand(e *env) *cobra.Command {
	var f serverFlags
	var q client.TrustQuery
	var only, failOn []string
	c := &cobra.Command{
		Use: "trust --server URL", GroupID: "catalogue", Short: "Who vouches for the SBOMs of what runs?",
		Long: `Trust lists the containers that run, as clusters told the server, with each document
about their images and who vouches for it: verified, unsigned (every place where an
attestation could be was asked, and nobody does), invalid (a signature around this very
document was refused) or unchecked. The server asks the registries itself where sbomTrust
in its configuration names whose signatures are accepted, and takes the word of those
whom it names as uploaders (trust push). Each answer says who found it out, and when.

It exits 3 where --fail-on names what was found.`,
		Example: `  cofferdam trust --server https://sbom.example --only unsigned,invalid --zone restricted
  cofferdam trust --server https://sbom.example --fail-on invalid --at 2026-11-01T00:00:00Z -o json`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return ident.Errorf(ident.KindUsage, "unknown command %q for %q", args[0], c.CommandPath()).WithHint("%s push hands over what verify said", c.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			for flag, list := range map[string][]string{"--only": only, "--fail-on": failOn} {
				for _, s := range list {
					if !slices.Contains(trustWords, s) {
						return ident.Errorf(ident.KindUsage, "%s %q is no word for the trust of an SBOM", flag, s).WithHint("%s", strings.Join(trustWords, ", "))
					}
				}
			}
			asked, err := e.question(&f)
			if err != nil {
				return err
			}
			q.Tenant, q.At, q.Trust = f.tenant, asked.At, strings.Join(only, ",")
			return e.asking(ctx, &f, func(srv *client.Client) error {
				a, err := srv.Trust(ctx, q)
				if err != nil {
					return err
				}
				for word, n := range map[string]int{inventory.SBOMVerified: a.Counts.Verified, inventory.SBOMUnsigned: a.Counts.Unsigned, inventory.SBOMInvalid: a.Counts.Invalid, inventory.SBOMUnchecked: a.Counts.Unchecked} {
					e.outcome.refused = e.outcome.refused || n > 0 && slices.Contains(failOn, word)
				}
				return e.write(a, report.Options{})
			})
		}),
	}
	f.add(c)
	fl := c.Flags()
	fl.StringVar(&q.Cluster, "cluster", "", "only containers of a cluster: `NAME`")
	fl.StringVar(&q.Zone, "zone", "", "only containers in a zone: `NAME`")
	fl.StringSliceVar(&only, "only", nil, "only these, separated by commas: `WORDS` of "+strings.Join(trustWords, ", "))
	fl.StringSliceVar(&failOn, "fail-on", nil, "exit 3 where one of these was found, whatever --only lists: `WORDS`")
	complete(c, "only", fixed(trustWords...))
	complete(c, "fail-on", fixed(trustWords...))
	c = answers(c, (*report.TrustedSBOMs)(nil))
	c.AddCommand(trustPushCommand(e))
	return c
}

func trustPushCommand(e *env) *cobra.Command {
	var f serverFlags
	c := &cobra.Command{
		Use: "push --server URL FILE…", Short: "Hand over what verify said of SBOMs",
		Long: `Push hands over what "verify image -o json" or "verify bundle -o json" said: who vouches
for which SBOM of which image. Each answer replaces what the same sender said of the same
image before. It counts where the server's configuration takes their word
(sbomTrust.uploaders), and is told with their name otherwise. It takes the role publisher.

Exit 3 where an answer was refused.`,
		Example: `  cofferdam verify image registry.example/shop/web:1.4 --key sbom.pub -o json --output-file web.json
  cofferdam trust push --server https://sbom.example web.json`,
		Args: someFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			return e.asking(ctx, &f, func(srv *client.Client) error {
				a := &report.TrustPushed{SchemaVersion: inventory.SchemaVersion, Answers: []report.TrustReceipt{}}
				return e.handOver(ctx, args, a, &a.Refused, func(name string, raw []byte) error {
					got, err := srv.PushTrust(ctx, f.tenant, raw)
					if err == nil {
						got.File = name
						a.Answers = append(a.Answers, *got)
					}
					return err
				})
			})
		}),
	}
	f.add(c)
	return answers(c, (*report.TrustPushed)(nil))
}
