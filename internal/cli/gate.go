package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
	"github.com/cofferdam-io/cofferdam/vuln"
)

func gateCommand(e *env) *cobra.Command {
	var q imageQuestion
	var rec recording
	var in inputs
	var g app.GateInputs
	var base baselineFlags
	var built baseFlags
	var since knownSince
	var profile, qualityPolicy string
	var failOn []string
	var onlyFixed, stepSummary bool
	c := &cobra.Command{
		Use: "gate IMAGE --policy FILE…", Short: "One gate for a pipeline: what an image needs before it goes on", GroupID: "policy",
		Long: `Gate resolves an image once, reads what vouches for it in its registry, and holds it
against the policies that are given and against what every image needs:

  sbom          an SBOM is attached, valid by its schema, good enough (--min-score,
                --quality-policy), and names the image where it names any
  findings      nothing new and severe is in it (--fail-on, high unless said otherwise;
                --baseline, --only-fixed), whatever VEX clears aside
  POLICY/RULE   each rule of each policy: signatures, provenance, fresh scans, licences,
                deadlines of findings (--known-since)

The first line is the verdict and the one change that clears most. A gate that did not
pass exits 3, with --warn-only 0; what could not be checked because a registry, a log
or a trusted root is in trouble exits 1, and says that it is not your change.

--approval gives bundles by which exceptions of the policies are approved (attest
--type approval). -o markdown writes a summary; --step-summary adds it to the page that
GITHUB_STEP_SUMMARY names. --fail-on none makes no line for findings.`,
		Example: `  cofferdam gate registry.example/shop/web:1.4 --policy policies --baseline known.json -o sarif --output-file gate.sarif
  cofferdam gate registry.example/shop/web:1.4 --policy promotion.yaml --known-since server --server https://sbom.example --stage staging`,
		Args: oneImage,
		RunE: e.run(func(ctx context.Context, args []string) error {
			if err := since.check(); err != nil {
				return err
			}
			rec.asked = since.asks()
			if err := rec.check(ctx, e); err != nil {
				return err
			}
			if len(q.policies) == 0 {
				return ident.Errorf(ident.KindUsage, "what does the image have to pass?").WithHint("--policy FILE; examples/policies has one, docs/policies.md says how they are written")
			}
			var err error
			if g.Profiles = quality.Named(profile); g.Profiles == nil {
				return ident.Errorf(ident.KindUsage, "--profile %q is no profile", profile)
			}
			if qualityPolicy != "" {
				raw, err := e.loader().Raw(ctx, qualityPolicy)
				if err != nil {
					return err
				}
				if g.Quality, err = quality.ParsePolicy(raw); err != nil {
					return asFailure(err, qualityPolicy)
				}
				g.Lines = append(g.Lines, report.PolicyFile{File: qualityPolicy, Digest: ident.SHA256(raw)})
			}
			if err := built.check(args); err != nil {
				return err
			}
			line := fmt.Sprintf("fail on %s, only fixed %t, profile %s, score %g", strings.Join(failOn, ","), onlyFixed, profile, g.MinScore)
			g.Lines = append(g.Lines, report.PolicyFile{File: line, Digest: ident.SHA256([]byte(line))})
			g.Lines = append(g.Lines, since.judgedBy()...)
			g.NoScan = len(failOn) == 1 && failOn[0] == "none"
			var severe *gateLine
			if !g.NoScan {
				if severe, err = parseFailOn(failOn); err != nil {
					return err
				}
			}
			l := e.loader()
			l.Details = true
			if g.FactInputs, err = q.inputs(ctx, e, args[0]); err != nil {
				return err
			}
			g.Namespace = q.namespace
			db, advProblems, err := l.Advisories(ctx, in.advisories)
			if err != nil {
				return err
			}
			known, vexProblems, err := e.intelligence(ctx, l, &in)
			if err != nil {
				return err
			}
			e.problems(append(advProblems, vexProblems...))
			if db != nil {
				g.Scan = func(ctx context.Context, docs []*sbom.Document, digests []ident.Digest) (*report.Scan, error) {
					a, _, err := e.match(ctx, docs, db, known, len(advProblems)+len(vexProblems))
					if err != nil {
						return nil, err
					}
					seen, err := e.sightings(ctx, l, &since, &rec.server, digests, a.At)
					if err != nil {
						return nil, err
					}
					if err := e.holdAgainst(ctx, l, &base, a, docs, knowledge{db, known, &q.registry, seen}); err != nil {
						return nil, err
					}
					if err := built.tell(ctx, e, l, a, args, docs, &q.registry); err != nil {
						return nil, err
					}
					if severe != nil {
						judged := a.Findings
						if onlyFixed {
							judged = withFix(judged)
						}
						a.Gate = severe.judge(judged, failOn)
						a.Upgrades = vuln.Upgrades(a.Gate.Above)
					}
					return a, nil
				}
			}
			a, err := l.Gate(ctx, g)
			if err != nil {
				return err
			}
			e.outcome.failed = a.Result == report.GateNotChecked
			e.outcome.refused = a.Result == report.GateFailed && !g.WarnOnly
			if stepSummary {
				if err := e.stepSummary(a); err != nil {
					return err
				}
			}
			return rec.conclude(ctx, e, a)
		}),
	}
	q.flags(c)
	rec.add(c)
	in.advisoryFlags(c)
	in.intelligenceFlags(c)
	base.add(c)
	since.add(c)
	built.baseFlag(c)
	f := c.Flags()
	f.StringSliceVar(&failOn, "fail-on", []string{"high"}, "fail on a new finding of this `SEVERITY` or above: low, medium, high, critical, or any; with kev, on one that is known to be exploited; none: on none")
	f.BoolVar(&onlyFixed, "only-fixed", false, "fail on findings that a published version fixes only; policies see all")
	f.BoolVar(&g.WarnOnly, "warn-only", false, "report a failed gate and exit 0")
	f.StringVar(&profile, "profile", "cisa-2026", "score the SBOM by this `PROFILE`")
	f.Float64Var(&g.MinScore, "min-score", 0, "fail where the SBOM's score is below `N`")
	f.StringVar(&qualityPolicy, "quality-policy", "", "fail on what a `FILE` of kind SBOMQualityPolicy refuses in the SBOM: its format, hashes, licences, identifiers")
	f.BoolVar(&stepSummary, "step-summary", false, "add the summary in Markdown to the page of GITHUB_STEP_SUMMARY")
	complete(c, "fail-on", fixed("low", "medium", "high", "critical", "any", "kev", "none"))
	complete(c, "profile", fixed(profileNames()...))
	return answers(c, (*report.ImageGate)(nil))
}

// stepSummary appends the answer in Markdown to the file that GitHub shows as the job's
// summary.
func (e *env) stepSummary(a *report.ImageGate) error {
	name := os.Getenv("GITHUB_STEP_SUMMARY")
	if name == "" {
		return ident.Errorf(ident.KindUsage, "--step-summary is for GitHub Actions: GITHUB_STEP_SUMMARY is not set").WithHint("-o markdown --output-file FILE writes the same anywhere")
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) // #nosec G304 -- the pipeline's own file
	if err != nil {
		return ident.Errorf(ident.KindFailure, "the summary cannot be written: %w", err)
	}
	o := e.options(report.Options{})
	o.Format, o.Color, o.Width = "markdown", false, 0
	err = report.Write(f, a, o)
	if err == nil {
		_, err = io.WriteString(f, "\n")
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
