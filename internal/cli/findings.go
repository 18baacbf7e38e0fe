package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/report"
)

// What findings are selected by.
var (
	severityWords = []string{"none", "low", "medium", "high", "critical"}
	findingStates = []string{"new", "triaged", "accepted", "proposed"} // the last is nobody's to decide
)

// findingFlags select findings of what runs.
type findingFlags struct {
	serverFlags
	q client.FindingQuery
}

func (f *findingFlags) add(c *cobra.Command) {
	f.serverFlags.add(c)
	fl := c.Flags()
	fl.StringVar(&f.q.Cluster, "cluster", "", "only containers of a cluster: `NAME`")
	fl.StringVar(&f.q.Zone, "zone", "", "only containers of a zone: `NAME`")
	fl.StringVar(&f.q.Service, "service", "", "only those of a service: `NAME`")
	fl.StringVar(&f.q.Owner, "owner", "", "only those of an owner: `NAME`")
	fl.StringVar(&f.q.Severity, "severity", "", "`SEVERITY` or worse: "+strings.Join(severityWords, ", "))
	fl.BoolVar(&f.q.KEV, "exploited", false, "only what is known to be exploited (KEV)")
	fl.Float64Var(&f.q.EPSS, "epss", 0, "only what is as likely to be exploited within thirty days, or likelier: one of the server's steps, `0.1` or 0.5 unless it says otherwise")
	complete(c, "severity", fixed(severityWords...))
	complete(c, "epss", fixed("0.1", "0.5"))
}

// query checks what was said.
func (f *findingFlags) query() (client.FindingQuery, error) {
	if f.q.Severity != "" && !slices.Contains(severityWords, f.q.Severity) {
		return f.q, ident.Errorf(ident.KindUsage, "--severity %q is none", f.q.Severity).WithHint("%s", strings.Join(severityWords, ", "))
	}
	f.q.Tenant = f.tenant
	return f.q, nil
}

func findingsCommand(e *env) *cobra.Command {
	var f findingFlags
	var states, origins []string
	var history bool
	var images []string
	var failOn string
	c := &cobra.Command{
		Use: "findings --server URL [VULNERABILITY]", GroupID: "catalogue", Short: "Which vulnerabilities has what runs, since when, and what was decided?",
		Long: `Findings lists the vulnerabilities of every running container that has a document on a
server, since when each is known, and what somebody decided about it. The server looks
again when advisories, documents or what runs change. With --at it lists what was so
then, with --history all that ever was.

What has no document is not among it: coverage says what that is. ORIGIN is what brought
the component, the base image or the application, where that is known (docs/server.md).

With --fail-on overdue it is a gate before a promotion: exit 3 where what is selected has
vulnerabilities beyond their deadline (findings.deadlineDays of the server), that nobody
accepted and no statement clears; with --fail-on open where it has any. With --image, what
no container that is selected runs makes it exit 4, and so does one without a document:
nothing is known of it.`,
		Example: `  cofferdam findings --server https://sbom.example --severity high --zone restricted
  cofferdam findings --server https://sbom.example --origin application --owner team-shop
  cofferdam findings --server https://sbom.example CVE-2021-44228 --history
  cofferdam findings decide --server https://sbom.example CVE-2021-44228 --state accepted --until 2027-01-31 --reason 'no lookups; SEC-7'
  cofferdam findings --server https://sbom.example --cluster staging --image sha256:… --fail-on overdue
  cofferdam findings remediation --server https://sbom.example --since 720h`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return ident.Errorf(ident.KindUsage, "findings are of one vulnerability or of all, not of %d", len(args)).WithHint("%s", c.UseLine())
			}
			return nil
		},
		ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			q, err := f.query()
			if err != nil {
				return err
			}
			for _, s := range states {
				if !slices.Contains(findingStates, s) {
					return ident.Errorf(ident.KindUsage, "--state %q is no state of a finding", s).WithHint("%s", strings.Join(findingStates, ", "))
				}
			}
			if err := checkOrigins(origins); err != nil {
				return err
			}
			q.Origins = strings.Join(origins, ",")
			if !slices.Contains([]string{"", "overdue", "open"}, failOn) || failOn != "" && (history || len(states) > 0) {
				return ident.Errorf(ident.KindUsage, "--fail-on %q with what is selected is no gate", failOn).WithHint("overdue, or open; without --history and --state")
			}
			for _, d := range images {
				if _, err := ident.ParseDigest(d); err != nil {
					return ident.Errorf(ident.KindUsage, "--image %q is no digest", d).WithHint("sha256:…, as the cluster or crane digest says it")
				}
			}
			q.States, q.History, q.Images = strings.Join(states, ","), history, strings.Join(images, ",")
			if len(args) == 1 {
				q.ID = args[0]
			}
			if e.at != "" {
				if q.At, err = e.now(); err != nil {
					return err
				}
			}
			srv, err := e.client(ctx, &f.serverFlags)
			if err != nil {
				return err
			}
			defer srv.Close()
			a, err := srv.RunningFindings(ctx, q)
			if err != nil {
				return err
			}
			if err := e.promotable(ctx, srv, &q, a, images, failOn); err != nil {
				return err
			}
			if a.OriginUnknown > 0 {
				e.notef("%d findings are left out of which it is not known whether the base brought them; --origin %s,unknown has them", a.OriginUnknown, q.Origins)
				e.outcome.incomplete = true
			}
			if a.OriginPending > 0 {
				e.notef("the server still reads the documents of %d images that run, to tell what came with their base", a.OriginPending)
			}
			return e.write(a, report.Options{})
		}),
	}
	f.add(c)
	fl := c.Flags()
	originFlag(c, &origins)
	fl.StringSliceVar(&states, "state", nil, "only findings in one of `STATE,…`: "+strings.Join(findingStates, ", "))
	fl.BoolVar(&history, "history", false, "also what is no longer so")
	fl.StringSliceVar(&images, "image", nil, "only what containers of an image run: `DIGEST` of it; repeatable")
	fl.StringVar(&failOn, "fail-on", "", "exit 3 where `WHAT` is among what is selected: overdue or open")
	complete(c, "fail-on", fixed("overdue", "open"))
	fl.BoolVar(&f.q.Overdue, "overdue", false, "only what was to be gone by now, where the server has deadlines")
	complete(c, "state", fixed(findingStates...))
	c = answers(c, (*report.RunningFindings)(nil))
	c.AddCommand(decideCommand(e), findingDecisionsCommand(e), approveCommand(e), remediationCommand(e))
	return c
}

