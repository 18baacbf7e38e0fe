package clusterimage

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy"
)

// Resolved is what policies refer to, as far as somebody fetched it. What is not in it
// cannot be evaluated, and refuses under Enforce.
type Resolved struct {
	// Keys are the public keys behind references (Key.Reference), by the SHA-256 of their
	// SubjectPublicKeyInfo.
	Keys map[string][]ident.Digest
	// Roots are the digests of the trusted roots that TrustRoots came to, as facts name
	// them; under "" is the one that authorities mean which name none. Where that is not
	// given, any will do.
	Roots map[string]ident.Digest
	// Texts are the policies in other languages that lie elsewhere, by Inline.Reference.
	Texts map[string]string
	// Ask asks a policy in another language about a document, JSON: refusal is empty where
	// it is compliant. nil: nobody can be asked.
	Ask func(language, source string, document []byte) (refusal string, warnings []string, err error)
}

// Reference names where a key lies: its KMS URI, or secret://namespace/name. It is
// empty for one that the policy holds.
func (k *Key) Reference() string {
	switch {
	case k.KMS != "":
		return k.KMS
	case k.Secret != nil:
		return "secret://" + orElse(k.Secret.Namespace, controllerNamespace) + "/" + k.Secret.Name
	}
	return ""
}

// Compile makes the policy one that package policy evaluates: any authority suffices.
// Where signatures lie (source) and in which format (signatureFormat) is for whoever
// gathers facts: a fact is verified wherever it was found.
func (p *Policy) Compile(r Resolved) *policy.Policy {
	mode := policy.Enforce
	if p.Warn {
		mode = policy.Warn
	}
	out := &policy.Policy{Name: p.Name, Mode: mode, Governs: func(in *policy.Prepared, c *policy.Context) bool {
		return p.Matches(in.Reference, Resource{c.Workload.Group, c.Workload.Version, c.Workload.Resource, c.Workload.Labels})
	}}
	judges := make([]judge, len(p.Authorities))
	expected := make([]string, len(p.Authorities))
	for i := range p.Authorities {
		judges[i], expected[i] = p.Authorities[i].compile(r), p.Authorities[i].String()
	}
	out.Checks = append(out.Checks, policy.Check{
		Name: "authorities", Expected: strings.Join(expected, ", or "), Hint: "sign or attest the image as one of the authorities, or correct the policy",
		Judge: func(in *policy.Prepared, _ *policy.Context) policy.Outcome { return anyOf(judges, in) },
	})
	if p.Policy != nil {
		out.Checks = append(out.Checks, p.overAll(judges, r))
	}
	return out
}

// judge says whether an authority is satisfied, by what, and otherwise what it found.
type judge func(in *policy.Prepared) finding

type finding struct {
	ok       bool
	match    authorityMatch // where ok
	words    string         // where not
	err      error          // why nothing can be said
	warnings []string
}

func anyOf(judges []judge, in *policy.Prepared) policy.Outcome {
	var found, warnings []string
	var undecided error
	for _, j := range judges {
		f := j(in)
		switch {
		case f.ok:
			return policy.Outcome{Passed: true, Warnings: f.warnings}
		case f.err != nil && undecided == nil:
			undecided = f.err
		case f.words != "" && !slices.Contains(found, f.words):
			found = append(found, f.words)
		}
		warnings = append(warnings, f.warnings...)
	}
	if undecided != nil {
		return policy.Outcome{Err: undecided, Warnings: warnings}
	}
	return policy.Outcome{Found: strings.Join(found, "; "), Warnings: warnings}
}

// String says what the authority asks for, in a few words.
func (a Authority) String() string {
	var s string
	switch {
	case a.Static != nil && a.Static.Pass:
		return "nothing"
	case a.Static != nil:
		return "nobody's consent: the policy refuses every image"
	case a.Key != nil && a.Key.Reference() != "":
		s = "the key " + a.Key.Reference()
	case a.Key != nil:
		s = "the key " + a.Key.ID.Short()
	case a.Keyless != nil:
		var ids []string
		for _, i := range a.Keyless.Identities {
			ids = append(ids, orElse(i.Subject, "one that matches "+i.SubjectRegExp)+" of "+orElse(i.Issuer, "an issuer that matches "+i.IssuerRegExp))
		}
		s = strings.Join(ids, " or ")
	}
	if len(a.Attestations) == 0 {
		return "a signature by " + s
	}
	var types []string
	for _, t := range a.Attestations {
		types = append(types, t.Predicate())
	}
	return strings.Join(types, " and ") + " by " + s
}

