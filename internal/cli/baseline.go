package cli

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// baselineFlags say what is known already, and where to write what is known now.
type baselineFlags struct{ against, write string }

func (b *baselineFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&b.against, "baseline", "", "fail on what is new since: a `FILE` of --write-baseline, or the SBOM, image or lock file of the release before")
	c.Flags().StringVar(&b.write, "write-baseline", "", "write what is found, and since when it is known, to `FILE`: known, but for what is known to be exploited")
}

// knowledge is what a scan was made with.
type knowledge struct {
	db    *vuln.Database
	known *vuln.Intelligence
	reg   *registryFlags
	since *vuln.Sightings // what says since when findings are known; nil: nothing does
}

// holdAgainst gives the findings of a scan their states, and writes a baseline of them.
func (e *env) holdAgainst(ctx context.Context, l *app.Loader, b *baselineFlags, a *report.Scan, docs []*sbom.Document, k knowledge) error {
	subject, seen := subjectsOf(docs), k.since
	if b.against != "" {
		base, before, err := e.baseline(ctx, l, b.against, k)
		if err != nil {
			return err
		}
		a.Remediated = base.Apply(a.Findings, subject, before, a.At)
		a.Baseline = b.against
		if !before { // of the release before it is known what is found in it now, and not since when
			if seen == nil {
				seen = &vuln.Sightings{}
			}
			seen.AddBaseline(base)
		}
	}
	if seen != nil {
		seen.Apply(a.Findings, subject, a.At)
	}
	if b.write == "" {
		return nil
	}
	base := vuln.NewBaseline(a.Findings, subject, a.At)
	base.AdvisoriesAsOf = a.Coverage.AdvisoriesAsOf
	for _, d := range docs {
		if name := artifactName(d); name != "" {
			base.Subjects = append(base.Subjects, name)
		}
	}
	slices.Sort(base.Subjects)
	base.Subjects = slices.Compact(base.Subjects)
	if err := wholeFile("--write-baseline", b.write, func(w io.Writer) error { return report.JSON(w, base) }); err != nil {
		return err
	}
	e.notef("%d findings are in %s; until, reason and accepted may be added by hand", len(base.Findings), b.write)
	return nil
}

// baseline reads a baseline, or makes one of what is found in the release before, which
// holds whatever that artifact is called.
func (e *env) baseline(ctx context.Context, l *app.Loader, arg string, k knowledge) (base *vuln.Baseline, before bool, err error) {
	if !l.IsImage(arg) {
		raw, err := l.Text(ctx, arg)
		if err != nil {
			return nil, false, err
		}
		base, err := vuln.DecodeBaseline(arg, raw)
		if err == nil || ident.KindOf(err) != ident.KindUnsupported {
			return base, false, err
		}
	}
	var docs []*sbom.Document
	var problems []app.Problem
	if l.IsLock(arg) {
		docs, problems, err = l.Locked(ctx, []string{arg})
	} else {
		docs, problems, err = e.sboms(ctx, l, []string{arg}, k.reg)
	}
	if err != nil {
		return nil, false, err
	}
	if len(docs) == 0 {
		err := ident.Errorf(ident.KindFailure, "is neither a baseline nor an SBOM").At(arg).WithHint("cofferdam scan … --write-baseline FILE writes a baseline")
		if len(problems) > 0 {
			err = ident.Errorf(ident.KindFailure, "is neither a baseline nor an SBOM: %s", problems[0].Message).At(arg)
		}
		return nil, false, err
	}
	e.problems(problems)
	rep, err := vuln.Scan(ctx, docs, k.db, k.known)
	if err != nil {
		return nil, false, err
	}
	at, err := e.now()
	if err != nil {
		return nil, false, err
	}
	return vuln.NewBaseline(rep.Findings, subjectsOf(docs), at), true, nil
}

// subjectsOf names the artifact of a finding: without tag and digest, so that the next
// build of it has the same name.
func subjectsOf(docs []*sbom.Document) func(*vuln.Finding) string {
	of := make(map[ident.Digest]string, len(docs))
	for _, d := range docs {
		of[d.Digest] = artifactName(d)
	}
	return func(f *vuln.Finding) string { return of[f.Document] }
}

// artifactName is what a document's artifact is called in all of its versions.
func artifactName(d *sbom.Document) string {
	name := d.Subject.Name
	if r, err := ident.ParseImageRef(name); err == nil && strings.ContainsAny(name, "/:@") && d.Subject.Kind == "container" {
		return r.Name()
	}
	return name
}
