package inventory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// The words for what a verification makes of an SBOM. Unsigned is an answer: every place
// was asked, and nobody vouches for the document. Unchecked is none.
const (
	SBOMVerified  = "verified"
	SBOMUnsigned  = "unsigned"
	SBOMInvalid   = "invalid"
	SBOMUnchecked = "unchecked"
)

// Trust is what verifications found out about SBOMs. The zero value knows nothing: every
// document is unchecked.
type Trust struct {
	Images    []CheckedImage
	Documents []VouchedSBOM // bundles of documents themselves, whatever image they are about
	// Contents are the digests of what documents say, by those of their bytes: who signs a
	// statement around a document may write its JSON anew.
	Contents map[ident.Digest]ident.Digest
}

// CheckedImage is what one verification of everything that is attached to an image found.
type CheckedImage struct {
	Reference ident.ImageRef // as it was asked for
	Digests   []ident.Digest // whose attachments were asked for
	At        time.Time
	// Open says why there may be more than was found; "" where each place has answered.
	Open  string
	SBOMs []VouchedSBOM
	By    string // who says so, where that is not who asks
}

// VouchedSBOM is a document that somebody signed, or seems to have.
type VouchedSBOM struct {
	Document ident.Digest // of its bytes, as they were signed
	Content  ident.Digest // of what it says (provenance.ContentDigest)
	Artifact ident.Digest // what the statement is about; Document where the document itself was signed
	Trust    string       // SBOMVerified, SBOMInvalid or SBOMUnchecked
	By       string       // who signed; "" where that did not verify
	Reason   string       // why it is not verified
	Says     string       // who says so, where that is not who asks
	At       time.Time    // when it was found out, where that is known
}

// TrustCount counts images with an SBOM by what is known of that.
type TrustCount struct {
	Verified  int `json:"verified"`
	Unsigned  int `json:"unsigned"`
	Invalid   int `json:"invalid"`
	Unchecked int `json:"unchecked"`
}

// Add counts one of a word; any other is unchecked.
func (c *TrustCount) Add(word string) {
	switch word {
	case SBOMVerified:
		c.Verified++
	case SBOMUnsigned:
		c.Unsigned++
	case SBOMInvalid:
		c.Invalid++
	default:
		c.Unchecked++
	}
}

// Judged is a document as the SBOM of something that runs.
type Judged struct {
	Document ident.Digest
	Runs     ident.ImageRef // as it is named, for what was asked by tag; zero where that is not known
	Digests  []ident.Digest // by which it runs; none where only its name is known
	Same     []ident.Digest // under which it may be signed
	Bearers  []ident.Digest // at which somebody would vouch for the document
}

// judge says what a document of the snapshot is worth.
func (t *Trust) judge(d *document, r running, x *ImageIndex) SBOMMatch {
	if t == nil {
		return SBOMMatch{Digest: d.Digest, File: d.File, Trust: SBOMUnchecked}
	}
	same := x.sameArtifact(r)
	j := Judged{Document: d.Digest, Runs: r.ref, Same: same, Bearers: bearers(d, r, same)}
	for _, g := range r.digests {
		j.Digests = append(j.Digests, g.Digest)
	}
	if len(j.Digests) == 0 { // by its tag, which meant these when they were asked for
		for _, c := range t.about(&j) {
			same = append(same, c.Digests...)
		}
		j.Same, j.Bearers = same, bearers(d, r, same)
	}
	out := t.Judge(&j)
	out.File = d.File
	return out
}

