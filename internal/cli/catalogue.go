package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/report"
)

func catalogueCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use: "catalogue", GroupID: "catalogue", Short: "Back up, restore, audit and compact what a server keeps",
		Long: `Catalogue works on a server's data where it lies, and not through the server: whoever may
read the folder or the database may ask. A server may run meanwhile.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return ident.Errorf(ident.KindUsage, "unknown command %q for %q", args[0], c.CommandPath()).WithHint("catalogue backup, catalogue restore, catalogue audit, catalogue compact")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(catalogueBackupCommand(e), catalogueRestoreCommand(e), catalogueAuditCommand(e), catalogueCompactCommand(e))
	return c
}

// dataFolder asks for the folder of a server's data.
func dataFolder(data string) error {
	if data == "" {
		return ident.Errorf(ident.KindUsage, "which server's data?").WithHint("--data DIR, as cofferdam serve was given")
	}
	return nil
}

// oneBackup takes a file.
func oneBackup(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return ident.Errorf(ident.KindUsage, "%s needs one FILE", c.CommandPath())
	}
	return nil
}

func catalogueBackupCommand(e *env) *cobra.Command {
	var data string
	c := &cobra.Command{
		Use: "backup --data DIR FILE", Short: "Write the catalogue, as it is at one moment, to a file",
		Long: `Backup writes all documents, what is known of them, the journal and its checkpoints to
FILE, which only you may read and which appears whole or not at all: one that is there is
replaced. Intake goes on meanwhile. The data folder needs room for a copy while it runs.

It is for the SQLite catalogue in a data folder: copying the database's file alone is no
backup. pg_dump makes one of a PostgreSQL database. The key that signs the journal, and
tokens, are in neither: keep journal.key and journal.pub with your secrets.`,
		Example: "  cofferdam catalogue backup --data ./catalogue /backup/catalogue-2026-11-22.db",
		Args:    oneBackup,
		RunE: e.run(func(ctx context.Context, args []string) error {
			if err := dataFolder(data); err != nil {
				return err
			}
			a, err := e.loader().BackupCatalogue(ctx, data, args[0])
			if err != nil {
				return err
			}
			return e.write(a, report.Options{})
		}),
	}
	c.Flags().StringVar(&data, "data", "", "`DIR` that cofferdam serve was given")
	return answers(c, (*report.CatalogueBackup)(nil))
}

func catalogueRestoreCommand(e *env) *cobra.Command {
	var data string
	c := &cobra.Command{
		Use: "restore --data DIR FILE", Short: "Make a data folder of a backup",
		Long: `Restore checks the structure of a backup and that its journal's chain ends where it says,
and then puts it in place in DIR. A folder that has a catalogue is refused (exit 3), and so
is what is damaged or no backup (exit 1): nothing is put in place then. Put journal.key and journal.pub there, too, before the server
starts; "catalogue audit" verifies all of it.`,
		Example: "  cofferdam catalogue restore --data ./restored /backup/catalogue-2026-11-22.db\n  cofferdam catalogue audit --data ./restored --key journal.pub",
		Args:    oneBackup,
		RunE: e.run(func(ctx context.Context, args []string) error {
			if err := dataFolder(data); err != nil {
				return err
			}
			a, err := e.loader().RestoreCatalogue(ctx, data, args[0])
			if err != nil {
				return err
			}
			return e.write(a, report.Options{})
		}),
	}
	c.Flags().StringVar(&data, "data", "", "`DIR` to make; it may be there, without a catalogue")
	return answers(c, (*report.CatalogueRestored)(nil))
}

func catalogueAuditCommand(e *env) *cobra.Command {
	var data, db string
	var keys, checkpoints []string
	c := &cobra.Command{
		Use: "audit (--data DIR | --db URL) [--key KEY]…", Short: "Is every document what the journal says, and has nobody rewritten either?",
		Long: `Audit verifies that every record of the journal carries the hash of the one before, that all
of them agree with the checkpoints that a known key signed, those in the catalogue and those
that were kept elsewhere (--checkpoint), and that every document is what its record says.
Without a key nothing proves that the whole was not written anew, and the answer is
incomplete (exit 4). Exit 3: it does not hold.`,
		Example: "  cofferdam catalogue audit --data ./catalogue --key journal.pub --checkpoint kept-in-march.note",
		Args:    noArgs, ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			if db == "" && data == "" {
				db = os.Getenv("COFFERDAM_DB")
			}
			if db == "" {
				if err := dataFolder(data); err != nil {
					return err
				}
			} else if data != "" {
				return ident.Errorf(ident.KindUsage, "--data and --db both name a catalogue").WithHint("leave one of the two out")
			}
			l := e.loader()
			trust, err := l.JournalTrust(ctx, keys, checkpoints)
			if err != nil {
				return err
			}
			a, err := l.AuditCatalogue(ctx, data, db, trust)
			if err != nil {
				return err
			}
			e.outcome.refused = !a.Holds
			e.outcome.incomplete = a.Holds && (a.Checkpoints == 0 || a.Foreign > 0)
			return e.write(a, report.Options{})
		}),
	}
	fl := c.Flags()
	fl.StringVar(&data, "data", "", "`DIR` that cofferdam serve was given")
	fl.StringVar(&db, "db", "", "`URL` of the PostgreSQL database (default: COFFERDAM_DB, where --data is not given)")
	journalTrustFlags(c, &keys, &checkpoints)
	return answers(c, (*report.CatalogueAudit)(nil))
}

func catalogueCompactCommand(e *env) *cobra.Command {
	var data string
	c := &cobra.Command{
		Use: "compact --data DIR", Short: "Give the room of purged documents back to the file system",
		Long: `Compact writes the database anew without what is in it no more, such as documents that
retention purged: their room would only be used again. It is one transaction: what breaks
off leaves the catalogue as it was.

A server may run meanwhile. It goes on answering; uploads wait, and are told to come again
where it takes longer than ten seconds. It needs room for two copies of what is left: one
in the data folder, one where temporary files go (TMPDIR).

It is for the SQLite catalogue in a data folder; VACUUM FULL does it for PostgreSQL.`,
		Example: "  cofferdam catalogue compact --data ./catalogue\n  TMPDIR=/srv/scratch cofferdam catalogue compact --data ./catalogue -o json",
		Args:    noArgs, ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			if err := dataFolder(data); err != nil {
				return err
			}
			a, err := e.loader().CompactCatalogue(ctx, data)
			if err != nil {
				return err
			}
			return e.write(a, report.Options{})
		}),
	}
	c.Flags().StringVar(&data, "data", "", "`DIR` that cofferdam serve was given")
	return answers(c, (*report.CatalogueCompacted)(nil))
}
