package server

import (
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// AttachedInput is what a sender says of a document that they found in a registry.
type AttachedInput struct {
	Index     string   `query:"index" doc:"Digest of an image index that lists the artifact: a name to find it by" maxLength:"200"`
	Reference []string `query:"reference,explode" doc:"Names of the artifact" maxItems:"20" example:"[\"registry.example/shop/web:1.4\"]"`
	Image     string   `query:"originImage" doc:"What it is attached to: registry/repository@digest" maxLength:"1024"`
	How       string   `query:"originHow" doc:"In which way" maxLength:"100" example:"referrers-api"`
	Manifest  string   `query:"originManifest" doc:"Digest of the manifest that attaches it" maxLength:"200"`
	Blob      string   `query:"originBlob" doc:"Digest of what was fetched: of the document, or of the statement, envelope or bundle around it" maxLength:"200"`
	Predicate string   `query:"originPredicate" doc:"Type of the in-toto predicate that it was" maxLength:"500"`
}

// attached adds it to an upload.
func (in *AttachedInput) attached(u *catalog.Upload) error {
	digest := func(what, text string) (d ident.Digest, err error) {
		if text == "" {
			return d, nil
		}
		if d, err = ident.ParseDigest(text); err != nil {
			err = ident.Errorf(ident.KindUsage, "%s is no digest: %w", what, err)
		}
		return d, err
	}
	index, err := digest("index", in.Index)
	if err != nil {
		return err
	}
	if !index.IsZero() {
		u.Names = []ident.RoledDigest{{Role: ident.RoleIndex, Digest: index}}
	}
	for _, r := range in.Reference {
		ref, err := ident.ParseImageRef(r)
		if err != nil {
			return ident.Errorf(ident.KindUsage, "reference: %w", err)
		}
		u.References = append(u.References, ref.String())
	}
	if in.Image == "" {
		return nil
	}
	ref, err := ident.ParseImageRef(in.Image)
	if err != nil {
		return ident.Errorf(ident.KindUsage, "originImage: %w", err)
	}
	u.Origin = store.Origin{Image: ref.String(), How: in.How, Predicate: in.Predicate}
	if u.Origin.Manifest, err = digest("originManifest", in.Manifest); err != nil {
		return err
	}
	u.Origin.Blob, err = digest("originBlob", in.Blob)
	return err
}

// Origin says where a document was found.
type Origin struct {
	Image     string `json:"image" doc:"What it is attached to: registry/repository@digest"`
	How       string `json:"how" doc:"In which way: referrers-api, referrers-tag, cosign-sbom, cosign-attestation, attestation-manifest"`
	Manifest  string `json:"manifest,omitempty" doc:"Digest of the manifest that attaches it"`
	Blob      string `json:"blob,omitempty" doc:"Digest of what was fetched: of the document, or of the statement, envelope or bundle around it"`
	Predicate string `json:"predicate,omitempty" doc:"Type of the in-toto predicate that it was"`
	Trust     string `json:"trust,omitempty" enum:"verified,unsigned,invalid,unchecked" doc:"Who vouches for the document as the SBOM of what it is about; the reason is at /api/v1/documents/{digest}/trust. Absent for archived documents, of which nobody asks"`
}

func originOf(o *store.Origin) *Origin {
	if *o == (store.Origin{}) {
		return nil
	}
	return &Origin{Image: o.Image, How: o.How, Manifest: o.Manifest.String(), Blob: o.Blob.String(), Predicate: o.Predicate}
}
