package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Built says which image another one was built on, as its manifest or whoever built it
// says.
type Built struct {
	Image  ident.Digest   `json:"-"`      // of the manifest of the image that was built, or any other digest of it
	Base   string         `json:"base"`   // what it was built on, with its digest
	Layers []ident.Digest `json:"layers"` // of that, compressed or not; none where nobody read them
}

// The bounds of what is known of bases.
const (
	mostBaseLayers = 500 // of one image, under all their digests
	mostBases      = 256 // documents of base images by one name, the newest ones
)

// SayBuilt keeps which image one of a tenant was built on, in place of what was said
// before. It reports whether that is new.
func (c *Catalog) SayBuilt(ctx context.Context, by authz.Actor, tenant string, b Built) (bool, error) {
	ref, err := ident.ParseImageRef(b.Base)
	switch {
	case err != nil:
		return false, ident.Errorf(ident.KindInvalid, "%w", err)
	case b.Image.IsZero():
		return false, ident.Errorf(ident.KindInvalid, "which image was built on %s?", ref.Short())
	case ref.Digest.IsZero():
		return false, ident.Errorf(ident.KindInvalid, "the base %s has no digest: its tag may mean another image tomorrow", ref.Short()).WithHint("registry.example/debian@sha256:…")
	case ref.Digest == b.Image:
		return false, ident.Errorf(ident.KindInvalid, "%s is not built on itself", ref.Short())
	case len(b.Layers) > mostBaseLayers:
		return false, ident.Errorf(ident.KindLimit, "the base %s has %d layers; at most %d fit", ref.Short(), len(b.Layers), mostBaseLayers)
	}
	body, err := json.Marshal(&b)
	if err != nil {
		return false, err
	}
	n, err := c.store.Assert(ctx, c.mutation(by), store.StateBase, url.PathEscape(tenant)+"/"+b.Image.String(), []store.State{{Key: "base", Subject: b.Image.String(), Body: body}})
	if err != nil || n == 0 {
		return false, storeError(err)
	}
	err = c.settle(ctx)
	c.wakeOrigins()
	return true, err
}

// imageOrigins is what is known of one artifact's components.
type imageOrigins struct {
	key    string // what it was worked out from
	tenant string
	base   string // "" where nothing is known of it
	of     map[uint64]vuln.Origin
}

// knownOrigins is what is known of everything that runs. It is immutable.
type knownOrigins struct {
	seq     uint64
	of      map[uint32]*imageOrigins // by artifact
	images  map[ident.Digest][]uint32
	pending int // artifacts whose documents were not read yet
	// candidates are the base images that the configuration names, by tenant.
	candidates map[string][]baseDocument
}

// originsTable holds the newest, and what is remembered of base images.
type originsTable struct {
	look  sync.Mutex // one look at a time
	last  atomic.Pointer[knownOrigins]
	wake  chan struct{}            // of capacity 1
	seed  maphash.Seed             // of the names of packages
	bases map[uint32]*vuln.Origins // by document; only a look reads them
}

const originsEvery = 5 * time.Second

// originsLook keeps what is known of the origins of components true. It reads documents,
// and gives way to uploads.
func (c *Catalog) originsLook() looking {
	return looking{every: originsEvery, wake: c.origins.wake, failed: "it was not found out what came with base images", look: func(ctx context.Context) (bool, error) {
		did, err := c.auditOrigins(ctx, true)
		var busy *BusyError
		if errors.As(err, &busy) {
			err = nil // it comes again
		}
		return did, err
	}}
}

func (c *Catalog) wakeOrigins() {
	select {
	case c.origins.wake <- struct{}{}:
	default:
	}
}

// AuditOrigins finds out what came with base images, for all that runs and that changed
// since the last time. It reports whether it looked.
func (c *Catalog) AuditOrigins(ctx context.Context) (bool, error) { return c.auditOrigins(ctx, false) }

