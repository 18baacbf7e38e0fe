package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

func scanCommand(e *env) *cobra.Command {
	var in inputs
	var reg registryFlags
	var failOn []string
	var onlyFixed, warnOnly bool
	var base baselineFlags
	var built baseFlags
	var srv serverFlags
	var locks, builds []string
	c := &cobra.Command{
		Use: "scan FILE…|IMAGE… [--advisories PATH…]", GroupID: "sbom",
		Short: "Match SBOMs against advisories",
		Long: `Scan matches every component of SBOMs against OSV advisories: one finding for
each vulnerability and component, and a list of what could not be matched. Of an
IMAGE, the SBOMs that are attached to it in its registry are read, for all its
platforms; one without is an error, and one that could not be asked for is, too.

With --server, sha256:… of an artifact or a document is scanned by the server: all
documents of an artifact together, by the advisories that it has loaded.

With --kev and --epss findings say whether the vulnerability is known to be exploited and
how likely that is; those that are stand first. With --vex they have the status that
statements give them (docs/vulnerabilities.md says which bind and which win); what is
not affected or fixed stays listed and does not fail a gate.

With --fail-on it is a gate: exit 3 on a finding at or above the line, 1 if
something that it should judge could not be read. A finding of unknown severity
counts: unknown is not low. It is not decided (exit 4) where nothing that a document lists
could be compared, since no advisory about its ecosystems is loaded, or it has no
package URLs. With --baseline it fails on what is new since: on what is not
in a baseline that --write-baseline wrote, or was not found in the release before (an SBOM
or image). What is known to be exploited is never baselined.

With --base it tells which findings the base image brought, by layers where the documents
tell them and by packages otherwise, and what a newer base would clear; --origin lists one
kind. Of several documents, one whose layers are a part of another's is taken for its base.

With --lock it reads what lock files resolve (go.mod, package-lock.json, npm-shrinkwrap.json,
yarn.lock, pnpm-lock.yaml, poetry.lock, uv.lock, Pipfile.lock, Cargo.lock, Gemfile.lock,
composer.lock, gradle.lockfile), before anything is built from them; --baseline takes the
lock file of the target branch, so that only what a change brings fails. With --provenance it
compares the compilers and runtimes that SLSA provenance says something was built with.

With --findings the reports of other scanners are held against the findings: what is agreed,
what only one side has, and why where that is known.

-o openvex and cyclonedx-vex write the findings with their status, to be published or
completed by hand.`,
		Example: "  cofferdam scan ./sbom --advisories ./advisories --fail-on high\n  cofferdam scan web.syft.json --base debian.syft.json --origin application,unknown\n  cofferdam scan --lock package-lock.json --baseline main/package-lock.json --fail-on high\n  cofferdam scan --provenance web.provenance.json --fail-on high\n  cofferdam scan sha256:… --server https://sbom.example",
		Args: func(c *cobra.Command, args []string) error {
			if len(args)+len(locks)+len(builds) == 0 {
				return ident.Errorf(ident.KindUsage, "%s takes SBOM files or images", c.CommandPath()).WithHint("%s ./sbom --advisories ./advisories", c.CommandPath())
			}
			return nil
		},
		RunE: e.run(func(ctx context.Context, args []string) error {
			line, err := parseFailOn(failOn)
			if err != nil {
				return err
			}
			if line != nil && line.exploited && in.known.KEV == "" {
				return ident.Errorf(ident.KindUsage, "--fail-on kev needs the catalogue of exploited vulnerabilities").
					WithHint("--kev known_exploited_vulnerabilities.json, as CISA publishes it")
			}
			if err := built.check(args); err != nil {
				return err
			}
			finish := func(a *report.Scan) error {
				built.filter(e, a)
				if onlyFixed {
					a.Findings = withFix(a.Findings)
				}
				a.Findings = orEmpty(a.Findings)
				a.Upgrades = vuln.Upgrades(a.Findings)
				if line != nil {
					a.Gate = line.judge(a.Findings, failOn)
					e.outcome.refused = a.Gate.Failed && !warnOnly
					if a.Uncompared > 0 {
						e.outcome.incomplete = true // a gate that compared nothing has not passed
					}
				}
				return e.write(a, report.Options{})
			}
			if srv.asks(len(args) == 0 || len(digestsOf(args)) < len(args)) {
				a, err := e.scanOnServer(ctx, &srv, args)
				if err != nil {
					return err
				}
				if built.of != "" || len(args) > 1 {
					if err := e.originsOnServer(ctx, &srv, &built, a, args, &reg); err != nil {
						return err
					}
				}
				return finish(a)
			}
			l := e.loader()
			docs, sbomProblems, err := e.scanned(ctx, l, args, locks, builds, &reg)
			if err != nil {
				return err
			}
			if len(docs)+len(sbomProblems) == 0 {
				return noSBOM(slices.Concat(args, locks, builds)...)
			}
			db, advProblems, err := l.Advisories(ctx, in.advisories)
			if err != nil {
				return err
			}
			if db == nil {
				return ident.Errorf(ident.KindUsage, "no advisories are loaded: nothing can be said about vulnerabilities").
					WithHint("--advisories PATH, or once: cofferdam advisories update --from PATH")
			}
			known, vexProblems, err := e.intelligence(ctx, l, &in)
			if err != nil {
				return err
			}
			reported, reportProblems, err := l.ScannerReports(ctx, in.reports)
			if err != nil {
				return err
			}
			all := slices.Concat(sbomProblems, advProblems, vexProblems, reportProblems)
			e.problems(all)
			if line != nil && len(sbomProblems) > 0 {
				e.outcome.failed = true // a gate whose own SBOM could not be read has not passed
			}
			a, rep, err := e.match(ctx, docs, db, known, len(all))
			if err != nil {
				return err
			}
			if len(in.reports) > 0 {
				a.Reconciliation = vuln.Reconcile(rep, reported, db, docs)
			}
			if err := e.holdAgainst(ctx, l, &base, a, docs, knowledge{db, known, &reg, nil}); err != nil {
				return err
			}
			if err := built.tell(ctx, e, l, a, args, docs, &reg); err != nil {
				return err
			}
			return finish(a)
		}),
	}
	in.advisoryFlags(c)
	in.intelligenceFlags(c)
	reg.add(c)
	base.add(c)
	built.add(c)
	srv.add(c)
	in.server = &srv
	in.notWithServer(c, "advisories", "kev", "epss", "vex", "vex-trust", "baseline", "write-baseline", "findings", "lock", "provenance")
	c.Flags().StringArrayVar(&locks, "lock", nil, "what a lock file resolves: `PATH` of it, or of a folder; repeatable")
	c.Flags().StringArrayVar(&builds, "provenance", nil, "what built it, by SLSA provenance: `PATH` of a statement, envelope or bundle, which is not verified, or of a folder; repeatable")
	c.Flags().StringSliceVar(&failOn, "fail-on", nil, "exit 3 on a finding of this `SEVERITY` or above: low, medium, high, critical, or any; or, with kev, on one that is known to be exploited")
	c.Flags().BoolVar(&onlyFixed, "only-fixed", false, "only findings that a published version fixes")
	c.Flags().BoolVar(&warnOnly, "warn-only", false, "report a failed gate and exit 0")
	complete(c, "fail-on", fixed("low", "medium", "high", "critical", "any", "kev"))
	return answers(c, (*report.Scan)(nil))
}

