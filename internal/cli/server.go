package cli

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// asks reports whether a server is to be asked: one was named, or files was empty
// and the environment names one.
func (f *serverFlags) asks(files bool) bool {
	return f.server != "" || !files && os.Getenv("COFFERDAM_SERVER") != ""
}

// notWithServer refuses flags that name input of this machine beside --server: the
// server has its own.
func (in *inputs) notWithServer(c *cobra.Command, names ...string) {
	pre := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		for _, n := range names {
			if in.server.server != "" && c.Flags().Changed(n) {
				return ident.Errorf(ident.KindUsage, "--%s does not go with --server: the server answers by what it has itself", n).
					WithHint("leave one of the two out")
			}
		}
		if pre != nil {
			return pre(c, args)
		}
		return nil
	}
}

// question is what all questions of a server say.
func (e *env) question(f *serverFlags) (client.Question, error) {
	q := client.Question{Tenant: f.tenant}
	if e.at == "" {
		return q, nil
	}
	var err error
	q.At, err = e.now()
	return q, err
}

// whereOnServer is where, asked of a server.
func (e *env) whereOnServer(ctx context.Context, f *serverFlags, q inventory.Query) error {
	srv, err := e.client(ctx, f)
	if err != nil {
		return err
	}
	defer srv.Close()
	question, err := e.question(f)
	if err != nil {
		return err
	}
	e.meter.at("asking the server", 0, 0)
	a, err := srv.Where(ctx, q.String(), question)
	if err != nil {
		return err
	}
	if a.MoreNotCovered > 0 {
		e.notef("%d containers more were not covered than are listed", a.MoreNotCovered)
	}
	if a.MoreUnknowns > 0 {
		e.notef("%d components more cannot be compared than are listed", a.MoreUnknowns)
	}
	if !question.At.IsZero() {
		e.notef("what ran at %s, by what is known now", question.At.Format(time.RFC3339))
	}
	e.judgeWhere(&a.Where)
	return e.write(&a.Where, report.Options{Inputs: "--server " + quote(serverOf(f))})
}

// remote lets a loader read documents by their digest from a server, where one is
// meant: some argument is a digest.
func (e *env) remote(ctx context.Context, l *app.Loader, f *serverFlags, args []string) (end func(), err error) {
	if !f.asks(len(digestsOf(args)) == 0) {
		return func() {}, nil
	}
	srv, err := e.client(ctx, f)
	if err != nil {
		return nil, err
	}
	l.Remote = func(ctx context.Context, d ident.Digest) ([]byte, error) { return srv.Content(ctx, d, f.tenant) }
	return srv.Close, nil
}

// digestsOf are the arguments that are digests.
func digestsOf(args []string) []ident.Digest {
	var out []ident.Digest
	for _, a := range args {
		if d, err := ident.ParseDigest(a); err == nil {
			out = append(out, d)
		}
	}
	return out
}

// scanOnServer asks a server for the findings of artifacts and documents.
func (e *env) scanOnServer(ctx context.Context, f *serverFlags, args []string) (*report.Scan, error) {
	digests := digestsOf(args)
	if len(digests) != len(args) {
		return nil, ident.Errorf(ident.KindUsage, "a server scans what it has: sha256:… of artifacts and documents").
			WithHint("cofferdam push hands files over; without --server they are scanned here")
	}
	if e.at != "" {
		return nil, ident.Errorf(ident.KindUsage, "--at does not go with scan --server: a server has the advisories of now only").
			WithHint("cofferdam where QUERY --server URL --at TIME says what ran then")
	}
	srv, err := e.client(ctx, f)
	if err != nil {
		return nil, err
	}
	defer srv.Close()
	e.meter.at("asking the server", 0, 0)
	var out *report.Scan
	for _, d := range digests {
		got, err := srv.Findings(ctx, d, f.tenant)
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = &report.Scan{SchemaVersion: inventory.SchemaVersion, Coverage: got.Coverage}
		} else {
			out.Coverage.ComponentsWithoutIdentity += got.Coverage.ComponentsWithoutIdentity
		}
		out.Coverage.Quarantined = got.By.Quarantined
		out.Findings, out.Unmatched = append(out.Findings, got.Findings...), append(out.Unmatched, got.Unmatched...)
		out.Documents += len(got.Documents)
		out.Components += got.Components
		if vuln.NothingCompared(got.Unmatched, got.Components) {
			out.Uncompared += len(got.Documents)
		}
		out.Origins = append(out.Origins, got.Origins...)
	}
	out.Findings, out.Unmatched = orEmpty(out.Findings), orEmpty(out.Unmatched)
	slices.SortStableFunc(out.Findings, func(a, b vuln.Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), strings.Compare(a.ID, b.ID), strings.Compare(a.PURL, b.PURL))
	})
	return out, nil
}

// diffOnServer asks a server what changed between two artifacts or documents.
func (e *env) diffOnServer(ctx context.Context, f *serverFlags, of []ident.Digest) (*report.SBOMDiff, error) {
	srv, err := e.client(ctx, f)
	if err != nil {
		return nil, err
	}
	defer srv.Close()
	e.meter.at("asking the server", 0, 0)
	return srv.Compare(ctx, of[0], of[1], f.tenant)
}

func serverOf(f *serverFlags) string {
	if f.server != "" {
		return f.server
	}
	return os.Getenv("COFFERDAM_SERVER")
}

// judgeWhere makes the outcome incomplete where what was not found may be there.
func (e *env) judgeWhere(a *inventory.Where) {
	if !a.Found && (len(a.NotCovered) > 0 || len(a.Unknowns) > 0) || a.Reports.Open() {
		e.outcome.incomplete = true
	}
}
