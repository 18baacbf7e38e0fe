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
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/compare"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// diffLines are what --fail-on of sbom diff knows.
var diffLines = []string{"new-component", "new-vulnerability", "licence", "supplier", "other-bytes", "any"}

func sbomDiffCommand(e *env) *cobra.Command {
	var in inputs
	var failOn []string
	var same bool
	var srv serverFlags
	c := &cobra.Command{
		Use: "diff OLD NEW", Short: "What changed between releases: components, versions, licences, vulnerabilities",
		Long: `Diff compares two SBOMs, of any tools and formats, or two folders of them, paired
by what they are about. An upgrade is one row. With --advisories (or a cache of
them) it also says which vulnerabilities appeared and which are gone; what can
no longer be compared with the advisories is told apart from what is gone.

With --same-artifact it unites two or more documents of one artifact, as several
tools wrote them, and shows what only some of them saw. With --server it may be asked
of one sha256:… of an artifact: all the documents that the server has of it are united.

With --server, OLD and NEW may be sha256:… of artifacts or documents that the server
has. Where both are, the server compares them, by its own advisories.`,
		Example: "  cofferdam sbom diff web-1.4.cdx.json web-1.5.spdx.json --advisories ./advisories --fail-on other-bytes,licence",
		Args: func(c *cobra.Command, args []string) error {
			if one := same && len(args) == 1 && len(digestsOf(args)) == 1; !one && (len(args) < 2 || len(args) > 2 && !same) {
				return ident.Errorf(ident.KindUsage, "%s takes two files or folders", c.CommandPath()).WithHint("%s old.cdx.json new.cdx.json", c.CommandPath())
			}
			return nil
		},
		RunE: e.run(func(ctx context.Context, args []string) error {
			for _, w := range failOn {
				if !slices.Contains(diffLines, w) && w != "license" {
					return ident.Errorf(ident.KindUsage, "--fail-on %q is no change that sbom diff knows", w).WithHint("one of: %s", strings.Join(diffLines, ", "))
				}
			}
			judged := func(a *report.SBOMDiff, unread int) error {
				if len(failOn) > 0 {
					e.outcome.failed = unread > 0 // a gate whose own documents could not be read has not passed
					a.Gate = a.Judge(failOn)
					e.outcome.refused = a.Gate.Failed
					e.outcome.incomplete = a.Uncompared() > 0 // nor has one that compared nothing
				}
				return e.write(a, report.Options{})
			}
			if digests := digestsOf(args); !same && len(digests) == 2 && len(in.advisories) == 0 && srv.asks(false) {
				a, err := e.diffOnServer(ctx, &srv, digests)
				if err != nil {
					return err
				}
				if a.Coverage.AdvisoryKnown == nil && slices.Contains(failOn, "new-vulnerability") {
					return ident.Errorf(ident.KindUsage, "the server has no advisories loaded: nothing can be said about vulnerabilities").WithHint("cofferdam serve --advisories PATH")
				}
				return judged(a, 0)
			}
			if same && len(args) == 1 {
				return e.asking(ctx, &srv, func(c *client.Client) error {
					a, err := c.Unite(ctx, digestsOf(args)[0], srv.tenant)
					if err != nil {
						return err
					}
					return e.write(a, report.Options{})
				})
			}
			l := e.loader()
			end, err := e.remote(ctx, l, &srv, args)
			if err != nil {
				return err
			}
			defer end()
			sides := make([][]*sbom.Document, len(args))
			unread := 0
			for i, a := range args {
				docs, problems, err := l.SBOMs(ctx, []string{a})
				if err != nil {
					return err
				}
				e.problems(problems)
				unread += len(problems)
				if len(docs) == 0 {
					return noSBOM(a)
				}
				sides[i] = docs
			}
			if same {
				if len(failOn) > 0 {
					return ident.Errorf(ident.KindUsage, "--fail-on is about releases, and not with --same-artifact")
				}
				docs := slices.Concat(sides...)
				u, err := compare.Together(ctx, docs)
				if err != nil {
					return err
				}
				return e.write(report.NewSBOMUnion(docs, u), report.Options{})
			}
			db, problems, err := l.Advisories(ctx, in.advisories)
			if err != nil {
				return err
			}
			if db == nil && slices.Contains(failOn, "new-vulnerability") {
				return ident.Errorf(ident.KindUsage, "no advisories are loaded: nothing can be said about vulnerabilities").
					WithHint("--advisories PATH, or once: cofferdam advisories update --from PATH")
			}
			e.problems(problems)
			e.meter.at("comparing", 0, 0)
			a := &report.SBOMDiff{SchemaVersion: inventory.SchemaVersion, Releases: []report.ReleaseDiff{},
				Coverage: inventory.Coverage{NotSeen: []string{}, Quarantined: unread + len(problems)}}
			for _, r := range compare.Releases(sides[0], sides[1]) {
				one, err := releaseDiff(ctx, r, db)
				if err != nil {
					return err
				}
				a.Releases = append(a.Releases, one)
			}
			if db != nil {
				known := true
				a.Coverage.AdvisoriesAsOf, a.Coverage.AdvisoryKnown = db.AsOf().Format("2006-01-02"), &known
			}
			return judged(a, unread)
		}),
	}
	in.advisoryFlags(c)
	srv.add(c)
	c.Flags().BoolVar(&same, "same-artifact", false, "the documents are about one artifact: what only some of them saw")
	c.Flags().StringSliceVar(&failOn, "fail-on", nil, "exit 3 on a `CHANGE`: "+strings.Join(diffLines, ", "))
	complete(c, "fail-on", fixed(diffLines...))
	return answers(c, (*report.SBOMDiff)(nil))
}

func releaseDiff(ctx context.Context, r compare.Release, db *vuln.Database) (report.ReleaseDiff, error) {
	out := report.NewReleaseDiff(r)
	if r.New == nil {
		return out, nil
	}
	before := &vuln.Report{} // of what is new all that is found has appeared
	var err error
	if r.Old != nil {
		if out.Diff, err = compare.Documents(ctx, r.Old, r.New); err != nil {
			return out, err
		}
	}
	if db == nil {
		return out, nil
	}
	if r.Old != nil {
		if before, err = vuln.Scan(ctx, []*sbom.Document{r.Old}, db, nil); err != nil {
			return out, err
		}
	}
	after, err := vuln.Scan(ctx, []*sbom.Document{r.New}, db, nil)
	if err != nil {
		return out, err
	}
	out.Vulnerabilities, out.Unmatched = compare.Vulnerabilities(before, after), len(after.Unmatched)
	return out, nil
}
