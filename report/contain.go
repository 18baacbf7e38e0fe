package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/contain/tighten"
	"github.com/cofferdam-io/cofferdam/contain/trigger"
)

// Containment is the answer of `contain`: the plan with its proof, and where its
// files were written.
type Containment struct {
	SchemaVersion string         `json:"schemaVersion"`
	*contain.Plan                // nil where no finding of a scan asks for one
	Proof         *contain.Proof `json:"proof,omitempty"`
	Out           string         `json:"out,omitempty"` // the folder; "" if none was asked for
	// Trigger is what was selected of a scan; nil where a query was asked.
	Trigger *trigger.Selection `json:"trigger,omitempty"`
	// NothingToDo says why no file was written although a folder was named, or would have been.
	NothingToDo string `json:"nothingToDo,omitempty"`

	// Again are the arguments that ask for the same plan, Estate those that name the
	// estate alone: for the next command to type.
	Again  string `json:"-"`
	Estate string `json:"-"`
}

// planTable says first whether the plan holds and what it costs, then what it
// cuts, what is applied, and what it leaves.
func planTable(w io.Writer, a *Containment, o Options) error {
	p := newPrinter(w, o)
	if a.Plan == nil {
		p.linef("%s: %s", p.nothing(a), clean(a.NothingToDo))
		p.selection(a.Trigger)
		return p.done()
	}
	p.linef("%s", p.bold("Containment of "+clean(a.Query))+"  "+p.dim(string(a.Objective)))
	p.blank()
	if a.NothingToDo != "" {
		p.linef("%s: %s", p.nothing(a), clean(a.NothingToDo))
	}
	p.linef("%s", p.planVerdict(a))
	p.linef("%s", p.dim(clean(a.Why)))
	for _, r := range a.AffectedItself {
		p.linef("%s", p.yellow("NOT KEPT FROM IT")+": "+who(r)+" is protected and affected itself")
	}
	p.blank()
	p.linef("  costs        %s", p.cost(&a.Cost))
	p.linef("  reach        %s before, %s after", plural(a.Proof.Residual.Before, "workload"), plural(a.Proof.Residual.After, "workload"))
	p.linef("  open now     %s", p.bold(clean(a.Established.Answer))+": "+clean(a.Established.Why))
	p.selection(a.Trigger)
	p.breaks(a.Cost.Observed)
	p.openings("DECLARED NEEDS THAT BREAK", needed(a.Cuts))
	p.hardened(a.Hardened)
	p.cuts(a.Plan)
	p.edits(a.Edits)
	p.openings("TO LAST", lasting(a.Edits))
	p.openings("PODS TO COME", newPods(a.Edits))
	p.openings("LABELS TO PUT FIRST", labels(a.Labels))
	p.openings("NEIGHBOURS THAT ARE CUT, TOO", neighbours(a.Plan))
	p.openings("KEPT BY GUARD RAILS", kept(a.NotCut))
	p.guards(a.Guards)
	p.openings("TAKEN NOT TO LEAD ON", nonPivots(a.NonPivots))
	var open []string
	for _, x := range a.Proof.Residual.LeftOpen {
		open = append(open, p.bold(who(x.Workload))+"  "+clean(x.What)+"  "+p.dim(clean(x.Why)))
	}
	p.openings("STAYS OPEN", open)
	p.alternatives(a.Alternatives)
	p.unknowns(a.Proof.Assumptions.Unknowns)
	if len(a.Established.Drain) > 0 {
		p.openings("THEN END WHAT IS OPEN", a.Established.Drain)
	}
	switch {
	case a.Out != "" && !a.Contained:
		var next []string
		for _, l := range a.Labels {
			next = append(next, "kubectl -n "+shellWord(l.Workload.Namespace)+" patch "+shellWord(strings.ToLower(l.Workload.Kind)+"/"+l.Workload.Name)+" --patch-file "+shellWord(a.Out+"/"+l.File))
		}
		p.commands("Next", append(next, []string{"kubectl apply -k " + shellWord(a.Out+"/apply"), o.Command + " contain verify " + shellWord(a.Out) + " " + a.Estate}...))
	case !a.Contained:
		p.commands("Next", []string{o.Command + " contain " + a.Again + " " + o.Inputs + " --out plan"})
	}
	p.coverage(a.Proof.Assumptions.Coverage)
	return p.done()
}

