package cli

import (
	"context"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// promotable judges findings as a gate: what failOn names refuses, and an image of which nothing is
// known makes the answer incomplete.
func (e *env) promotable(ctx context.Context, srv *client.Client, q *client.FindingQuery, a *report.RunningFindings, images []string, failOn string) error {
	if failOn == "overdue" && !a.Deadlines {
		return ident.Errorf(ident.KindFailure, "the server has no deadlines: nothing is ever overdue there").WithHint("findings: {deadlineDays: {critical: 7, high: 30}} in its configuration; or --fail-on open")
	}
	for i := range a.Items {
		f := &a.Items[i]
		open := f.State != "accepted" && !vuln.Status(f.Status).Clears()
		if failOn == "overdue" && f.Overdue || failOn == "open" && open {
			e.outcome.refused = true
		}
	}
	if len(images) == 0 {
		return nil
	}
	runs, err := srv.Standings(ctx, client.StandingQuery{Tenant: q.Tenant, Cluster: q.Cluster, Zone: q.Zone, At: q.At})
	if err != nil {
		return err
	}
	for _, d := range images {
		i := slices.IndexFunc(runs.Items, func(s report.Standing) bool { return s.Digest == d })
		switch {
		case i < 0:
			e.notef("no container that is selected runs %s: nothing is known of it there", d)
			e.outcome.incomplete = true
		case runs.Items[i].Standing != "covered":
			e.notef("the documents of %s are %s: what is wrong with it is not known", d, runs.Items[i].Standing)
			e.outcome.incomplete = true
		}
	}
	return nil
}
