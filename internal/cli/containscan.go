package cli

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/contain/trigger"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// containScan makes one plan for all workloads in which a finding of a scan
// satisfies the conditions. One, and not one for each finding: a pull request is
// applied as a whole, and a minimum of all is less than the sum of minima.
func (e *env) containScan(ctx context.Context, in *inputs, f *containFlags) error {
	when, err := trigger.Parse(f.when)
	if err != nil {
		return err
	}
	if len(in.sboms.Paths) == 0 {
		return ident.Errorf(ident.KindUsage, "--sbom is needed: a scan names documents, and they say which images they are about").WithHint("--sbom with what was scanned")
	}
	data, err := app.Files{Stdin: e.stdin}.Text(ctx, f.from)
	if err != nil {
		return err
	}
	scan, err := trigger.ReadScan(data)
	if err != nil {
		return within(f.from, err)
	}
	if scan.Quarantined > 0 {
		e.notef("%s: the scan could not read %d of its inputs", f.from, scan.Quarantined)
		e.outcome.incomplete = true
	}
	est, snap, err := e.joined(ctx, e.loader(), in)
	if err != nil {
		return err
	}
	e.meter.at("judging findings", 0, 0)
	selected, err := when.Select(ctx, scan, snap)
	if err != nil {
		return within(f.from, err)
	}
	a := &report.Containment{SchemaVersion: inventory.SchemaVersion, Trigger: selected, Estate: in.estateArguments(),
		Again: "--from " + quote(f.from) + " --when " + quote(when.String()) + f.arguments()}
	e.outcome.incomplete = e.outcome.incomplete || len(selected.Unknown) > 0 || len(selected.Matched) == 0 && len(selected.NotSearched) > 0
	old := e.planIn(ctx, f.out)
	if len(selected.Matched) == 0 {
		a.NothingToDo = "no finding is known to satisfy " + strings.Join(when.Words(), " and ")
		if old != nil && !old.plan.Contained {
			a.NothingToDo += "; " + f.out + " stays as it is: plan " + old.plan.ID + " in it may be why, and nothing is lifted by itself"
		}
		return e.write(a, report.Options{Inputs: in.arguments()})
	}
	coverage := snap.Coverage()
	coverage.AdvisoriesAsOf = scan.AdvisoriesAsOf
	p := &contain.Problem{Query: "findings with " + when.String(), Affected: selected.Affected(), Coverage: coverage}
	if p.Protected, err = e.protectedFrom(snap, f.protect, when); err != nil {
		return err
	}
	if a.Plan, err = e.makePlan(ctx, est, snap, f, p); err != nil {
		return err
	}
	a.Proof, a.Out = a.Plan.Proof, f.out
	a.Findings = selected.Matched
	e.doubt(a.Plan)
	switch {
	case a.Contained:
		a.NothingToDo, a.Out = "nothing has to change: "+a.Sentence+" already", ""
		if err := a.Seal(); err != nil {
			return err
		}
	case f.out == "":
		err = a.Seal()
	default:
		err = e.update(a, in, old)
	}
	if err != nil {
		return err
	}
	return e.write(a, report.Options{Inputs: in.arguments()})
}

// within says in which file an error is.
func within(file string, err error) error {
	known, ok := err.(*ident.Error) //nolint:errorlint // what another error wraps is not about the file
	if !ok || known.Kind == ident.KindUsage {
		return err
	}
	if known.Where != "" && strings.HasPrefix(known.Where, "/") {
		return known.At(file + "#" + known.Where)
	}
	if known.Where == "" {
		return known.At(file)
	}
	return err
}

// protectedFrom returns what the affected workloads are to be kept from: what
// --protect names, or else what the estate file protects with what the conditions
// on reach name.
func (e *env) protectedFrom(snap *inventory.Snapshot, protect []string, when *trigger.Conditions) ([]ident.Ref, error) {
	out, err := snap.Protected(protect)
	if err != nil || len(protect) > 0 || len(when.Targets()) == 0 {
		return out, err
	}
	more, err := snap.Protected(when.Targets())
	if err != nil {
		return nil, err
	}
	out = append(out, more...)
	slices.SortFunc(out, ident.Ref.Compare)
	return slices.Compact(out), nil
}

// held is a plan's folder as it is on disk.
type held struct {
	plan  *contain.Plan
	files map[string][]byte
}

// planIn reads the plan that a folder holds; nil where it holds none that can be
// read, which WritePlan then judges.
func (e *env) planIn(ctx context.Context, dir string) *held {
	if dir == "" || !e.loader().Exists(dir) {
		return nil
	}
	files, err := e.loader().ReadPlan(ctx, dir)
	if err != nil {
		return nil
	}
	plan, _, err := contain.Open(files)
	if err != nil {
		return nil
	}
	h := &held{plan: plan, files: make(map[string][]byte, len(files))}
	for _, f := range files {
		h.files[f.Name] = f.Data
	}
	return h
}

// update writes a plan's folder, but for one that holds the plan already: it may
// have been made at another time, from advisories of another day.
func (e *env) update(a *report.Containment, in *inputs, old *held) error {
	if old != nil {
		dated := *a
		dated.Plan = a.Redated(old.plan)
		dated.Proof = dated.Plan.Proof
		files, err := e.folder(&dated, in)
		if err != nil {
			return err
		}
		if old.is(files) {
			*a = dated
			a.NothingToDo = fmt.Sprintf("%s holds plan %s already", a.Out, a.ID)
			return nil
		}
	}
	files, err := e.folder(a, in)
	if err != nil {
		return err
	}
	return app.WritePlan(a.Out, files)
}

// is reports whether the folder holds exactly these files, and nothing else that
// would be applied.
func (h *held) is(files []contain.File) bool {
	want := make(map[string]bool, len(files))
	for _, f := range files {
		want[f.Name] = true
		if data, there := h.files[f.Name]; !there || !bytes.Equal(data, f.Data) {
			return false
		}
	}
	for name := range h.files {
		if strings.HasPrefix(name, "apply/") && !want[name] {
			return false
		}
	}
	return true
}