// nothing heads an answer that changes no file.
func (p *printer) nothing(a *Containment) string {
	if len(a.Trigger.Unknown)+len(a.Trigger.NotSearched) > 0 && a.Plan == nil {
		return p.yellow("NOTHING TO DO for all that is known")
	}
	return p.green("NOTHING TO DO")
}

// selection lists what a scan asks to contain, and what it may ask.
func (p *printer) selection(s *trigger.Selection) {
	if s == nil {
		return
	}
	if len(s.Matched) > 0 {
		p.heading("FINDINGS", len(s.Matched), "with "+clean(strings.Join(s.When, " and ")))
		rows := make([][]string, 0, len(s.Matched))
		for _, m := range s.Matched {
			rows = append(rows, []string{p.severity(m.Severity), p.bold(clean(m.ID)), clean(m.PURL), who(m.Workload), clean(m.Tool)})
		}
		p.table([]column{{"SEVERITY", 0}, {"ID", 0}, {"COMPONENT", 24}, {"WORKLOAD", 16}, {"ONLY BY", 0}}, rows)
	}
	if len(s.Unknown) > 0 {
		p.heading("NOT DECIDED", len(s.Unknown), "these may be meant, too")
		rows := make([][]string, 0, len(s.Unknown))
		for _, m := range s.Unknown {
			rows = append(rows, []string{p.bold(clean(m.ID)), clean(m.PURL), who(m.Workload), p.yellow(clean("unknown " + strings.Join(m.Unknown, "; "))), clean(m.Tool)})
		}
		p.table([]column{{"ID", 0}, {"COMPONENT", 20}, {"WORKLOAD", 16}, {"WHY", 30}, {"ONLY BY", 0}}, rows)
	}
	p.notCovered(s.NotSearched)
	if s.NotRunning > 0 {
		p.blank()
		p.linef("%s", p.dim(plural(s.NotRunning, "finding")+" more of documents that no workload of the input runs"))
	}
}

func (p *printer) planVerdict(a *Containment) string {
	switch {
	case !a.Proof.Proved:
		return p.red("NOT PROVED") + ": " + clean(strings.Join(a.Proof.NotProved, "; "))
	case a.Contained:
		return p.green("ALREADY CONTAINED") + ": " + clean(a.Sentence) + p.dim(" (checked on the model)")
	}
	return p.green("CONTAINED by "+plural(len(a.Edits), "object")) + ": " + clean(a.Sentence) + p.dim(" (proved on the model)")
}

func (p *printer) cost(c *contain.Cost) string {
	switch {
	case c.Needed > 0 || c.Known && len(c.Observed) > 0:
		return p.red(clean(c.Words))
	case !c.Known:
		return p.yellow(clean(c.Words))
	}
	return p.green(clean(c.Words))
}

// breaks names the flows that no cut goes round.
func (p *printer) breaks(fs []contain.Flow) {
	if len(fs) == 0 {
		return
	}
	p.heading("BREAKS", len(fs), "seen in use")
	rows := make([][]string, 0, len(fs))
	for _, f := range fs {
		note := ""
		if f.Guessed {
			note = "which end opened it is guessed from the port"
		}
		last := ""
		if !f.Last.IsZero() {
			last = f.Last.UTC().Format("2006-01-02 15:04")
		}
		rows = append(rows, []string{p.bold(who(f.Src)), p.bold(who(f.Dst)), p.cyan(portRange(f.Conn)), fmt.Sprint(f.Count), last, note})
	}
	p.table([]column{{"FROM", 16}, {"TO", 16}, {"PORT", 0}, {"RECORDS", 0}, {"LAST SEEN", 0}, {"", 10}}, rows)
}

