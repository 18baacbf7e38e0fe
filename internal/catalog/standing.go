package catalog

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Standing says how a running image and the catalogue agree.
type Standing string

// The standings, the best first.
const (
	// Covered: a document that names the image, or that was handed over for it alone, is in.
	Covered Standing = "covered"
	// Unreviewed: there are such documents, and nobody has published one where that is asked for.
	Unreviewed Standing = "unreviewed"
	// Stale: there are documents, and each is doubtful; Doubts say why.
	Stale Standing = "stale"
	// Missing: no document is about the image.
	Missing Standing = "missing"
	// Unresolved: the cluster did not say which image runs.
	Unresolved Standing = "unresolved"
)

// Standings returns all of them, the best first.
func Standings() []Standing { return []Standing{Covered, Unreviewed, Stale, Missing, Unresolved} }

// DoubtKind is why a document may not describe an image.
type DoubtKind string

// The kinds of doubts. The first three make a document stale; the others are said
// and decide nothing.
const (
	NamesAnother DoubtKind = "names-another" // it names another image than the one it was handed over for
	Reused       DoubtKind = "reused"        // the same bytes were handed over for other images
	SerialReused DoubtKind = "serial-reused" // its serial number is that of an earlier document about another image
	OnlyClaimed  DoubtKind = "only-claimed"  // only who handed it over says which image it is about
	ByIndex      DoubtKind = "by-index"      // it names the index, which lists images of several platforms
	Old          DoubtKind = "old"           // it was made longer ago than documents may be
	FromFuture   DoubtKind = "future"        // it says that it was made after it was handed over
)

func (k DoubtKind) stale() bool { return k == NamesAnother || k == Reused || k == SerialReused }

// Doubt is why one document may not describe an image.
type Doubt struct {
	Kind     DoubtKind
	Document ident.Digest
	Others   []ident.Digest // the images, or documents, that it concerns as well; not all of many
}

// mostOthers bounds Doubt.Others.
const mostOthers = 8

// Stand is how one image stands.
type Stand struct {
	Standing  Standing
	Documents []ident.Digest // of documents about it, the newest first
	Doubts    []Doubt
}

// Stood is one container, held against the catalogue.
type Stood struct {
	Workload
	Stand
}

// StandingQuery selects containers. Zero fields select everything.
type StandingQuery struct {
	Tenant    string
	Cluster   string
	Zone      string
	Standings []Standing
	At        time.Time     // what ran then, by the documents of today; zero: now
	MaxAge    time.Duration // how old documents may be; zero: any age
	// Mine leaves out what no document of the tenant is about: a tenant's people do not
	// see what others run.
	Mine  bool
	After *Workload // the last of the page before
	Limit int
}

// Stands is the answer: counts of all that Cluster and Zone select, and a page of
// what Standings selects of them.
type Stands struct {
	Sequence uint64
	Counts   map[Standing]int
	Total    int // of the selected containers
	Items    []Stood
	More     bool // there is another page
}

// Stand holds what runs against the documents that are in.
func (c *Catalog) Stand(ctx context.Context, q StandingQuery) (*Stands, error) {
	v := c.follow.now()
	runs, err := c.ran(ctx, v, q.Tenant, q.At)
	if err != nil {
		return nil, err
	}
	out := &Stands{Sequence: v.seq, Counts: map[Standing]int{}}
	var all []Stood
	add := func(w *Workload, s *Stand) {
		if q.Cluster != "" && w.Cluster != q.Cluster || q.Zone != "" && w.Zone != q.Zone {
			return
		}
		if q.Mine && len(s.Documents) == 0 {
			return
		}
		out.Counts[s.Standing]++
		if len(q.Standings) == 0 || slices.Contains(q.Standings, s.Standing) {
			all = append(all, Stood{*w, *s})
		}
	}
	for d, ws := range runs.images {
		s, err := c.standOf(ctx, v, q.Tenant, d, q.MaxAge)
		if err != nil {
			return nil, err
		}
		for i := range ws {
			add(&ws[i], s)
		}
	}
	for i := range runs.unknown {
		add(&runs.unknown[i], &Stand{Standing: Unresolved})
	}
	slices.SortFunc(all, func(a, b Stood) int { return compareWorkloads(a.Workload, b.Workload) })
	out.Total = len(all)
	if q.After != nil {
		all = all[sort.Search(len(all), func(i int) bool { return compareWorkloads(all[i].Workload, *q.After) > 0 }):]
	}
	if q.Limit > 0 && len(all) > q.Limit {
		all, out.More = all[:q.Limit], true
	}
	out.Items = all
	return out, nil
}

// stands remembers how images stand in one view: what is asked for a page is asked
// for the next one too.
type stands struct {
	mu  sync.Mutex
	seq uint64
	of  map[standKey]*Stand
}

