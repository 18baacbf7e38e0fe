package registry

import (
	"bytes"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/provenance"
	"github.com/cofferdam-io/cofferdam/sbom"
)

func isSBOM(predicateType string) bool { return provenance.IsSBOM(predicateType) }

// open takes a blob apart: what it holds becomes d's bytes, and what speaks against it
// d's fault. false is something that is no SBOM of the image.
func (s *searching) open(d *Document, what content) bool {
	about := d.Origin.Image.Digest
	a, err := provenance.Open(d.Bytes, provenance.Limits{Bytes: int(s.limits.Document)}) // #nosec G115 -- it fits
	switch {
	case err == nil:
		d.Origin.Predicate = a.Statement.PredicateType
		var is bool
		var raw []byte
		if raw, is, err = provenance.SBOM(a.Statement); !is {
			return false
		}
		switch {
		case err != nil:
			d.Fault = err
		case d.Origin.How == ByAttestation && ofBuild(a.Statement, raw):
			return false
		default:
			about, d.Fault = s.about(a.Statement, about)
			if d.Fault == nil {
				d.Bytes, d.MediaType = raw, ""
			}
		}
	case what == attestation && ident.KindOf(err) == ident.KindUnsupported:
		return false // somebody signed something else
	case what == attestation:
		d.Fault = err
	case what == either && !looksLikeSBOM(d.Bytes):
		return false
	}
	d.Identity, d.Platform = s.found.Image.identity(about)
	d.References = s.references(about)
	return true
}

// about says which of the image's digests a statement is about: what it is attached
// to, or, where that is an index, a platform of it.
func (s *searching) about(st *provenance.Statement, attached ident.Digest) (ident.Digest, error) {
	if st.Names(attached) {
		return attached, nil
	}
	img := s.found.Image
	if attached == img.Index {
		var named []ident.Digest
		for _, v := range img.Variants {
			if st.Names(v.Manifest) {
				named = append(named, v.Manifest)
			}
		}
		if len(named) == 1 {
			return named[0], nil
		}
	}
	names := "nothing with a digest"
	if ds := st.Digests(); len(ds) > 0 {
		names = ds[0].Short()
	}
	return attached, ident.Errorf(ident.KindInvalid, "subject mismatch: the statement is attached to %s, and is about %s", attached.Short(), names).
		WithHint("whoever attached it meant another image, or copied it from one")
}

// references are the names of the artifact with a digest: with the tag that was asked
// for where that means this very artifact or lists it, and by digest.
func (s *searching) references(about ident.Digest) []ident.ImageRef {
	asked := s.found.Image.Reference
	byDigest := asked
	byDigest.Tag, byDigest.Digest = "", about
	out := []ident.ImageRef{byDigest}
	if asked.Tag != "" {
		asked.Digest = ident.Digest{}
		out = append(out, asked)
	}
	return out
}

// buildStage begins the name of the SBOM of a build's context or of a stage that is no
// part of the image: BuildKit writes those beside the image's own, which is "sbom".
const buildStage = "sbom-"

// ofBuild reports whether BuildKit had something scanned that is not the image.
func ofBuild(st *provenance.Statement, document []byte) bool {
	byPlatform := false
	for _, sub := range st.Subjects {
		if p, ok := sbom.ParseImagePURL(sub.Name); ok && p.Platform != "" {
			byPlatform = true
		}
	}
	if !byPlatform {
		return false
	}
	r := jsonscan.New(document, jsonscan.Options{})
	r.Object()
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		if string(key) == "name" {
			name, _ := r.TryString()
			return strings.HasPrefix(name, buildStage)
		}
	}
	return false
}

// marks stand in every SBOM of the formats that are read, near its beginning or not.
var marks = [][]byte{
	[]byte(`"bomFormat"`), []byte(`"spdxVersion"`), []byte(`"SPDXID"`), []byte("SPDXVersion:"), []byte("cyclonedx.org/schema/bom"),
	[]byte("spdx.org/rdf"), []byte(`"syft"`),
}

// looksLikeSBOM tells an SBOM among files of a type that says nothing. The decoder
// judges what passes.
func looksLikeSBOM(b []byte) bool {
	for _, m := range marks {
		if bytes.Contains(b, m) {
			return true
		}
	}
	return false
}
