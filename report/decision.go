package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
)

// What a decision may be about: the command that came to it.
const (
	DecisionImage  = "verify-image"
	DecisionBundle = "verify-bundle"
	DecisionGate   = evidence.ByGate
)

// gateVerdicts is where those of a gate begin in DecisionVerdicts.
const gateVerdicts = 3

// DecisionVerdicts are the words that a decision may come to.
func DecisionVerdicts() []string {
	return []string{string(Verified), string(Refused), string(Indeterminate), string(GatePassed), string(GateFailed), string(GateNotChecked)}
}

// Bounds of what is kept of a decision beside its answer.
const (
	mostReasons   = 50
	mostReason    = 400 // bytes of one
	mostCriteria  = 200
	mostCriterion = 500  // bytes of a name
	mostDecisions = 1000 // artifacts of one answer
)

// ReadDecisions reads what `verify image`, `verify bundle` and `gate` -o json said: what
// was decided about each artifact. It fails with ident.KindUnsupported where raw is
// another answer, and with ident.KindInvalid where one of these says something else than
// they say.
func ReadDecisions(raw []byte) ([]evidence.Decision, error) {
	var a struct { // of all three answers, what is asked for here
		SchemaVersion, Image, At, Verdict, Reason, Message string
		Digest                                             ident.Digest
		Digests                                            []string
		Result                                             GateResult
		WarnOnly                                           bool
		Checks                                             []GateCheck
		Candidates                                         []Candidate
		Results                                            []Verdict
		JudgedBy                                           []PolicyFile
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "is no answer of gate or verify: %w", err)
	}
	var out []evidence.Decision
	var why [][]string
	add := func(d evidence.Decision, reasons []string) { out, why = append(out, d), append(why, reasons) }
	switch {
	case a.SchemaVersion != inventory.SchemaVersion:
	case a.Result != "" && a.Checks != nil:
		add(evidence.Decision{What: DecisionGate, Verdict: string(a.Result), Artifact: a.Digest, Subject: a.Image, Passed: a.WarnOnly && a.Result == GateFailed}, gateReasons(a.Checks))
	case a.Results != nil:
		for i := range a.Results {
			v := &a.Results[i]
			add(evidence.Decision{What: DecisionBundle, Verdict: string(v.Verdict), Artifact: v.Digest, Subject: v.Artifact}, verdictReasons(v))
		}
	case a.Verdict != "" && a.Image != "":
		d := evidence.Decision{What: DecisionImage, Verdict: a.Verdict, Subject: a.Image}
		if len(a.Digests) > 0 {
			var err error
			if d.Artifact, err = ident.ParseDigest(a.Digests[0]); err != nil {
				return nil, ident.Errorf(ident.KindInvalid, "%w", err)
			}
		}
		var reasons []string
		if a.Message != "" {
			reasons = append(reasons, strings.TrimPrefix(a.Reason+": "+a.Message, ": "))
		}
		for i := range a.Candidates {
			reasons = append(reasons, verdictReasons(&a.Candidates[i].Verdict)...)
		}
		add(d, reasons)
	}
	if len(out) == 0 {
		return nil, ident.Errorf(ident.KindUnsupported, "is no answer of gate, verify image or verify bundle").WithHint("cofferdam gate IMAGE … -o json --output-file FILE")
	}
	if len(out) > mostDecisions || len(a.JudgedBy) > mostCriteria {
		return nil, ident.Errorf(ident.KindLimit, "more than %d artifacts, or %d policies and keys, in one answer", mostDecisions, mostCriteria)
	}
	at, err := time.Parse(time.RFC3339, a.At)
	if err != nil || at.Year() < 2000 || at.Year() > 9999 {
		return nil, ident.Errorf(ident.KindInvalid, "does not say when it was judged (at)").WithHint("gate, verify image and verify bundle write it")
	}
	var criteria []evidence.Criterion
	for _, f := range a.JudgedBy {
		criteria = append(criteria, evidence.Criterion{Name: bounded(f.File, mostCriterion), Digest: f.Digest})
	}
	answer := ident.SHA256(raw)
	for i := range out {
		d := &out[i]
		if !slices.Contains(DecisionVerdicts(), d.Verdict) || (d.What == DecisionGate) != slices.Contains(DecisionVerdicts()[gateVerdicts:], d.Verdict) {
			return nil, ident.Errorf(ident.KindInvalid, "%.40q is no verdict of %s", d.Verdict, d.What)
		}
		d.At, d.Answer, d.JudgedBy, d.Policy = at.UTC().Truncate(time.Second), answer, criteria, evidence.PolicyDigest(criteria)
		d.Subject, d.Why = bounded(d.Subject, mostCriterion), evidence.ReasonsDigest(why[i])
		d.Reasons = []string{}
		for _, r := range why[i][:min(len(why[i]), mostReasons)] {
			d.Reasons = append(d.Reasons, bounded(r, mostReason))
		}
		d.More = len(why[i]) - len(d.Reasons)
	}
	return out, nil
}

