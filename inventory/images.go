package inventory

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// ImageIndex is what is known about which digests name one artifact: OCI
// indexes and manifests that the user supplied, and names that mean the same.
// The zero value knows nothing and is ready to use.
type ImageIndex struct {
	children map[ident.Digest][]ident.Digest // index → manifests
	config   map[ident.Digest]ident.Digest   // manifest → configuration
	aliases  map[string]string               // normalised name → normalised name
	resolved map[string][]ident.Digest       // reference → digests that it resolved to
}

// maxManifestBytes is the limit that the OCI distribution specification lets
// registries set on a manifest (4 MiB).
const maxManifestBytes = 4 << 20

// AddManifest takes in the bytes of an OCI image index, a Docker manifest list
// or an image manifest, as `crane manifest` prints them. Its digest is the
// SHA-256 of the bytes. A reference, if it is known, resolves to that digest.
func (x *ImageIndex) AddManifest(reference string, raw []byte) error {
	if len(raw) > maxManifestBytes {
		return ident.Errorf(ident.KindLimit, "a manifest of %d bytes is larger than registries allow (%d)", len(raw), maxManifestBytes)
	}
	var m struct {
		Manifests []struct {
			Digest      ident.Digest      `json:"digest"`
			Annotations map[string]string `json:"annotations"`
		} `json:"manifests"`
		Config *struct {
			Digest ident.Digest `json:"digest"`
		} `json:"config"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return ident.Errorf(ident.KindInvalid, "is no OCI index or manifest: %w", err)
	}
	d := ident.SHA256(raw)
	switch {
	case len(m.Manifests) > 0:
		if x.children == nil {
			x.children = map[ident.Digest][]ident.Digest{}
		}
		var list []ident.Digest
		for _, c := range m.Manifests {
			// BuildKit lists its attestations beside the platforms; they are no image.
			if c.Annotations["vnd.docker.reference.type"] == "attestation-manifest" || c.Digest.IsZero() {
				continue
			}
			list = append(list, c.Digest)
		}
		x.children[d] = list
	case m.Config != nil && !m.Config.Digest.IsZero():
		if x.config == nil {
			x.config = map[ident.Digest]ident.Digest{}
		}
		x.config[d] = m.Config.Digest
	default:
		return ident.Errorf(ident.KindInvalid, "is no OCI index or manifest: it has neither manifests nor a config")
	}
	if reference == "" {
		return nil
	}
	ref, err := ident.ParseImageRef(reference)
	if err != nil {
		return err
	}
	if x.resolved == nil {
		x.resolved = map[string][]ident.Digest{}
	}
	x.resolved[tagged(ref)] = append(x.resolved[tagged(ref)], d)
	return nil
}

// AddAlias says that images named a are the same as those named b. Tags and
// digests of either are left aside: a mirror keeps both.
func (x *ImageIndex) AddAlias(a, b string) error {
	from, err := ident.ParseImageRef(a)
	if err != nil {
		return err
	}
	to, err := ident.ParseImageRef(b)
	if err != nil {
		return err
	}
	if x.aliases == nil {
		x.aliases = map[string]string{}
	}
	x.aliases[from.Name()] = to.Name()
	return nil
}

// name is the name that a reference is looked up by.
func (x *ImageIndex) name(r ident.ImageRef) string {
	n := r.Name()
	if to, ok := x.aliases[n]; ok {
		return to
	}
	return n
}

func tagged(r ident.ImageRef) string { return r.Name() + ":" + r.Tag }

// role says what the user's manifests show a digest to be.
func (x *ImageIndex) role(d ident.Digest) ident.DigestRole {
	if _, ok := x.children[d]; ok {
		return ident.RoleIndex
	}
	if _, ok := x.config[d]; ok {
		return ident.RoleManifest
	}
	for _, list := range x.children {
		if slices.Contains(list, d) {
			return ident.RoleManifest
		}
	}
	return ident.RoleUnknown
}

// running is the identity of what one container runs.
type running struct {
	ref     ident.ImageRef
	digests []ident.RoledDigest
}

// identify reads the identity of a container from its image as written and, if
// the runtime reported one, its image ID: "docker-pullable://name@sha256:…" and
// "name@sha256:…" are repository digests (an index or a manifest, nobody can
// tell which), "docker://sha256:…", "sha256:…" and CRI-O's bare hexadecimal are
// the configuration's.
func identify(image ident.ImageRef, imageID string) running {
	r := running{ref: image}
	add := func(role ident.DigestRole, d ident.Digest) {
		if !d.IsZero() && !slices.Contains(r.digests, ident.RoledDigest{Role: role, Digest: d}) {
			r.digests = append(r.digests, ident.RoledDigest{Role: role, Digest: d})
		}
	}
	id := imageID
	if _, after, ok := strings.Cut(id, "://"); ok {
		id = after
	}
	if len(id) == 64 {
		id = "sha256:" + id
	}
	if d, err := ident.ParseDigest(id); err == nil {
		add(ident.RoleConfig, d)
	} else if id != "" {
		if ref, err := ident.ParseImageRef(id); err == nil {
			add(ident.RoleUnknown, ref.Digest)
			if r.ref.IsZero() {
				r.ref = ref
			}
		}
	}
	// A reference by digest is pulled as that very index or manifest, whatever
	// name the runtime reports for it.
	add(ident.RoleUnknown, image.Digest)
	return r
}

// documentSet finds SBOMs by the identities of their subjects.
type documentSet struct {
	index    *ImageIndex
	docs     []*document
	byDigest map[ident.Digest][]found
	byTag    map[string][]*document // name:tag
	byName   map[string][]*document
	nameless []*document // those that name a digest and no reference
}

// document is one SBOM in the snapshot.
type document struct {
	*sbom.Document
	at      int  // position in the input
	running bool // a workload runs its artifact
	index   bool // it is about an index, and so about several platforms at once
}

// found is a document that names a digest, and in which role.
type found struct {
	doc  *document
	role ident.DigestRole
	ref  bool // the digest stands in a repository reference
}

func newDocumentSet(docs []*sbom.Document, index *ImageIndex) *documentSet {
	s := &documentSet{index: index, byDigest: map[ident.Digest][]found{}, byTag: map[string][]*document{}, byName: map[string][]*document{}}
	for i, d := range docs {
		if subject, ok := vuln.SubjectPackage(d); ok { // searched like any component
			with := *d
			with.Components = append(slices.Clip(d.Components), *subject)
			d = &with
		}
		doc := &document{Document: d, at: i}
		doc.index = slices.ContainsFunc(d.Subject.Digests, func(g ident.RoledDigest) bool { return g.Role == ident.RoleIndex })
		s.docs = append(s.docs, doc)
		for _, g := range d.Subject.Digests {
			s.byDigest[g.Digest] = append(s.byDigest[g.Digest], found{doc: doc, role: g.Role})
		}
		if len(d.Subject.Digests) > 0 && len(d.Subject.References) == 0 {
			s.nameless = append(s.nameless, doc)
		}
		for _, r := range d.Subject.References {
			name := index.name(r)
			if !r.Digest.IsZero() {
				s.byDigest[r.Digest] = append(s.byDigest[r.Digest], found{doc: doc, ref: true})
			}
			if !slices.Contains(s.byName[name], doc) {
				s.byName[name] = append(s.byName[name], doc)
			}
			if key := name + ":" + r.Tag; r.Tag != "" && !slices.Contains(s.byTag[key], doc) {
				s.byTag[key] = append(s.byTag[key], doc)
			}
		}
	}
	return s
}

// The ways in which an image and its SBOM are matched, strongest first.
const (
	matchDigest    = "digest"
	matchIndex     = "index"
	matchReference = "reference"
	matchTag       = "tag"
)

// join is the outcome of looking for the SBOMs of what a container runs.
type join struct {
	docs       []*document
	match      string
	unresolved string // why an SBOM that may exist was not matched
	reason     string // why there is none
}

// find looks for the documents of what runs: by digest, through an index, by
// repository digest, and by tag alone only where no digest contradicts it.
func (s *documentSet) find(r running) join {
	digests := r.digests
	if len(digests) == 0 && r.ref.Tag != "" {
		for _, d := range s.index.resolved[tagged(r.ref)] {
			digests = append(digests, ident.RoledDigest{Role: s.index.role(d), Digest: d})
		}
	}
	best := join{}
	for _, g := range digests {
		if j := s.byIdentity(g.Digest); j.better(best) {
			best = j
		}
	}
	if len(best.docs) > 0 {
		return best
	}
	name := s.index.name(r.ref)
	sameTag := s.byTag[name+":"+r.ref.Tag]
	if len(digests) == 0 {
		if r.ref.Tag == "" {
			return join{reason: "the reference has neither tag nor digest"}
		}
		if len(sameTag) > 0 {
			return join{docs: sameTag, match: matchTag}
		}
		return join{reason: "no SBOM names " + r.ref.Short()}
	}
	// A tag may fill in only for documents that carry no digest of their own.
	var bare, other []*document
	for _, d := range sameTag {
		if d.hasDigest() {
			other = append(other, d)
		} else {
			bare = append(bare, d)
		}
	}
	if len(bare) > 0 {
		return join{docs: bare, match: matchTag}
	}
	candidates := other
	if len(candidates) == 0 {
		candidates = s.byName[name]
	}
	if len(candidates) == 0 {
		candidates = s.nameless // any of them may be this image's
	}
	if len(candidates) == 0 {
		return join{reason: "no SBOM names " + r.ref.Short()}
	}
	d := digests[0].Digest
	for _, g := range digests {
		if g.Role != ident.RoleConfig {
			d = g.Digest
		}
	}
	if s.index.role(d) == ident.RoleManifest {
		return join{reason: "the SBOM of " + r.ref.Short() + " is of another build: it does not name " + d.Short()}
	}
	return join{unresolved: d.Short() + " may be an index whose manifests are not known, or another build than an SBOM of " +
		r.ref.Short() + " is about: pass --image-map with the output of crane manifest"}
}

func (d *document) hasDigest() bool {
	if len(d.Subject.Digests) > 0 {
		return true
	}
	return slices.ContainsFunc(d.Subject.References, func(r ident.ImageRef) bool { return !r.Digest.IsZero() })
}

var strength = map[string]int{matchDigest: 4, matchIndex: 3, matchReference: 2, matchTag: 1}

func (j join) better(o join) bool {
	return len(j.docs) > 0 && strength[j.match] > strength[o.match]
}

// byIdentity finds documents that name d, or what the user's manifests say is
// the same artifact.
func (s *documentSet) byIdentity(d ident.Digest) join {
	if j := s.exact(d); len(j.docs) > 0 {
		return j
	}
	x := s.index
	// The same artifact under its other digest.
	if c, ok := x.config[d]; ok {
		if j := s.exact(c); len(j.docs) > 0 {
			return join{docs: j.docs, match: matchDigest}
		}
	}
	for _, m := range manifestsOf(x.config, d) {
		if j := s.exact(m); len(j.docs) > 0 {
			return join{docs: j.docs, match: matchDigest}
		}
	}
	var out join
	for _, child := range x.children[d] {
		if j := s.byIdentity(child); len(j.docs) > 0 {
			out.match = matchIndex
			for _, doc := range j.docs {
				if !slices.Contains(out.docs, doc) {
					out.docs = append(out.docs, doc)
				}
			}
		}
	}
	if len(out.docs) > 0 {
		return out
	}
	// The SBOM may name the index that this manifest is listed in.
	same := append(manifestsOf(x.config, d), d)
	for _, parent := range slices.SortedFunc(maps.Keys(x.children), compareDigests) {
		if slices.ContainsFunc(same, func(m ident.Digest) bool { return slices.Contains(x.children[parent], m) }) {
			if j := s.exact(parent); len(j.docs) > 0 {
				return join{docs: j.docs, match: matchIndex}
			}
		}
	}
	return join{}
}

// manifestsOf returns the manifests that name a configuration, in order.
func manifestsOf(config map[ident.Digest]ident.Digest, d ident.Digest) []ident.Digest {
	var out []ident.Digest
	for m, c := range config {
		if c == d {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, compareDigests)
	return out
}

func compareDigests(a, b ident.Digest) int { return strings.Compare(a.String(), b.String()) }

func (s *documentSet) exact(d ident.Digest) join {
	var j join
	for _, f := range s.byDigest[d] {
		if !slices.Contains(j.docs, f.doc) {
			j.docs = append(j.docs, f.doc)
		}
		m := matchDigest
		switch {
		case f.ref:
			m = matchReference
		case f.role == ident.RoleIndex, f.doc.index:
			m = matchIndex
		}
		if strength[m] > strength[j.match] {
			j.match = m
		}
	}
	return j
}
