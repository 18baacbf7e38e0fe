package catalog

import (
	"context"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// productOf is what a document is about, as statements (VEX) may name it: by the
// identities that the document itself gives, and by the images that run and that it was
// found for.
func productOf(d *store.Document, os sbom.Distro, images ...ident.Digest) *vuln.Artifact {
	doc := &sbom.Document{Digest: d.Original, Serial: d.Subject.Serial, Subject: sbom.Subject{Name: d.Subject.Name, Version: d.Subject.Version, Digests: d.Subject.Digests, OS: os}}
	for _, r := range d.Subject.References {
		if strings.HasPrefix(r, "pkg:") {
			doc.Subject.PURL = r
		} else if ref, err := ident.ParseImageRef(r); err == nil {
			doc.Subject.References = append(doc.Subject.References, ref)
		}
	}
	return vuln.ArtifactOf(doc, images...)
}

// judge is what statements say of a finding in a component of a document's artifact.
// The finding is one of it alone.
func (m *matched) judge(f vuln.Finding, d *store.Document, c *sbom.Component, os sbom.Distro, images ...ident.Digest) vuln.Finding {
	m.Intelligence.Judge(&f, productOf(d, os, images...), c)
	return f
}

// talked reports whether anybody states anything about a vulnerability.
func (m *matched) talked(f *vuln.Finding) bool {
	return m.Intelligence != nil && m.Intelligence.Statements.Concern(f)
}

// subjects reads the documents of artifacts, once each.
type subjects struct {
	store store.Store
	docs  map[uint32][]store.Document
}

func (s *subjects) of(ctx context.Context, artifact uint32) ([]store.Document, error) {
	docs, ok := s.docs[artifact]
	if ok {
		return docs, nil
	}
	ids, err := s.store.ArtifactDocuments(ctx, artifact)
	if err == nil {
		docs, err = s.store.Documents(ctx, ids)
	}
	if err != nil {
		return nil, storeError(err)
	}
	slices.Reverse(docs) // the newest first
	s.docs[artifact] = docs
	return docs, nil
}
