package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/contain/tighten"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/segment"
)

func containVerifyCommand(e *env) *cobra.Command {
	var in inputs
	c := &cobra.Command{
		Use: "verify DIR -f PATH…", Short: "Whether a plan still holds: the proof is made anew",
		Long: `Verify holds the files of a plan's folder against its digests, the estate against
the one that the plan was made for, and proves the plan anew, on all connections
of all workloads. A plan that does not hold, proves nothing, or was made for
another estate is refused (exit 3). It reads the folders of tighten, too.`,
		Example: "  cofferdam contain verify plan -f ./manifests",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return ident.Errorf(ident.KindUsage, "%s takes one DIR, found %d", c.CommandPath(), len(args)).WithHint("the folder that contain --out wrote")
			}
			return nil
		},
		RunE: e.run(func(ctx context.Context, args []string) error {
			c, err := e.open(ctx, args[0])
			if err != nil {
				return err
			}
			a, err := e.prove(ctx, &in, args[0], c)
			if err != nil {
				return err
			}
			e.outcome.refused = !a.Holds
			return e.write(a, report.Options{Inputs: in.arguments()})
		}),
	}
	in.estateFlags(c)
	return answers(c, (*report.PlanCheck)(nil))
}

// carried is a plan in a folder, of contain or of tighten.
type carried struct {
	of      *contain.Plan // one of the two
	least   *tighten.Plan
	faults  []string // what was changed since it was proved
	removed []segment.PolicyRef
}

func (e *env) open(ctx context.Context, dir string) (*carried, error) {
	files, err := e.loader().ReadPlan(ctx, dir)
	if err != nil {
		return nil, err
	}
	c := &carried{}
	if tighten.IsFolder(files) {
		if c.least, c.faults, err = tighten.Open(files); err == nil {
			c.removed = c.least.Removed()
		}
	} else if c.of, c.faults, err = contain.Open(files); err == nil {
		c.removed = c.of.Removed()
	}
	return c, err
}

// prove proves a plan anew, on graphs that are built from files.
func (e *env) prove(ctx context.Context, in *inputs, dir string, c *carried) (*report.PlanCheck, error) {
	l := e.loader()
	a := &report.PlanCheck{SchemaVersion: inventory.SchemaVersion, Folder: dir, Why: c.faults}
	if a.Plan = "tightening"; c.of != nil {
		a.Plan = c.of.ID
	}
	if len(c.faults) > 0 {
		return a, nil
	}
	before, err := l.Estate(ctx, in.estate)
	if err != nil {
		return nil, err
	}
	e.problems(before.Problems)
	after, err := l.Planned(ctx, in.estate, dir, c.removed)
	if err != nil {
		return nil, err
	}
	if c.of != nil {
		if a.Proof, a.Why, err = c.of.Check(ctx, before.Graph, after.Graph, before.Set.Estate, engine()); err != nil {
			return nil, err
		}
		a.Holds = a.Proof != nil && a.Proof.Proved && len(a.Why) == 0
		return a, nil
	}
	final := after.Graph
	if last := c.least.RemovedLast(); len(last) > 0 {
		if final, err = final.Apply(ctx, &segment.Delta{DropPolicies: last}); err != nil {
			return nil, err
		}
	}
	if a.Tightening, a.Why, err = c.least.Check(ctx, before.Graph, after.Graph, final, before.Set.Estate, engine()); err != nil {
		return nil, err
	}
	a.Holds = a.Tightening != nil && a.Tightening.Proved && len(a.Why) == 0
	return a, nil
}

// engine names the program in a proof.
func engine() string { return "cofferdam " + version() }

// planned is the estate at a path with a plan's folder applied; of a tightening,
// everything but its last stage. A plan whose files
// were changed after it was proved is refused: its effect is not the plan's.
func (e *env) planned(ctx context.Context, in *inputs, path, dir string) (*app.Estate, *inventory.Snapshot, error) {
	l := e.loader()
	c, err := e.open(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	if len(c.faults) > 0 {
		return nil, nil, ident.Errorf(ident.KindRefused, "%s", c.faults[0]).At(dir).WithHint("cofferdam contain verify %s … names everything that was changed", quote(dir))
	}
	at, err := e.now()
	if err != nil {
		return nil, nil, err
	}
	side := in.estate
	side.Manifests = []string{path}
	est, err := l.Planned(ctx, side, dir, c.removed)
	if err != nil {
		return nil, nil, err
	}
	if c.of != nil {
		if est.Graph, err = c.of.Labelled(ctx, est.Graph); err != nil {
			return nil, nil, err
		}
	}
	snap, err := l.Join(ctx, est, nil, app.Knowledge{}, app.SBOMInputs{}, len(est.Problems), at)
	return est, snap, err
}