// scanned reads everything that is to be compared with advisories.
func (e *env) scanned(ctx context.Context, l *app.Loader, args, locks, builds []string, reg *registryFlags) ([]*sbom.Document, []app.Problem, error) {
	for _, a := range args {
		if l.IsLock(a) {
			return nil, nil, ident.Errorf(ident.KindUsage, "%s is a lock file and no SBOM", a).WithHint("--lock %s", a)
		}
	}
	docs, problems, err := e.sboms(ctx, l, args, reg)
	if err != nil {
		return nil, nil, err
	}
	locked, more, err := l.Locked(ctx, locks)
	if err != nil {
		return nil, nil, err
	}
	built, open, err := l.Toolchains(ctx, builds)
	if err != nil {
		return nil, nil, err
	}
	return slices.Concat(docs, locked, built), slices.Concat(problems, more, open), nil
}

// match matches documents against advisories. quarantined counts the inputs that could
// not be read.
func (e *env) match(ctx context.Context, docs []*sbom.Document, db *vuln.Database, known *vuln.Intelligence, quarantined int) (*report.Scan, *vuln.Report, error) {
	e.meter.at("matching advisories", 0, 0)
	rep, err := vuln.Scan(ctx, docs, db, known)
	if err != nil {
		return nil, nil, err
	}
	yes := true
	a := &report.Scan{
		SchemaVersion: inventory.SchemaVersion, Findings: rep.Findings, Unmatched: orEmpty(rep.Unmatched),
		Documents: len(docs), Components: rep.Components, Uncompared: rep.Uncompared,
		Coverage: inventory.Coverage{ComponentsWithoutIdentity: rep.WithoutIdentity, AdvisoryKnown: &yes, NotSeen: []string{},
			AdvisoriesAsOf: db.AsOf().Format("2006-01-02"), Quarantined: quarantined},
	}
	a.Coverage.Intelligence(known)
	if known.Statements != nil {
		n := known.Statements.Count(rep.Findings)
		a.Coverage.VEX = &n
	}
	a.Locate(docs)
	a.At, err = e.now()
	return a, rep, err
}

// gateLine is what --fail-on fails on: findings of a severity or above, those that are
// known to be exploited, or both.
type gateLine struct {
	severe    bool           // least is given
	least     ident.Severity // SeverityUnknown: any
	exploited bool
}

// parseFailOn reads the line; nil for no gate.
func parseFailOn(words []string) (*gateLine, error) {
	if len(words) == 0 {
		return nil, nil //nolint:nilnil // no gate
	}
	out := &gateLine{}
	for _, w := range words {
		var s ident.Severity
		switch w {
		case "kev":
			out.exploited = true
			continue
		case "any":
		default:
			var ok bool
			if s, ok = ident.ParseSeverity(w); !ok || s <= ident.SeverityNone {
				return nil, ident.Errorf(ident.KindUsage, "--fail-on %q is no severity", w).WithHint("one of: low, medium, high, critical, any, kev")
			}
		}
		if !out.severe || s < out.least {
			out.severe, out.least = true, s
		}
	}
	return out, nil
}

// judge counts what is at or above the line. A finding of unknown severity counts:
// unknown is not low. One that VEX clears does not, nor one that a baseline has.
func (g *gateLine) judge(fs []vuln.Finding, words []string) *report.Gate {
	out := &report.Gate{FailOn: words}
	for i := range fs {
		f := &fs[i]
		if f.Status.Clears() {
			continue
		}
		counts := f.KEV && g.exploited || g.severe && (f.Severity >= g.least || f.Severity == ident.SeverityUnknown)
		switch {
		case !counts:
		case f.State == vuln.StateTriaged, f.State == vuln.StateAccepted:
			out.Baselined++
		default:
			out.Count++
			out.Above = append(out.Above, *f)
		}
	}
	out.Failed = out.Count > 0
	return out
}

func withFix(fs []vuln.Finding) []vuln.Finding {
	var out []vuln.Finding
	for _, f := range fs {
		if len(f.Fixed) > 0 {
			out = append(out, f)
		}
	}
	return out
}
