package vuln

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// Statements are what was read of VEX, and whom of its authors is trusted. They are
// immutable and safe for concurrent use; nil are none.
type Statements struct {
	all   []Statement
	last  map[string]int32 // identifier in upper case → its last entry
	said  []saying
	trust Trust
}

// saying is one entry of a list of the statements about an identifier, last first.
type saying struct{ statement, before int32 }

// NewStatements indexes statements, which must not be changed afterwards.
func NewStatements(all []Statement, trust Trust) *Statements {
	s := &Statements{all: all, last: make(map[string]int32, 2*len(all)), said: make([]saying, 1, 1+3*len(all)), trust: trust}
	for i := range all {
		ids := all[i].Vulnerability
		for j, id := range ids {
			if !slices.Contains(ids[:j], id) {
				key := strings.ToUpper(id)
				n := int32(len(s.said))                                //nolint:gosec // documents are limited to far fewer statements
				s.said = append(s.said, saying{int32(i), s.last[key]}) //nolint:gosec // see above
				s.last[key] = n
			}
		}
	}
	return s
}

// With returns the statements with more, of uploaders some of whom are trusted.
func (s *Statements) With(more []Statement, uploaders []TrustedAuthor) *Statements {
	var trust Trust
	if s != nil {
		trust = s.trust
	}
	trust.Uploaders = uploaders
	return NewStatements(slices.Concat(s.All(), more), trust)
}

// Signs reports whether statements are applied that somebody signed whom trust goes by
// that name, to some products at least.
func (s *Statements) Signs(signer string) bool {
	is := func(a TrustedAuthor) bool { return sameAuthor(a.Name, signer) }
	return s != nil && signer != "" && slices.ContainsFunc(s.trust.Signers, is)
}

// about returns the positions of the statements about an identifier.
func (s *Statements) about(id string) []int32 {
	var out []int32
	for n := s.last[strings.ToUpper(id)]; n != 0; n = s.said[n].before {
		out = append(out, s.said[n].statement)
	}
	slices.Reverse(out)
	return out
}

// Len returns how many statements there are.
func (s *Statements) Len() int {
	if s == nil {
		return 0
	}
	return len(s.all)
}

// All returns the statements, in the order they were given.
func (s *Statements) All() []Statement {
	if s == nil {
		return nil
	}
	return s.all
}

// Concern reports whether a statement is about a finding's vulnerability, in whatever
// product.
func (s *Statements) Concern(f *Finding) bool {
	about := false
	if s.Len() > 0 {
		f.vulnerability(func(id string) bool {
			about = s.last[strings.ToUpper(id)] != 0
			return !about
		})
	}
	return about
}

// Claim is a statement as it bears on one finding.
type Claim struct {
	Status        Status    `json:"status"`
	Justification string    `json:"justification,omitempty"`
	Impact        string    `json:"impact,omitempty"`
	Action        string    `json:"action,omitempty"`
	Author        string    `json:"author"`
	Uploader      string    `json:"uploader,omitempty"` // who handed it over, where trust goes by that
	Signer        string    `json:"signer,omitempty"`   // whose signature over it verified
	At            time.Time `json:"at,omitzero"`
	Bound         Binding   `json:"bound"`  // "digest", "image" or "component"
	Source        string    `json:"source"` // file and JSON pointer
	// NotApplied says why the statement did not decide; "" for the one that did.
	NotApplied string `json:"notApplied,omitempty"`

	at int32 // position in Statements.all
}

// judgement is what statements say about one finding.
type judgement struct {
	status Status
	claims []Claim // those that bind, the ones that decided first
}

// Why a claim did not decide.
const (
	notTrusted   = "nobody trusts its author"
	lessSpecific = "another statement is about this very artifact"
	superseded   = "a newer statement replaces it"
	contradicted = "statements of trusted authors contradict each other"
)

// judge decides a finding about a component of an artifact; no claims where no statement
// is about it. Statements that are bound by more (a digest of the artifact, the image's
// name, the component) go before others; among those the newest of each trusted author
// counts, and where the authors' disagree the finding is under investigation.
func (s *Statements) judge(f *Finding, a *Artifact, c *sbom.Component) judgement {
	var out judgement
	if s == nil || len(s.all) == 0 {
		return out
	}
	var seen []int32
	var trusted []Claim
	f.vulnerability(func(id string) bool {
		for _, i := range s.about(id) {
			if slices.Contains(seen, i) {
				continue
			}
			claim, covered := s.claim(i, a, c)
			if claim.Bound == BoundNot {
				continue
			}
			seen = append(seen, i)
			if covered {
				trusted = append(trusted, claim)
				continue
			}
			claim.NotApplied = notTrusted
			out.claims = append(out.claims, claim)
		}
		return true
	})
	if len(trusted) > 0 {
		var applied []Claim
		out.status, applied = precedence(trusted)
		out.claims = append(applied, out.claims...)
	}
	return out
}