func (a Authority) compile(r Resolved) judge {
	if s := a.Static; s != nil {
		f := finding{ok: s.Pass, words: orElse(s.Message, "the policy refuses every image"), match: authorityMatch{Static: true}}
		return func(*policy.Prepared) finding { return f }
	}
	accepts, err := a.signer(r)
	if err != nil {
		return func(*policy.Prepared) finding { return finding{err: err} }
	}
	claim := fact.Signature
	if len(a.Attestations) > 0 {
		claim = fact.Attestation
	}
	return func(in *policy.Prepared) finding {
		var good []fact.Fact
		var why string
		for _, f := range in.Facts {
			if f.Claim != claim {
				continue
			}
			if no := accepts(f); no != "" {
				why = no
				continue
			}
			good = append(good, f)
		}
		if claim == fact.Signature {
			return finding{ok: len(good) > 0, match: authorityMatch{Signatures: matchesOf(good)}, words: orElse(why, in.Summary())}
		}
		return a.attested(good, why, r)
	}
}

// attested asks for one statement of each type by the authority, which the policy of the
// attestation takes: any of them suffices. Where none does and one could not be asked
// about, nothing can be said.
func (a Authority) attested(by []fact.Fact, why string, r Resolved) finding {
	out := finding{match: authorityMatch{Attestations: map[string][]signatureMatch{}}}
	for _, t := range a.Attestations {
		var good []fact.Fact
		var words string
		var undecided error
		seen := false
		for _, f := range by {
			if f.PredicateType != t.Predicate() {
				continue
			}
			seen = true
			if t.Policy != nil {
				refusal, warnings, err := t.Policy.ask(r, statement(f))
				out.warnings = append(out.warnings, warnings...)
				switch {
				case err != nil:
					undecided = err
					continue
				case refusal != "":
					words = orElse(words, "the attestation "+t.Name+": "+refusal)
					continue
				}
			}
			good = append(good, f)
		}
		switch {
		case len(good) > 0:
			out.match.Attestations[t.Name] = matchesOf(good)
		case !seen:
			out.words = orElse(why, "no attestation of the type "+t.Predicate()+" by this authority")
			return out
		default:
			out.words, out.err = words, undecided
			return out
		}
	}
	out.ok = true
	return out
}

// signer compiles who may have signed and what has to vouch for it; the text that the
// result returns says what is amiss with a fact, "" that nothing is.
func (a Authority) signer(r Resolved) (func(fact.Fact) string, error) {
	var tests []func(fact.Fact) string
	add := func(t func(fact.Fact) string) { tests = append(tests, t) }
	root := func(name string) error {
		want, ok := r.Roots[name]
		if name == "" && !ok {
			return nil
		}
		if name != "" && (!ok || want.IsZero()) {
			return ident.Errorf(ident.KindNotFound, "the TrustRoot %q was not read", name)
		}
		add(func(f fact.Fact) string { return unless(f.Trust == want, "it was verified under another trusted root") })
		return nil
	}
	// One trusted root judges all of a signature: what one of the three names, the others
	// that name none mean, too.
	named := a.roots()
	one := func(name string) error {
		if name == "" && len(named) > 0 {
			name = named[0]
		}
		return root(name)
	}
	if len(named) > 1 {
		return nil, ident.Errorf(ident.KindUnsupported, "the authority names several TrustRoots (%s), and one judges a signature", strings.Join(named, ", ")).WithHint("put the keys of all into one TrustRoot")
	}
	switch {
	case a.Key != nil:
		ids, err := keysOf(a.Key, r)
		if err != nil {
			return nil, err
		}
		add(func(f fact.Fact) string {
			return unless(f.Signer.Key != nil && slices.Contains(ids, f.Signer.Key.ID), "it is signed by another key or identity")
		})
	case a.Keyless != nil:
		if a.Keyless.CACert != nil {
			return nil, ident.Errorf(ident.KindUnsupported, "ca-cert is not evaluated, and neither is it by the policy controller: use a TrustRoot")
		}
		ids, err := identities(a.Keyless.Identities)
		if err != nil {
			return nil, err
		}
		add(func(f fact.Fact) string {
			c := f.Signer.Certificate
			if c == nil {
				return "it is signed by a key"
			}
			return unless(ids(c), fmt.Sprintf("it is signed by %s of %s", c.Subject, c.Issuer))
		})
		if !a.Keyless.IgnoreSCT {
			add(func(f fact.Fact) string {
				return unless(f.Signer.Certificate.SCTs > 0, "no log promised to hold the certificate")
			})
		}
		if err := one(a.Keyless.TrustRoot); err != nil {
			return nil, err
		}
	default:
		return nil, ident.Errorf(ident.KindInvalid, "the authority names nobody")
	}
	if a.Timestamp != nil {
		if err := one(a.Timestamp.TrustRoot); err != nil {
			return nil, err
		}
		add(func(f fact.Fact) string {
			return unless(slices.ContainsFunc(f.Times, func(t fact.Time) bool { return t.Source == fact.FromAuthority }), "no timestamp authority vouches for its time")
		})
	}
	if a.CTLog != nil || a.Keyless != nil && a.Timestamp == nil {
		log := a.CTLog
		if log == nil {
			log = &Log{}
		}
		if err := one(log.TrustRoot); err != nil {
			return nil, err
		}
		url := strings.TrimSuffix(log.URL, "/")
		add(func(f fact.Fact) string {
			return unless(slices.ContainsFunc(f.Log, func(e fact.LogEntry) bool { return url == "" || strings.TrimSuffix(e.Log, "/") == url }), "it is in no transparency log that the policy asks for")
		})
	}
	return func(f fact.Fact) string {
		for _, t := range tests {
			if no := t(f); no != "" {
				return no
			}
		}
		return ""
	}, nil
}

