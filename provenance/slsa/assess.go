package slsa

import (
	"fmt"
	"strings"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance/predicate"
)

// Assessment is what the facts about one artifact are worth.
type Assessment struct {
	Artifact     ident.Digest `json:"artifact"`
	Build        Build        `json:"build"`
	Source       Source       `json:"source"`
	Dependencies Dependencies `json:"dependencies"`
	Hermetic     Claim        `json:"hermetic"`
	Isolated     Claim        `json:"isolated"`
	SBOM         Link         `json:"sbom"`
	// Notes name facts that were left out of account, and why.
	Notes []string `json:"notes,omitempty"`
}

// Build is the level of the Build track.
type Build struct {
	Level   int      `json:"level"` // 0 to 3 (SLSA v1.2, Build track)
	Builder string   `json:"builder,omitempty"`
	Reasons []Reason `json:"reasons"` // for each level up to the first that is not reached
}

// Reason says why a level is reached, or is not.
type Reason struct {
	Level int    `json:"level"`
	Holds bool   `json:"holds"`
	Text  string `json:"text"`
}

// Answer is "yes", "no" or "unknown".
type Answer string

// The answers.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "unknown"
)

// Claim is something that is said of a build.
type Claim struct {
	Answer Answer `json:"answer"`
	// Basis says who says it; one that somebody merely claims says so.
	Basis []string `json:"basis,omitempty"`
}

// put adds a voice. One that says no outweighs any that say yes, and a yes counts
// only from whom the table or a certificate vouches for.
func (c *Claim) put(yes, vouched bool, format string, args ...any) {
	basis := fmt.Sprintf(format, args...)
	switch {
	case !yes:
		c.Answer = No
	case !vouched:
		basis += ", whom the table does not know: it does not count"
	case c.Answer != No:
		c.Answer = Yes
	}
	c.Basis = append(c.Basis, basis)
}

// Assess judges the facts about one artifact; those about others are left out. A nil
// table trusts nobody. sboms are the digests of the artifact's SBOM documents.
func Assess(artifact ident.Digest, facts []fact.Fact, t *Table, sboms []ident.Digest) *Assessment {
	a := &Assessment{Artifact: artifact, Hermetic: Claim{Answer: Unknown}, Isolated: Claim{Answer: Unknown}, SBOM: Link{Answer: Unknown, Basis: "no provenance was verified"}}
	x := &assessor{Assessment: a, t: t, sboms: sboms}
	a.Build.Reasons = []Reason{{1, false, "no provenance of this artifact was verified"}}
	a.Source.Reasons = []Reason{{1, false, "nobody whom the table trusts says how changes come into the source: branch protection and reviews leave no trace in provenance"}}
	for i := range facts {
		if f := &facts[i]; f.Artifact != artifact {
			x.note("a fact about %s is about another artifact", f.Artifact.Short())
		} else if f.Claim == fact.Attestation {
			x.fact(f)
		}
	}
	return a
}

type assessor struct {
	*Assessment
	t      *Table
	sboms  []ident.Digest
	linked bool
	builds int // provenances that were read
}

// maxNotes bounds the notes: facts may be many.
const maxNotes = 20

func (x *assessor) note(format string, args ...any) {
	if len(x.Notes) < maxNotes {
		x.Notes = append(x.Notes, fmt.Sprintf(format, args...))
	}
}

func (x *assessor) fact(f *fact.Fact) {
	p, err := predicate.Read(f.PredicateType, f.Predicate, predicate.Limits{})
	if err != nil {
		x.note("a predicate of type %.120q cannot be read: %v", f.PredicateType, err)
		return
	}
	switch p := p.(type) {
	case *predicate.Provenance:
		x.provenance(f, p)
	case *predicate.Summary:
		x.summary(f, p)
	case *predicate.Attributes:
		x.attributes(f, p)
	case *predicate.Trace:
		x.trace(f, p)
	case predicate.Unknown:
		if strings.HasPrefix(f.PredicateType, "https://slsa.dev/provenance/") {
			x.note("provenance of the version %.120q is not read: v0.2 and v1 are", f.PredicateType)
		}
	}
}

// provenance takes one provenance into account. Of several the one that is worth most
// decides the level; what is claimed and pinned is of the same one.
func (x *assessor) provenance(f *fact.Fact, p *predicate.Provenance) {
	x.builds++
	b, vouched := x.trusted(f, p)
	level, reasons := x.level(f, p, b, vouched)
	if x.builds == 1 || level > x.Build.Level {
		x.Build = Build{level, p.Builder.ID, reasons}
		x.Dependencies = dependencies(p)
		x.source(f, p)
	} else if p.Builder.ID != x.Build.Builder {
		x.note("another provenance is of the builder %.120q, at level %d", p.Builder.ID, level)
	}
	x.claims(f, p, b, vouched)
	x.link(p)
}

