package catalog

import (
	"cmp"
	"context"
	"io"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/provenance"
)

// Trusting says how it is found out who vouches for documents.
type Trusting struct {
	// Uploaders are those whose word is taken, by the subjects of their tokens.
	Uploaders []string
	// Asks is true where the server asks registries itself.
	Asks bool
}

// Bounds of what is said of SBOMs at once.
const (
	mostSaid       = 1000 // images and documents
	mostSaidSBOMs  = 100  // of one image
	fromTheFuture  = 5 * time.Minute
	checkedAnew    = 24 * time.Hour // how often what did not change is written again
	mostCompared   = 64 << 20       // bytes of one document that is compared by what it says
	comparedAtOnce = 64 << 20       // bytes of documents that one question compares
	rememberSays   = 1 << 16        // documents whose ContentDigest is remembered
)

// TrustReceipt acknowledges what somebody said of SBOMs.
type TrustReceipt struct {
	Images, Documents int
	Changed           int  // rows that are new or say something else
	Older             int  // left out: something newer about the same image is known of the same sender
	Counts            bool // the sender's word is taken
}

// TakeTrust takes in what somebody found out about who vouches for a tenant's documents:
// answers of `verify image` and `verify bundle`. It counts where the configuration takes
// their word, and is told with their name otherwise.
func (c *Catalog) TakeTrust(ctx context.Context, by authz.Actor, tenant string, t *inventory.Trust) (*TrustReceipt, error) {
	if len(t.Images)+len(t.Documents) > mostSaid {
		return nil, ident.Errorf(ident.KindLimit, "more than %d images and documents at once", mostSaid).WithHint("hand over fewer answers at a time")
	}
	out := &TrustReceipt{Images: len(t.Images), Documents: len(t.Documents), Counts: slices.Contains(c.trusting.Uploaders, by.Subject)}
	var list []*voucher
	for i := range t.Images {
		x := &t.Images[i]
		if len(x.SBOMs) > mostSaidSBOMs || len(x.Digests) > mostSaidSBOMs {
			return nil, ident.Errorf(ident.KindLimit, "%s has more than %d SBOMs or digests", x.Reference.Short(), mostSaidSBOMs)
		}
		if ahead := x.At.Sub(c.now()); ahead > fromTheFuture {
			return nil, ident.Errorf(ident.KindInvalid, "the verification of %s is said to be of %s, which has not come yet", x.Reference.Short(), x.At.UTC().Format(time.RFC3339)).WithHint("verify without --at, or correct the clock")
		}
		list = append(list, &voucher{tenant: tenant, by: by.Subject, image: x})
	}
	for i := range t.Documents {
		list = append(list, &voucher{tenant: tenant, by: by.Subject, document: &t.Documents[i]})
	}
	known := c.follow.now().vouchers
	for _, v := range list {
		v.scoped()
		if v.image != nil && known.newer(v) {
			out.Older++
			continue
		}
		n, err := c.assertVoucher(ctx, by, v)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			out.Changed++
		}
	}
	if out.Changed == 0 {
		return out, nil
	}
	return out, c.settle(ctx)
}

// find is what is known under the scope of a voucher.
func (t *vouchers) find(v *voucher) *voucher {
	for _, d := range v.about() {
		for _, o := range t.of[d] {
			if o.scope == v.scope {
				return o
			}
		}
	}
	return nil
}

func (t *vouchers) newer(v *voucher) bool {
	o := t.find(v)
	return o != nil && o.image != nil && o.image.At.After(v.image.At)
}

func (c *Catalog) assertVoucher(ctx context.Context, by authz.Actor, v *voucher) (int, error) {
	body, err := v.body()
	if err != nil {
		return 0, err
	}
	subject := ""
	if about := v.about(); len(about) > 0 {
		subject = about[0].String()
	}
	n, err := c.store.Assert(ctx, c.mutation(by), store.StateTrust, v.scope, []store.State{{Key: v.key(), Subject: subject, Body: body}})
	return n, storeError(err)
}

