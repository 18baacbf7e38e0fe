package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/cofferdam-io/cofferdam/contain/tighten"
	"github.com/cofferdam-io/cofferdam/ident"
)

// Tightening is the answer of `tighten`: the proposal, and where its files were written.
type Tightening struct {
	*tighten.Plan
	Out string `json:"out,omitempty"` // the folder; "" if none was asked for
}

// tightenTable says first what is proposed and how far it is proved, then what
// nobody used, what is applied, what is left out and why, and the stages.
func tightenTable(w io.Writer, a *Tightening, o Options) error {
	p := newPrinter(w, o)
	done, least, held := a.Sum()
	p.linef("%s", p.bold("Tightening")+"  "+p.dim(plural(len(a.Workloads), "workload")+", each in the directions asked for"))
	p.blank()
	switch {
	case done > 0:
		p.linef("%s: %s", p.green(fmt.Sprintf("%s TIGHTENED by %s", plural(done, "side"), plural(len(a.Edits), "change"))), p.dim(clean(a.Proof.Words)))
	case len(a.Stages) > 0:
		p.linef("%s: %s", p.green("ONLY THE LAST STAGE IS LEFT"), p.dim(clean(a.Proof.Words)))
	default:
		p.linef("%s", p.yellow("NOTHING PROPOSED"))
	}
	p.linef("  %s least already, %s held back", plural(least, "side"), plural(held, "side"))
	p.linef("  edges        %d now, %d with everything applied, %d after the last stage", a.Proof.Before.Edges, a.Proof.Applied.Edges, a.Proof.Final.Edges)
	p.linef("  kept         %s used or needed, asked anew; opened: %d", plural(a.Proof.Kept, "connection"), a.Proof.Opened)
	p.linef("  records      %s", p.records(a))
	p.linef("  %s", p.yellow(clean(a.Caveat)))
	p.permissions(a)
	p.proposed(a.Edits)
	p.openings("HELD BACK", heldBack(p, a))
	p.openings("SEEN OR DECLARED, AND DENIED", denied(p, a))
	p.openings("NOTES", notes(a))
	p.leftPolicies(a.Left)
	p.stages(a.Stages)
	p.unknowns(a.Unknowns)
	switch {
	case a.Out != "" && done > 0:
		p.commands("Next", []string{"git apply " + shellWord(a.Out+"/change.diff"), "kubectl apply -k " + shellWord(a.Out+"/apply") + "   # all stages but the last at once",
			o.Command + " contain verify " + shellWord(a.Out) + " " + o.Inputs})
	case done > 0:
		p.commands("Next", []string{o.Command + " tighten " + o.Inputs + " --observed … --out tightened"})
	}
	p.reachCoverage(a.Coverage, len(a.Unknowns))
	return p.done()
}

func (p *printer) records(a *Tightening) string {
	w := &a.Observed
	out := clean(w.Sources)
	if !w.From.IsZero() {
		out += fmt.Sprintf(", from %s to %s", w.From.UTC().Format("2006-01-02 15:04"), w.To.UTC().Format("2006-01-02 15:04"))
	}
	if w.Silent > 0 {
		out += "; " + p.yellow(fmt.Sprintf("%s in none of them", plural(w.Silent, "workload")))
	}
	if w.Incomplete != "" {
		out += "; " + p.yellow(clean(w.Incomplete))
	}
	return out
}

// eachSide hands over every side with its workload.
func eachSide(a *Tightening, f func(w ident.Ref, s *tighten.Side)) {
	for i := range a.Workloads {
		for j := range a.Workloads[i].Sides {
			f(a.Workloads[i].Workload, &a.Workloads[i].Sides[j])
		}
	}
}