// bounded is clean text of at most n bytes.
func bounded(s string, n int) string {
	if s = clean(s); len(s) > n {
		s = strings.ToValidUTF8(s[:n-len("…")], "") + "…"
	}
	return s
}

// gateReasons are the checks that decided: what failed or could not be made, or all that
// held. evidence.Decision.FailedChecks reads the names of the first.
func gateReasons(checks []GateCheck) []string {
	var broken, held []string
	for _, c := range checks {
		s := c.Name + ": " + string(c.Result)
		if c.Expected != "" {
			s += "; expected " + c.Expected
		}
		if c.Found != "" {
			s += "; found " + c.Found
		}
		switch {
		case c.Result == GatePassed:
			held = append(held, s)
		case c.Told:
			broken = append(broken, "told only: "+s)
		default:
			broken = append(broken, s)
		}
	}
	return append(broken, held...)
}

// verdictReasons say who vouches, or why nobody does.
func verdictReasons(v *Verdict) []string {
	switch {
	case v.Fact != nil && v.Verdict == Verified:
		s := "signed by " + SignerOf(&v.Fact.Signer)
		if v.Fact.PredicateType != "" {
			s += ": " + v.Fact.PredicateType
		}
		return []string{s}
	case v.Reason != "":
		return []string{string(v.Verdict) + ", " + v.Reason + ": " + v.Message}
	case v.Message != "":
		return []string{string(v.Verdict) + ": " + v.Message}
	}
	return nil
}

// RecordedDecision is a decision in a server's journal.
type RecordedDecision struct {
	evidence.Decision
	By       string    `json:"by" doc:"Who handed it over, as the server knows them"`
	Recorded time.Time `json:"recorded" doc:"When"`
}

// Decisions is the answer of `decisions`.
type Decisions struct {
	SchemaVersion string             `json:"schemaVersion"`
	Items         []RecordedDecision `json:"items"` // by the time at which they were judged
	// More is true where there are later ones, which are not listed.
	More bool `json:"more,omitempty"`
}

func decisionsTable(w io.Writer, a *Decisions, o Options) error {
	p := newPrinter(w, o)
	if len(a.Items) == 0 {
		p.linef("%s: no decision like this was recorded", p.bold("NONE"))
		return p.done()
	}
	remark := "oldest first; times are UTC"
	if a.More {
		remark += "; there are later ones (--limit)"
	}
	rows := make([][]string, 0, len(a.Items))
	for i := range a.Items {
		d := &a.Items[i]
		why := ""
		if len(d.Reasons) > 0 {
			why = d.Reasons[0]
		}
		if n := len(d.Reasons) + d.More - 1; n > 0 {
			why += fmt.Sprintf(" (and %d more)", n)
		}
		verdict := d.Verdict
		switch d.Verdict {
		case string(Verified), string(GatePassed):
			verdict = p.green(verdict)
		case string(Refused), string(GateFailed):
			verdict = p.red(verdict)
		default:
			verdict = p.yellow(verdict)
		}
		if d.Passed {
			verdict += ", let pass"
		}
		rows = append(rows, []string{d.At.UTC().Format(time.DateTime), clean(d.What), verdict, p.bold(clean(d.Subject)), d.Artifact.String(), d.Policy.String(), clean(d.By), clean(why), d.Answer.String()})
	}
	p.heading("DECISIONS", len(rows), remark)
	p.table([]column{{"TIME", 0}, {"BY WHAT", 0}, {"VERDICT", 0}, {"ARTIFACT", 24}, {"DIGEST", 19}, {"POLICIES", 19}, {"BY", 12}, {"WHY", 32}, {"ANSWER", 19}}, rows)
	return p.done()
}

// DecisionReceipt acknowledges decisions.
type DecisionReceipt struct {
	File      string `json:"file,omitempty" doc:"On the command line: where the answer was read from"`
	By        string `json:"by" doc:"Who handed them over, as the server knows them"`
	Answer    string `json:"answer" doc:"Digest of the answer, under which it is kept"`
	Decisions int    `json:"decisions" doc:"One for each artifact of the answer"`
	New       int    `json:"new" doc:"That the journal did not have"`
}

// DecisionsPushed is the answer of `decisions push`.
type DecisionsPushed struct {
	SchemaVersion string            `json:"schemaVersion"`
	Answers       []DecisionReceipt `json:"answers"`
	Refused       []Refusal         `json:"refused,omitempty"`
}

func decisionsPushedTable(w io.Writer, a *DecisionsPushed, o Options) error {
	p := newPrinter(w, o)
	for i := range a.Answers {
		r := &a.Answers[i]
		p.linef("%s  %s: %s, %d of them new, by %s", p.green("RECORDED"), clean(r.File), plural(r.Decisions, "decision"), r.New, clean(r.By))
	}
	p.refusals(a.Refused)
	return p.done()
}
