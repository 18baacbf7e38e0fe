package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/provenance/slsa"
)

// ImageVerification is the answer of `verify image`.
type ImageVerification struct {
	SchemaVersion string      `json:"schemaVersion"`
	Image         string      `json:"image"`   // as it was asked for
	At            string      `json:"at"`      // when it was judged, RFC 3339
	Digests       []string    `json:"digests"` // what was resolved, once; the first is what the reference means
	Platform      string      `json:"platform,omitempty"`
	Verdict       VerdictWord `json:"verdict"`
	Class         VerdictWord `json:"class,omitempty"` // of what failed: refused or indeterminate
	Reason        string      `json:"reason,omitempty"`
	Message       string      `json:"message,omitempty"`
	Hint          string      `json:"hint,omitempty"`
	// Candidates are all signatures and attestations that are attached, each with its own
	// verdict.
	Candidates []Candidate `json:"candidates"`
	// Policy is what policies make of the facts; absent where none was asked.
	Policy *policy.Verdict `json:"policy,omitempty"`
	// SLSA says of each digest what its provenance is worth, where a table of builders was
	// given.
	SLSA []*slsa.Assessment `json:"slsa,omitempty"`
	// Unchecked are questions that the registry did not answer: what was not found may
	// be there.
	Unchecked []string `json:"unchecked"`
	Notes     []string `json:"notes,omitempty"`
	// JudgedBy is what it was judged by, by what stood in it: policies, keys, identities,
	// trusted roots, lists.
	JudgedBy []PolicyFile `json:"judgedBy,omitempty"`

	Explain bool `json:"-"`
}

// Candidate is something attached to an image that may vouch for it. Artifact is the
// digest that it is attached to, Bundle that of what was fetched.
type Candidate struct {
	Verdict
	How      string `json:"how"`      // referrers-api, referrers-tag, cosign-signature, cosign-attestation
	Format   string `json:"format"`   // bundle, simple-signing, dsse
	Manifest string `json:"manifest"` // that attaches it
	Place    string `json:"place"`    // the repository that it lies in
}

// The reasons of an image beside those of its candidates.
const (
	NothingSigned = "nothing-signed" // nothing at all is attached that could vouch for it
	NotAccepted   = "not-accepted"   // none of what is attached is of whom was asked for
	TooLarge      = "too-large"
	PolicyDenied  = "policy-denied"
	NotAnswered   = "not-answered" // the registry did not say all, or the trusted root is away
)

func imageVerificationTable(w io.Writer, a *ImageVerification, o Options) error {
	p := newPrinter(w, o)
	switch a.Verdict {
	case Verified:
		p.linef("%s  %s", p.green("VERIFIED"), clean(a.Image))
	case Refused:
		p.linef("%s  %s: %s", p.red("REFUSED"), clean(a.Image), clean(a.Message))
	default:
		p.linef("%s  %s: %s", p.yellow("COULD NOT CHECK"), clean(a.Image), clean(a.Message))
	}
	if a.Hint != "" {
		p.linef("  hint: %s", clean(a.Hint))
	}
	if a.Reason != "" {
		p.linef("  reason: %s", clean(a.Reason))
	}
	for i, d := range a.Digests {
		name := "digest"
		if i > 0 {
			name = "platform"
		}
		p.linef("  %s: %s", name, d)
	}
	if a.Policy != nil {
		p.blank()
		p.policyVerdict(a.Policy)
	}
	for _, x := range a.SLSA {
		p.blank()
		p.linef("provenance of %s", short(x.Artifact.String()))
		p.assessed(x, a.Explain)
	}
	for i := range a.Candidates {
		c := &a.Candidates[i]
		p.blank()
		shown := *c
		shown.Artifact = fmt.Sprintf("%s %s (%s)", c.How, short(c.Bundle), c.Format)
		if len(a.Digests) > 0 && c.Artifact != a.Digests[0] {
			shown.Artifact += " about " + short(c.Artifact)
		}
		p.judged(&shown.Verdict, a.Explain)
		if a.Explain {
			p.linef("  attached by %s in %s", clean(c.Manifest), clean(c.Place))
		}
	}
	if len(a.Unchecked) > 0 {
		p.blank()
	}
	for _, u := range a.Unchecked {
		p.linef("%s %s", p.yellow("not checked:"), clean(u))
	}
	for _, n := range a.Notes {
		p.linef("%s", p.dim("note: "+clean(n)))
	}
	return p.done()
}

