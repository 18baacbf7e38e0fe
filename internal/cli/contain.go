package cli

import (
	"context"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/contain/trigger"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// containFlags are what the user says about a plan.
type containFlags struct {
	protect          []string
	objective        string
	most             int
	mayCut           []string
	using            string
	observed         []string
	needs            string
	acceptUnobserved bool
	out              string
	from             string
	when             []string
	quarantineLabels bool
	grain            string
	pivots           string
	first            bool
}

// arguments repeats the flags that shape a plan as they would be typed again.
func (f *containFlags) arguments() string {
	var out string
	add := func(flag string, vals ...string) {
		for _, v := range vals {
			if v != "" {
				out += " " + flag + " " + quote(v)
			}
		}
	}
	add("--protect", f.protect...)
	add("--objective", f.objective)
	if f.most > 0 {
		add("--most", strconv.Itoa(f.most))
	}
	add("--may-cut", f.mayCut...)
	add("--using", f.using)
	add("--observed", f.observed...)
	add("--needs", f.needs)
	if f.acceptUnobserved {
		out += " --accept-unobserved"
	}
	if f.first {
		out += " --first"
	}
	if f.quarantineLabels {
		out += " --quarantine-labels"
	}
	if f.grain != string(contain.Edges) {
		add("--grain", f.grain)
	}
	if f.pivots != pivotsAll {
		add("--pivots", f.pivots)
	}
	return out
}

// check refuses flags that have nothing to do with the objective: who gives them has
// something else in mind than the plan would do.
func (f *containFlags) check(most bool) error {
	switch shrink := f.objective == string(contain.Shrink); {
	case most && !shrink:
		return ident.Errorf(ident.KindUsage, "--most says how many workloads may stay within reach, which is of --objective shrink alone").WithHint("--objective shrink, or leave --most out")
	case shrink && !most:
		return ident.Errorf(ident.KindUsage, "--objective shrink leaves at most so many workloads within reach, and not how many is said").WithHint("--most N")
	case len(f.protect) > 0 && f.objective != "" && f.objective != string(contain.Separate) && slices.Contains(objectives(), f.objective):
		return ident.Errorf(ident.KindUsage, "--protect says what the affected workloads are kept from, and --objective %s is about no others", f.objective).
			WithHint("--objective %s, or leave --protect out", contain.Separate)
	}
	return nil
}

func containCommand(e *env) *cobra.Command {
	in := inputs{trust: &sbomTrust{}, source: &serverFlags{}}
	var f containFlags
	c := &cobra.Command{
		Use: "contain QUERY|--from SCAN.json --when CONDITIONS -f PATH… --sbom PATH… [--protect SELECTOR…] [--out DIR]", GroupID: "estate",
		Short: "The smallest change that contains a vulnerability, proved before it is applied",
		Long: `Contain finds the fewest connections to cut so that no path leads from the affected
workloads to the protected ones, writes the policies that cut them, and proves it:
the engine evaluates the estate with the change applied, everything meant to go is
gone, and nothing else changed. It applies nothing.

--objective separate (default where something is protected) keeps the affected
workloads from those that --protect names, or else those that the estate file
protects; isolate leaves them no connection with any pod; shrink leaves at most
--most workloads within their reach, with a bound on how much better a plan could
be; close-internet leaves no path from the internet to them.

--grain edges cuts connections by name; workloads reduces whole workloads to what
flow records show in use and --needs declares, which holds for what the next
deployment brings, too; auto takes whichever breaks less.

--pivots vulnerable leaves out paths through workloads that an attacker could not go
on from: every component of them is known, and no loaded advisory affects any; with
--pivots kev, none that --kev FILE knows to be exploited.

With --findings what only other scanners report counts as well, unless what is loaded
contradicts it: for what a QUERY affects, for --from with its --when, and for --pivots.

With --sbom-trust or --verify each SBOM that nobody vouches for is a doubt of the plan
(exit 4): what it leaves out, no plan contains.

Name resolution, the API server and what the estate file declares vital are never
cut unless --may-cut names them. Without flow records what a plan costs is unknown.

--from takes the findings of a scan instead of a QUERY, and makes one plan for all
workloads in which one of them satisfies --when. It is for pipelines: the same input
is the same files; and where nothing matches, the objective holds already, or the
folder holds this very plan, there is nothing to do, and nothing is written (exit 0).
A finding that may satisfy --when, for all that is known, is listed (exit 4).

` + queryHelp + "\n\nSELECTOR: zone=NAME, namespace=NAME, workload=NS/NAME, or a label selector.",
		Example: `  cofferdam contain CVE-2023-44487 -f ./manifests --sbom ./sbom --advisories ./advisories --out plan
  cofferdam contain shop/web -f ./manifests --protect zone=restricted
  cofferdam contain --from scan.json --when severity=critical,reach=zone:restricted -f ./manifests --sbom ./sbom --out plan
  cofferdam contain verify plan -f ./manifests`,
		Args: func(c *cobra.Command, args []string) error {
			if err := f.check(c.Flags().Changed("most")); err != nil {
				return err
			}
			switch {
			case f.from == "" && len(f.when) > 0:
				return ident.Errorf(ident.KindUsage, "--when says which findings of a scan are meant, and no scan is given").WithHint("--from SCAN.json, as cofferdam scan -o json writes it")
			case f.from == "":
				return oneQuery(c, args)
			case len(args) > 0:
				return ident.Errorf(ident.KindUsage, "%s takes a QUERY or --from SCAN.json, and not both", c.CommandPath()).WithHint("--when id=%s takes that vulnerability's findings of the scan", args[0])
			}
			return nil
		},
		RunE: e.run(func(ctx context.Context, args []string) error {
			if f.from != "" {
				return e.containScan(ctx, &in, &f)
			}
			plan, err := e.plan(ctx, &in, &f, args[0])
			if err != nil {
				return err
			}
			a := &report.Containment{SchemaVersion: inventory.SchemaVersion, Plan: plan, Proof: plan.Proof, Out: f.out, Again: quote(args[0]) + f.arguments(), Estate: in.estateArguments()}
			if f.out != "" {
				files, err := e.folder(a, &in)
				if err != nil {
					return err
				}
				if err := app.WritePlan(f.out, files); err != nil {
					return err
				}
			} else if err := plan.Seal(); err != nil {
				return err
			}
			e.doubt(plan)
			return e.write(a, report.Options{Inputs: in.arguments()})
		}),
	}
	in.estateFlags(c)
	in.sbomFlags(c)
	in.advisoryFlags(c)
	in.intelligenceFlags(c)
	in.trust.add(c)
	fl := c.Flags()
	fl.StringArrayVar(&f.protect, "protect", nil, "`SELECTOR` of the workloads to keep the affected ones from (default: those that the estate file protects); repeatable")
	fl.StringVar(&f.objective, "objective", "", "`WHAT` the plan is for: separate, isolate, shrink, close-internet (default: separate where something is protected, else isolate)")
	fl.StringArrayVar(&f.mayCut, "may-cut", nil, "`GUARD RAIL` that the plan may cut: dns, api-server, or NS/NAME of a vital workload; repeatable")
	fl.StringVar(&f.using, "using", "", "`KIND` of object to contain with: ClusterNetworkPolicy, CiliumNetworkPolicy, NetworkPolicy (default: what is enforced and changes least)")
	fl.StringArrayVar(&f.observed, "observed", nil, "`FLOWS` that were seen: Hubble, Envoy, VPC or conntrack records, a file, folder or glob; an addresses.csv beside them says who had which address; repeatable")
	fl.StringVar(&f.needs, "needs", "", "`FILE` of connections that must go on, one a line: allow shop/web -> payments/api tcp/8443")
	fl.BoolVar(&f.acceptUnobserved, "accept-unobserved", false, "cut connections although no flow records say whether they are in use")
	fl.StringVar(&f.from, "from", "", "findings to contain: `SCAN.json` of cofferdam scan -o json, or - for standard input, instead of a QUERY")
	fl.StringSliceVar(&f.when, "when", nil, "`CONDITIONS` that a finding of --from satisfies: kev, fixable, severity>=high, severity=critical, exposure=internet, reach=zone:NAME, reach=namespace:NAME, reach=workload:NS/NAME, id=CVE-…; all hold, of ids one; repeatable")
	complete(c, "when", fixed(trigger.Words()...))
	fl.StringVar(&f.out, "out", "", "write the plan to `DIR`: plan.json, proof.json, ticket.md, change.diff, apply/, remove.txt")
	fl.StringVar(&f.grain, "grain", string(contain.Edges), "`WHAT` a cut is made of: edges, workloads, auto")
	complete(c, "grain", fixed(grains()...))
	fl.StringVar(&f.pivots, "pivots", pivotsAll, "`WHICH` workloads an attacker can go on from: all, vulnerable, or kev: those in which something known to be exploited is found")
	fl.BoolVar(&f.quarantineLabels, "quarantine-labels", false, "put labels on pods where their own do not tell workloads from neighbours, which are cut, too, without it; a change of a pod template restarts its pods")
	fl.BoolVar(&f.first, "first", false, "offer the first way that is proved, compared with no other: less work on large estates")
	complete(c, "pivots", fixed(pivotsAll, pivotsVulnerable, pivotsExploited))
	complete(c, "using", fixed(string(contain.AdminTier), string(contain.CiliumDeny), string(contain.Rewrite)))
	fl.IntVar(&f.most, "most", 0, "`N` workloads that may stay within reach, for --objective shrink")
	complete(c, "objective", fixed(objectives()...))
	c.ValidArgsFunction = e.completeWorkloads(&in, 1)
	c = answers(c, (*report.Containment)(nil))
	c.AddCommand(containVerifyCommand(e))
	return c
}

// The values of --pivots.
const (
	pivotsAll        = "all"
	pivotsVulnerable = "vulnerable"
	pivotsExploited  = "kev"
)

// nonPivots are the workloads that --pivots leaves out.
func (f *containFlags) nonPivots(ctx context.Context, snap *inventory.Snapshot, affected []ident.Ref) ([]contain.NonPivot, error) {
	var clean []inventory.Clean
	var err error
	switch f.pivots {
	case pivotsAll:
	case pivotsVulnerable:
		clean, err = snap.Clean(ctx)
	case pivotsExploited:
		if snap.Coverage().KEVAsOf == "" {
			return nil, ident.Errorf(ident.KindUsage, "--pivots kev needs the catalogue of exploited vulnerabilities: without it nobody knows which are").WithHint("--kev FILE, as CISA publishes it; or --pivots vulnerable")
		}
		clean, err = snap.Unexploited(ctx)
	default:
		return nil, ident.Errorf(ident.KindUsage, "no pivots are called %.60q", f.pivots).WithHint("one of: %s, %s, %s", pivotsAll, pivotsVulnerable, pivotsExploited)
	}
	if err != nil {
		return nil, err
	}
	var out []contain.NonPivot
	for _, c := range clean {
		if !slices.Contains(affected, c.Workload) {
			out = append(out, contain.NonPivot{Workload: c.Workload, Why: c.Why})
		}
	}
	return out, nil
}

func grains() []string {
	var out []string
	for _, g := range contain.Grains() {
		out = append(out, string(g))
	}
	return out
}

func objectives() []string {
	var out []string
	for _, o := range contain.Objectives() {
		out = append(out, string(o))
	}
	return out
}

// sourceText reads a manifest again, so that it can be edited where it stands.
func (e *env) sourceText(ctx context.Context) func(string) ([]byte, error) {
	l := e.loader()
	return func(file string) ([]byte, error) { return l.Manifest(ctx, file) }
}
