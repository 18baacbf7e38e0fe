package cli

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/segment"
)

// The gates of --fail-on.
const (
	gateInternet  = "new-internet"
	gateCrossZone = "new-cross-zone"
	gateAny       = "any"
)

func reachDiffCommand(e *env) *cobra.Command {
	var in inputs
	var failOn []string
	var plan string
	c := &cobra.Command{
		Use: "diff OLD NEW|--plan DIR [--fail-on new-internet|new-cross-zone|any]", Short: "Which connections a change opens and closes",
		Long: `Diff compares two inputs by what passes, not by their text: which connections
appear, which vanish, on which ports, and which workloads come to be reached from
outside. OLD and NEW are what -f takes elsewhere; NEW may be - for standard input.
Zones are those of NEW. With --plan, NEW is OLD with a containment plan applied.

--fail-on refuses a change (exit 3), for a gate on pull requests: new-internet, a
connection with addresses outside, or a way in from there, that was not possible
before; new-cross-zone, a connection between zones; any, any change at all. What
is not known to be open but may be makes the answer incomplete (exit 4).`,
		Example: "  cofferdam reach diff ./main ./branch --fail-on new-internet,new-cross-zone -o markdown\n  helm template shop ./chart | cofferdam reach diff ./deployed.yaml -",
		Args: func(c *cobra.Command, args []string) error {
			if plan != "" && len(args) == 1 {
				return nil
			}
			if len(args) != 2 || plan != "" {
				return ident.Errorf(ident.KindUsage, "%s takes OLD and NEW, found %d arguments", c.CommandPath(), len(args)).
					WithHint("for example: %s ./main ./branch --fail-on new-internet, or %s ./manifests --plan ./plan", c.CommandPath(), c.CommandPath())
			}
			return nil
		},
		RunE: e.run(func(ctx context.Context, args []string) error {
			for _, g := range failOn {
				if !slices.Contains([]string{gateInternet, gateCrossZone, gateAny}, g) {
					return ident.Errorf(ident.KindUsage, "--fail-on is %q", g).WithHint("one of: new-internet, new-cross-zone, any")
				}
			}
			var sides [2]*app.Estate
			var snaps [2]*inventory.Snapshot
			for i, path := range args {
				side := in
				side.estate.Manifests = []string{path}
				var err error
				if sides[i], snaps[i], err = e.reachability(ctx, &side); err != nil {
					return err
				}
			}
			if plan != "" {
				var err error
				if sides[1], snaps[1], err = e.planned(ctx, &in, args[0], plan); err != nil {
					return err
				}
				args = append(args, plan)
			}
			if was, is := sides[0].Graph.Enforcement(), sides[1].Graph.Enforcement(); was != is {
				// It may be the very change, or only that one side does not show its network.
				e.notef("the network of %s is %s, and that of %s %s: they are compared as they are; --cni NAME judges both alike", args[0], was, args[1], is)
			}
			e.meter.at("comparing", 0, 0)
			a, err := diffOf(ctx, sides, snaps)
			if err != nil {
				return err
			}
			a.Old, a.New = args[0], args[1]
			for _, g := range failOn {
				a.Gate = append(a.Gate, breaches(g, a, sides[1].Graph)...)
			}
			for _, b := range a.Gate {
				if b.Verdict == segment.Unknown {
					e.outcome.incomplete = true
				} else {
					e.outcome.refused = true
				}
			}
			return e.write(a, report.Options{})
		}),
	}
	in.estateFlags(c)
	c.Flags().StringVar(&plan, "plan", "", "what the containment plan in `DIR` changes of OLD")
	if err := c.Flags().MarkHidden("filename"); err != nil {
		panic(err) // estateFlags declared it
	}
	c.Flags().StringSliceVar(&failOn, "fail-on", nil, "`GATES` that refuse a change: new-internet, new-cross-zone, any")
	complete(c, "fail-on", fixed(gateInternet, gateCrossZone, gateAny))
	return answers(c, (*report.ReachDiff)(nil))
}

// mostExplained bounds the changes whose rule is named, at some tens of
// microseconds each; nobody reads further.
const mostExplained = 10_000