// short is a digest as people compare it.
func short(digest string) string {
	if alg, hex, ok := strings.Cut(digest, ":"); ok && len(hex) > 12 {
		return alg + ":" + hex[:12]
	}
	return digest
}

// policyVerdict shows what each rule came to, what is wrong first of all.
func (p *printer) policyVerdict(v *policy.Verdict) {
	if v.Ungoverned {
		p.linef("%s", p.red("no policy governs the image"))
	}
	for _, j := range v.Policies {
		p.linef("policy %s (%s): %s", clean(j.Policy), j.Mode, j.Decision)
		for _, r := range j.Rules {
			if r.Result == policy.Held {
				p.linef("  %s  %s", p.green("passed"), clean(r.Rule))
				p.policyWarnings(r.Warnings)
				continue
			}
			p.linef("  %s  %s", p.red(string(r.Result)), clean(r.Rule))
			p.linef("    expected: %s", clean(r.Expected))
			if r.Found != "" {
				p.linef("    found: %s", clean(r.Found))
			}
			if r.Mend != "" {
				p.linef("    mend: %s", clean(r.Mend))
			}
			if r.Exception != "" {
				p.linef("    exception: %s", clean(r.Exception))
			}
			p.policyWarnings(r.Warnings)
		}
	}
}

// policyWarnings are those that a policy in another language has, whatever became of the rule.
func (p *printer) policyWarnings(warnings []string) {
	for _, w := range warnings {
		p.linef("    warning: %s", clean(w))
	}
}

func imageVerificationSARIF(w io.Writer, a *ImageVerification, o Options) error {
	run := newRun(o)
	index := map[string]int{}
	at := inFile(a.Image, 0, sarifLogical{FullyQualifiedName: a.Image, Kind: "resource"})
	add := func(id, level, message string) {
		rule := run.rule(index, id, func() sarifRule { return refusal(id, level) })
		run.against(a.Image, id, rule, level, message, at)
	}
	switch a.Verdict {
	case Refused:
		if a.Policy == nil || a.Policy.Ungoverned {
			add(a.Reason, "error", a.Message)
		}
	case Indeterminate:
		run.incomplete(a.Image+": "+a.Message, at)
	}
	if a.Policy != nil {
		for _, j := range a.Policy.Policies {
			for _, r := range j.Rules {
				if r.Result != policy.Broken && r.Result != policy.Undecided {
					continue
				}
				level := map[policy.Decision]string{policy.Deny: "error", policy.Told: "warning", policy.Pass: "note"}[j.Decision]
				add(j.Policy+"/"+r.Rule, level, "expected: "+r.Expected+"; found: "+r.Found)
			}
		}
	}
	for _, u := range a.Unchecked {
		run.remark("not checked: " + u)
	}
	for _, n := range a.Notes {
		run.remark(n)
	}
	return run.write(w)
}

func imageVerificationJUnit(w io.Writer, a *ImageVerification, _ Options) error {
	s := junitSuite{Name: "verify image " + clean(a.Image)}
	whole := junitCase{Name: clean(a.Image)}
	switch {
	case a.Verdict == Indeterminate:
		whole.Error = &junitFailure{Message: clean(a.Message), Type: a.Reason}
	case a.Verdict == Refused:
		whole.Failure = &junitFailure{Message: clean(a.Message), Type: a.Reason}
	}
	s.add(whole)
	if a.Policy != nil {
		for _, j := range a.Policy.Policies {
			for _, r := range j.Rules {
				c := junitCase{Name: clean(j.Policy + "/" + r.Rule)}
				if j.Decision == policy.Deny && (r.Result == policy.Broken || r.Result == policy.Undecided) {
					c.Failure = &junitFailure{Message: clean("expected: " + r.Expected + "; found: " + r.Found), Type: string(r.Result)}
				}
				s.add(c)
			}
		}
	}
	return junitSuites{Suites: []junitSuite{s}}.write(w)
}
