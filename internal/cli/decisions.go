package cli

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// recording are the flags by which a command's verdict goes into a server's journal.
type recording struct {
	on     bool
	asked  bool // the server is asked for something else
	server serverFlags
}

const recordHelp = `--record puts the verdict into the journal of --server, for good: the artifact's digest,
what it was judged by, the reasons, the time and who asked; "cofferdam decisions" lists
them. A server that cannot be asked changes no verdict: it is written all the same, and
the command then fails (exit 1). It takes the role publisher.`

func (r *recording) add(c *cobra.Command) {
	r.server.add(c)
	c.Flags().BoolVar(&r.on, "record", false, "put the verdict into the journal of --server")
	c.Long += "\n\n" + recordHelp
}

// check judges the flags before anything is verified.
func (r *recording) check(ctx context.Context, e *env) error {
	switch {
	case r.on && e.at != "":
		return ident.Errorf(ident.KindUsage, "--record is of what was judged now, and --at judges another time").WithHint("leave one of the two out")
	case r.on, r.asked:
		c, err := e.client(ctx, &r.server)
		if err == nil {
			c.Close()
		}
		return err
	case r.server.server != "":
		return ident.Errorf(ident.KindUsage, "--server is where the verdict is recorded, and --record does not ask for that").WithHint("--record --server URL")
	}
	return nil
}

// conclude writes an answer, and then records it where that is asked for: whoever waits
// for the verdict has it, whatever becomes of the record.
func (r *recording) conclude(ctx context.Context, e *env, answer any) error {
	if err := e.write(answer, report.Options{}); err != nil || !r.on {
		return err
	}
	var raw bytes.Buffer
	if err := report.JSON(&raw, answer); err != nil {
		return err
	}
	err := e.asking(ctx, &r.server, func(srv *client.Client) error {
		got, err := srv.PushDecisions(ctx, r.server.tenant, raw.Bytes())
		if err == nil {
			e.notef("recorded by %s as %s: cofferdam decisions show %s", got.By, got.Answer, got.Answer)
		}
		return err
	})
	if err == nil || ctx.Err() != nil {
		return err
	}
	failed := ident.Errorf(ident.KindFailure, "the verdict stands, and is in no journal: %w", err)
	failed.Hint = "write it with -o json --output-file FILE, and hand it over later: cofferdam decisions push FILE"
	return failed
}

