package trivy

import (
	"context"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/cyclonedx"
)

// DecodeReport reads one SbomReport or ClusterSbomReport object as JSON: a
// CycloneDX document inside (report.components), and the artifact beside it.
// Errors are as Decode's; the document inside is read as package cyclonedx reads
// one that stands alone.
func DecodeReport(ctx context.Context, data []byte, o Options) (*sbom.Document, error) {
	var a artifact
	d, err := cyclonedx.DecodeWithin(ctx, data, cyclonedx.Options{MaxBytes: o.MaxBytes, MaxComponents: o.MaxComponents, Digest: o.Digest, Details: o.Details},
		func(r *jsonscan.Reader, document func()) {
			if r.RequireObject() {
				for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
					if string(key) == "report" {
						a.readReport(r, document)
					}
				}
			}
		})
	if err != nil {
		return nil, err
	}
	d.Format = sbom.TrivyOperator
	if ref, ok := a.reference(); ok {
		d.Subject.Kind = "container"
		d.Subject.References = append(d.Subject.References, ref)
	}
	return d, nil
}

// artifact is what the operator says it scanned.
type artifact struct{ server, repository, tag, digest string }

// readReport reads strictly what identifies the image: read as absent it would
// make the document one of no image.
func (a *artifact) readReport(r *jsonscan.Reader, document func()) {
	if !r.RequireObject() {
		return
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "registry":
			a.readRegistry(r)
		case "artifact":
			a.read(r)
		case "components":
			document()
		}
	}
}

func (a *artifact) readRegistry(r *jsonscan.Reader) {
	if r.RequireObject() {
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			if string(key) == "server" {
				a.server = r.RequireString()
			}
		}
	}
}

func (a *artifact) read(r *jsonscan.Reader) {
	if !r.RequireObject() {
		return
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "repository":
			a.repository = r.RequireString()
		case "tag":
			a.tag = r.RequireString()
		case "digest":
			a.digest = r.RequireString()
		}
	}
}

// reference returns the image that the artifact names. An operator that scanned
// no image names none.
func (a *artifact) reference() (ident.ImageRef, bool) {
	text := a.repository
	if a.server != "" {
		text = a.server + "/" + text
	}
	if a.tag != "" {
		text += ":" + a.tag
	}
	ref, err := ident.ParseImageRef(text)
	if err != nil {
		return ref, false
	}
	if g, err := ident.ParseDigest(a.digest); err == nil {
		ref.Digest = g
	}
	return ref, true
}
