package cli

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/report"
)

// scoreFilter selects scores of a server's documents.
type scoreFilter struct {
	q      client.ScoreQuery
	grades []string
	since  string
	names  []string // of its flags
}

var gradeWords = []string{"A", "B", "C", "D", "F"}

func (f *scoreFilter) add(c *cobra.Command) {
	fl := c.Flags()
	text := func(p *string, name, usage string) {
		fl.StringVar(p, name, "", usage)
		f.names = append(f.names, name)
	}
	is := func(p *bool, name, usage string) {
		fl.BoolVar(p, name, false, usage)
		f.names = append(f.names, name)
	}
	is(&f.q.Running, "running", "of a server: only documents of what runs")
	text(&f.q.Cluster, "cluster", "of a server: only documents of what runs in a cluster: `NAME`")
	text(&f.q.Zone, "zone", "of a server: only documents of what runs in a zone: `NAME`")
	text(&f.q.Owner, "owner", "of a server: only an owner's documents, or of what they run: `NAME`")
	text(&f.q.Service, "service", "of a server: only a service's: `NAME`")
	text(&f.q.Unmet, "unmet", "of a server: only documents in which an `ELEMENT` of a profile is absent somewhere")
	fl.StringSliceVar(&f.grades, "grade", nil, "of a server: only documents with one of `GRADE,…`: A, B, C, D, F")
	fl.Float64Var(&f.q.Min, "from", 0, "of a server: only scores from `N` on")
	fl.Float64Var(&f.q.Max, "to", 0, "of a server: only scores up to `N`")
	is(&f.q.Below, "below-floor", "of a server: only documents below the floor of its configuration")
	is(&f.q.Refused, "refused", "of a server: only documents that its policy refuses")
	text(&f.since, "since", "of a server: only what changed since a `TIME` (RFC 3339), or so long ago (24h)")
	is(&f.q.History, "history", "of a server: also what is no longer so")
	f.names = append(f.names, "grade", "from", "to")
	complete(c, "grade", fixed(gradeWords...))
}

// alone refuses filters beside documents that are named.
func (f *scoreFilter) alone(c *cobra.Command) error {
	for _, n := range f.names {
		if c.Flags().Changed(n) {
			return ident.Errorf(ident.KindUsage, "--%s selects documents of a server, and here they are named", n).WithHint("%s --server URL --%s …", c.CommandPath(), n)
		}
	}
	return nil
}

// scoresOfServer lists how good the documents of a server are.
func (e *env) scoresOfServer(ctx context.Context, f *serverFlags, of *scoreFilter, profile, policyFile string, least float64) error {
	if policyFile != "" {
		return ident.Errorf(ident.KindUsage, "--policy does not go with --server: the server has its own").WithHint("quality: in its configuration; sha256:… with --server judges one document here")
	}
	q := of.q
	q.Tenant = f.tenant
	if profile != "all" {
		q.Profile = profile
	}
	for _, g := range of.grades {
		if !slices.Contains(gradeWords, g) {
			return ident.Errorf(ident.KindUsage, "--grade %q is none", g).WithHint("%s", strings.Join(gradeWords, ", "))
		}
	}
	q.Grades = strings.Join(of.grades, ",")
	var err error
	if e.at != "" {
		if q.At, err = e.now(); err != nil {
			return err
		}
	}
	if of.since != "" {
		if q.Since, err = e.since(of.since); err != nil {
			return err
		}
	}
	srv, err := e.client(ctx, f)
	if err != nil {
		return err
	}
	defer srv.Close()
	e.meter.at("asking the server", 0, 0)
	a, err := srv.Scores(ctx, q)
	if err != nil {
		return err
	}
	score := func(x *report.DocumentScore) float64 {
		if p := x.Profile(q.Profile); p != nil {
			return p.Score
		}
		return x.Score
	}
	slices.SortStableFunc(a.Items, func(x, y report.DocumentScore) int {
		return cmp.Or(cmp.Compare(score(&x), score(&y)), strings.Compare(x.Name, y.Name), cmp.Compare(x.Number, y.Number), time.Time.Compare(x.From, y.From))
	})
	if least > 0 {
		a.Judge(least)
		e.outcome.refused = a.Gate.Failed
	}
	if a.Pending > 0 {
		e.outcome.incomplete = true // what was not judged yet may be what is asked for
	}
	return e.write(a, report.Options{})
}
