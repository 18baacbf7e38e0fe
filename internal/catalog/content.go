package catalog

import (
	"cmp"
	"context"
	"io"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/compare"
	"github.com/cofferdam-io/cofferdam/sbom/trace"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// mostRead bounds how many documents one question reads: each is decoded anew.
const mostRead = 32

// Read is a document with what it says.
type Read struct {
	store.Document
	SBOM *sbom.Document
}

// named are a tenant's live documents that a digest names, oldest first: the one with
// these bytes, or else all of the artifacts with the digest.
func (c *Catalog) named(ctx context.Context, tenant string, d ident.Digest) ([]store.Document, error) {
	docs, err := c.store.Lookup(ctx, tenant, d)
	if err != nil || len(docs) > 0 {
		return docs, storeError(err)
	}
	ids, err := c.store.Named(ctx, tenant, store.ByDigest, d.String(), -1, store.MaxPage)
	if err != nil {
		return nil, storeError(err)
	}
	if docs, err = c.store.Documents(ctx, ids); err != nil {
		return nil, storeError(err)
	}
	artifacts := map[uint32]bool{}
	for i := range docs {
		if artifacts[docs[i].Artifact] {
			continue
		}
		artifacts[docs[i].Artifact] = true
		others, err := c.store.ArtifactDocuments(ctx, docs[i].Artifact)
		if err != nil {
			return nil, storeError(err)
		}
		ids = append(ids, others...)
	}
	slices.Sort(ids)
	if docs, err = c.store.Documents(ctx, slices.Compact(ids)); err != nil {
		return nil, storeError(err)
	}
	docs = slices.DeleteFunc(docs, func(x store.Document) bool { return x.Deleted != 0 || x.Tenant != tenant })
	if len(docs) == 0 {
		return nil, ident.Errorf(ident.KindNotFound, "no document and no artifact is %s", d)
	}
	return docs, nil
}

// decoded reads a document. It takes the memory
// and the place of a worker that taking a document in takes.
func (c *Catalog) decoded(ctx context.Context, d *store.Document) (*sbom.Document, error) {
	hold := &lease{of: &c.memory}
	defer hold.end()
	if err := c.memory.take(hold, d.Size); err != nil {
		return nil, err
	}
	if err := c.workers.enter(ctx); err != nil {
		return nil, err
	}
	defer c.workers.leave()
	body, size, err := c.Content(ctx, d.Tenant, d.Original)
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // of a reader
	raw := make([]byte, size)
	if _, err := io.ReadFull(body, raw); err != nil || ident.SHA256(raw) != d.Original {
		return nil, ident.Errorf(ident.KindFailure, "the stored bytes of %s are damaged", d.Original)
	}
	return c.decode(ctx, raw, d.Original, 0, nil, nil)
}

// Read returns what a digest names, decoded, oldest first: a document, or all that are
// of an artifact.
func (c *Catalog) Read(ctx context.Context, tenant string, d ident.Digest) ([]Read, error) {
	docs, err := c.named(ctx, tenant, d)
	if err != nil {
		return nil, err
	}
	// The same bytes may be several documents.
	seen := map[ident.Digest]bool{}
	docs = slices.DeleteFunc(docs, func(x store.Document) bool {
		was := seen[x.Original]
		seen[x.Original] = true
		return was
	})
	if len(docs) > mostRead {
		return nil, ident.Errorf(ident.KindUsage, "%s has %d documents, and at most %d are read at once", d, len(docs), mostRead).WithHint("ask for one of them by its digest")
	}
	out := make([]Read, 0, len(docs))
	for i := range docs {
		s, err := c.decoded(ctx, &docs[i])
		if err != nil {
			return nil, err
		}
		out = append(out, Read{Document: docs[i], SBOM: s})
	}
	return out, nil
}

// Scanned is what advisories say of a document, or of all documents of an artifact.
type Scanned struct {
	Documents []store.Document
	Report    *vuln.Report
	// Seen says, for each finding of Report, which documents show it.
	Seen [][]ident.Digest
	// Origins say what is known of where the findings come from, for each base.
	Origins []vuln.OriginCount
	By      AdvisoryState
}

// Scan matches what a digest names with the advisories. What several documents of an
// artifact show alike is one finding.
func (c *Catalog) Scan(ctx context.Context, tenant string, d ident.Digest) (*Scanned, error) {
	docs, err := c.Read(ctx, tenant, d)
	if err != nil {
		return nil, err
	}
	m, err := c.matched(ctx, c.follow.now())
	if err != nil {
		return nil, err
	}
	out := &Scanned{By: c.AdvisoryState()}
	for i := range docs {
		out.Documents = append(out.Documents, docs[i].Document)
	}
	if out.Report, err = vuln.Scan(ctx, boms(docs), m.Database, m.Intelligence); err != nil {
		return nil, err
	}
	type same struct{ id, purl, version string }
	at := map[same]int{}
	kept := out.Report.Findings[:0]
	for _, f := range out.Report.Findings {
		k := same{f.ID, canonical(f.PURL), f.Component.Version}
		i, ok := at[k]
		if !ok {
			i = len(kept)
			at[k] = i
			kept = append(kept, f)
			out.Seen = append(out.Seen, nil)
		}
		if !slices.Contains(out.Seen[i], f.Document) {
			out.Seen[i] = append(out.Seen[i], f.Document)
		}
	}
	out.Report.Findings = kept
	out.Origins, err = c.markOrigins(ctx, tenant, docs, kept)
	return out, err
}

// canonical spells a package URL one way, whatever wrote it.
func canonical(purl string) string {
	p, err := vuln.ParsePURL(purl)
	if err != nil {
		return purl
	}
	return p.String()
}

func boms(docs []Read) []*sbom.Document {
	out := make([]*sbom.Document, len(docs))
	for i := range docs {
		out[i] = docs[i].SBOM
	}
	return out
}

// Compared is how two releases differ.
type Compared struct {
	Old, New *sbom.Document // that were compared
	Diff     *compare.Diff
	// Vulnerabilities are how the findings of all documents of each side differ; nil where
	// no advisories are loaded.
	Vulnerabilities *compare.Findings
	Unmatched       int // entries of the new side that could not be compared with the advisories
	By              AdvisoryState
}

// Compare compares what two digests name. Of an artifact with several documents the
// newest is compared, where one of the same format and tool is there the newest such.
func (c *Catalog) Compare(ctx context.Context, tenant string, before, after ident.Digest) (*Compared, error) {
	olds, err := c.Read(ctx, tenant, before)
	if err != nil {
		return nil, err
	}
	news, err := c.Read(ctx, tenant, after)
	if err != nil {
		return nil, err
	}
	out := &Compared{By: c.AdvisoryState()}
	out.Old, out.New = alike(boms(olds), boms(news))
	if out.Diff, err = compare.Documents(ctx, out.Old, out.New); err != nil {
		return nil, err
	}
	m := c.advisories.set.Load()
	if m == nil {
		return out, nil
	}
	was, err := vuln.Scan(ctx, boms(olds), m.Database, m.Intelligence)
	if err != nil {
		return nil, err
	}
	is, err := vuln.Scan(ctx, boms(news), m.Database, m.Intelligence)
	if err != nil {
		return nil, err
	}
	out.Vulnerabilities, out.Unmatched = compare.Vulnerabilities(was, is), len(is.Unmatched)
	return out, nil
}

// alike picks the pair to compare: what tools do differently is no difference between
// releases.
func alike(olds, news []*sbom.Document) (before, after *sbom.Document) {
	best := -1
	for i, o := range olds {
		for k, n := range news {
			score := i + k // newer ones come later
			if o.Format == n.Format {
				score += mostRead * 2
			}
			if toolOf(o) != "" && toolOf(o) == toolOf(n) {
				score += mostRead * 4
			}
			if score > best {
				best, before, after = score, o, n
			}
		}
	}
	return before, after
}

func toolOf(d *sbom.Document) string {
	var names []string
	for _, t := range d.Tools {
		names = append(names, t.Name)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// Together unites the documents of an artifact, and says what only some of them saw.
func (c *Catalog) Together(ctx context.Context, tenant string, d ident.Digest) ([]Read, *compare.Union, error) {
	docs, err := c.Read(ctx, tenant, d)
	if err != nil {
		return nil, nil, err
	}
	if len(docs) < 2 {
		return nil, nil, ident.Errorf(ident.KindUsage, "%s has one document: there is nothing to unite", d).WithHint("name an artifact that several documents are about")
	}
	u, err := compare.Together(ctx, boms(docs))
	return docs, u, err
}

// Traced is why a component is in a document.
type Traced struct {
	Read
	Ways []trace.Ways
}

// Why returns, for each document that a digest names and that has a component, the
// shortest ways to it, at most so many; the document with the most ways first.
func (c *Catalog) Why(ctx context.Context, tenant string, d ident.Digest, component string, most int) ([]Traced, error) {
	docs, err := c.Read(ctx, tenant, d)
	if err != nil {
		return nil, err
	}
	var out []Traced
	for i := range docs {
		if found := trace.Find(docs[i].SBOM, component); len(found) > 0 {
			out = append(out, Traced{Read: docs[i], Ways: trace.New(docs[i].SBOM).Ways(found, most)})
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, ident.Errorf(ident.KindNotFound, "no document of %s has a component %q", d.Short(), printable(component, 200))
	}
	slices.SortStableFunc(out, func(a, b Traced) int { return cmp.Compare(len(b.Ways), len(a.Ways)) })
	return out, nil
}