// claim binds one statement: by the most specific product that a trusted author
// speaks of, else by the most specific one.
func (s *Statements) claim(i int32, a *Artifact, c *sbom.Component) (claim Claim, trusted bool) {
	st := &s.all[i]
	bound := BoundNot
	for j := range st.Products {
		p := &st.Products[j]
		b := p.bind(a, c)
		if b == BoundNot {
			continue
		}
		t := s.trust.covers(st, p)
		if t && !trusted || t == trusted && b > bound {
			bound, trusted = b, t
		}
	}
	if bound == BoundNot {
		return Claim{}, false
	}
	return Claim{Status: st.Status, Justification: st.Justification, Impact: st.Impact, Action: st.Action, Author: st.Author, Uploader: st.Uploader, Signer: st.Signer, At: st.At, Bound: bound,
		Source: VEXFault{File: st.File, Pointer: st.Pointer}.Where(), at: i}, trusted
}

// precedence decides among statements of trusted authors, and says of the others why
// they did not: the ones that decide stand first.
func precedence(claims []Claim) (Status, []Claim) {
	slices.SortStableFunc(claims, func(x, y Claim) int {
		return cmp.Or(cmp.Compare(y.Bound, x.Bound), y.At.Compare(x.At), strings.Compare(x.Author, y.Author), strings.Compare(x.Source, y.Source))
	})
	best := claims[0].Bound
	newest := map[string]time.Time{} // by author
	statuses := map[Status]bool{}
	decide := claims[:0:0]
	var rest []Claim
	for _, c := range claims {
		author := strings.ToLower(c.Author)
		if c.Uploader != "" {
			author = "\x00" + c.Uploader // no document can name itself so
		}
		if c.Signer != "" {
			author = "\x01" + c.Signer
		}
		at, spoke := newest[author]
		switch {
		case c.Bound != best:
			c.NotApplied = lessSpecific
			rest = append(rest, c)
		case spoke && c.At.Before(at):
			c.NotApplied = superseded
			rest = append(rest, c)
		default: // of one author, at one time, several may stand: they agree or contradict
			newest[author] = c.At
			statuses[c.Status] = true
			decide = append(decide, c)
		}
	}
	status := decide[0].Status
	if len(statuses) > 1 {
		status = StatusUnderInvestigation
		for i := range decide {
			decide[i].NotApplied = contradicted
		}
	}
	return status, append(decide, rest...)
}

// vulnerability calls each with the identifiers of the finding's own vulnerability,
// and not with those of others that an update mends with it.
func (f *Finding) vulnerability(each func(string) bool) {
	if !each(f.ID) {
		return
	}
	for _, id := range f.Aliases {
		if !each(id) {
			return
		}
	}
}

// VEXCount says what became of statements in a scan.
type VEXCount struct {
	Statements int `json:"statements"` // that were read
	Bound      int `json:"bound"`      // of them, those about a finding
	Applied    int `json:"applied"`    // of those, the ones that decided one
	Untrusted  int `json:"untrusted"`  // of those, the ones whose author nobody trusts
	// Unbound are some of the others: their products, or the vulnerability, are not in
	// what was scanned.
	Unbound []UnboundStatement `json:"unbound,omitempty"`
}

// UnboundStatement is a statement that is about nothing that was scanned.
type UnboundStatement struct {
	Vulnerability string `json:"vulnerability"`
	Product       string `json:"product"`
	Author        string `json:"author"`
	Source        string `json:"source"`
	Reason        string `json:"reason"`
}

// mostUnbound are listed; the others are counted.
const mostUnbound = 20

// Count says what became of the statements in judging findings.
func (s *Statements) Count(fs []Finding) VEXCount {
	out := VEXCount{Statements: s.Len()}
	const bound, applied, untrusted = 1, 2, 4
	became := make([]uint8, s.Len())
	for i := range fs {
		for _, c := range fs[i].VEX {
			became[c.at] |= bound
			switch c.NotApplied {
			case "":
				became[c.at] |= applied
			case notTrusted:
				became[c.at] |= untrusted
			}
		}
	}
	for i, b := range became {
		out.Bound += int(b & bound)
		out.Applied += int(b & applied / applied)
		out.Untrusted += int(b & untrusted / untrusted)
		if b == 0 && len(out.Unbound) < mostUnbound {
			out.Unbound = append(out.Unbound, s.unbound(i))
		}
	}
	return out
}

func (s *Statements) unbound(i int) UnboundStatement {
	st := &s.all[i]
	u := UnboundStatement{Author: st.Author, Source: VEXFault{File: st.File, Pointer: st.Pointer}.Where(),
		Reason: "no finding of this vulnerability in this product"}
	if len(st.Vulnerability) > 0 {
		u.Vulnerability = st.Vulnerability[0]
	}
	if len(st.Products) == 0 {
		u.Reason = "it names no product"
		return u
	}
	p := &st.Products[0]
	u.Product = cmp.Or(p.PURL, p.Name)
	if p.Unbound != "" {
		u.Reason = p.Unbound
	}
	return u
}
