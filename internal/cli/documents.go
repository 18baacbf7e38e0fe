package cli

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/report"
)

func documentsCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use: "documents", GroupID: "catalogue", Short: "Review, publish and archive the documents of a server; see what was refused",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return ident.Errorf(ident.KindUsage, "unknown command %q for %q", args[0], c.CommandPath()).WithHint("cofferdam documents --help lists them; cofferdam history lists documents")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(documentStatusCommand(e), documentArchiveCommand(e), archivedCommand(e), retentionCommand(e), quarantineCommand(e))
	return c
}

// oneDigest takes exactly one digest.
func oneDigest(c *cobra.Command, args []string) error {
	if len(args) != 1 || len(digestsOf(args)) != 1 {
		return ident.Errorf(ident.KindUsage, "%s takes the digest of one document, or of an artifact with one", c.CommandPath()).WithHint("sha256:…; cofferdam history --by name NAME lists them")
	}
	return nil
}

// statuses are what a document may be.
var statuses = []string{"draft", "reviewed", "published"}

func documentStatusCommand(e *env) *cobra.Command {
	var f serverFlags
	var number int64
	c := &cobra.Command{
		Use: "status --server URL DIGEST " + strings.Join(statuses, "|"), Short: "Review or publish a document",
		Long: `Status says that a document was reviewed, or publishes it, or makes it a draft again. It
takes the role sbom-approver, and somebody else than who handed the document over.`,
		Example: "  cofferdam documents status --server https://sbom.example sha256:0bd41990769d… published",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 || !slices.Contains(statuses, args[1]) {
				return ident.Errorf(ident.KindUsage, "%s takes a digest and one of %s", c.CommandPath(), strings.Join(statuses, ", "))
			}
			return oneDigest(c, args[:1])
		},
		ValidArgsFunction: noFiles,
		RunE: e.order(&f, func(ctx context.Context, srv *client.Client, args []string) (string, error) {
			return args[0] + ": " + args[1], srv.SetStatus(ctx, digestsOf(args[:1])[0], number, f.tenant, args[1])
		}),
	}
	f.add(c)
	documentNumber(c, &number)
	return c
}

// documentNumber is the flag that tells documents of the same bytes apart.
func documentNumber(c *cobra.Command, number *int64) {
	c.Flags().Int64Var(number, "document", -1, "`NUMBER` of the document, where several have the same bytes")
}

func documentArchiveCommand(e *env) *cobra.Command {
	var f serverFlags
	var number int64
	c := &cobra.Command{
		Use: "archive --server URL DIGEST", Short: "Take a document out of the index",
		Long: `Archive takes a document out of the index: no question finds it any longer. Its bytes
stay for as long as the server's retention says. It takes the role sbom-approver.`,
		Example: "  cofferdam documents archive --server https://sbom.example sha256:0bd41990769d…",
		Args:    oneDigest, ValidArgsFunction: noFiles,
		RunE: e.order(&f, func(ctx context.Context, srv *client.Client, args []string) (string, error) {
			return "archived " + args[0], srv.Archive(ctx, digestsOf(args)[0], number, f.tenant)
		}),
	}
	f.add(c)
	documentNumber(c, &number)
	return c
}

func archivedCommand(e *env) *cobra.Command {
	var f serverFlags
	c := &cobra.Command{
		Use: "archived --server URL", Short: "Which documents left the index",
		Example: "  cofferdam documents archived --server https://sbom.example",
		Args:    noArgs, ValidArgsFunction: noFiles,
		RunE: question(e, &f, func(ctx context.Context, srv *client.Client, _ []string) (*report.Archive, error) {
			return srv.Archived(ctx, f.tenant)
		}),
	}
	f.add(c)
	return answers(c, (*report.Archive)(nil))
}

func retentionCommand(e *env) *cobra.Command {
	var f serverFlags
	var run bool
	c := &cobra.Command{
		Use: "retention --server URL", Short: "What retention would do now, and what holds it up",
		Long: `Retention lists what would leave the index now, by what the server's configuration says
of how long documents are kept; what runs or may be deployed is never archived. Where a
cluster or a source has not reported for too long, nothing is: it is said which. --run
archives and purges what is due, as the server does by itself every hour. It takes the
role admin.`,
		Example: `  cofferdam documents retention --server https://sbom.example
  cofferdam documents retention --server https://sbom.example --run`,
		Args: noArgs, ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			return e.asking(ctx, &f, func(srv *client.Client) error {
				if run {
					did, err := srv.Retain(ctx)
					if err != nil {
						return err
					}
					for _, h := range did.Held {
						e.notef("held up: %s", h)
					}
					e.notef("documents archived: %d; whose bytes are removed: %d", did.Archived, did.Purged)
					if did.Decisions > 0 {
						e.notef("decisions removed: %d; the journal keeps that they were made", did.Decisions)
					}
					return nil
				}
				a, err := srv.RetentionDue(ctx)
				if err != nil {
					return err
				}
				return e.write(a, report.Options{})
			})
		}),
	}
	f.add(c)
	c.Flags().BoolVar(&run, "run", false, "archive and purge what is due")
	return answers(c, (*report.RetentionDue)(nil))
}

func quarantineCommand(e *env) *cobra.Command {
	var f serverFlags
	var raw, drop uint64
	c := &cobra.Command{
		Use: "quarantine --server URL", Short: "Documents that could not be read, and why",
		Long: `Quarantine lists the documents that a server could not read, with the reason. --raw
writes the bytes of one as they came: nobody has judged them. --drop forgets one. It
takes the role sbom-approver or triager.`,
		Example: `  cofferdam documents quarantine --server https://sbom.example
  cofferdam documents quarantine --server https://sbom.example --raw 7 --output-file refused.json`,
		Args: noArgs, ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			return e.asking(ctx, &f, func(srv *client.Client) error {
				switch {
				case raw != 0 && drop != 0:
					return ident.Errorf(ident.KindUsage, "--raw and --drop do not go together")
				case raw != 0:
					b, err := srv.Refused(ctx, raw, f.tenant)
					if err != nil {
						return err
					}
					return e.emit(func(w io.Writer) error {
						_, err := w.Write(b)
						return err
					})
				case drop != 0:
					if err := srv.DropRefused(ctx, drop, f.tenant); err != nil {
						return err
					}
					e.notef("forgot %s", strconv.FormatUint(drop, 10))
					return nil
				}
				a, err := srv.Quarantine(ctx, f.tenant)
				if err != nil {
					return err
				}
				return e.write(a, report.Options{})
			})
		}),
	}
	f.add(c)
	c.Flags().Uint64Var(&raw, "raw", 0, "the bytes of one, as they came: `ID`")
	c.Flags().Uint64Var(&drop, "drop", 0, "forget one: `ID`")
	return answers(c, (*report.Quarantine)(nil))
}
