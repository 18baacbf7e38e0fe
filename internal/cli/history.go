package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/report"
)

func historyCommand(e *env) *cobra.Command {
	var f serverFlags
	var by string
	c := &cobra.Command{
		Use: "history --server URL NAME", GroupID: "catalogue", Short: "What was handed over about an artifact, and where did it run?",
		Long: `History lists the documents that a server has of an artifact, in the order in which
they came, with who handed them over, and when and where the artifact ran. NAME is a
digest of the artifact or of a document; with --by it is another of its names. Where all
documents of a digest were archived, those are listed, as archived; with --by only what
is in the index is.`,
		Example: `  cofferdam history --server https://sbom.example sha256:0bd41990769d…
  cofferdam history --server https://sbom.example --by release v1.4.2`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return ident.Errorf(ident.KindUsage, "history is of one name, not of %d", len(args)).WithHint("%s", c.UseLine())
			}
			return nil
		},
		ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			known := false
			for _, k := range client.HistoryKinds {
				known = known || k == by
			}
			if !known {
				return ident.Errorf(ident.KindUsage, "--by %q is no kind of name", by).WithHint("%s", strings.Join(client.HistoryKinds, ", "))
			}
			srv, err := e.client(ctx, &f)
			if err != nil {
				return err
			}
			defer srv.Close()
			a, err := srv.History(ctx, f.tenant, by, args[0])
			if err != nil {
				return err
			}
			if len(a.Documents) == 0 {
				return ident.Errorf(ident.KindNotFound, "the server has no document of the %s %s", by, args[0])
			}
			return e.write(a, report.Options{})
		}),
	}
	f.add(c)
	c.Flags().StringVar(&by, "by", "digest", "what NAME is: `KIND`, one of "+strings.Join(client.HistoryKinds, ", "))
	complete(c, "by", fixed(client.HistoryKinds...))
	return answers(c, (*report.History)(nil))
}

// since reads a time, or how long before now it was; zero where nothing is said.
func (e *env) since(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	now, err := e.now()
	if err != nil {
		return time.Time{}, err
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	from, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return from, ident.Errorf(ident.KindUsage, "--since %q is neither a time nor how long ago", text).WithHint("2026-11-20T15:00:00Z, or 24h")
	}
	return from, nil
}

func changesCommand(e *env) *cobra.Command {
	var f serverFlags
	var since, after string
	var most int
	c := &cobra.Command{
		Use: "changes --server URL", GroupID: "catalogue", Short: "What changed since?",
		Long: `Changes lists what a server took in and noticed, in order and without a gap: documents
that came, were reviewed or archived, what runs, what drifted. --after goes on where an
answer ended; it may be asked again later.`,
		Example: `  cofferdam changes --server https://sbom.example --since 24h
  cofferdam changes --server https://sbom.example --after 3k -o json`,
		Args: noArgs, ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			from, err := e.since(since)
			if err != nil {
				return err
			}
			if most < 1 {
				return ident.Errorf(ident.KindUsage, "--limit %d is no number of changes", most)
			}
			srv, err := e.client(ctx, &f)
			if err != nil {
				return err
			}
			defer srv.Close()
			a, err := srv.Changes(ctx, from, after, most)
			if err != nil {
				return err
			}
			return e.write(a, report.Options{})
		}),
	}
	f.add(c)
	fl := c.Flags()
	fl.StringVar(&since, "since", "", "from a `TIME` on (RFC 3339), or how long ago (24h)")
	fl.StringVar(&after, "after", "", "what comes after the `CURSOR` of an earlier answer")
	fl.IntVar(&most, "limit", 10_000, "at most `N` changes")
	return answers(c, (*report.Changes)(nil))
}