// Judge says what a document is worth as the SBOM of what runs. The strongest voice
// decides: one that verified, one that was refused, a question that is open, and only
// then that nobody vouches for it.
func (t *Trust) Judge(j *Judged) SBOMMatch {
	out := SBOMMatch{Digest: j.Document, Trust: SBOMUnchecked, TrustReason: "nobody asked who vouches for it"}
	is := func(v *VouchedSBOM) bool {
		return v.Document == j.Document || !v.Content.IsZero() && v.Content == t.Contents[j.Document]
	}
	said := func(by string, at time.Time) {
		if out.TrustBy = by; by != "" && !at.IsZero() {
			out.TrustAt = at.UTC().Format(time.RFC3339)
		}
	}
	var refused, open *VouchedSBOM
	hear := func(v *VouchedSBOM) bool {
		if !is(v) {
			return false
		}
		switch {
		case v.Trust == SBOMVerified && (slices.Contains(j.Same, v.Artifact) || v.Artifact == j.Document):
			out.Trust, out.TrustReason, out.SignedBy = SBOMVerified, "", v.By
			said(v.Says, v.At)
			return true
		case v.Trust == SBOMVerified:
			refused = &VouchedSBOM{Reason: "it is vouched for as the SBOM of another artifact, " + v.Artifact.Short(), Says: v.Says, At: v.At}
		case v.Trust == SBOMInvalid:
			refused = v
		default:
			open = v
		}
		return false
	}
	for i := range t.Documents {
		if hear(&t.Documents[i]) {
			return out
		}
	}
	asked := map[ident.Digest]bool{}
	var last, left *CheckedImage
	for _, c := range t.about(j) {
		for _, g := range c.Digests {
			asked[g] = true
		}
		if last == nil || c.At.Before(last.At) {
			last = c
		}
		if left == nil && c.Open != "" {
			left = c
		}
		for i := range c.SBOMs {
			v := c.SBOMs[i]
			v.Says, v.At = c.By, c.At
			if hear(&v) {
				return out
			}
		}
	}
	switch {
	case refused != nil:
		out.Trust, out.TrustReason = SBOMInvalid, refused.Reason
		said(refused.Says, refused.At)
	case open != nil:
		out.TrustReason = open.Reason
		said(open.Says, open.At)
	case left != nil:
		out.TrustReason = left.Open
		said(left.By, left.At)
	case len(asked) > 0:
		said(last.By, last.At)
		for _, g := range j.Bearers {
			if !asked[g] {
				out.TrustReason = fmt.Sprintf("who vouches for it was not asked at %s", g.Short())
				return out
			}
		}
		out.Trust, out.TrustReason = SBOMUnsigned, "nobody vouches for it at the image"
	}
	return out
}

// about returns the newest verification of each image that is the one that runs.
func (t *Trust) about(j *Judged) []*CheckedImage {
	newest := map[ident.Digest]*CheckedImage{}
	var order []ident.Digest
	for i := range t.Images {
		c := &t.Images[i]
		is := slices.ContainsFunc(c.Digests, func(g ident.Digest) bool { return slices.Contains(j.Same, g) })
		named := (j.Runs.IsZero() || c.Reference.Name() == j.Runs.Name()) && (len(j.Digests) > 0 && len(c.Digests) == 0 && slices.Contains(j.Same, c.Reference.Digest) ||
			len(j.Digests) == 0 && j.Runs.Tag != "" && c.Reference.Tag == j.Runs.Tag)
		if !is && !named {
			continue
		}
		key := c.Reference.Digest
		if len(c.Digests) > 0 {
			key = c.Digests[0]
		}
		old := newest[key]
		if old == nil {
			order = append(order, key)
		}
		if old == nil || !c.At.Before(old.At) {
			newest[key] = c
		}
	}
	out := make([]*CheckedImage, 0, len(order))
	for _, k := range order {
		out = append(out, newest[k])
	}
	return out
}

// sameArtifact are the digests under which what runs may be signed: its own, those of the
// manifests that an index lists, and of the index that lists a manifest.
func (x *ImageIndex) sameArtifact(r running) []ident.Digest {
	var out []ident.Digest
	add := func(g ident.Digest) bool {
		if g.IsZero() || slices.Contains(out, g) {
			return false
		}
		out = append(out, g)
		return true
	}
	for _, g := range r.digests {
		if !add(g.Digest) {
			continue
		}
		for _, c := range x.children[g.Digest] {
			add(c)
		}
		for _, m := range append(manifestsOf(x.config, g.Digest), g.Digest) {
			add(m)
			for parent, list := range x.children {
				if slices.Contains(list, m) {
					add(parent)
				}
			}
		}
	}
	slices.SortFunc(out, compareDigests)
	return out
}

// bearers are the digests at which somebody would vouch for a document: those by which
// the image runs, and those of the image that the document names. A configuration has no
// attachments.
func bearers(d *document, r running, same []ident.Digest) []ident.Digest {
	var out []ident.Digest
	for _, g := range r.digests {
		if g.Role != ident.RoleConfig {
			out = append(out, g.Digest)
		}
	}
	for _, g := range d.Subject.Digests {
		if g.Role != ident.RoleConfig && g.Role != ident.RoleDocument && slices.Contains(same, g.Digest) && !slices.Contains(out, g.Digest) {
			out = append(out, g.Digest)
		}
	}
	return out
}

// ImageNames are what an image that some workload runs may be known by.
type ImageNames struct {
	Reference ident.ImageRef // as it is written; zero where that is no reference
	// Digests are those under which it may be known: its own, those of the manifests that it
	// lists, and of the index that lists it. None where only its name is known. Sorted.
	Digests []ident.Digest
}

// ImageNames returns the names of what the workloads run, each image once, by their
// references.
func (s *Snapshot) ImageNames() []ImageNames {
	seen := map[string]bool{}
	var out []ImageNames
	for _, w := range s.workloads {
		for _, im := range w.images {
			r := ImageNames{Reference: im.runs.ref, Digests: s.in.Images.sameArtifact(im.runs)}
			key := fmt.Sprint(r.Reference, r.Digests)
			if !seen[key] && (len(r.Digests) > 0 || !r.Reference.IsZero()) {
				seen[key] = true
				out = append(out, r)
			}
		}
	}
	slices.SortFunc(out, func(a, b ImageNames) int {
		return cmp.Or(strings.Compare(a.Reference.String(), b.Reference.String()), slices.CompareFunc(a.Digests, b.Digests, compareDigests))
	})
	return out
}