func (p *printer) cuts(a *contain.Plan) {
	if len(a.Cuts) == 0 {
		return
	}
	p.heading("CUTS", len(a.Cuts), "no longer possible, and nothing else changes")
	rows := make([][]string, 0, len(a.Cuts))
	for _, c := range a.Cuts {
		note := ""
		if c.Neighbour {
			note = p.yellow("neighbour")
		}
		if n := len(c.Observed); n > 0 {
			note = p.red(plural(n, "observed flow"))
		}
		if len(c.Needed) > 0 {
			note = strings.TrimSpace(note + " " + p.red("declared necessary"))
		}
		rows = append(rows, []string{p.bold(who(c.From)), p.bold(who(c.To)), p.cyan(ports(c.Connections)), c.At, note, rules(c.AllowedBy)})
	}
	p.table([]column{{"FROM", 16}, {"TO", 16}, {"PORTS", 10}, {"AT", 0}, {"", 0}, {"WAS ALLOWED BY", 24}}, rows)
}

// hardened lists what is left to workloads that are reduced.
func (p *printer) hardened(hs []contain.Hardened) {
	if len(hs) == 0 {
		return
	}
	p.heading("REDUCED TO WHAT THEY NEED", len(hs), "what else they have with pods goes, also with those to come")
	rows := make([][]string, 0, len(hs))
	for _, h := range hs {
		if len(h.Keeps) == 0 {
			rows = append(rows, []string{p.bold(who(h.Workload)), h.Direction, p.dim("nothing"), "", ""})
		}
		for i, k := range h.Keeps {
			row := []string{p.bold(who(h.Workload)), h.Direction, p.bold(who(k.Peer)), p.cyan(ports(k.Connections)), clean(k.Why)}
			if i > 0 {
				row[0], row[1] = "", ""
			}
			rows = append(rows, row)
		}
	}
	p.table([]column{{"WORKLOAD", 16}, {"FOR", 0}, {"KEEPS", 16}, {"PORTS", 10}, {"WHY", 20}}, rows)
}

func labels(ls []contain.Label) []string {
	var out []string
	for _, l := range ls {
		out = append(out, who(l.Workload)+"  "+clean(l.Label)+"  "+clean(l.Why))
	}
	return out
}

func nonPivots(xs []contain.NonPivot) []string {
	var out []string
	for _, x := range xs {
		out = append(out, who(x.Workload)+"  "+clean(x.Why))
	}
	return out
}

func (p *printer) edits(es []contain.Edit) {
	if len(es) == 0 {
		return
	}
	p.heading("APPLIES", len(es), "")
	rows := make([][]string, 0, len(es))
	for _, e := range es {
		name := e.Name
		if e.Namespace != "" {
			name = e.Namespace + "/" + name
		}
		why := e.Why
		if e.Unpatched != "" {
			why += "; not in change.diff: " + e.Unpatched
		}
		rows = append(rows, []string{e.Action, clean(e.Kind), p.bold(clean(name)), clean(e.Source), clean(why)})
	}
	p.table([]column{{"", 0}, {"KIND", 0}, {"OBJECT", 24}, {"NOW IN", 16}, {"WHY", 30}}, rows)
}

// lasting says of each object where it has to be changed so that the change stays,
// once of those of which the same is to be said.
func lasting(es []contain.Edit) []string {
	var out []string
	of := make(map[string]int)
	for _, e := range es {
		name := clean(e.Kind + " " + strings.TrimPrefix(e.Namespace+"/"+e.Name, "/"))
		if i, said := of[e.Lasting]; said {
			out[i] = name + ", " + out[i]
			continue
		}
		of[e.Lasting] = len(out)
		out = append(out, name+"  "+clean(e.Lasting))
	}
	return out
}

// needed are the cuts that break what an owner declares necessary.
func needed(cs []contain.Cut) []string {
	var out []string
	for _, c := range cs {
		for _, why := range c.Needed {
			out = append(out, who(c.From)+" → "+who(c.To)+"  "+clean(why))
		}
	}
	return out
}

// newPods says what becomes of pods to come.
func newPods(es []contain.Edit) []string {
	var out []string
	for _, e := range es {
		for _, s := range e.NewPods {
			out = append(out, clean(s))
		}
	}
	return out
}

// openings is a list of lines under a heading, where there are any.
func (p *printer) openings(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	p.heading(title, len(lines), "")
	for i, l := range lines {
		if i == mostRows && !p.o.All {
			p.linef("  %s", p.dim(fmt.Sprintf("… and %d more (--all)", len(lines)-mostRows)))
			return
		}
		p.linef("  %s", l)
	}
}