func (p *printer) permissions(a *Tightening) {
	var rows [][]string
	eachSide(a, func(w ident.Ref, s *tighten.Side) {
		for _, x := range s.Unused {
			note := ""
			switch {
			case s.State == tighten.HeldBack:
				note = p.yellow("held back")
			case x.Stays:
				note = p.yellow("stays")
			}
			if x.MadeBy != "" {
				note = strings.TrimSpace(note + ": " + clean(x.MadeBy))
			}
			if x.Within > 0 {
				note = strings.TrimSpace(note + " " + plural(x.Within, "address") + " in it used")
			}
			rows = append(rows, []string{p.bold(who(w)), s.Direction, p.bold(who(x.Peer)), p.cyan(ports(x.Connections)), note, rule(x.Rule), clean(x.Source)})
		}
	})
	if len(rows) == 0 {
		return
	}
	p.heading("NOBODY USED", len(rows), "allowed, in no record, and not declared")
	p.table([]column{{"WORKLOAD", 16}, {"", 0}, {"PEER", 16}, {"PORTS", 10}, {"", 0}, {"ALLOWED BY", 24}, {"AT", 16}}, rows)
}

func (p *printer) proposed(es []tighten.Edit) {
	if len(es) == 0 {
		return
	}
	p.heading("APPLIES", len(es), "")
	rows := make([][]string, 0, len(es))
	for _, e := range es {
		why := e.Why
		if e.Unpatched != "" {
			why += "; not in change.diff: " + e.Unpatched
		}
		rows = append(rows, []string{e.Action, p.bold(clean(e.Namespace + "/" + e.Name)), clean(e.Source), clean(why)})
	}
	p.table([]column{{"", 0}, {"NETWORKPOLICY", 24}, {"NOW IN", 16}, {"WHY", 30}}, rows)
}

func heldBack(p *printer, a *Tightening) []string {
	var out []string
	eachSide(a, func(w ident.Ref, s *tighten.Side) {
		if s.State == tighten.HeldBack {
			out = append(out, p.bold(who(w))+" "+s.Direction+"  "+clean(strings.Join(s.Why, "; ")))
		}
	})
	return out
}

func denied(p *printer, a *Tightening) []string {
	var out []string
	eachSide(a, func(w ident.Ref, s *tighten.Side) {
		for _, x := range s.Denied {
			what := "passed, says a record"
			switch {
			case x.Refused:
				what = "was refused"
			case x.Why != "":
				what = "is declared: " + clean(x.Why)
			}
			from, to := who(w), who(x.Peer)
			if s.Direction == "ingress" {
				from, to = to, from
			}
			out = append(out, p.bold(from)+" → "+p.bold(to)+" "+p.cyan(ports(x.Connections))+"  "+what+"; the policies say "+p.verdict(x.Verdict)+p.dim(" (at "+s.Direction+")"))
		}
	})
	return out
}

func notes(a *Tightening) []string {
	var out []string
	eachSide(a, func(w ident.Ref, s *tighten.Side) {
		if s.State != tighten.Tightened {
			return
		}
		for _, n := range s.Notes {
			out = append(out, who(w)+" "+s.Direction+"  "+clean(n))
		}
	})
	return out
}

func (p *printer) leftPolicies(ls []tighten.Left) {
	if len(ls) == 0 {
		return
	}
	p.heading("POLICIES LEFT", len(ls), "they go on allowing what they allow until they are removed")
	rows := make([][]string, 0, len(ls))
	for _, l := range ls {
		what := "stays"
		if l.RemovedLast {
			what = p.green("removed last")
		}
		why := clean(l.Why)
		if l.Keeps > 0 {
			why += "; " + p.yellow("it keeps "+plural(l.Keeps, "unused permission"))
		}
		rows = append(rows, []string{p.bold(clean(l.Namespace + "/" + l.Name)), what, plural(l.Selects, "workload"), clean(l.Source), why})
	}
	p.table([]column{{"NETWORKPOLICY", 24}, {"", 0}, {"SELECTS", 0}, {"AT", 16}, {"WHY", 30}}, rows)
}

func (p *printer) stages(ss []tighten.Stage) {
	if len(ss) == 0 {
		return
	}
	p.heading("STAGES", len(ss), "one after the other, each watched before the next")
	for i, s := range ss {
		p.linef("  %s", fmt.Sprintf("%d. ", i+1)+p.bold(clean(s.Title))+": "+clean(s.Do))
		p.linef("     %s", p.dim("watch "+clean(s.Watch)))
	}
}