// roots are the names of the TrustRoots that the authority refers to, each once.
func (a Authority) roots() []string {
	var out []string
	add := func(name string) {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	if a.Keyless != nil {
		add(a.Keyless.TrustRoot)
	}
	if a.CTLog != nil {
		add(a.CTLog.TrustRoot)
	}
	if a.Timestamp != nil {
		add(a.Timestamp.TrustRoot)
	}
	return out
}

// Demand is what verifying for an authority takes: under which trusted root, and what it
// does without.
type Demand struct {
	Root       string // name of a TrustRoot; "" is the default one
	WithoutSCT bool
	WithoutLog bool // log entries are not looked at
}

// Demands are those of the policy's authorities, each once. What verifies under one of
// them is judged by Compile's policy, which compares it with what each authority asks.
func (p *Policy) Demands() []Demand {
	var out []Demand
	for _, a := range p.Authorities {
		if a.Static != nil {
			continue
		}
		d := Demand{WithoutSCT: a.Keyless != nil && a.Keyless.IgnoreSCT, WithoutLog: a.CTLog == nil && (a.Key != nil || a.Timestamp != nil)}
		if r := a.roots(); len(r) > 0 {
			d.Root = r[0]
		}
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

func unless(ok bool, words string) string {
	if ok {
		return ""
	}
	return words
}

func keysOf(k *Key, r Resolved) ([]ident.Digest, error) {
	if ref := k.Reference(); ref != "" {
		ids := r.Keys[ref]
		if len(ids) == 0 {
			return nil, ident.Errorf(ident.KindNotFound, "the key %s was not read", ref)
		}
		return ids, nil
	}
	if k.ID.IsZero() {
		return nil, ident.Errorf(ident.KindInvalid, "the authority's key cannot be read")
	}
	return []ident.Digest{k.ID}, nil
}

// identities compiles whom certificates may name. Expressions match anywhere unless
// they are anchored, as the controller has it.
func identities(ids []Identity) (func(*fact.Certificate) bool, error) {
	one := func(exact, expression string) (func(string) bool, error) {
		if exact != "" {
			return func(s string) bool { return s == exact }, nil
		}
		if expression == "" {
			return func(string) bool { return false }, nil
		}
		re, err := regexp.Compile(expression)
		if err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "%w", err)
		}
		return re.MatchString, nil
	}
	type pair struct{ issuer, subject func(string) bool }
	var pairs []pair
	for _, i := range ids {
		issuer, err := one(i.Issuer, i.IssuerRegExp)
		if err != nil {
			return nil, err
		}
		subject, err := one(i.Subject, i.SubjectRegExp)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair{issuer, subject})
	}
	return func(c *fact.Certificate) bool {
		return slices.ContainsFunc(pairs, func(p pair) bool { return p.issuer(c.Issuer) && p.subject(c.Subject) })
	}, nil
}
