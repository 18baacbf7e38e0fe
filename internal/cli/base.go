package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// baseFlags say which image was built on, and which findings are meant by it.
type baseFlags struct {
	of      string
	origins []string
}

// baseAuto lets the image say what it was built on.
const baseAuto = "auto"

// originWords are what --origin takes.
var originWords = []string{string(vuln.OriginBase), string(vuln.OriginApplication), "unknown"}

func (b *baseFlags) add(c *cobra.Command) {
	b.baseFlag(c)
	originFlag(c, &b.origins)
}

func (b *baseFlags) baseFlag(c *cobra.Command) {
	c.Flags().StringVar(&b.of, "base", "", "the `IMAGE|SBOM` that was built on, or auto for what an image's annotations say: tells findings of the base from the application's own")
}

func originFlag(c *cobra.Command, to *[]string) {
	c.Flags().StringSliceVar(to, "origin", nil, "only findings of `ORIGIN,…`: "+strings.Join(originWords, ", "))
	complete(c, "origin", fixed(originWords...))
}

func checkOrigins(words []string) error {
	for _, w := range words {
		if !slices.Contains(originWords, w) {
			return ident.Errorf(ident.KindUsage, "--origin %q is none", w).WithHint("%s", strings.Join(originWords, ", "))
		}
	}
	return nil
}

func (b *baseFlags) check(args []string) error {
	if err := checkOrigins(b.origins); err != nil {
		return err
	}
	if b.of == baseAuto && len(args) != 1 {
		return ident.Errorf(ident.KindUsage, "--base auto reads what one image says it was built on, and %d arguments are given", len(args)).WithHint("one image at a time, or --base IMAGE")
	}
	return nil
}

// tell gives findings their origin: by the base that was named, or by documents of which
// one tells a part of the layers of another.
func (b *baseFlags) tell(ctx context.Context, e *env, l *app.Loader, a *report.Scan, args []string, docs []*sbom.Document, reg *registryFlags) error {
	of := b.of
	if of == baseAuto {
		if !l.IsImage(args[0]) {
			return ident.Errorf(ident.KindUsage, "--base auto reads the annotations of an image in a registry, and %s is none", args[0]).WithHint("--base IMAGE|SBOM names it")
		}
		var err error
		if of, err = l.BaseOf(ctx, args[0], reg.inputs()); err != nil {
			return err
		}
	}
	if of != "" {
		base, problems, err := l.Base(ctx, of, reg.inputs())
		e.problems(problems)
		if err != nil {
			return err
		}
		a.Origins = []vuln.OriginCount{vuln.NewOrigins(base).Mark(a.Findings, docs)}
		return nil
	}
	for i, base := range vuln.BasesAmong(docs) {
		if base == nil {
			continue
		}
		o := vuln.NewOrigins(vuln.Base{Name: base.Subject.Name, Documents: []*sbom.Document{base}})
		a.Origins = append(a.Origins, o.Mark(a.Findings, docs[i:i+1]))
	}
	return nil
}

// filter leaves the findings of the origins that were asked for. What is left out
// because nobody knows where it comes from makes the answer incomplete: it may be meant.
func (b *baseFlags) filter(e *env, a *report.Scan) {
	if len(b.origins) == 0 {
		return
	}
	unknown := 0
	a.Findings = slices.DeleteFunc(a.Findings, func(f vuln.Finding) bool {
		if f.Origin.Is(b.origins) {
			return false
		}
		if f.Origin == vuln.OriginUnknown && !f.Status.Clears() {
			unknown++
		}
		return true
	})
	if unknown > 0 {
		e.notef("%d findings are left out of which it is not known whether the base brought them; --origin %s,unknown has them", unknown, strings.Join(b.origins, ","))
		e.outcome.incomplete = true
	}
}

// documentsOf reads the documents that a server's findings are of.
func documentsOf(ctx context.Context, l *app.Loader, fs []vuln.Finding) ([]*sbom.Document, []app.Problem, error) {
	var names []string
	for i := range fs {
		if d := fs[i].Document.String(); !fs[i].Document.IsZero() && !slices.Contains(names, d) {
			names = append(names, d)
		}
	}
	return l.SBOMs(ctx, names)
}

// originsOnServer is tell for the findings of a server, whose documents are read for it.
func (e *env) originsOnServer(ctx context.Context, srv *serverFlags, b *baseFlags, a *report.Scan, args []string, reg *registryFlags) error {
	l := e.loader()
	for i := range a.Findings { // what the server said by another base
		a.Findings[i].Origin, a.Findings[i].Base = vuln.OriginUnknown, ""
	}
	a.Origins = nil
	end, err := e.remote(ctx, l, srv, args)
	if err != nil {
		return err
	}
	defer end()
	docs, problems, err := documentsOf(ctx, l, a.Findings)
	e.problems(problems)
	if err != nil {
		return err
	}
	return b.tell(ctx, e, l, a, args, docs, reg)
}