func (c *Catalog) auditOrigins(ctx context.Context, yielding bool) (bool, error) {
	t := &c.origins
	t.look.Lock()
	defer t.look.Unlock()
	v, was := c.follow.now(), t.last.Load()
	if was != nil && was.seq == v.seq {
		return false, nil
	}
	said, err := c.saidBases(ctx, "")
	if err != nil {
		return false, err
	}
	if len(said)+len(c.baseImages) == 0 { // nobody says anything of bases
		t.last.Store(&knownOrigins{seq: v.seq})
		return false, nil
	}
	candidates, err := c.baseDocuments(ctx, v, yielding)
	if err != nil {
		return true, err
	}
	now := &knownOrigins{seq: v.seq, candidates: candidates, of: map[uint32]*imageOrigins{}, images: map[ident.Digest][]uint32{}}
	for a, digests := range v.running.artifacts {
		for _, d := range digests {
			now.images[d] = append(now.images[d], a)
		}
		if was != nil && was.of[a] != nil {
			now.of[a] = was.of[a]
		}
	}
	docs := subjects{store: c.store, docs: map[uint32][]store.Document{}}
	r := originsReader{c: c, said: said, candidates: candidates, bases: map[string]*saidBase{}, yielding: yielding}
	published := time.Now()
	for _, a := range slices.Sorted(maps.Keys(v.running.artifacts)) {
		if err := ctx.Err(); err != nil {
			return true, err
		}
		about, err := docs.of(ctx, a)
		if err != nil {
			return true, err
		}
		delete(docs.docs, a)
		tenant := v.tenantOf(a)
		b, key, err := r.base(ctx, tenant, about, v.running.artifacts[a])
		if err != nil {
			return true, err
		}
		if had := now.of[a]; had != nil && had.key == key {
			continue
		}
		one := &imageOrigins{key: key, tenant: tenant}
		if b != nil || len(candidates[tenant]) > 0 {
			if err := r.read(ctx, one, b, about); err != nil {
				return true, err
			}
		}
		now.of[a] = one
		if time.Since(published) > time.Second { // there may be minutes of documents
			part := *now
			part.seq, part.of, part.pending = 0, maps.Clone(now.of), len(v.running.artifacts)-len(now.of)
			t.last.Store(&part)
			published = time.Now()
		}
	}
	t.last.Store(now)
	return true, nil
}

// saidBases are what images were built on, by tenant and digest: all, or one.
func (c *Catalog) saidBases(ctx context.Context, image string) (map[string]map[ident.Digest]*Built, error) {
	out := map[string]map[ident.Digest]*Built{}
	err := c.states(ctx, store.StateQuery{Kind: store.StateBase, Subject: image}, func(s *store.State) error {
		tenant, digest, _ := strings.Cut(s.Scope, "/")
		tenant, err := url.PathUnescape(tenant)
		b := &Built{}
		if err == nil {
			err = json.Unmarshal(s.Body, b)
		}
		if err == nil {
			b.Image, err = ident.ParseDigest(digest)
		}
		if err != nil {
			return ident.Errorf(ident.KindFailure, "what %.200q was built on cannot be read: %w", s.Scope, err)
		}
		if out[tenant] == nil {
			out[tenant] = map[ident.Digest]*Built{}
		}
		out[tenant][b.Image] = b
		return nil
	})
	return out, err
}

// baseDocument is one of a base image that the configuration names.
type baseDocument struct {
	id      uint32
	name    string
	origins *vuln.Origins // nil where the document cannot be read
}

// baseDocuments reads the documents of the base images that the configuration names, by
// tenant. What was read before is not read again.
func (c *Catalog) baseDocuments(ctx context.Context, v *view, yielding bool) (map[string][]baseDocument, error) {
	out := map[string][]baseDocument{}
	if len(c.baseImages) == 0 {
		return out, nil
	}
	there := map[uint32]*vuln.Origins{}
	for tenant := range v.tenants {
		var ids []uint32
		for _, name := range c.baseImages {
			var named []uint32
			for _, kind := range []store.NameKind{store.ByDigest, store.ByReference, store.ByName} {
				some, err := c.store.Named(ctx, tenant, kind, name, -1, store.MaxPage)
				if err != nil {
					return nil, storeError(err)
				}
				named = append(named, some...)
			}
			slices.Sort(named)
			named = slices.Compact(named)
			ids = append(ids, named[max(0, len(named)-mostBases):]...)
		}
		slices.Sort(ids)
		docs, err := c.store.Documents(ctx, slices.Compact(ids))
		if err != nil {
			return nil, storeError(err)
		}
		for i := range docs {
			d := &docs[i]
			if d.Deleted != 0 {
				continue
			}
			o, known := c.origins.bases[d.ID]
			if !known {
				s, err := c.readForOrigins(ctx, d, yielding)
				if err != nil {
					return nil, err
				}
				if s != nil {
					o = vuln.NewOrigins(vuln.Base{Name: baseName(d), Documents: []*sbom.Document{s}})
				}
			}
			there[d.ID] = o
			if o != nil {
				out[tenant] = append(out[tenant], baseDocument{d.ID, baseName(d), o})
			}
		}
	}
	c.origins.bases = there
	return out, nil
}

