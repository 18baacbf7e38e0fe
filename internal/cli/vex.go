package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

func vexCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use: "vex", GroupID: "catalogue", Short: "Hand statements about vulnerabilities (VEX) over to a server, list and withdraw them",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return ident.Errorf(ident.KindUsage, "unknown command %q for %q", args[0], c.CommandPath()).WithHint("%s push, list or withdraw; scan, map, where and blast read statements with --vex", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(vexPushCommand(e), vexListCommand(e), vexWithdrawCommand(e))
	return c
}

func vexPushCommand(e *env) *cobra.Command {
	var f serverFlags
	c := &cobra.Command{
		Use: "push --server URL FILE…", Short: "Hand statements over: OpenVEX, CSAF, CycloneDX",
		Long: `Push hands documents of statements over. Each replaces the same uploader's earlier one of
the same identifier, and is on disk when push says so. Statements move the findings of
what runs at once where the server's configuration trusts who hands them over
(vexUploaders); those of others are shown. What a document says of its author proves
nothing. It takes the role triager.

A signed document is its signer's, whoever hands it over: a Sigstore bundle or DSSE
envelope around an in-toto statement (attest --type openvex), or a document with
NAME.sigstore.json beside it (sign). The server verifies it by the signers of its
vexTrust, and refuses one that does not verify or is older than the signer's newest.

Exit 3 where a document was refused.`,
		Example: "  cofferdam vex push --server https://sbom.example web.openvex.json\n  cofferdam scan web.cdx.json -o openvex > web.openvex.json",
		Args:    someFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			return e.asking(ctx, &f, func(srv *client.Client) error {
				a := &report.VEXPushed{SchemaVersion: inventory.SchemaVersion, Documents: []report.VEXReceipt{}}
				l := e.loader()
				return e.handOver(ctx, args, a, &a.Refused, func(name string, raw []byte) error {
					raw, with, err := l.WithSignature(ctx, name, raw)
					if err != nil || with {
						return err
					}
					got, err := srv.PushVEX(ctx, raw)
					if err == nil {
						got.File = name
						a.Documents = append(a.Documents, *got)
					}
					return err
				})
			})
		}),
	}
	f.add(c)
	return answers(c, (*report.VEXPushed)(nil))
}

// handOver hands files over, one by one, and writes the answer that push added to. What is
// refused is listed in it, and is exit 3.
func (e *env) handOver(ctx context.Context, files []string, answer any, refused *[]report.Refusal, push func(name string, raw []byte) error) error {
	l := e.loader()
	for i, name := range files {
		e.meter.at("handing over", i, len(files))
		raw, err := l.Raw(ctx, name)
		if err == nil {
			err = push(name, raw)
			switch ident.KindOf(err) {
			case ident.KindInvalid, ident.KindUnsupported, ident.KindLimit:
				*refused = append(*refused, report.Refusal{File: name, Reason: err.Error()})
				e.outcome.refused = true
				continue
			}
		}
		if err != nil {
			return err
		}
	}
	return e.write(answer, report.Options{})
}

func vexListCommand(e *env) *cobra.Command {
	var f serverFlags
	var q client.VEXQuery
	c := &cobra.Command{
		Use: "list --server URL [VULNERABILITY]", Short: "Which statements were handed over, by whom, and do they count?",
		Long: `List shows the documents of statements that were handed over to a server, those that
state something about a vulnerability or all: now, --at a time, or with --history all that
ever counted. Statements that the server reads from files are not among them; findings
say which statement moved them, wherever it is from.`,
		Example: "  cofferdam vex list --server https://sbom.example CVE-2021-44228",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return ident.Errorf(ident.KindUsage, "%s takes one vulnerability, or none", c.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			if len(args) == 1 {
				q.Vulnerability = args[0]
			}
			if e.at != "" {
				var err error
				if q.At, err = e.now(); err != nil {
					return err
				}
			}
			return e.asking(ctx, &f, func(srv *client.Client) error {
				a, err := srv.VEX(ctx, q)
				if err != nil {
					return err
				}
				return e.write(a, report.Options{})
			})
		}),
	}
	f.add(c)
	c.Flags().StringVar(&q.Uploader, "by", "", "only what `NAME` handed over")
	c.Flags().BoolVar(&q.History, "history", false, "also what no longer counts")
	return answers(c, (*report.VEXDocuments)(nil))
}

func vexWithdrawCommand(e *env) *cobra.Command {
	var f serverFlags
	c := &cobra.Command{
		Use: "withdraw --server URL NUMBER…", Short: "Withdraw documents of statements",
		Long: `Withdraw ends documents of statements, by the numbers that push and list say. They count
no longer, and the server still knows that they did. It takes the role triager.`,
		Example: "  cofferdam vex withdraw --server https://sbom.example 3f2a61c09d7be554",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return ident.Errorf(ident.KindUsage, "%s takes the numbers of documents", c.CommandPath()).WithHint("cofferdam vex list shows them")
			}
			return nil
		},
		ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			return e.asking(ctx, &f, func(srv *client.Client) error {
				for _, id := range args {
					if err := srv.WithdrawVEX(ctx, id); err != nil {
						return err
					}
					e.notef("%s: withdrawn", id)
				}
				return nil
			})
		}),
	}
	f.add(c)
	return c
}
