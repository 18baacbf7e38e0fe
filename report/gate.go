package report

import (
	"fmt"
	"io"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// GateResult is what became of a gate or of one of its checks.
type GateResult string

// The results. What was not checked is trouble of a service or an answer that is not
// known, and no fault of who changed something.
const (
	GatePassed     GateResult = evidence.GatePassed
	GateFailed     GateResult = evidence.GateFailed
	GateNotChecked GateResult = "not checked"
)

// ImageGate is the answer of `gate`.
type ImageGate struct {
	SchemaVersion string       `json:"schemaVersion"`
	Image         string       `json:"image"` // as it was asked for
	Digest        ident.Digest `json:"digest,omitzero"`
	At            string       `json:"at"` // when it was judged, RFC 3339
	Result        GateResult   `json:"result"`
	WarnOnly      bool         `json:"warnOnly,omitempty"` // a failure is told and lets pass
	// Change is the one change that clears most; "" where nothing failed or nobody knows one.
	Change string      `json:"change,omitempty"`
	Clears int         `json:"clears,omitempty"` // checks that the change clears; 0 where it is a beginning
	Checks []GateCheck `json:"checks"`
	// Findings are those above the line that are not known already, and that no statement
	// clears.
	Findings []vuln.Finding `json:"findings"`
	// Origins say what is known of where all findings come from, for each base.
	Origins []vuln.OriginCount `json:"origins,omitempty"`
	Policy  *policy.Verdict    `json:"policy,omitempty"`
	// Policies are the files that it was held against.
	Policies []PolicyFile `json:"policies"`
	Notes    []string     `json:"notes,omitempty"`
	// JudgedBy is what it was judged by, by what stood in it: policies, keys, identities,
	// trusted roots, lists.
	JudgedBy []PolicyFile `json:"judgedBy,omitempty"`
}

// PolicyFile is a file of policies, by what stood in it.
type PolicyFile struct {
	File   string       `json:"file"`
	Digest ident.Digest `json:"digest"`
}

// GateCheck is one check of a gate: its own, or POLICY/RULE.
type GateCheck struct {
	Name     string     `json:"name"`
	Result   GateResult `json:"result"`
	Expected string     `json:"expected,omitempty"`
	Found    string     `json:"found,omitempty"`
	Mend     string     `json:"mend,omitempty"`
	Told     bool       `json:"told,omitempty"` // a policy in Warn or Audit: it fails nothing
	// Warnings are those of a policy in another language, whatever became of the check.
	Warnings []string `json:"warnings,omitempty"`
}

// Judge brings the result of the whole up to date: what was not checked outranks what
// failed, as in the exit code.
func (a *ImageGate) Judge() {
	a.Result = GatePassed
	for _, c := range a.Checks {
		switch {
		case c.Told:
		case c.Result == GateNotChecked:
			a.Result = GateNotChecked
		case c.Result == GateFailed && a.Result == GatePassed:
			a.Result = GateFailed
		}
	}
}

// count counts the checks of a result that decide something.
func (a *ImageGate) count(r GateResult) int {
	n := 0
	for _, c := range a.Checks {
		if c.Result == r && !c.Told {
			n++
		}
	}
	return n
}

// headline is the verdict and the one change that clears most.
func (a *ImageGate) headline(p *printer) string {
	failed, open := a.count(GateFailed), a.count(GateNotChecked)
	var s string
	switch a.Result {
	case GatePassed:
		return fmt.Sprintf("%s  %s: %s", p.green("PASSED"), clean(a.Image), plural(len(a.Checks), "check"))
	case GateNotChecked:
		s = fmt.Sprintf("%s  %s: %s could not be made; not your change", p.yellow("NOT CHECKED"), clean(a.Image), plural(open, "check"))
		if failed > 0 {
			s += fmt.Sprintf(", but %d failed", failed)
		}
	default:
		word := "FAILED"
		if a.WarnOnly {
			word = "WARNING"
		}
		s = fmt.Sprintf("%s  %s: %d of %s failed", p.red(word), clean(a.Image), failed, plural(len(a.Checks), "check"))
	}
	switch {
	case a.Change == "":
	case a.Clears == 0: // no single one clears a check
		s += "; begin with: " + clean(a.Change)
	default:
		s += fmt.Sprintf("; %s clears %d", clean(a.Change), a.Clears)
	}
	return s
}

func imageGateTable(w io.Writer, a *ImageGate, o Options) error {
	p := newPrinter(w, o)
	p.linef("%s", a.headline(p))
	if !a.Digest.IsZero() {
		p.linef("  digest: %s", a.Digest)
	}
	order := []GateResult{GateFailed, GateNotChecked, GatePassed}
	for _, r := range order {
		for _, c := range a.Checks {
			if c.Result == r {
				p.gateCheck(c)
			}
		}
	}
	if len(a.Findings) > 0 {
		p.blank()
		p.origins(a.Origins)
	}
	for i, f := range a.Findings {
		if i == mostRows && !o.All {
			p.linef("  %d more; --all shows them", len(a.Findings)-i)
			break
		}
		from := ""
		if f.Origin != vuln.OriginUnknown {
			from = "; " + p.dim("origin: "+string(f.Origin))
		}
		p.linef("  %s  %s%s", f.Severity, clean(findingText(f)), from)
	}
	for _, n := range a.Notes {
		p.linef("%s", p.dim("note: "+clean(n)))
	}
	return p.done()
}

func (p *printer) gateCheck(c GateCheck) {
	word := string(c.Result)
	switch {
	case c.Result == GatePassed:
		word = p.green(word)
	case c.Told:
		word = p.yellow("told")
	case c.Result == GateNotChecked:
		word = p.yellow(word)
	default:
		word = p.red(word)
	}
	if c.Result == GatePassed {
		line := fmt.Sprintf("  %s  %s", word, clean(c.Name))
		if c.Found != "" {
			line += ": " + clean(c.Found)
		}
		p.linef("%s", line)
		p.policyWarnings(c.Warnings)
		return
	}
	p.linef("  %s  %s: %s", word, p.bold(clean(c.Name)), clean(c.Expected))
	p.linef("      found: %s", clean(c.Found))
	if c.Mend != "" {
		p.linef("      mend: %s", clean(c.Mend))
	}
	p.policyWarnings(c.Warnings)
}

func imageGateSARIF(w io.Writer, a *ImageGate, o Options) error {
	run := newRun(o)
	index := map[string]int{}
	at := inFile(a.Image, 0, sarifLogical{FullyQualifiedName: a.Image, Kind: "resource"})
	for _, c := range a.Checks {
		level := "error"
		if c.Told || a.WarnOnly {
			level = "warning"
		}
		switch c.Result {
		case GateFailed:
			rule := run.rule(index, c.Name, func() sarifRule {
				r := sarifRule{ID: c.Name, ShortDescription: sarifText{c.Name}, Default: &sarifDefault{level}}
				if c.Expected != "" {
					r.ShortDescription.Text = c.Expected
				}
				if c.Mend != "" {
					r.Help = &sarifText{c.Mend}
				}
				return r
			})
			run.against(a.Image, c.Name, rule, level, c.Found, at)
		case GateNotChecked:
			run.incomplete(c.Name+": "+c.Found, at)
		}
	}
	for _, n := range a.Notes {
		run.remark(n)
	}
	return run.write(w)
}

func imageGateJUnit(w io.Writer, a *ImageGate, _ Options) error {
	s := junitSuite{Name: clean(a.Image)}
	for _, c := range a.Checks {
		one := junitCase{Name: clean(c.Name)}
		switch {
		case c.Result == GateFailed && (c.Told || a.WarnOnly):
			one.SystemOut = "warning: " + clean(c.Found)
		case c.Result == GateFailed:
			one.Failure = &junitFailure{Message: clean(c.Expected + "; found " + c.Found), Type: "gate"}
		case c.Result == GateNotChecked:
			one.Error = &junitFailure{Message: clean(c.Found), Type: "indeterminate"}
		}
		s.add(one)
	}
	return junitSuites{Suites: []junitSuite{s}}.write(w)
}