type standKey struct {
	tenant string
	image  ident.Digest
	maxAge time.Duration
}

func (c *Catalog) standOf(ctx context.Context, v *view, tenant string, image ident.Digest, maxAge time.Duration) (*Stand, error) {
	k := standKey{tenant, image, maxAge}
	m := &c.stands
	m.mu.Lock()
	if m.seq != v.seq {
		m.seq, m.of = v.seq, map[standKey]*Stand{}
	}
	s := m.of[k]
	m.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := c.judge(ctx, tenant, image, maxAge)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	if m.seq == v.seq {
		m.of[k] = s
	}
	m.mu.Unlock()
	return s, nil
}

// judge reads what is known of an image.
func (c *Catalog) judge(ctx context.Context, tenant string, image ident.Digest, maxAge time.Duration) (*Stand, error) {
	ids, err := c.store.Named(ctx, tenant, store.ByDigest, image.String(), -1, store.MaxPage)
	if err != nil {
		return nil, storeError(err)
	}
	docs, err := c.store.Documents(ctx, ids)
	if err != nil {
		return nil, storeError(err)
	}
	slices.SortFunc(docs, func(a, b store.Document) int { return cmp.Compare(b.Seq, a.Seq) })
	s := &Stand{Standing: Missing}
	for i := range docs {
		d := &docs[i]
		doubts, err := c.doubts(ctx, d, image, maxAge)
		if err != nil {
			return nil, err
		}
		is := Covered
		switch {
		case slices.ContainsFunc(doubts, func(x Doubt) bool { return x.Kind.stale() }):
			is = Stale
		case c.status == store.StatusDraft && d.Status != store.StatusPublished:
			is = Unreviewed
		}
		if slices.Index(Standings(), is) < slices.Index(Standings(), s.Standing) {
			s.Standing = is
		}
		if !slices.Contains(s.Documents, d.Original) {
			s.Documents = append(s.Documents, d.Original)
		}
		s.Doubts = append(s.Doubts, doubts...)
	}
	return s, nil
}

// doubts says why a document may not describe an image that it is found by.
func (c *Catalog) doubts(ctx context.Context, d *store.Document, image ident.Digest, maxAge time.Duration) ([]Doubt, error) {
	var out []Doubt
	doubt := func(k DoubtKind, others []ident.Digest) {
		out = append(out, Doubt{k, d.Original, others[:min(len(others), mostOthers)]})
	}
	if d.Subject.Claimed == image {
		var own []ident.Digest
		for _, x := range d.Subject.Digests {
			if x.Role == ident.RoleManifest || x.Role == ident.RoleUnknown {
				own = append(own, x.Digest)
			}
		}
		if len(own) > 0 {
			doubt(NamesAnother, own)
		} else {
			doubt(OnlyClaimed, nil)
		}
		same, err := c.store.Lookup(ctx, d.Tenant, d.Original)
		if err != nil {
			return nil, storeError(err)
		}
		var others []ident.Digest
		for i := range same {
			if x := same[i].Subject.Claimed; !x.IsZero() && x != image && !slices.Contains(others, x) {
				others = append(others, x)
			}
		}
		if len(others) > 0 {
			doubt(Reused, others)
		}
	} else if at := slices.IndexFunc(d.Subject.Digests, func(x ident.RoledDigest) bool { return x.Digest == image }); at >= 0 && d.Subject.Digests[at].Role == ident.RoleIndex {
		doubt(ByIndex, nil)
	}
	others, err := c.sameSerial(ctx, d)
	if err != nil {
		return nil, err
	}
	if len(others) > 0 {
		doubt(SerialReused, others)
	}
	if m := d.Subject.Made; !m.IsZero() {
		if maxAge > 0 && c.now().Sub(m) > maxAge {
			doubt(Old, nil)
		}
		if m.Sub(d.Time) > 24*time.Hour {
			doubt(FromFuture, nil)
		}
	}
	return out, nil
}

// sameSerial returns earlier documents of other bytes and about another artifact
// that have a document's serial number: it was copied, and changed.
func (c *Catalog) sameSerial(ctx context.Context, d *store.Document) ([]ident.Digest, error) {
	if d.Subject.Serial == "" {
		return nil, nil
	}
	ids, err := c.store.Named(ctx, d.Tenant, store.BySerial, d.Subject.Serial, -1, mostOthers*4)
	if err != nil || len(ids) < 2 {
		return nil, storeError(err)
	}
	docs, err := c.store.Documents(ctx, ids)
	if err != nil {
		return nil, storeError(err)
	}
	var out []ident.Digest
	for i := range docs {
		if o := &docs[i]; o.Seq < d.Seq && o.Original != d.Original && o.Artifact != d.Artifact && !slices.Contains(out, o.Original) {
			out = append(out, o.Original)
		}
	}
	return out, nil
}