func neighbours(a *contain.Plan) []string {
	var out []string
	for _, r := range a.Neighbours {
		out = append(out, who(r)+" loses the same connections: no label tells it from a workload that is meant")
	}
	for _, l := range a.Separating {
		out = append(out, "label "+clean(l.Label)+" on the pods of "+who(l.Workload)+" would (--quarantine-labels makes a plan with it): "+clean(l.Why))
	}
	return out
}

func kept(ks []contain.Kept) []string {
	var out []string
	for _, k := range ks {
		out = append(out, who(k.From)+" → "+who(k.To)+"  "+clean(k.Why))
	}
	return out
}

// guards says what keeps the cluster running, and whether it goes on.
func (p *printer) guards(gs []contain.Guard) {
	var out []string
	for _, g := range gs {
		state := p.green(g.State)
		if g.State != "kept" {
			state = p.yellow(g.State)
		}
		out = append(out, p.bold(clean(g.What))+"  "+state+"  "+p.dim(clean(g.Why)))
	}
	p.openings("GOES ON", out)
}

func (p *printer) alternatives(as []contain.Alternative) {
	if len(as) < 2 {
		return
	}
	p.heading("WAYS", len(as), "")
	rows := make([][]string, 0, len(as))
	for _, a := range as {
		proved, mark := p.green("proved"), clean(a.Why)
		if !a.Proved {
			proved = p.yellow("not offered")
		}
		if a.Chosen {
			mark = p.bold("this plan")
		}
		nearest := "nearest the " + a.Nearest
		if a.Nearest == "fewest" {
			nearest = "fewest policies"
		}
		rows = append(rows, []string{string(a.Means), string(a.Grain), nearest, fmt.Sprint(a.Hardened), fmt.Sprint(a.Edges), fmt.Sprint(a.Objects), fmt.Sprint(a.Namespaces), fmt.Sprint(a.Observed), proved, mark})
	}
	p.table([]column{{"BY", 0}, {"GRAIN", 0}, {"CUT", 0}, {"REDUCED", 0}, {"EDGES", 0}, {"OBJECTS", 0}, {"NAMESPACES", 0}, {"FLOWS BROKEN", 0}, {"", 0}, {"", 24}}, rows)
}

// PlanCheck is the answer of `contain verify`.
type PlanCheck struct {
	SchemaVersion string `json:"schemaVersion"`
	Plan          string `json:"plan"` // its id; "tightening" of one of tighten
	Folder        string `json:"folder"`
	Holds         bool   `json:"holds"`
	// Why says why it does not hold: what was changed, or what the engine finds now.
	Why   []string       `json:"why,omitempty"`
	Proof *contain.Proof `json:"proof,omitempty"` // as found now
	// Tightening is the same of a folder of tighten.
	Tightening *tighten.Certificate `json:"tightening,omitempty"`
}

func planCheckTable(w io.Writer, a *PlanCheck, o Options) error {
	p := newPrinter(w, o)
	name := p.bold("Plan " + clean(a.Plan))
	if t := a.Tightening; a.Holds && t != nil {
		p.linef("%s %s: %s", name, p.green("HOLDS"), clean(t.Objective))
		p.linef("%s", p.dim(fmt.Sprintf("the estate is the one that it was made for; %s asked anew, %d changes with everything applied, %d after the last stage, none opens anything; checked on the model, %s",
			plural(len(t.Kept), "connection"), t.Applied.Changes, t.Final.Changes, clean(t.Assumptions.Enforcement))))
		return p.done()
	}
	if a.Holds {
		p.linef("%s %s: %s", name, p.green("HOLDS"), clean(a.Proof.Objective))
		p.linef("%s", p.dim(fmt.Sprintf("the estate is the one that it was made for; %s go, nothing else changes; checked on the model, %s",
			plural(len(a.Proof.Declared), "edge"), clean(a.Proof.Assumptions.Enforcement))))
		return p.done()
	}
	p.linef("%s %s", name, p.red("DOES NOT HOLD"))
	for _, why := range a.Why {
		p.linef("  %s", clean(why))
	}
	return p.done()
}
