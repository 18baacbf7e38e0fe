package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/report"
)

// ReportRunning tells a server what each cluster of the manifests runs. Every PATH
// names its cluster: what is not in a cluster's manifests has ended there.
func (l *Loader) ReportRunning(ctx context.Context, c *client.Client, in EstateInputs, at time.Time) ([]report.PushedCluster, []Problem, error) {
	for _, arg := range in.Manifests {
		if cluster, _ := l.splitCluster(arg); cluster == "" {
			return nil, nil, ident.Errorf(ident.KindUsage, "-f %s does not say which cluster it is of", arg).WithHint("-f CLUSTER=%s, the whole of what runs there", arg)
		}
	}
	est, err := l.Estate(ctx, in)
	if err != nil {
		return nil, nil, err
	}
	if len(est.Problems) > 0 {
		// What could not be read would be reported as ended.
		return nil, est.Problems, ident.Errorf(ident.KindInvalid, "%d objects cannot be read, and would be reported as gone", len(est.Problems)).
			WithHint("mend or leave out what is named above, and push again")
	}
	snap, err := l.Join(ctx, est, nil, Knowledge{}, SBOMInputs{}, 0, at)
	if err != nil {
		return nil, nil, err
	}
	clusters := map[string][]report.RunningContainer{}
	for _, arg := range in.Manifests {
		cluster, _ := l.splitCluster(arg)
		clusters[cluster] = []report.RunningContainer{}
	}
	rows := map[string]*report.PushedCluster{}
	for _, r := range snap.Running() {
		name := r.Workload.Cluster
		clusters[name] = append(clusters[name], report.RunningContainer{Namespace: r.Workload.Namespace, Kind: r.Workload.Kind, Name: r.Workload.Name, Container: r.Container,
			Image: r.Image, Digest: r.Digest.String(), Zone: r.Zone, Service: r.Service, Owner: r.Owner, Criticality: r.Criticality})
		if rows[name] == nil {
			rows[name] = &report.PushedCluster{Cluster: name}
		}
		rows[name].Containers++
		if r.Digest.IsZero() {
			rows[name].Unresolved++
		}
	}
	var out []report.PushedCluster
	for _, name := range slices.Sorted(maps.Keys(clusters)) {
		row := rows[name]
		if row == nil {
			row = &report.PushedCluster{Cluster: name}
		}
		if row.Changed, err = c.ReportRunning(ctx, name, clusters[name]); err != nil {
			return out, nil, err
		}
		out = append(out, *row)
	}
	return out, nil, nil
}
