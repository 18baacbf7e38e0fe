package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/cofferdam-io/cofferdam/inventory"
)

// whereTable answers "where does it run": workload, container, component and
// version, how it was matched, the version that fixes it, and its owner.
func whereTable(w io.Writer, a *inventory.Where, o Options) error {
	p := newPrinter(w, o)
	p.title(a.Query, a.Advisory)
	p.blank()
	workloads := map[string]bool{}
	for _, s := range a.Sites {
		workloads[s.Workload.String()] = true
	}
	switch {
	case len(a.Sites) > 0 && a.LeftOut > 0:
		p.linef("%s, and in %d that the selector leaves out", p.red("RUNS in "+plural(len(workloads), "selected workload")), a.LeftOut)
	case len(a.Sites) > 0:
		p.linef("%s", p.red("RUNS in "+plural(len(workloads), "workload")))
	case a.LeftOut > 0:
		p.linef("%s, in none of those listed", p.red("RUNS in "+plural(a.LeftOut, "workload")+" that the selector leaves out"))
	case !a.Found && a.Reports.Open():
		p.linef("%s, and another scanner reports it", p.yellow("NOT FOUND by what is loaded here"))
	case len(a.NotRunning) > 0 && len(a.NotCovered)+len(a.Unknowns) > 0:
		p.linef("%s, and no workload that was searched runs it: that is not everything", p.yellow("KNOWN"))
	case a.Found:
		p.linef("%s", p.bold("KNOWN")+", and no workload runs it")
	case len(a.NotCovered)+len(a.Unknowns) > 0:
		p.linef("%s", p.yellow("NOT FOUND in what was searched")+", which is not everything")
	default:
		p.linef("%s", p.green("NOT FOUND")+": "+everything(a.Coverage)+" was searched")
	}
	p.sites(a.Sites)
	if len(a.NotRunning) > 0 {
		p.heading("IN IMAGES THAT NOTHING RUNS", len(a.NotRunning), "")
		rows := make([][]string, 0, len(a.NotRunning))
		for _, n := range a.NotRunning {
			rows = append(rows, []string{clean(n.Image), n.Digest.Short()})
		}
		p.table([]column{{"IMAGE", 24}, {"DIGEST", 0}}, rows)
	}
	p.reported(a.Reports)
	p.notCovered(a.NotCovered)
	p.unknowns(a.Unknowns)
	p.coverage(a.Coverage)
	return p.done()
}

func (p *printer) sites(sites []inventory.Site) {
	if len(sites) == 0 {
		return
	}
	p.heading("RUNNING", len(sites), "")
	rows := make([][]string, 0, len(sites))
	for _, s := range sites {
		owner := s.Owner
		if s.Contact != "" {
			owner += fmt.Sprintf(" (%s)", s.Contact)
		}
		rows = append(rows, []string{
			clean(s.Zone), p.bold(who(s.Workload)), clean(s.Container), clean(s.Name) + " " + clean(s.Version),
			clean(strings.Join(s.Fixed, ", ")), clean(s.VEX), matched(s.SBOM), clean(owner), clean(shortImage(s.Image)),
		})
	}
	p.table([]column{{"ZONE", 0}, {"WORKLOAD", 18}, {"CONTAINER", 8}, {"COMPONENT", 24}, {"FIXED IN", 8}, {"VEX", 0}, {"SBOM", 9}, {"OWNER", 10}, {"IMAGE", 18}}, rows)
}

// everything is what an answer of "not found" speaks of.
func everything(c inventory.Coverage) string {
	if c.Selector != "" {
		return "every workload that the selector selects"
	}
	return "every workload"
}
