package catalog

import (
	"context"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Attached is what is known of a document that was found attached to an image.
type Attached struct {
	// Identity is what the image is known by, as its manifests show: their digests bind
	// each other, so that this is no claim of anybody's. It joins documents of one image
	// only where whoever read the registry hands it over; see Upload.join.
	Identity []ident.RoledDigest
	// Names are further digests that the sender knows the artifact by, such as its
	// index's: names to find it by, that join nothing.
	Names      []ident.RoledDigest
	References []string // of the image
	Origin     store.Origin
	// Fault is why the document is not to be believed to be about the image: it goes to
	// quarantine.
	Fault error
}

// join adds to a subject what is known of the image that its document is attached to.
// A document that names digests of its own, none of which is the image's, stays what it
// says it is about: somebody attached it to another image, and that must not make the
// two one artifact.
func (u *Upload) join(s *store.Subject, doc *sbom.Document) {
	joins := func(d ident.RoledDigest) bool { return d.Role != ident.RoleIndex && d.Role != ident.RoleDocument }
	same := func(d ident.RoledDigest) bool {
		return slices.ContainsFunc(u.Identity, func(i ident.RoledDigest) bool { return i.Digest == d.Digest && joins(i) })
	}
	digests := slices.Clone(s.Digests) // not the document's own slice
	if len(u.Identity) > 0 && (!slices.ContainsFunc(digests, joins) || slices.ContainsFunc(digests, same)) {
		digests = united(digests, u.Identity)
		s.Claimed = ident.Digest{}
	} else if len(u.Identity) > 0 {
		s.Claimed = u.Identity[0].Digest
	}
	s.Digests = united(digests, u.Names)
	for _, r := range u.References {
		if !slices.Contains(s.References, r) {
			s.References = append(s.References, r)
		}
	}
	s.Origin = u.Origin
	// A tool that was shown a folder names the folder, which is nobody's name for the image.
	if kind := doc.Subject.Kind; u.Origin.Image != "" && (s.Name == "" || kind == "directory" || kind == "file") {
		if ref, err := ident.ParseImageRef(u.Origin.Image); err == nil {
			s.Name = ref.Name()
		}
	}
}

// united adds digests to a list, each once; one whose role was not known gets it.
func united(list, more []ident.RoledDigest) []ident.RoledDigest {
	for _, d := range more {
		i := slices.IndexFunc(list, func(x ident.RoledDigest) bool { return x.Digest == d.Digest })
		switch {
		case i < 0:
			list = append(list, d)
		case list[i].Role == ident.RoleUnknown:
			list[i].Role = d.Role
		}
	}
	return list
}

// says reports whether what is known of the image is known of a subject.
func (u *Upload) says(s *store.Subject) bool {
	for _, d := range slices.Concat(u.Identity, u.Names) {
		if s.Claimed != d.Digest && !slices.ContainsFunc(s.Digests, func(x ident.RoledDigest) bool { return x.Digest == d.Digest }) {
			return false
		}
	}
	for _, r := range u.References {
		if !slices.Contains(s.References, r) {
			return false
		}
	}
	return true
}

// Taken reports whether a live document of a tenant was taken in from this very place:
// what stands in a registry need not be fetched again to know it.
func (c *Catalog) Taken(ctx context.Context, tenant string, from store.Origin) (bool, error) {
	ids, err := c.store.Named(ctx, tenant, store.ByDigest, from.Blob.String(), -1, store.MaxPage)
	if err != nil || len(ids) == 0 {
		return false, storeError(err)
	}
	docs, err := c.store.Documents(ctx, ids)
	return slices.ContainsFunc(docs, func(d store.Document) bool {
		return d.Subject.Origin.Image == from.Image && d.Subject.Origin.Blob == from.Blob
	}), storeError(err)
}

// Left returns where those documents of a tenant were found that were archived and not
// purged yet: they are not to be taken in from there again.
func (c *Catalog) Left(ctx context.Context, tenant string) ([]store.Origin, error) {
	var out []store.Origin
	for after := uint64(0); ; {
		docs, err := c.store.Archived(ctx, tenant, after, store.MaxPage)
		if err != nil {
			return nil, storeError(err)
		}
		for i := range docs {
			if o := docs[i].Subject.Origin; o != (store.Origin{}) {
				out = append(out, o)
			}
			after = docs[i].Deleted
		}
		if len(docs) < store.MaxPage {
			return out, nil
		}
	}
}
