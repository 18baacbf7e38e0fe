package policytest

import (
	"encoding/json"
	"time"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/policy/strict"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// FactsKind and SuiteKind are the kinds of our group that this package reads.
const (
	FactsKind = "ImageFacts"
	SuiteKind = "PolicyTest"
)

// ReadFacts reads what was recorded of one image. Where a fault is more than a warning
// the input is of no use.
func ReadFacts(v manifest.Value) (policy.Input, []strict.Fault) {
	var faults []strict.Fault
	root := strict.Root(v, &faults).Object("apiVersion", "kind", "metadata", "image", "digests", "facts", "findings", "sboms", "provenance", "unchecked")
	var in policy.Input
	if root.Require("image", "image: registry.example/shop/web:1.4") {
		in.Reference = root.Get("image").Text()
		ref, err := ident.ParseImageRef(in.Reference)
		if err != nil {
			root.Get("image").Fault(strict.RuleValue, "%s", err).Mend("registry/repository:tag@digest")
		}
		in.Image = ref
		if !ref.Digest.IsZero() {
			in.Digests = append(in.Digests, ref.Digest)
		}
	}
	for _, n := range root.Get("digests").Items() {
		in.Digests = append(in.Digests, readDigest(n))
	}
	if len(in.Digests) == 0 {
		root.Get("digests").Fault(strict.RuleMissing, "the image has no digest").Mend("digests: [sha256:…]: facts are about a digest")
	}
	for _, n := range root.Get("facts").Items() {
		in.Facts = append(in.Facts, readFact(n, in.Digests))
	}
	findings := root.Get("findings")
	in.Scanned = findings.Present()
	for _, n := range findings.Items() {
		in.Findings = append(in.Findings, readFinding(n))
	}
	for _, n := range root.Get("sboms").Items() {
		n = n.Object("format", "version", "components", "licenses", "score", "verified")
		in.SBOMs = append(in.SBOMs, policy.SBOM{Format: n.Get("format").Text(), Version: n.Get("version").Text(), Components: n.Get("components").Count(), Licenses: n.Get("licenses").Texts(),
			Score: n.Get("score").Count(), Verified: isTrue(n.Get("verified"))})
	}
	if n := root.Get("provenance"); n.Present() {
		n = n.Object("level", "builder", "sourceLevel", "repository", "ref", "commit", "confirmed", "inputs", "pinned", "complete", "hermetic", "isolated", "sbom")
		in.Provenance = &policy.Provenance{Level: n.Get("level").Count(), Builder: n.Get("builder").Text(), SourceLevel: n.Get("sourceLevel").Count(), Repository: n.Get("repository").Text(),
			Ref: n.Get("ref").Text(), Commit: n.Get("commit").Text(), Confirmed: answer(n.Get("confirmed")), Inputs: n.Get("inputs").Count(), Pinned: n.Get("pinned").Count(),
			Complete: answer(n.Get("complete")), Hermetic: answer(n.Get("hermetic")), Isolated: answer(n.Get("isolated")), SBOM: answer(n.Get("sbom"))}
	}
	in.Unchecked = root.Get("unchecked").Texts()
	strict.Sort(faults)
	return in, faults
}

// answer reads yes, no or unknown, which it is where nothing is said.
func answer(n strict.Node) string {
	switch s := n.Text(); s {
	case "yes", "no", "unknown":
		return s
	case "":
	default:
		n.Fault(strict.RuleValue, "%q is none of yes, no, unknown", s).Mend("yes, no or unknown")
	}
	return "unknown"
}

func isTrue(n strict.Node) bool {
	b := n.Bool()
	return b != nil && *b
}

func readDigest(n strict.Node) ident.Digest {
	d, err := ident.ParseDigest(n.Text())
	if err != nil && n.Present() {
		n.Fault(strict.RuleValue, "%q is no digest", n.Text()).Mend("sha256: and 64 hexadecimal digits")
	}
	return d
}

func readTime(n strict.Node) time.Time {
	if !n.Present() {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, n.Text())
	if err != nil {
		n.Fault(strict.RuleValue, "%q is no time", n.Text()).Mend("RFC 3339, in quotes: \"2026-11-20T12:00:00Z\"")
	}
	return t
}

func readFact(n strict.Node, digests []ident.Digest) fact.Fact {
	n = n.Object("artifact", "claim", "predicateType", "predicate", "signer", "time", "log", "trustedRoot")
	f := fact.Fact{Claim: fact.Claim(n.Get("claim").OneOf(string(fact.Signature), string(fact.Attestation))), PredicateType: n.Get("predicateType").Text(), Trust: readDigest(n.Get("trustedRoot"))}
	n.Require("claim", "claim: signature, or claim: attestation")
	switch a := n.Get("artifact"); {
	case a.Present():
		f.Artifact = readDigest(a)
	case len(digests) > 0:
		f.Artifact = digests[0]
	}
	if f.Claim == fact.Attestation {
		n.Require("predicateType", "predicateType: https://slsa.dev/provenance/v1")
		f.Predicate = readPredicate(n.Get("predicate"))
	}
	if n.Require("signer", "signer: {issuer: …, subject: …}, or {key: sha256:…}") {
		f.Signer = readSigner(n.Get("signer"))
	}
	if t := readTime(n.Get("time")); !t.IsZero() {
		f.Times = []fact.Time{{Source: fact.FromAuthority, At: t}}
	}
	if l := n.Get("log").Text(); l != "" {
		f.Log = []fact.LogEntry{{Log: l, Proof: true}}
	}
	return f
}

func readPredicate(n strict.Node) []byte {
	if !n.Present() {
		return []byte("{}")
	}
	b, err := json.Marshal(n.Value.Any())
	if err != nil {
		n.Fault(strict.RuleValue, "the predicate cannot be JSON: %v", err).Mend("YAML's .inf and .nan have no place in it")
	}
	return b
}

func readSigner(n strict.Node) fact.Signer {
	n = n.Object("issuer", "subject", "extensions", "key", "scts")
	if n.Get("key").Present() {
		return fact.Signer{Key: &fact.Key{ID: readDigest(n.Get("key"))}}
	}
	n.Require("issuer", "issuer: https://token.actions.githubusercontent.com")
	n.Require("subject", "subject: who signed")
	return fact.Signer{Certificate: &fact.Certificate{Issuer: n.Get("issuer").Text(), Subject: n.Get("subject").Text(), Extensions: n.Get("extensions").TextMap(), SCTs: n.Get("scts").Count()}}
}

func readFinding(n strict.Node) policy.Finding {
	n = n.Object("id", "aliases", "component", "severity", "score", "epss", "kev", "fixable", "vex", "since", "accepted")
	n.Require("id", "id: CVE-2026-0001")
	f := policy.Finding{ID: n.Get("id").Text(), Aliases: n.Get("aliases").Texts(), Component: n.Get("component").Text(), KEV: isTrue(n.Get("kev")), Fixable: isTrue(n.Get("fixable")), Accepted: isTrue(n.Get("accepted")),
		VEX: n.Get("vex").OneOf("affected", "not_affected", "fixed", "under_investigation", "none"), Score: readNumber(n.Get("score"), 10)}
	if since := readTime(n.Get("since")); !since.IsZero() {
		f.Known = vuln.FirstKnown{After: since, By: since}
	}
	if n.Get("epss").Present() {
		likely := readNumber(n.Get("epss"), 1)
		f.EPSS = &likely
	}
	if s := n.Get("severity"); s.Present() {
		severity, ok := ident.ParseSeverity(s.Text())
		if !ok {
			s.Fault(strict.RuleValue, "%q is no severity", s.Text()).Mend("none, low, medium, high, critical or unknown")
		}
		f.Severity = severity
	}
	return f
}

func readNumber(n strict.Node, most float64) float64 {
	if !n.Present() {
		return 0
	}
	x, is := n.Number()
	if !is {
		return 0 // told
	}
	if !(x >= 0 && x <= most) {
		n.Fault(strict.RuleValue, "%q is no number from 0 to %v", n.Value.Text(), most).Mend("write a number")
		return 0
	}
	return x
}
