package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance/slsa"
)

// VerdictWord is what became of a verification.
type VerdictWord string

// The verdicts. Refused is an answer: a check ran and said no. Indeterminate is none: a
// file, a registry or a trusted root could not be had.
const (
	Verified      VerdictWord = "verified"
	Refused       VerdictWord = "refused"
	Indeterminate VerdictWord = "indeterminate"
)

// Verification is the answer of `verify bundle`.
type Verification struct {
	SchemaVersion string      `json:"schemaVersion"`
	At            string      `json:"at,omitempty"`    // when it was judged, RFC 3339
	Verdict       VerdictWord `json:"verdict"`         // the worst of the results
	Class         VerdictWord `json:"class,omitempty"` // of what failed: refused or indeterminate
	Results       []Verdict   `json:"results"`
	Notes         []string    `json:"notes,omitempty"`
	// JudgedBy is what it was judged by, by what stood in it: policies, keys, identities,
	// trusted roots, lists.
	JudgedBy []PolicyFile `json:"judgedBy,omitempty"`

	// Explain shows what a fact rests on in tables.
	Explain bool `json:"-"`
}

// Verdict is what became of one artifact and its bundle.
type Verdict struct {
	Artifact string       `json:"artifact"`        // as it was named
	Digest   ident.Digest `json:"digest,omitzero"` // of the artifact, where it could be read
	Bundle   string       `json:"bundle"`
	Verdict  VerdictWord  `json:"verdict"`
	Class    VerdictWord  `json:"class,omitempty"`
	// Reason is a word that programs can read, Message a sentence, Hint what to change,
	// Detail the cause in the words of who found it. All are empty where it is verified.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	Hint    string `json:"hint,omitempty"`
	Detail  string `json:"detail,omitempty"`

	Fact *fact.Fact `json:"fact,omitempty"`
	// SBOM is the document that the statement carries, verified or not.
	SBOM *SBOMVerdict `json:"sbom,omitempty"`
	// SLSA says what the fact is worth as provenance, where a table of builders was given.
	SLSA *slsa.Assessment `json:"slsa,omitempty"`
}

// SBOMVerdict says which document a statement carries and what it is worth: what map,
// where and blast take as --sbom-trust.
type SBOMVerdict struct {
	Document string `json:"document"`           // digest of its bytes in the statement
	Content  string `json:"content,omitempty"`  // digest of what it says, however it is written
	Artifact string `json:"artifact,omitempty"` // that it is about
	Trust    string `json:"trust"`              // verified, invalid, unchecked
	SignedBy string `json:"signedBy,omitempty"`
	Reason   string `json:"reason,omitempty"` // why it is not verified
}

// Add appends a result and brings the verdict of the whole up to date: what is
// indeterminate outranks what is refused, as in the exit code.
func (a *Verification) Add(v Verdict) {
	if v.Verdict != Verified {
		v.Class = v.Verdict
	}
	rank := []VerdictWord{Verified, Refused, Indeterminate}
	if slices.Index(rank, v.Verdict) > slices.Index(rank, a.Verdict) {
		a.Verdict, a.Class = v.Verdict, v.Class
	}
	a.Results = append(a.Results, v)
}

func verificationTable(w io.Writer, a *Verification, o Options) error {
	p := newPrinter(w, o)
	for i := range a.Results {
		if i > 0 {
			p.blank()
		}
		p.judged(&a.Results[i], a.Explain)
	}
	if len(a.Results) > 1 {
		count := map[VerdictWord]int{}
		for i := range a.Results {
			count[a.Results[i].Verdict]++
		}
		p.blank()
		p.linef("%s: %d verified, %d refused, %d indeterminate", plural(len(a.Results), "artifact"), count[Verified], count[Refused], count[Indeterminate])
	}
	for _, n := range a.Notes {
		p.linef("%s", p.dim("note: "+clean(n)))
	}
	return p.done()
}

func (p *printer) judged(v *Verdict, explain bool) {
	switch v.Verdict {
	case Verified:
		p.linef("%s  %s", p.green("VERIFIED"), clean(v.Artifact))
		p.vouched(v.Fact, explain)
		if v.SLSA != nil {
			p.assessed(v.SLSA, explain)
		}
		return
	case Refused:
		p.linef("%s  %s: %s", p.red("REFUSED"), clean(v.Artifact), clean(v.Message))
	default:
		p.linef("%s  %s: %s", p.yellow("COULD NOT CHECK"), clean(v.Artifact), clean(v.Message))
	}
	if v.Hint != "" {
		p.linef("  hint: %s", clean(v.Hint))
	}
	if v.Reason != "" {
		p.linef("  reason: %s; bundle %s", clean(v.Reason), clean(v.Bundle))
	}
	if explain && v.Detail != "" {
		p.linef("  detail: %s", clean(v.Detail))
	}
}

