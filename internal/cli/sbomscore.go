package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
	"github.com/cofferdam-io/cofferdam/sbom/spdx"
)

// rememberedPackages is about how many bytes of packages are remembered from one document to
// the next: the images of an organisation share most of theirs.
const rememberedPackages = 64 << 20

// profileNames are what --profile of sbom score knows.
func profileNames() []string {
	out := []string{"all"}
	for _, p := range quality.Profiles() {
		out = append(out, p.ID)
	}
	return out
}

func sbomScoreCommand(e *env) *cobra.Command {
	var profile, policyFile string
	var least float64
	var srv serverFlags
	var reg registryFlags
	var of scoreFilter
	var earlier []string
	c := &cobra.Command{
		Use: "score FILE…|IMAGE…|sha256:…, or --server URL [FILTER…]", Short: "How good documents are by the rules that auditors use",
		Long: `Score judges documents by "2026 Minimum Elements" (CISA), NTIA's of 2021, BSI
TR-03183-2 v2.1 and the OpenChain Telco SBOM Guide v1.1. Each element of a profile is
present, declared unknown or withheld, or absent, at every place it is asked of, and each
place is named by a pointer into the document. NOASSERTION is declared, not present.

A required element weighs three times a recommended one; a declared one is worth half.
A: 90 and more, B: 80, C: 70, D: 50. --min makes it a gate on the score over the profiles
that were asked for. --policy says which faults are refused, by check: hashes, licences,
identifiers, versions, dependencies; without it all are warned of. Both exit 3.

With --earlier, documents of the same artifact say since when no licence of a package is
asserted, which maxAgeDays of the policy counts from; else it is the document's own date.

Up to 20 places of an element are listed; with --all every one.

With --server and no document, the server says how good its documents are, the worst
first: those that the filters select, now or --at a time. It judges each seconds after it
came, and again when the rules change.`,
		Example: "  cofferdam sbom score ./sbom --profile cisa-2026 --min 80\n  cofferdam sbom score image.cdx.json --policy quality.yaml -o sarif\n  cofferdam sbom score --server https://sbom.example --running --zone restricted --unmet component-hash-value",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return of.alone(c)
			}
			if srv.asks(false) {
				return nil
			}
			return someFiles(c, args)
		},
		RunE: e.run(func(ctx context.Context, args []string) error {
			profiles := quality.Named(profile)
			if profiles == nil {
				return ident.Errorf(ident.KindUsage, "--profile %q is no profile", profile).WithHint("one of: %s", strings.Join(profileNames(), ", "))
			}
			if least < 0 || least > 100 {
				return ident.Errorf(ident.KindUsage, "--min %g is no score", least).WithHint("scores are from 0 to 100")
			}
			if len(args) == 0 {
				return e.scoresOfServer(ctx, &srv, &of, profile, policyFile, least)
			}
			at, err := e.now()
			if err != nil {
				return err
			}
			o := quality.Options{Profiles: profiles, At: at}
			if e.all {
				o.Findings = -1
			}
			l := e.loader()
			l.Details, l.Seen = true, spdx.NewSeen(rememberedPackages)
			if policyFile != "" {
				raw, err := l.Raw(ctx, policyFile)
				if err != nil {
					return err
				}
				if o.Policy, err = quality.ParsePolicy(raw); err != nil {
					return asFailure(err, policyFile)
				}
			}
			end, err := e.remote(ctx, l, &srv, args)
			if err != nil {
				return err
			}
			defer end()
			before, problems, err := l.SBOMs(ctx, earlier)
			if err != nil {
				return err
			}
			e.problems(problems)
			a := &report.Scores{SchemaVersion: inventory.SchemaVersion, At: at.UTC().Format(time.RFC3339), Documents: []quality.Report{}, Coverage: inventory.Coverage{NotSeen: []string{}}}
			rows := e.format == "" || e.format == "table" || e.format == "wide"
			unread, err := e.eachSBOM(ctx, l, args, &reg, func(d *sbom.Document) error {
				o.Earlier = sameSubject(d, before)
				if len(before) > 0 && len(o.Earlier) == 0 {
					e.notef("no document of --earlier is about %s", artifactName(d))
				}
				r := quality.Score(d, o)
				if rows && !e.all && len(a.Documents) >= report.ShownScores {
					r.Shorten()
				}
				a.Documents = append(a.Documents, r)
				l.Seen.Done(d)
				return nil
			})
			if err != nil {
				return err
			}
			e.problems(unread)
			problems = append(problems, unread...)
			a.Coverage.Quarantined = len(problems)
			gate := least > 0 || policyFile != ""
			// A gate whose own documents could not be read has not passed.
			e.outcome.failed = len(problems) > 0 && (gate || len(a.Documents) == 0)
			if len(a.Documents)+len(problems) == 0 {
				return noSBOM(args...)
			}
			if gate {
				a.Judge(least)
				e.outcome.refused = a.Gate.Failed
			}
			return e.write(a, report.Options{})
		}),
	}
	c.Flags().StringVar(&profile, "profile", "all", "judge by this `PROFILE`: "+strings.Join(profileNames(), ", "))
	c.Flags().Float64Var(&least, "min", 0, "exit 3 where a document's score is below `N`")
	c.Flags().StringVar(&policyFile, "policy", "", "which faults are refused: a `FILE` of kind SBOMQualityPolicy")
	c.Flags().StringArrayVar(&earlier, "earlier", nil, "earlier documents of the same artifact: `PATH` of a file, folder or glob; repeatable")
	complete(c, "profile", fixed(profileNames()...))
	srv.add(c)
	reg.add(c)
	of.add(c)
	return answers(c, (*report.Scores)(nil))
}

// asFailure is the error of a file that a command cannot do without.
func asFailure(err error, file string) error {
	var known *ident.Error
	if !errors.As(err, &known) {
		return err
	}
	failed := *known
	failed.Kind = ident.KindFailure
	return failed.At(file)
}

// sameSubject are the documents that are about the same artifact, whatever its version.
func sameSubject(d *sbom.Document, docs []*sbom.Document) []*sbom.Document {
	var out []*sbom.Document
	for _, x := range docs {
		if artifactName(x) == artifactName(d) && x.Digest != d.Digest {
			out = append(out, x)
		}
	}
	return out
}
