package decode

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// What `docker buildx imagetools inspect --format '{{ json .SBOM }}'` shows of an
// image's SBOM attestations: the predicates of one platform, or an object of those
// by platform.
const (
	firstSPDX = "SPDX"
	moreSPDX  = "AdditionalSPDXs"
)

// imagetools reports whether a top level is what buildx shows.
func (s shape) imagetools() bool {
	for k := range s.keys {
		if k != firstSPDX && k != moreSPDX && !isPlatform(k) {
			return false
		}
	}
	return len(s.keys) > 0
}

// isPlatform recognises "linux/arm64/v8" and "windows(10.0.20348)/amd64".
func isPlatform(s string) bool {
	system, _, ok := strings.Cut(s, "/")
	system, _, _ = strings.Cut(system, "(")
	switch system {
	case "linux", "windows", "darwin", "freebsd":
		return ok
	}
	return false
}

// imagetools reads every SBOM of what buildx shows. It leaves the subjects of the
// statements out, so these documents are about an image that nobody can tell.
func (d *decoder) imagetools(raw []byte, wrappers int) ([]*sbom.Document, error) {
	found, err := predicates(raw, 0)
	if err != nil {
		return nil, err
	}
	var out []*sbom.Document
	for _, p := range found {
		inner := decoder{ctx: d.ctx, lim: d.lim, digest: ident.SHA256(p.raw)}
		docs, err := inner.decode(p.raw, wrappers+1)
		if err != nil {
			return nil, err
		}
		for _, doc := range docs {
			doc.Warnings = append(doc.Warnings, sbom.Warning{Pointer: p.pointer,
				Message: "buildx shows an SBOM without the digest of its image, so that it can be matched with none; the attestation itself names it (crane blob)"})
		}
		out = append(out, docs...)
	}
	if len(out) == 0 {
		return nil, ident.Errorf(ident.KindUnsupported, "is what buildx shows of an image without SBOM")
	}
	return out, nil
}

// predicate is one document within what buildx shows.
type predicate struct {
	raw     []byte
	pointer string
}

// predicates finds the documents of an object: its own, and those by platform one level below.
func predicates(raw []byte, depth int) ([]predicate, error) {
	var out []predicate
	r := jsonscan.New(raw, jsonscan.Options{})
	if !r.RequireObject() {
		return nil, r.Err()
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch pointer := r.Pointer(); {
		case string(key) == firstSPDX:
			out = append(out, predicate{r.Raw(), pointer})
		case string(key) == moreSPDX && r.Array():
			for r.NextItem() {
				pointer := r.Pointer()
				out = append(out, predicate{r.Raw(), pointer})
			}
		case depth == 0 && isPlatform(string(key)):
			below, err := predicates(r.Raw(), depth+1)
			if err != nil {
				return nil, err
			}
			for _, p := range below {
				out = append(out, predicate{p.raw, pointer + p.pointer})
			}
		}
	}
	return out, r.End()
}