// Checked writes down what the server found out itself. A registry that does not answer
// leaves what it answered within the last day; what did not change is written once a day.
// changed counts images.
func (c *Catalog) Checked(ctx context.Context, t *inventory.Trust) (changed int, err error) {
	known := c.follow.now().vouchers
	for i := range t.Images {
		v := &voucher{own: true, by: self.Subject, image: &t.Images[i]}
		v.scoped()
		if o := known.find(v); o != nil && o.image != nil && v.image.At.Sub(o.image.At) < checkedAnew {
			silent := len(v.image.Digests) == 0 && len(o.image.Digests) > 0
			was, now := *o, *v
			w, n := *o.image, *v.image
			w.At, n.At = time.Time{}, time.Time{}
			was.image, now.image = &w, &n
			a, aerr := was.body()
			b, berr := now.body()
			if silent || aerr == nil && berr == nil && string(a) == string(b) {
				continue
			}
		}
		n, err := c.assertVoucher(ctx, self, v)
		if err != nil {
			return changed, err
		}
		if n > 0 {
			changed++
		}
	}
	if changed == 0 {
		return 0, nil
	}
	return changed, c.settle(ctx)
}

// Vouchable returns where somebody would vouch for the documents of what runs: each image
// by each digest under which it may have been signed. Sorted, each once.
func (c *Catalog) Vouchable(ctx context.Context) ([]ident.ImageRef, error) {
	v := c.follow.now()
	seen := map[ident.ImageRef]bool{}
	for tenant := range v.tenants {
		err := c.eachRunning(ctx, v, v.running, tenant, func(w *Workload, d *store.Document) error {
			ref, err := ident.ParseImageRef(w.Image)
			if err != nil || w.Image == "" {
				return nil //nolint:nilerr // what has no name has no registry
			}
			for _, g := range judged(d, w.Digest).Bearers {
				ref.Tag, ref.Digest = "", g
				seen[ref] = true
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	out := make([]ident.ImageRef, 0, len(seen))
	for r := range seen {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b ident.ImageRef) int { return strings.Compare(a.String(), b.String()) })
	return out, nil
}

// Material is the number of the last change of what runs or of the documents: what
// Vouchable depends on.
func (c *Catalog) Material() uint64 { return c.follow.now().material }

// eachRunning hands over every container that runs with each live document of a tenant
// about its image.
func (c *Catalog) eachRunning(ctx context.Context, v *view, runs *running, tenant string, each func(*Workload, *store.Document) error) error {
	for image, ws := range runs.images {
		ids, err := c.store.Named(ctx, tenant, store.ByDigest, image.String(), -1, store.MaxPage)
		if err != nil || len(ids) == 0 {
			if err != nil {
				return storeError(err)
			}
			continue
		}
		docs, err := c.store.Documents(ctx, ids)
		if err != nil {
			return storeError(err)
		}
		for i := range docs {
			if _, live := v.index.Artifact(docs[i].ID); !live || docs[i].Deleted != 0 {
				continue
			}
			for k := range ws {
				if err := each(&ws[k], &docs[i]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// judged is a document as the SBOM of a running image, or of what it is about itself
// where image is zero. A digest that only a sender claims is the image that runs, and
// joins no other.
func judged(d *store.Document, image ident.Digest) *inventory.Judged {
	j := &inventory.Judged{Document: d.Original}
	own := image.IsZero() || slices.ContainsFunc(d.Subject.Digests, func(x ident.RoledDigest) bool { return x.Digest == image })
	add := func(g ident.RoledDigest) {
		if g.Digest.IsZero() || g.Role == ident.RoleDocument || slices.Contains(j.Same, g.Digest) {
			return
		}
		j.Same = append(j.Same, g.Digest)
		if g.Role != ident.RoleConfig {
			j.Bearers = append(j.Bearers, g.Digest)
		}
	}
	if own {
		for _, g := range d.Subject.Digests {
			add(g)
		}
	}
	if image.IsZero() {
		image = d.Subject.Claimed
	}
	add(ident.RoledDigest{Digest: image})
	j.Digests = j.Same
	return j
}

// comparing is how many bytes of documents a question may still compare by what they say.
type comparing struct{ left int64 }

func newComparing() *comparing { return &comparing{left: comparedAtOnce} }

// vouched says who vouches for a document as the SBOM of a running image, or of what it
// is about where image is zero.
func (c *Catalog) vouched(ctx context.Context, t *vouchers, d *store.Document, image ident.Digest, budget *comparing) (inventory.SBOMMatch, error) {
	if t.n == 0 && !c.trusting.Asks {
		return inventory.SBOMMatch{Digest: d.Original, Trust: inventory.SBOMUnchecked}, nil
	}
	j := judged(d, image)
	about := append(slices.Clone(j.Same), d.Original)
	known := t.trust(c, d.Tenant, about)
	if c.otherwise(known, d) {
		content, err := c.contentOf(ctx, d, budget)
		if err != nil {
			return inventory.SBOMMatch{}, err
		}
		if content.IsZero() {
			out := known.Judge(j)
			if out.Trust != inventory.SBOMVerified {
				out = inventory.SBOMMatch{Digest: d.Original, Trust: inventory.SBOMUnchecked, TrustReason: "whether it is the document that was signed was not compared yet: ask again"}
				if d.Size > mostCompared {
					out.TrustReason = "it is too large to be compared with the document that was signed"
				}
			}
			return out, nil
		}
		known.Contents = map[ident.Digest]ident.Digest{d.Original: content}
	}
	return known.Judge(j), nil
}

// otherwise reports whether somebody signed a document of other bytes, which may say the
// same.
func (c *Catalog) otherwise(t *inventory.Trust, d *store.Document) bool {
	other := func(s inventory.VouchedSBOM) bool { return !s.Content.IsZero() && s.Document != d.Original }
	return slices.ContainsFunc(t.Documents, other) || slices.ContainsFunc(t.Images, func(i inventory.CheckedImage) bool { return slices.ContainsFunc(i.SBOMs, other) })
}

// says remembers what documents say, by their bytes.
type says struct {
	mu        sync.Mutex
	now, last map[ident.Digest]ident.Digest // the older half is forgotten when the younger is full
}

func (s *says) get(d ident.Digest) (out ident.Digest, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if out, ok = s.now[d]; !ok {
		out, ok = s.last[d]
	}
	return out, ok
}

func (s *says) put(d, content ident.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil || len(s.now) >= rememberSays/2 {
		s.now, s.last = map[ident.Digest]ident.Digest{}, s.now
	}
	s.now[d] = content
}

// contentOf is the digest of what a document says (provenance.ContentDigest); zero where
// the question may not compare more. nil compares all.
func (c *Catalog) contentOf(ctx context.Context, d *store.Document, budget *comparing) (ident.Digest, error) {
	if got, ok := c.says.get(d.Original); ok {
		return got, nil
	}
	if d.Size > mostCompared || budget != nil && budget.left < d.Size {
		return ident.Digest{}, nil
	}
	if budget != nil {
		budget.left -= d.Size
	}
	hold := &lease{of: &c.memory}
	defer hold.end()
	if c.memory.take(hold, 4*d.Size) != nil { // intake has it now
		return ident.Digest{}, nil
	}
	body, _, err := c.Content(ctx, d.Tenant, d.Original)
	if err != nil {
		return ident.Digest{}, err
	}
	defer body.Close() //nolint:errcheck // of a reader
	raw, err := io.ReadAll(io.LimitReader(body, mostCompared))
	if err != nil {
		return ident.Digest{}, ident.Errorf(ident.KindFailure, "the stored bytes of %s cannot be read: %w", d.Original, err)
	}
	got, err := provenance.SBOMContent(raw)
	if err != nil {
		got = d.Original // it says two things, or nothing: its bytes are all that can be signed
	}
	c.says.put(d.Original, got)
	return got, nil
}

// TrustQuery selects documents of what runs. Zero fields select everything.
type TrustQuery struct {
	Tenant  string
	Cluster string
	Zone    string
	Trust   []string // words of package inventory
	At      time.Time
	After   *TrustedDocument // the last of the page before
	Limit   int
}

// TrustedDocument is a document as the SBOM of a container that runs, and who vouches for
// it.
type TrustedDocument struct {
	Workload
	SBOM inventory.SBOMMatch
}

// TrustedDocuments is the answer: counts of all that Cluster and Zone select, and a page
// of what Trust selects of them.
type TrustedDocuments struct {
	Sequence uint64
	Counts   inventory.TrustCount
	Total    int // on all pages
	Items    []TrustedDocument
	More     bool
}

// trusted remembers the answer about now for one view.
type trusted struct {
	mu  sync.Mutex
	seq uint64
	of  map[string][]TrustedDocument // by tenant
}

// Trust says who vouches for the documents of what runs, or ran at a time by what was
// known then.
func (c *Catalog) Trust(ctx context.Context, q TrustQuery) (*TrustedDocuments, error) {
	v := c.follow.now()
	all, err := c.allTrusted(ctx, v, q.Tenant, q.At)
	if err != nil {
		return nil, err
	}
	out := &TrustedDocuments{Sequence: v.seq}
	var list []TrustedDocument
	for _, x := range all {
		if q.Cluster != "" && x.Cluster != q.Cluster || q.Zone != "" && x.Zone != q.Zone {
			continue
		}
		out.Counts.Add(x.SBOM.Trust)
		if len(q.Trust) == 0 || slices.Contains(q.Trust, x.SBOM.Trust) {
			list = append(list, x)
		}
	}
	out.Total = len(list)
	if q.After != nil {
		list = list[sort.Search(len(list), func(i int) bool { return compareTrusted(list[i], *q.After) > 0 }):]
	}
	if q.Limit > 0 && len(list) > q.Limit {
		list, out.More = list[:q.Limit], true
	}
	out.Items = list
	return out, nil
}

func compareTrusted(a, b TrustedDocument) int {
	return cmp.Or(compareWorkloads(a.Workload, b.Workload), cmp.Compare(a.Digest.String(), b.Digest.String()), cmp.Compare(a.SBOM.Digest.String(), b.SBOM.Digest.String()))
}

func (c *Catalog) allTrusted(ctx context.Context, v *view, tenant string, at time.Time) ([]TrustedDocument, error) {
	m := &c.trusted
	if at.IsZero() {
		m.mu.Lock()
		all, ok := m.of[tenant]
		ok = ok && m.seq == v.seq
		m.mu.Unlock()
		if ok {
			return all, nil
		}
	}
	runs, err := c.ran(ctx, v, tenant, at)
	if err != nil {
		return nil, err
	}
	said, err := c.vouchersAt(ctx, v, at)
	if err != nil {
		return nil, err
	}
	var all []TrustedDocument
	budget, open := newComparing(), false
	err = c.eachRunning(ctx, v, runs, tenant, func(w *Workload, d *store.Document) error {
		match, err := c.vouched(ctx, said, d, w.Digest, budget)
		match.Match = matchedBy(runs, w)
		open = open || budget.left < mostCompared/2
		all = append(all, TrustedDocument{*w, match})
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, compareTrusted)
	if _, is := v.tenants[tenant]; is && at.IsZero() && !open {
		m.mu.Lock()
		if m.seq != v.seq || m.of == nil {
			m.seq, m.of = v.seq, map[string][]TrustedDocument{}
		}
		m.of[tenant] = all
		m.mu.Unlock()
	}
	return all, nil
}

// matchedBy says how a container's image and a document that names it are the same.
func matchedBy(runs *running, w *Workload) string {
	if runs.indexes[w.Digest] {
		return "index"
	}
	return "digest"
}

// vouchersAt are those that hold, or held at a time.
func (c *Catalog) vouchersAt(ctx context.Context, v *view, at time.Time) (*vouchers, error) {
	if at.IsZero() {
		return v.vouchers, nil
	}
	t, err := readVouchers(ctx, c.store, at)
	return t, storeError(err)
}

// DocumentTrust says who vouches for a document as the SBOM of what it is about.
func (c *Catalog) DocumentTrust(ctx context.Context, d *store.Document) (inventory.SBOMMatch, error) {
	got, err := c.DocumentsTrust(ctx, []*store.Document{d})
	if err != nil {
		return inventory.SBOMMatch{}, err
	}
	return got[0], nil
}

// DocumentsTrust says the same of several documents, in their order. Together they may
// compare as many bytes as one question may; what is beyond that is unchecked.
func (c *Catalog) DocumentsTrust(ctx context.Context, docs []*store.Document) ([]inventory.SBOMMatch, error) {
	known, budget := c.follow.now().vouchers, newComparing()
	out := make([]inventory.SBOMMatch, 0, len(docs))
	for _, d := range docs {
		m, err := c.vouched(ctx, known, d, ident.Digest{}, budget)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}
