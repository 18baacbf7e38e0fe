package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/report"
)

// nameMatches are how much of a name is given.
var nameMatches = []string{"exact", "prefix", "contains"}

func searchCommand(e *env) *cobra.Command {
	var f serverFlags
	var q client.SearchQuery
	c := &cobra.Command{
		Use: "search --server URL [COMPONENT]", GroupID: "catalogue", Short: "Which artifacts contain it, by component, licence, supplier or hash?",
		Long: `Search asks a server which artifacts have a component, whether they run or not, and
where those run that do. COMPONENT is a package URL or a name, with or without a version
or a range; --name, --licence, --supplier and --hash ask in another way, one at a time.

It exits 4 where nothing was found and something that runs has no document.`,
		Example: `  cofferdam search --server https://sbom.example 'pkg:maven/org.apache.logging.log4j/log4j-core@<2.17.1' --running
  cofferdam search --server https://sbom.example --licence AGPL-3.0-only --zone dmz
  cofferdam search --server https://sbom.example --name openssl --match prefix`,
		Args: func(c *cobra.Command, args []string) error {
			given := len(args)
			for _, n := range []string{"name", "licence", "supplier", "hash"} {
				if c.Flags().Changed(n) {
					given++
				}
			}
			if given != 1 {
				return ident.Errorf(ident.KindUsage, "search is for exactly one COMPONENT, --name, --licence, --supplier or --hash, not for %d", given).WithHint("%s", c.UseLine())
			}
			if !slices.Contains(nameMatches, q.Match) || q.Match != "exact" && q.Name == "" {
				return ident.Errorf(ident.KindUsage, "--match %q does not go with this", q.Match).WithHint("--name TEXT --match %s", strings.Join(nameMatches, "|"))
			}
			return nil
		},
		ValidArgsFunction: noFiles,
		RunE: question(e, &f, func(ctx context.Context, srv *client.Client, args []string) (_ *report.Search, err error) {
			if len(args) == 1 {
				q.Component = args[0]
			}
			if q.Question, err = e.question(&f); err != nil {
				return nil, err
			}
			a, err := srv.Search(ctx, q)
			e.outcome.incomplete = err == nil && a.Incomplete()
			return a, err
		}),
	}
	f.add(c)
	fl := c.Flags()
	fl.StringVar(&q.Name, "name", "", "components of a `NAME`; case does not count")
	fl.StringVar(&q.Match, "match", "exact", "how much of --name is given: `MATCH`, one of "+strings.Join(nameMatches, ", "))
	fl.StringVar(&q.Licence, "licence", "", "components under a licence: `SPDX` identifier, or as it was written")
	fl.StringVar(&q.Supplier, "supplier", "", "components of a supplier: `NAME`")
	fl.StringVar(&q.Hash, "hash", "", "components with a file of this hash: `HEX`")
	fl.BoolVar(&q.Running, "running", false, "only artifacts that run")
	fl.StringVar(&q.Zone, "zone", "", "only artifacts that run in a zone: `NAME`")
	fl.StringVar(&q.Cluster, "cluster", "", "only artifacts that run in a cluster: `NAME`")
	complete(c, "match", fixed(nameMatches...))
	return answers(c, (*report.Search)(nil))
}

// asking asks a server, and leaves it.
func (e *env) asking(ctx context.Context, f *serverFlags, ask func(*client.Client) error) error {
	srv, err := e.client(ctx, f)
	if err != nil {
		return err
	}
	defer srv.Close()
	return ask(srv)
}

// question is a command that writes what a server answers.
func question[A any](e *env, f *serverFlags, ask func(ctx context.Context, srv *client.Client, args []string) (A, error)) func(*cobra.Command, []string) error {
	return e.run(func(ctx context.Context, args []string) error {
		return e.asking(ctx, f, func(srv *client.Client) error {
			a, err := ask(ctx, srv, args)
			if err != nil {
				return err
			}
			return e.write(a, report.Options{})
		})
	})
}

// order is a command that has a server do something, and says that it did.
func (e *env) order(f *serverFlags, do func(ctx context.Context, srv *client.Client, args []string) (said string, err error)) func(*cobra.Command, []string) error {
	return e.run(func(ctx context.Context, args []string) error {
		return e.asking(ctx, f, func(srv *client.Client) error {
			said, err := do(ctx, srv, args)
			if err == nil {
				e.notef("%s", said)
			}
			return err
		})
	})
}

func driftCommand(e *env) *cobra.Command {
	var f serverFlags
	var cluster string
	var history bool
	c := &cobra.Command{
		Use: "drift --server URL", GroupID: "catalogue", Short: "Since when do what runs and the documents not agree?",
		Long: `Drift lists the running containers that no document describes, or one that describes
something else, from when on and until when. coverage says how it is now, of everything
that runs; drift is what the server wrote down whenever it looked. With --at it lists what
was so then, with --history all that ever was.`,
		Example: `  cofferdam drift --server https://sbom.example --cluster prod
  cofferdam drift --server https://sbom.example --history -o json`,
		Args: noArgs, ValidArgsFunction: noFiles,
		RunE: question(e, &f, func(ctx context.Context, srv *client.Client, _ []string) (*report.Drifts, error) {
			q, err := e.question(&f)
			if err != nil {
				return nil, err
			}
			return srv.Drifted(ctx, cluster, q.At, history)
		}),
	}
	f.add(c)
	c.Flags().StringVar(&cluster, "cluster", "", "only containers of a cluster: `NAME`")
	c.Flags().BoolVar(&history, "history", false, "also what is no longer so")
	return answers(c, (*report.Drifts)(nil))
}