func decisionsCommand(e *env) *cobra.Command {
	var f serverFlags
	q := client.DecisionQuery{}
	var artifact, since, until string
	whats := []string{report.DecisionGate, report.DecisionImage, report.DecisionBundle}
	c := &cobra.Command{
		Use: "decisions --server URL", GroupID: "catalogue", Short: "What gates and verifications decided, under which policies, and why",
		Long: `Decisions lists the verdicts that were recorded on a server (gate, verify image and
verify bundle with --record, or decisions push): about which digest, when, by whom, judged
by which policies, keys and trusted roots, and why. Each is a record of the server's
journal, which "cofferdam journal verify" checks; the journal's record alone names the
digests and the verdict. They are what those who recorded them say: nobody judges anew.`,
		Example: `  cofferdam decisions --server https://sbom.example --artifact sha256:0bd41990769d…
  cofferdam decisions --server https://sbom.example --verdict failed --since 24h -o json`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return ident.Errorf(ident.KindUsage, "unknown command %q for %q", args[0], c.CommandPath()).WithHint("decisions show DIGEST, decisions push FILE")
			}
			return nil
		},
		ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			var err error
			if q.Artifact, err = digestFlag("--artifact", artifact); err != nil {
				return err
			}
			if q.Since, err = e.since(since); err != nil {
				return err
			}
			if q.Until, err = e.since(until); err != nil {
				return err
			}
			switch {
			case q.What != "" && !slices.Contains(whats, q.What):
				return ident.Errorf(ident.KindUsage, "--what %q decides nothing", q.What).WithHint("one of: %s", strings.Join(whats, ", "))
			case q.Verdict != "" && !slices.Contains(report.DecisionVerdicts(), q.Verdict):
				return ident.Errorf(ident.KindUsage, "--verdict %q is none", q.Verdict).WithHint("one of: %s", strings.Join(report.DecisionVerdicts(), ", "))
			case q.Limit < 1:
				return ident.Errorf(ident.KindUsage, "--limit %d is no number of decisions", q.Limit)
			}
			q.Tenant = f.tenant
			return e.asking(ctx, &f, func(srv *client.Client) error {
				a, err := srv.Decisions(ctx, q)
				if err != nil {
					return err
				}
				return e.write(a, report.Options{})
			})
		}),
	}
	f.add(c)
	fl := c.Flags()
	fl.StringVar(&artifact, "artifact", "", "about this `DIGEST` only")
	fl.StringVar(&q.What, "what", "", "of this `COMMAND` only: "+strings.Join(whats, ", "))
	fl.StringVar(&q.Verdict, "verdict", "", "of this `VERDICT` only: "+strings.Join(report.DecisionVerdicts(), ", "))
	fl.StringVar(&since, "since", "", "judged at a `TIME` or later (RFC 3339), or how long ago (24h)")
	fl.StringVar(&until, "until", "", "judged before a `TIME`, written alike")
	fl.IntVar(&q.Limit, "limit", 10_000, "the first `N`")
	complete(c, "what", fixed(whats...))
	complete(c, "verdict", fixed(report.DecisionVerdicts()...))
	c = answers(c, (*report.Decisions)(nil))
	c.AddCommand(decisionsShowCommand(e), decisionsPushCommand(e))
	return c
}

// digestFlag reads a flag that is a digest; the zero digest where it was not given.
func digestFlag(name, text string) (ident.Digest, error) {
	if text == "" {
		return ident.Digest{}, nil
	}
	d, err := ident.ParseDigest(text)
	if err != nil {
		return d, ident.Errorf(ident.KindUsage, "%s %q is no digest: %w", name, text, err).WithHint("sha256:… of an image or a file")
	}
	return d, nil
}

func decisionsShowCommand(e *env) *cobra.Command {
	var f serverFlags
	c := &cobra.Command{
		Use: "show --server URL DIGEST", Short: "The answer that a decision was read from, byte for byte",
		Example: "  cofferdam decisions show --server https://sbom.example sha256:0bd41990769d…",
		Args:    oneDigest, ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			return e.asking(ctx, &f, func(srv *client.Client) error {
				raw, err := srv.DecisionAnswer(ctx, digestsOf(args)[0], f.tenant)
				if err != nil {
					return err
				}
				return e.emit(func(w io.Writer) error {
					_, err := w.Write(raw)
					return err
				})
			})
		}),
	}
	f.add(c)
	return c
}

func decisionsPushCommand(e *env) *cobra.Command {
	var f serverFlags
	c := &cobra.Command{
		Use: "push --server URL FILE…", Short: "Record what gate or verify said before",
		Long: `Push records what "gate -o json", "verify image -o json" or "verify bundle -o json" said,
as --record does at once: for runs where no server could be asked. The same answer is
recorded once. It takes the role publisher. Exit 3 where an answer was refused.`,
		Example: `  cofferdam gate registry.example/shop/web:1.4 --policy policies -o json --output-file gate.json
  cofferdam decisions push --server https://sbom.example gate.json`,
		Args: someFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			return e.asking(ctx, &f, func(srv *client.Client) error {
				a := &report.DecisionsPushed{SchemaVersion: inventory.SchemaVersion, Answers: []report.DecisionReceipt{}}
				return e.handOver(ctx, args, a, &a.Refused, func(name string, raw []byte) error {
					got, err := srv.PushDecisions(ctx, f.tenant, raw)
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
	return answers(c, (*report.DecisionsPushed)(nil))
}