func baseName(d *store.Document) string {
	for _, r := range d.Subject.References {
		if !strings.HasPrefix(r, "pkg:") {
			return r
		}
	}
	return strings.TrimSpace(cmp.Or(d.Subject.Name, d.Original.Short()) + " " + d.Subject.Version)
}

// readForOrigins decodes a document; nil is one that cannot be read, now or ever: it
// tells nothing.
func (c *Catalog) readForOrigins(ctx context.Context, d *store.Document, yielding bool) (*sbom.Document, error) {
	begun := time.Now()
	s, err := c.decoded(ctx, d)
	if yielding {
		c.giveWay(ctx, time.Since(begun))
	}
	var busy *BusyError
	switch {
	case err == nil:
		return s, nil
	case errors.As(err, &busy) || ctx.Err() != nil || ident.KindOf(err) == ident.KindIndeterminate:
		return nil, err
	}
	c.log.WarnContext(ctx, "a document does not tell what came with a base image", "digest", d.Original.String(), "error", err)
	return nil, nil //nolint:nilnil // it tells nothing
}

// originsReader works out what came with a base.
type originsReader struct {
	c          *Catalog
	said       map[string]map[ident.Digest]*Built
	candidates map[string][]baseDocument
	bases      map[string]*saidBase // by tenant and what was said
	yielding   bool
}

// saidBase is an image that somebody says others were built on.
type saidBase struct {
	Built
	docs    []store.Document
	key     string
	origins *vuln.Origins // nil until it is asked for
}

// base is what an artifact was said to be built on, by a digest that one of its documents
// gives or that runs; nil where nobody says. key names all that the answer depends on.
func (r *originsReader) base(ctx context.Context, tenant string, about []store.Document, running []ident.Digest) (*saidBase, string, error) {
	var said *Built
	known := r.said[tenant]
	find := func(d ident.Digest) {
		if said == nil {
			said = known[d]
		}
	}
	var key strings.Builder
	for i := range about {
		doc := &about[i]
		fmt.Fprintf(&key, "%d ", doc.ID)
		for _, d := range doc.Subject.Digests {
			if d.Role != ident.RoleIndex && d.Role != ident.RoleDocument {
				find(d.Digest)
			}
		}
		find(doc.Subject.Claimed)
	}
	for _, d := range running {
		find(d)
	}
	if said == nil {
		for _, b := range r.candidates[tenant] {
			fmt.Fprintf(&key, "or %d ", b.id)
		}
		return nil, key.String(), nil
	}
	b, err := r.saidBase(ctx, tenant, said)
	if err != nil {
		return nil, "", err
	}
	return b, key.String() + b.key, nil
}

// saidBase finds the documents about an image that others were built on, once.
func (r *originsReader) saidBase(ctx context.Context, tenant string, said *Built) (*saidBase, error) {
	k := fmt.Sprint(tenant, "\x00", said.Base, said.Layers)
	if b, ok := r.bases[k]; ok {
		return b, nil
	}
	ref, err := ident.ParseImageRef(said.Base)
	if err != nil {
		return nil, err
	}
	b := &saidBase{Built: *said}
	if b.docs, err = r.c.named(ctx, tenant, ref.Digest); err != nil && ident.KindOf(err) != ident.KindNotFound {
		return nil, err
	}
	b.docs = b.docs[:min(len(b.docs), mostRead)]
	b.key = fmt.Sprint("on ", ident.SHA256([]byte(k)))
	for i := range b.docs {
		b.key += fmt.Sprint(" ", b.docs[i].ID)
	}
	r.bases[k] = b
	return b, nil
}

// known is what came with it: by its layers, and the documents about it.
func (b *saidBase) known(ctx context.Context, r *originsReader) (*vuln.Origins, error) {
	if b.origins != nil {
		return b.origins, nil
	}
	base := vuln.Base{Name: b.Base, Layers: b.Layers}
	for i := range b.docs {
		d, err := r.c.readForOrigins(ctx, &b.docs[i], r.yielding)
		if err != nil {
			return nil, err
		}
		if d != nil {
			base.Documents = append(base.Documents, d)
		}
	}
	b.origins = vuln.NewOrigins(base)
	return b.origins, nil
}

