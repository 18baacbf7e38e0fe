package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Input is what is known of one image.
type Input struct {
	Reference string         // as it was asked for
	Image     ident.ImageRef // the same, read
	// Digests are those that the image goes by: of its index and its manifest. A fact
	// about anything else is left out of account.
	Digests []ident.Digest
	Facts   []fact.Fact
	// Unchecked names what could not be checked, such as a registry that did not answer.
	// A refusal is then no proof that something is missing.
	Unchecked []string
	// Signers are others who are known to have signed the image or something about it: under
	// trust that these policies know nothing of. None of them may approve an exception.
	Signers []fact.Signer
	// Unjudged is what is attached to the image and could not be judged, by anybody's trust:
	// whoever approves an exception may have signed it.
	Unjudged []Unjudged
	// Findings are the vulnerabilities of the image; they mean nothing unless Scanned.
	Findings []Finding
	Scanned  bool
	NoKEV    bool // no catalogue of exploited vulnerabilities was read
	SBOMs    []SBOM
	// Provenance is what is made of the verified provenance; nil where nobody asked, which
	// a rule about it cannot be judged by.
	Provenance *Provenance
}

// Unjudged is a signature, or what a signature is judged by, that could not be read.
type Unjudged struct {
	Why     string
	KeyOnly bool // only whoever holds a key can have made what it is about
}

// Provenance is what verified provenance of an image is worth (package provenance/slsa):
// levels and claims as a table of builders has them, and not what the documents say of
// themselves.
type Provenance struct {
	Level                        int // 0 to 3 (SLSA v1.2, Build track)
	Builder                      string
	SourceLevel                  int // 0 to 4 (Source track)
	Repository, Ref, Commit      string
	Confirmed                    string // whether the signer's certificate names the same commit: yes, no, unknown
	Inputs, Pinned               int    // inputs of the build, and those that are named by a digest
	Complete, Hermetic, Isolated string // yes, no, unknown
	SBOM                         string // whether it names the image's SBOM by its digest: yes, no, unknown
}

// Finding is one vulnerability of one component.
type Finding struct {
	ID        string
	Aliases   []string
	Component string // package URL
	Severity  ident.Severity
	Score     float64 // CVSS; 0 is not known
	EPSS      *float64
	KEV       bool   // where the catalogue is known (Input.NoKEV)
	Fixable   bool   // a fixed version exists
	VEX       string // affected, not_affected, fixed, under_investigation, none: by trusted authors
	// Known bounds since when it is known of what the image is a release of; the zero value is
	// that nobody says.
	Known vuln.FirstKnown
	// Accepted says that a server's triagers accepted it in what runs.
	Accepted bool
}

// SBOM is a document that describes the image.
type SBOM struct {
	Format, Version string // "CycloneDX", "1.6"
	Components      int
	Licenses        []string
	Score           int  // of the quality profile that was asked for, 0–100
	Verified        bool // it came in an attestation that verified
}

// Context is where and when an image is judged. Where a field says nothing, it is not known.
type Context struct {
	At         time.Time
	Workload   Workload
	Namespace  Namespace
	Exceptions []Exception
	// NoMatch is what becomes of an image that no policy governs; "" is Enforce: it is denied.
	NoMatch Mode

	excepted func(Finding) bool // nil: none is
	made     map[string]any     // what expressions see of it
	spent    *uint64            // what expressions of the policy have cost; nil is not counted
}

// Workload is what the image is to run in. Labels that are nil are not known, and those of
// length 0 are none.
type Workload struct {
	Cluster, Kind, Name string
	// Group, Version and Resource are the kind in the API's words: apps, v1, deployments.
	Group, Version, Resource string
	Labels                   map[string]string
}

// Namespace is where the workload stands; of its labels holds what holds of a Workload's.
type Namespace struct {
	Name   string
	Labels map[string]string
}

// Prepared is an Input made ready to be evaluated by many policies. It is immutable.
type Prepared struct {
	Input
	reference, name string
	values          map[string]any
}

// Limits of an input: what verifies is little, and what is found in one image is at
// most some ten thousand.
const (
	maxFacts    = 10_000
	maxFindings = 200_000
	maxSBOMs    = 1_000
)

// Prepare drops the facts that are about something else, and makes the rest ready.
func Prepare(in Input) (*Prepared, error) {
	if len(in.Facts) > maxFacts || len(in.Findings) > maxFindings || len(in.SBOMs) > maxSBOMs {
		return nil, ident.Errorf(ident.KindLimit, "%d facts, %d findings and %d SBOMs of one image are more than %d, %d and %d", len(in.Facts), len(in.Findings), len(in.SBOMs), maxFacts, maxFindings, maxSBOMs)
	}
	p := &Prepared{Input: in, reference: in.Reference, name: in.Image.String()}
	p.Facts = slices.DeleteFunc(slices.Clone(in.Facts), func(f fact.Fact) bool { return !slices.Contains(in.Digests, f.Artifact) })
	values, err := imageValues(p)
	if err != nil {
		return nil, err
	}
	p.values = values
	return p, nil
}

// signedAt is the earliest time that anybody vouches for: a later timestamp can be had
// for an old signature at any time, an earlier one cannot.
func signedAt(f fact.Fact) (time.Time, bool) {
	var at time.Time
	for _, t := range f.Times {
		if at.IsZero() || t.At.Before(at) {
			at = t.At
		}
	}
	return at, !at.IsZero()
}

// signerName is who signed, in a word.
func signerName(s fact.Signer) string {
	switch {
	case s.Certificate != nil:
		return s.Certificate.Subject
	case s.X509 != nil:
		return s.X509.Subject
	case s.Key != nil && s.Key.Name != "":
		return "the key " + s.Key.Name
	case s.Key != nil:
		return "the key " + s.Key.ID.Short()
	}
	return "nobody"
}

// Summary says what is known of the image, for refusals whose rule has no words of its own.
func (p *Prepared) Summary() string {
	const most = 6
	var parts []string
	for i, f := range p.Facts {
		if i == most {
			parts = append(parts, fmt.Sprintf("%d more", len(p.Facts)-i))
			break
		}
		what := "a signature"
		if f.Claim == fact.Attestation {
			what = f.PredicateType
		}
		parts = append(parts, what+" by "+signerName(f.Signer))
	}
	if len(parts) == 0 {
		parts = []string{"nothing that verifies"}
	}
	if len(p.Unchecked) > 0 {
		parts = append(parts, "not checked: "+strings.Join(p.Unchecked, ", "))
	}
	return strings.Join(parts, "; ")
}