func diffOf(ctx context.Context, sides [2]*app.Estate, snaps [2]*inventory.Snapshot) (*report.ReachDiff, error) {
	before, after := sides[0].Graph, sides[1].Graph
	changes, err := segment.Diff(ctx, before, after)
	if err != nil {
		return nil, err
	}
	a := &report.ReachDiff{SchemaVersion: inventory.SchemaVersion, Changes: []report.DiffChange{}, Exposure: []report.DiffExposure{}, Added: []ident.Ref{},
		Removed: []ident.Ref{}, Gate: []report.Breach{}, Unknowns: orEmpty(after.Causes()), Coverage: snaps[1].Coverage(),
		Before: report.NewPlaces(sides[0].Set.Estate), After: report.NewPlaces(sides[1].Set.Estate)}
	zone := func(r ident.Ref) string {
		if z := snaps[1].Zone(r); z != "" {
			return z
		}
		return snaps[0].Zone(r)
	}
	for i, c := range changes {
		x := report.DiffChange{Change: c, SrcZone: zone(c.Src), DstZone: zone(c.Dst)}
		if i < mostExplained {
			if by, gone, ok := segment.ChangedBy(&c, before, after); ok {
				x.By, x.Gone = &by, gone
			}
		}
		a.Changes = append(a.Changes, x)
	}
	old, now := before.Workloads(), after.Workloads()
	for _, r := range now {
		_, had := slices.BinarySearchFunc(old, r, ident.Ref.Compare)
		if !had {
			a.Added = append(a.Added, r)
		}
		was, is := segment.Exposure{Level: segment.ExposedNone}, after.Exposure(r)
		if had {
			was = before.Exposure(r)
		}
		if ways := segment.DiffExposure(r, was, is); was.Level != is.Level || len(ways) > 0 {
			a.Exposure = append(a.Exposure, report.DiffExposure{Workload: r, Zone: zone(r), Before: was.Level, After: is.Level, Ways: ways})
		}
	}
	for _, r := range old {
		if _, has := slices.BinarySearchFunc(now, r, ident.Ref.Compare); !has {
			a.Removed = append(a.Removed, r)
		}
	}
	return a, nil
}

// breaches finds what a gate refuses. An unknown that was denied before may be a
// breach, and is told as such.
func breaches(gate string, a *report.ReachDiff, after *segment.Graph) []report.Breach {
	var out []report.Breach
	for i := range a.Changes {
		c := &a.Changes[i]
		outside := c.Src.IsCIDR() || c.Dst.IsCIDR()
		opens := c.After != segment.Denied && c.Before != segment.Allowed && c.After != c.Before
		hit := gate == gateAny || gate == gateInternet && opens && outside && public(c, after) || gate == gateCrossZone && opens && !outside && c.SrcZone != c.DstZone
		if !hit {
			continue
		}
		v := c.After
		if gate == gateAny && v == segment.Denied {
			v = segment.Allowed // a certain change
		}
		out = append(out, report.Breach{Gate: gate, Verdict: v, Text: c.Says(), Change: c})
	}
	for _, x := range a.Exposure {
		if gate == gateCrossZone {
			continue
		}
		if x.Before == x.After {
			out = append(out, newWays(gate, &x)...)
			continue
		}
		if gate == gateInternet && x.After != segment.ExposedInternet && x.After != segment.ExposedUnknown {
			continue
		}
		v := segment.Allowed
		if x.After == segment.ExposedUnknown {
			v = segment.Unknown
		}
		out = append(out, report.Breach{Gate: gate, Verdict: v, Workload: x.Workload,
			Text: strings.TrimSpace(x.Workload.Short() + " is reached from " + string(x.After) + ", was " + string(x.Before))})
	}
	return out
}

// newWays finds the breaches of a workload that is as exposed as it was, on other
// ports.
func newWays(gate string, x *report.DiffExposure) []report.Breach {
	var out []report.Breach
	for _, c := range x.Ways {
		opens := c.After != segment.Denied && c.Before != segment.Allowed
		if gate == gateInternet && !opens {
			continue
		}
		v := c.After
		if v == segment.Denied {
			v = segment.Allowed // a certain change
		}
		out = append(out, report.Breach{Gate: gate, Verdict: v, Workload: x.Workload, Text: "by a way in from outside: " + (&report.DiffChange{Change: c}).Says()})
	}
	return out
}

// public reports whether a change concerns public addresses that are not those of
// nodes: which pods a node runs opens nothing to the internet.
func public(c *report.DiffChange, after *segment.Graph) bool {
	end := c.Src
	if !end.IsCIDR() {
		end = c.Dst
	}
	p, err := netip.ParsePrefix(end.CIDR)
	return err != nil || segment.PublicBlock(p) && !after.NodesOnly(p)
}