// trusted returns the table's entry of a provenance's builder, and whether the builder
// itself signed.
func (x *assessor) trusted(f *fact.Fact, p *predicate.Provenance) (b *Builder, vouched bool) {
	b = x.t.builder(p.Builder.ID)
	return b, b != nil && signs(b.Signers, &f.Signer)
}

// level judges one provenance (SLSA v1.2, Build track: requirements).
func (x *assessor) level(f *fact.Fact, p *predicate.Provenance, b *Builder, vouched bool) (int, []Reason) {
	reasons := []Reason{{1, true, fmt.Sprintf("provenance %s names this artifact, the builder %s and how it was built", p.Version, p.Builder.ID)}}
	no := func(level int, format string, args ...any) (int, []Reason) {
		return level - 1, append(reasons, Reason{level, false, fmt.Sprintf(format, args...)})
	}
	switch {
	case x.t == nil:
		return no(2, "no table says which builders are trusted")
	case b == nil:
		return no(2, "the builder %s is not in the table: what its platform does is not known", p.Builder.ID)
	case b.Level < 2:
		return no(2, "the table trusts the builder %s for level 1 only", p.Builder.ID)
	case !vouched:
		return no(2, "signed %s, and for this builder sign others: who holds a repository's secrets could have written it", by(&f.Signer))
	}
	reasons = append(reasons, Reason{2, true, fmt.Sprintf("the builder, which the table trusts for level %d, signed it itself (%s)", b.Level, by(&f.Signer))})
	if b.Level < 3 {
		return no(3, "the table trusts the builder %s for level 2 only: one build may touch another there, or the key", p.Builder.ID)
	}
	if env := runner(f); env == selfHosted {
		return no(3, "the certificate says that it ran on a self-hosted runner: the platform does not answer for what else runs there")
	}
	return 3, append(reasons, Reason{3, true, "the table trusts the builder to keep builds apart, and its key from them"})
}

func by(s *fact.Signer) string {
	if s.Certificate != nil {
		return fmt.Sprintf("by %s, vouched for by %s", s.Certificate.Subject, s.Certificate.Issuer)
	}
	if s.X509 != nil {
		return fmt.Sprintf("by %s, by the trust policy %s", s.X509.Subject, s.X509.Policy)
	}
	return fmt.Sprintf("with the key %s", s.Key.ID.Short())
}

// What Fulcio's extension runnerEnvironment says of GitHub's runners.
const (
	selfHosted   = "self-hosted"
	gitHubHosted = "github-hosted"
)

func runner(f *fact.Fact) string {
	if c := f.Signer.Certificate; c != nil {
		return c.Extensions["runnerEnvironment"]
	}
	return ""
}

// summary takes a verification summary into account.
func (x *assessor) summary(f *fact.Fact, s *predicate.Summary) {
	v := x.t.verifier(s.Verifier)
	switch {
	case v == nil:
		x.note("a summary is by the verifier %.120q, which is not in the table", s.Verifier)
		return
	case !signs(v.Signers, &f.Signer):
		x.note("a summary that names the verifier %.120q is signed %s, and for it sign others", s.Verifier, by(&f.Signer))
		return
	case !s.Passed:
		x.note("the verifier %.120q found that the artifact fails its policy", s.Verifier)
		return
	}
	for _, l := range s.Levels {
		var n int
		switch {
		case scan(l, "SLSA_BUILD_LEVEL_", &n):
			if n = min(n, v.Build); n > x.Build.Level {
				x.Build.Level = n
				x.Build.Reasons = append(x.Build.Reasons, Reason{n, true, fmt.Sprintf("the verifier %s, which the table trusts, verified it for %s", s.Verifier, s.ResourceURI)})
			}
		case scan(l, "SLSA_SOURCE_LEVEL_", &n):
			if n = min(n, v.Source); n > x.Source.Level {
				x.Source.Level = n
				x.Source.Reasons = []Reason{{n, true, fmt.Sprintf("the verifier %s, which the table trusts, verified it for %s", s.Verifier, s.ResourceURI)}}
			}
		}
	}
}

// scan reads the digit of a level.
func scan(s, prefix string, n *int) bool {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok || len(rest) != 1 || rest[0] < '0' || rest[0] > '4' {
		return false
	}
	*n = int(rest[0] - '0')
	return true
}
