package cli

import (
	"bufio"
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/report"
)

func journalCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use: "journal", GroupID: "catalogue", Short: "Who changed what on a server, and has anybody rewritten it?",
		Long: `Journal reads the records of every change of a server: who, what, when, each bound to
the one before by its hash. A server signs the journal's end once a minute while it moves;
checkpoints that were kept elsewhere show whether anything before them was rewritten.
It takes the role admin.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return ident.Errorf(ident.KindUsage, "unknown command %q for %q", args[0], c.CommandPath()).WithHint("journal list, journal export, journal verify")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(journalListCommand(e), journalExportCommand(e), journalVerifyCommand(e))
	return c
}

// exported opens an export: the file of the arguments, or what a server says now.
func (e *env) exported(ctx context.Context, f *serverFlags, args []string) (r io.ReadCloser, end func(), err error) {
	var srv *client.Client
	name := ""
	end = func() {}
	if len(args) == 1 {
		if f.server != "" {
			return nil, nil, ident.Errorf(ident.KindUsage, "a file and --server both give a journal").WithHint("leave one of the two out")
		}
		name = args[0]
	} else {
		if srv, err = e.client(ctx, f); err != nil {
			return nil, nil, err
		}
		end = srv.Close
	}
	r, err = e.loader().ReadJournal(ctx, name, srv)
	return r, end, err
}

// oneExport takes a file at most.
func oneExport(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return ident.Errorf(ident.KindUsage, "%s takes one export, found %d", c.CommandPath(), len(args)).WithHint("cofferdam journal export writes one")
	}
	return nil
}

func journalListCommand(e *env) *cobra.Command {
	var f serverFlags
	var since, actor, action, object, artifact string
	var most int
	c := &cobra.Command{
		Use: "list (--server URL | FILE)", Short: "Who did what, and when",
		Long: `List shows the records of a server's journal, or of an export of it. A journal whose
chain does not hold is listed up to there, and ends with exit 3.`,
		Example: `  cofferdam journal list --server https://sbom.example --since 24h
  cofferdam journal list journal.jsonl --actor token:ci-shop --action document
  cofferdam journal list journal.jsonl --artifact sha256:0bd41990769d…   # what gates decided about it`,
		Args: oneExport,
		RunE: e.run(func(ctx context.Context, args []string) error {
			from, err := e.since(since)
			if err != nil {
				return err
			}
			if most < 1 {
				return ident.Errorf(ident.KindUsage, "--limit %d is no number of records", most)
			}
			about, err := digestFlag("--artifact", artifact)
			if err != nil {
				return err
			}
			r, end, err := e.exported(ctx, &f, args)
			if err != nil {
				return err
			}
			defer end()
			defer r.Close() //nolint:errcheck // it is read, or given up
			a, err := app.ListJournal(r, app.JournalSelect{Since: from, Actor: actor, Action: action, Object: object, Artifact: about, Most: most})
			if a == nil {
				return err
			}
			if werr := e.write(a, report.Options{}); werr != nil {
				return werr
			}
			return err
		}),
	}
	f.add(c)
	fl := c.Flags()
	fl.StringVar(&since, "since", "", "from a `TIME` on (RFC 3339), or how long ago (24h)")
	fl.StringVar(&actor, "actor", "", "of this `ACTOR` only, as cofferdam history and the server's log name them")
	fl.StringVar(&action, "action", "", "whose action begins with `TEXT`, such as document or state.assert")
	fl.StringVar(&object, "object", "", "whose object begins with `TEXT`, such as document/17")
	fl.StringVar(&artifact, "artifact", "", "of decisions about this `DIGEST`: what gates and verifications came to (cofferdam decisions)")
	fl.IntVar(&most, "limit", 10_000, "the latest `N` records")
	return answers(c, (*report.Journal)(nil))
}

func journalExportCommand(e *env) *cobra.Command {
	var f serverFlags
	c := &cobra.Command{
		Use: "export --server URL", Short: "Write the journal and its checkpoints to a file that anybody can verify",
		Long: `Export writes all records and signed checkpoints of a server's journal, an object of JSON
on each line: {"journal":1}, then {"checkpoint":NOTE}, then {"record":BASE64}. The notes are
those of C2SP signed-note; docs/design/store.md says what a record is.`,
		Example: "  cofferdam journal export --server https://sbom.example --output-file journal.jsonl",
		Args:    noArgs, ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			srv, err := e.client(ctx, &f)
			if err != nil {
				return err
			}
			defer srv.Close()
			return e.emit(func(w io.Writer) error {
				b := bufio.NewWriter(w)
				if err := app.ExportJournal(ctx, srv, b); err != nil {
					return err
				}
				return b.Flush()
			})
		}),
	}
	f.add(c)
	return c
}

func journalVerifyCommand(e *env) *cobra.Command {
	var f serverFlags
	var keys, checkpoints []string
	c := &cobra.Command{
		Use: "verify [--key KEY]… (--server URL | FILE)", Short: "Has anybody changed, removed or reordered records?",
		Long: `Verify checks that every record of a journal carries the hash of the one before, and that
all of them agree with the checkpoints that a known key signed: those in the export, and
those that were kept elsewhere (--checkpoint). Without a key nothing proves that the whole
was not written anew, and the answer is incomplete (exit 4). Exit 3: it does not hold.`,
		Example: `  cofferdam journal verify --server https://sbom.example --key journal.pub
  cofferdam journal verify journal.jsonl --key journal.pub --checkpoint kept-in-march.note`,
		Args: oneExport,
		RunE: e.run(func(ctx context.Context, args []string) error {
			trust, err := e.loader().JournalTrust(ctx, keys, checkpoints)
			if err != nil {
				return err
			}
			r, end, err := e.exported(ctx, &f, args)
			if err != nil {
				return err
			}
			defer end()
			defer r.Close() //nolint:errcheck // it is read, or given up
			a, err := app.VerifyJournal(r, trust)
			if err != nil {
				return err
			}
			e.outcome.refused = !a.Holds
			e.outcome.incomplete = a.Holds && (a.Checkpoints == 0 || a.Foreign > 0)
			return e.write(a, report.Options{})
		}),
	}
	f.add(c)
	journalTrustFlags(c, &keys, &checkpoints)
	return answers(c, (*report.JournalVerification)(nil))
}

// journalTrustFlags say what a journal is verified by.
func journalTrustFlags(c *cobra.Command, keys, checkpoints *[]string) {
	fl := c.Flags()
	fl.StringArrayVar(keys, "key", nil, "`KEY` that signs checkpoints: journal.pub of the server's data folder, or its text; may be repeated")
	fl.StringArrayVar(checkpoints, "checkpoint", nil, "`FILE` with a signed checkpoint that was kept elsewhere; may be repeated")
}