func (p *printer) vouched(f *fact.Fact, explain bool) {
	if f.Claim == fact.Attestation {
		p.linef("  says: %s", clean(f.PredicateType))
	}
	p.signedBy(f)
	for _, n := range f.Notes {
		p.linef("  %s", p.yellow(clean(n)))
	}
	if explain {
		p.restsOn(f)
	}
}

// signedBy says whose signature it is, and when it was made.
func (p *printer) signedBy(f *fact.Fact) {
	switch s := &f.Signer; {
	case s.Certificate != nil:
		p.linef("  signed by %s", clean(s.Certificate.Subject))
		p.linef("  vouched for by %s", clean(s.Certificate.Issuer))
	case s.X509 != nil:
		p.linef("  signed by %s", clean(s.X509.Subject))
		p.linef("  by the trust policy %s%s", clean(s.X509.Policy), within(s.X509.Store))
		if x := s.X509.Plugin; x != nil {
			p.linef("  with the plugin %s %s, which was asked for %s", clean(x.Name), clean(x.Version), strings.Join(x.Checked, " and "))
		}
	case s.Key != nil:
		p.linef("  signed with the key %s (%s)", clean(s.Key.Name), s.Key.Algorithm)
	}
	for _, t := range f.Times {
		p.linef("  at %s, says %s%s", t.At.Format(time.RFC3339), strings.ReplaceAll(string(t.Source), "-", " "), from(t.Authority))
	}
	if len(f.Times) == 0 {
		p.linef("  %s", p.yellow("at a time that nobody vouches for"))
	}
}

// restsOn shows the certificate, the log entries and the trust behind a fact.
func (p *printer) restsOn(f *fact.Fact) {
	p.linef("  artifact: %s", f.Artifact)
	switch c, x := f.Signer.Certificate, f.Signer.X509; {
	case c != nil:
		p.linef("  certificate: by %s, valid %s to %s, seen by %s", clean(c.Authority), c.NotBefore.Format(time.RFC3339), c.NotAfter.Format(time.RFC3339), plural(c.SCTs, "certificate log"))
		for _, name := range slices.Sorted(maps.Keys(c.Extensions)) {
			p.linef("    %s: %s", name, clean(c.Extensions[name]))
		}
	case x != nil:
		p.linef("  certificate: %s, valid %s to %s, scheme %s", x.ID, x.NotBefore.Format(time.RFC3339), x.NotAfter.Format(time.RFC3339), clean(x.Scheme))
		if !x.Expiry.IsZero() {
			p.linef("  to be used until %s", x.Expiry.Format(time.RFC3339))
		}
		if x.Plugin != nil {
			for _, name := range slices.Sorted(maps.Keys(x.Plugin.Attributes)) {
				p.linef("    %s: %s", clean(name), clean(x.Plugin.Attributes[name]))
			}
		}
	case f.Signer.Key != nil:
		p.linef("  key: %s", f.Signer.Key.ID)
	}
	for _, e := range f.Log {
		var by []string
		if e.Proof {
			by = append(by, fmt.Sprintf("inclusion proof up to a signed checkpoint of %d entries", e.TreeSize))
		}
		if e.Promise {
			by = append(by, "signed promise")
		}
		p.linef("  log: entry %d (%s)%s, by %s", e.Index, clean(e.Kind), from(e.Log), strings.Join(by, " and "))
	}
	if len(f.Log) == 0 {
		p.linef("  log: none")
	}
	if !f.Trust.IsZero() {
		p.linef("  trusted root: %s", f.Trust)
	}
	p.linef("  bundle: %s", f.Source)
}

func within(store string) string {
	if store == "" {
		return ""
	}
	return ", authority in the store " + clean(store)
}

func from(who string) string {
	if who == "" {
		return ""
	}
	return " " + clean(who)
}

func verificationSARIF(w io.Writer, a *Verification, o Options) error {
	run := newRun(o)
	index := map[string]int{}
	for i := range a.Results {
		v := &a.Results[i]
		at := inFile(v.Bundle, 0, sarifLogical{FullyQualifiedName: v.Artifact, Kind: "resource"})
		switch v.Verdict {
		case Refused:
			rule := run.rule(index, v.Reason, func() sarifRule { return refusal(v.Reason, "error") })
			run.against(v.Artifact, v.Reason, rule, "error", v.Message, at)
		case Indeterminate:
			run.incomplete(v.Artifact+": "+v.Message, at)
		}
	}
	for _, n := range a.Notes {
		run.remark(n)
	}
	return run.write(w)
}

func verificationJUnit(w io.Writer, a *Verification, _ Options) error {
	s := junitSuite{Name: "verify"}
	for i := range a.Results {
		v := &a.Results[i]
		c := junitCase{Name: v.Artifact}
		switch v.Verdict {
		case Refused:
			c.Failure = &junitFailure{Message: v.Message, Type: v.Reason}
		case Indeterminate:
			c.Error = &junitFailure{Message: v.Message, Type: string(v.Class)}
		}
		s.add(c)
	}
	return junitSuites{Suites: []junitSuite{s}}.write(w)
}