func decideCommand(e *env) *cobra.Command {
	var f serverFlags
	var d report.FindingDecision
	var until string
	c := &cobra.Command{
		Use: "decide --server URL VULNERABILITY --state STATE --reason TEXT", Short: "Say that findings are being worked on, or accepted until a day",
		Long: `Decide records what somebody decided about the findings of a vulnerability: all of them,
or those of a component, a cluster or a container. triaged says that they are being
worked on; accepted that they stay, until a day at most a year ahead; new takes the
earlier decision back. An acceptance hides nothing. It takes the role triager, and the
journal keeps who decided. Where the server asks for approval, an acceptance counts once
another triager has approved it (findings approve); until then findings are proposed.`,
		Example: `  cofferdam findings decide --server https://sbom.example CVE-2021-44228 --state triaged --ticket SEC-7 --reason 'next release'
  cofferdam findings decide --server https://sbom.example CVE-2021-44228 --cluster prod --container shop/Deployment/web/app --state accepted --until 2027-01-31 --reason 'behind the proxy'`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			d.ID = args[0]
			if !slices.Contains(findingStates[:3], d.State) {
				return ident.Errorf(ident.KindUsage, "--state %q is nothing to decide", d.State).WithHint("%s", strings.Join(findingStates[:3], ", "))
			}
			if until != "" {
				var err error
				if d.Until, err = time.Parse(time.DateOnly, until); err != nil {
					if d.Until, err = time.Parse(time.RFC3339, until); err != nil {
						return ident.Errorf(ident.KindUsage, "--until %q is no day", until).WithHint("2027-01-31")
					}
				}
			}
			srv, err := e.client(ctx, &f)
			if err != nil {
				return err
			}
			defer srv.Close()
			if err := srv.Decide(ctx, d); err != nil {
				return err
			}
			e.notef("%s: %s", d.ID, d.State)
			return nil
		}),
	}
	f.add(c)
	fl := c.Flags()
	fl.StringVar(&d.State, "state", "", "`STATE`: "+strings.Join(findingStates[:3], ", "))
	fl.StringVar(&d.Reason, "reason", "", "why: `TEXT`")
	fl.StringVar(&d.Ticket, "ticket", "", "where it is worked on: `ID`")
	fl.StringVar(&until, "until", "", "the end of an acceptance: `DAY` or time")
	addAbout(c, &d)
	complete(c, "state", fixed(findingStates[:3]...))
	return c
}

func remediationCommand(e *env) *cobra.Command {
	var f findingFlags
	var since string
	c := &cobra.Command{
		Use: "remediation --server URL", Short: "How long do vulnerabilities stay in what runs?",
		Long: `Remediation measures exposures: a container is exposed to a vulnerability from when the
server knew of it until nothing that the container runs has it, whatever images came
between. It counts those that hold and those that ended since a time, by severity, with
the median, mean, 90th percentile and longest of the remediated; where the server has
deadlines, also what is beyond them. --at measures what was known then.`,
		Example: `  cofferdam findings remediation --server https://sbom.example --since 720h --zone restricted`,
		Args:    noArgs, ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			q, err := f.query()
			if err != nil {
				return err
			}
			from, err := e.since(since)
			if err != nil {
				return err
			}
			if e.at != "" {
				if q.At, err = e.now(); err != nil {
					return err
				}
			}
			srv, err := e.client(ctx, &f.serverFlags)
			if err != nil {
				return err
			}
			defer srv.Close()
			a, err := srv.Remediation(ctx, q, from)
			if err != nil {
				return err
			}
			return e.write(a, report.Options{})
		}),
	}
	f.add(c)
	c.Flags().StringVar(&since, "since", "", "ended from a `TIME` on (RFC 3339), or how long ago (720h); 90 days by default")
	return answers(c, (*report.Remediation)(nil))
}