// read fills in what came with a base: the one that was said, or of those that the
// configuration names the one of which a document has the most layers.
func (r *originsReader) read(ctx context.Context, out *imageOrigins, said *saidBase, about []store.Document) error {
	var base *vuln.Origins
	if said != nil {
		var err error
		if base, err = said.known(ctx, r); err != nil {
			return err
		}
		out.base = said.Base
	}
	disagree := map[uint64]bool{}
	for i := range about[:min(len(about), mostRead)] {
		d, err := r.c.readForOrigins(ctx, &about[i], r.yielding)
		if err != nil {
			return err
		}
		if d == nil {
			continue
		}
		at := base
		if said == nil {
			b := r.below(out.tenant, &about[i], d)
			if b == nil {
				continue
			}
			at, out.base = b.origins, b.name
		}
		for purl, o := range at.ByPackage(d) {
			if out.of == nil {
				out.of = map[uint64]vuln.Origin{}
			}
			h := r.c.origins.hash(purl)
			if had, ok := out.of[h]; ok && had != o {
				disagree[h] = true
			}
			out.of[h] = o
		}
	}
	for h := range disagree { // two documents of it, or two spellings of a package
		delete(out.of, h)
	}
	return nil
}

// below is the base image that the configuration names and of whose layers a document
// tells all, with others above; of several the one with the most. nil is that there is none.
func (r *originsReader) below(tenant string, about *store.Document, d *sbom.Document) *baseDocument {
	var out *baseDocument
	most := 0
	for i := range r.candidates[tenant] {
		b := &r.candidates[tenant][i]
		if n := b.origins.Below(d); n > most && b.id != about.ID {
			most, out = n, b
		}
	}
	return out
}

// markOrigins gives the findings of documents their origin, by what is said of what they
// are about, or by the base images of the configuration as of the last look.
func (c *Catalog) markOrigins(ctx context.Context, tenant string, docs []Read, findings []vuln.Finding) ([]vuln.OriginCount, error) {
	var out []vuln.OriginCount
	r := originsReader{c: c, bases: map[string]*saidBase{}}
	if k := c.origins.last.Load(); k != nil {
		r.candidates = k.candidates
	}
	for i := range docs {
		about := docs[i : i+1]
		r.said = map[string]map[ident.Digest]*Built{tenant: {}}
		for _, d := range append(slices.Clip(docs[i].Subject.Digests), ident.RoledDigest{Digest: docs[i].Subject.Claimed}) {
			if d.Digest.IsZero() {
				continue
			}
			one, err := c.saidBases(ctx, d.Digest.String())
			if err != nil {
				return nil, err
			}
			maps.Copy(r.said[tenant], one[tenant])
		}
		said, _, err := r.base(ctx, tenant, []store.Document{docs[i].Document}, nil)
		if err != nil {
			return nil, err
		}
		var base *vuln.Origins
		if said != nil {
			if base, err = said.known(ctx, &r); err != nil {
				return nil, err
			}
		} else if b := r.below(tenant, &docs[i].Document, docs[i].SBOM); b != nil {
			base = b.origins
		}
		if base != nil {
			out = append(out, base.Mark(findings, boms(about)))
		}
	}
	return out, nil
}

func (t *originsTable) hash(purl string) uint64 { return maphash.String(t.seed, canonical(purl)) }

// find is what brought the component of a finding, and the base. With mine only what a
// tenant's own documents show counts. Where several artifacts are the image (an index of
// which nobody knows which image runs, documents of several tenants), it is known where
// none of them says otherwise.
func (t *originsTable) find(k *knownOrigins, f *Finding, tenant string, mine bool) (vuln.Origin, string) {
	if k == nil || len(k.of) == 0 {
		return vuln.OriginUnknown, ""
	}
	out, base, h := vuln.OriginUnknown, "", t.hash(f.Said.PURL)
	for _, a := range k.images[f.Said.Image] {
		one := k.of[a]
		if one == nil || mine && one.tenant != tenant {
			continue
		}
		o := one.of[h]
		if o == vuln.OriginUnknown {
			continue
		}
		if out != vuln.OriginUnknown && o != out {
			return vuln.OriginUnknown, ""
		}
		out, base = o, one.base
	}
	return out, base
}

// waiting is how many artifacts that run were not looked at yet.
func (k *knownOrigins) waiting(v *view) int {
	if k == nil {
		return len(v.running.artifacts)
	}
	return k.pending
}