// Vouchable returns where somebody would vouch for the SBOMs of what runs: each image
// with a document, by each digest under which it may have been signed, or as it is
// written where no digest is known. Sorted, each once.
func (s *Snapshot) Vouchable() []ident.ImageRef {
	seen := map[ident.ImageRef]bool{}
	for _, w := range s.workloads {
		for _, im := range w.images {
			ref := im.runs.ref
			if ref.IsZero() || len(im.join.docs) == 0 {
				continue
			}
			if len(im.runs.digests) == 0 {
				seen[ref] = true
				continue
			}
			same := s.in.Images.sameArtifact(im.runs)
			for _, d := range im.join.docs {
				for _, g := range bearers(d, im.runs, same) {
					at := ref
					at.Tag, at.Digest = "", g
					seen[at] = true
				}
			}
		}
	}
	out := make([]ident.ImageRef, 0, len(seen))
	for r := range seen {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b ident.ImageRef) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// Unvouched are the SBOMs of what runs that are not verified, as causes of doubt about
// what they list; none where nobody was asked who vouches for them.
func (s *Snapshot) Unvouched(ctx context.Context) ([]Unknown, error) {
	if s.in.Trust == nil {
		return nil, nil
	}
	m, err := s.Map(ctx)
	if err != nil {
		return nil, err
	}
	type key struct{ object, reason string }
	at := map[key]int{}
	var out []Unknown
	for _, w := range m.Workloads {
		for _, im := range w.Images {
			if im.SBOM == nil || im.SBOM.Trust == SBOMVerified {
				continue
			}
			k := key{"SBOM of " + im.Image, im.SBOM.Trust + ": " + im.SBOM.TrustReason}
			i, ok := at[k]
			if !ok {
				i = len(out)
				at[k], out = i, append(out, Unknown{Object: k.object, Reason: k.reason})
			}
			if a := &out[i].Affects; len(*a) == 0 || (*a)[len(*a)-1] != w.Workload {
				*a = append(*a, w.Workload)
			}
		}
	}
	slices.SortFunc(out, func(a, b Unknown) int {
		return cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Reason, b.Reason))
	})
	return out, nil
}

// ImageSBOM is an image that runs with its SBOM.
type ImageSBOM struct {
	Image string
	SBOMMatch
	Workloads int
}

// SBOMs returns the images of the map with their SBOMs, each once: what is invalid,
// unsigned and unchecked before what is verified, and by image.
func (m *Map) SBOMs() []ImageSBOM {
	type key struct{ image, digest, word string }
	at := map[key]int{}
	var out []ImageSBOM
	for _, w := range m.Workloads {
		mine := map[key]bool{}
		for _, im := range w.Images {
			if im.SBOM == nil {
				continue
			}
			k := key{im.Image, im.SBOM.Digest.String(), im.SBOM.Trust}
			i, ok := at[k]
			if !ok {
				i = len(out)
				at[k], out = i, append(out, ImageSBOM{Image: im.Image, SBOMMatch: *im.SBOM})
			}
			if !mine[k] {
				mine[k] = true
				out[i].Workloads++
			}
		}
	}
	rank := []string{SBOMInvalid, SBOMUnsigned, SBOMUnchecked, SBOMVerified}
	slices.SortStableFunc(out, func(a, b ImageSBOM) int {
		return cmp.Or(cmp.Compare(slices.Index(rank, a.Trust), slices.Index(rank, b.Trust)), cmp.Compare(a.Image, b.Image))
	})
	return out
}

// Vouched says who signed the document, or why nobody is known to have.
func (m SBOMMatch) Vouched() string { return cmp.Or(m.SignedBy, m.TrustReason) }

// Worth says how a document was matched and what it is worth: "digest, unchecked";
// "digest, verified: signed by ci@shop.example".
func (m SBOMMatch) Worth() string {
	s := m.Match + ", " + m.Trust
	switch {
	case m.SignedBy != "":
		s += ": signed by " + m.SignedBy
	case m.TrustReason != "":
		s += ": " + m.TrustReason
	}
	return s
}

// String lists the counts that are not zero: "3 verified, 1 unchecked".
func (c TrustCount) String() string {
	var parts []string
	for _, x := range []struct {
		n    int
		word string
	}{{c.Verified, SBOMVerified}, {c.Invalid, SBOMInvalid}, {c.Unsigned, SBOMUnsigned}, {c.Unchecked, SBOMUnchecked}} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.word))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
