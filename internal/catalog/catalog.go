package catalog

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"hash/maphash"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/sbom/spdx"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Options of Open. Store, Log and Now are required.
type Options struct {
	Store   store.Store
	Log     *slog.Logger
	Now     func() time.Time
	Metrics prometheus.Registerer // nil: nobody counts
	// Shared is true where other servers use the store too.
	Shared bool
	// Review is true where documents are drafts until somebody has reviewed them.
	Review bool
	Limits Limits // the zero value has the defaults
	// Coding is what the store was opened with; nil where it looks everything up itself.
	Coding *Coding
	// Scoring says how documents are judged; nil: none is.
	Scoring *Scoring
	// VEXUploaders are those whose uploaded statements are applied, by the subjects of
	// their tokens; those of others are shown.
	VEXUploaders []vuln.TrustedAuthor
	// EPSSSteps are the likelihoods of exploitation that findings are told apart by, so that one that
	// crosses one is a changed finding. Servers of one database have the same.
	EPSSSteps []float64
	// Deadlines say when vulnerabilities are to be gone from what runs; nil: nobody says.
	Deadlines *vuln.Deadlines
	// Goals are what indicators are held against.
	Goals Goals
	// FourEyes is true where an acceptance of findings counts once somebody else has approved it.
	FourEyes bool
	// SignedVEX opens a signed document of statements that somebody hands over; nil of one
	// that is not signed. A signature that nobody made whose statements are applied is an
	// error: the document is not read as unsigned. nil: signed ones are not taken.
	SignedVEX func(ctx context.Context, raw []byte) (*SignedVEX, error)
	// Trusting says how it is found out who vouches for documents.
	Trusting Trusting
	// BaseImages are the names, references or digests of images that others are built on:
	// of what runs, the layers that a document of such an image tells came with it.
	BaseImages []string
}

// Limits bound what the catalogue does at once.
type Limits struct {
	Document int64         // bytes of one document: 512 MiB by default
	Memory   int64         // bytes of documents that are read at once: 768 MiB by default
	Workers  int           // documents that are decoded at once: one for each processor by default
	Queue    int           // uploads that wait for a worker: 20,000 by default
	Wait     time.Duration // how long they wait: 15 s by default
	// Tenants bounds what each takes of these, by name; AnyTenant is everybody else.
	Tenants map[string]TenantLimits
	Poll    time.Duration // how often the changes of other servers are looked for: 250 ms by default
}

func (l *Limits) fill() {
	if l.Document == 0 {
		l.Document = 512 << 20
	}
	if l.Memory == 0 {
		l.Memory = l.Document + l.Document/2
	}
	if l.Workers == 0 {
		l.Workers = runtime.GOMAXPROCS(0)
	}
	if l.Queue == 0 {
		l.Queue = 20_000
	}
	if l.Wait == 0 {
		l.Wait = 15 * time.Second
	}
	if l.Poll == 0 {
		l.Poll = 250 * time.Millisecond
	}
}

// How many bytes are kept of what documents said lately, so that what comes again in
// the next one need not be read again: the packages of some tens of thousands.
const (
	rememberTexts = 64 << 20 // with details, and how they are judged, where documents are
	rememberKeys  = 32 << 20
)

// Catalog is the catalogue at work. Its methods may be called from many goroutines.
type Catalog struct {
	store    store.Store
	group    *store.Group
	log      *slog.Logger
	now      func() time.Time
	status   store.Status // of new documents
	limits   Limits
	memory   budget
	gates    *gates
	workers  *slots
	encoders sync.Pool
	bodies   bodies
	seen     *spdx.Seen      // packages of documents that were read lately
	said     *index.KeyCache // and the keys of their components
	texts    *sharedTexts    // what their texts are packed as
	metrics  *metrics
	follow   *follower
	has      *originals // nil where other servers write too
	// advisories are what components are compared with; past is what ran at times that
	// were asked for.
	advisories advisories
	past       past
	findings   findingsTable
	scoring    *Scoring
	scores     scoresTable
	uploaders  []vuln.TrustedAuthor
	deadlines  *vuln.Deadlines
	epssSteps  []float64
	fourEyes   bool
	goals      Goals
	signedVEX  func(ctx context.Context, raw []byte) (*SignedVEX, error)
	trusting   Trusting
	trusted    trusted
	says       says
	baseImages []string
	origins    originsTable
	pieces     string // what the names of this server's pieces of the index begin with
	stands     stands
	loaded     string // and of those that are named by the checkpoint that it last read or wrote
	kept       uint64 // documents at the last checkpoint
	behind     uint64 // by how many changes another server's checkpoint may be behind

	// own is what the catalogue does by itself, until stop.
	own  sync.WaitGroup
	stop context.CancelFunc
}

// Open reads the index from the store's last checkpoint and what was committed
// since, and follows the store until Close.
func Open(ctx context.Context, o Options) (*Catalog, error) {
	o.Limits.fill()
	var numbers index.Numbers
	if o.Coding != nil {
		numbers = o.Coding.known
	}
	c := &Catalog{store: o.Store, log: o.Log, now: o.Now, status: store.StatusPublished, limits: o.Limits, memory: budget{total: o.Limits.Memory, free: o.Limits.Memory}, gates: newGates(o.Limits.Tenants, o.Now),
		workers: newSlots(o.Limits.Workers, o.Limits.Queue, o.Limits.Wait), metrics: newMetrics(o.Metrics),
		seen: spdx.NewSeen(rememberTexts), said: index.NewKeyCache(rememberKeys, numbers), scoring: o.Scoring.ready(), uploaders: o.VEXUploaders, signedVEX: o.SignedVEX, trusting: o.Trusting, deadlines: o.Deadlines, epssSteps: o.EPSSSteps, fourEyes: o.FourEyes, goals: o.Goals, baseImages: o.BaseImages}
	if o.Review {
		c.status = store.StatusDraft
	}
	x, tenants, loaded, err := load(ctx, o.Store, o.Log)
	if err != nil {
		return nil, err
	}
	c.pieces, c.loaded, c.behind = piecePrefix, loaded, checkpointEvery
	if o.Shared {
		c.pieces += rand.Text() + "/"
	}
	if c.follow, err = newFollower(ctx, o.Store, x, tenants, o.Log, o.Limits.Poll); err != nil {
		return nil, err
	}
	if o.Coding != nil {
		o.Coding.index.Store(x)
	}
	c.texts = newSharedTexts(o.Store, o.Log)
	if !o.Shared {
		c.has = &originals{begin: map[uint64]struct{}{}, first: c.follow.now().index.Documents()}
	}
	c.group = store.NewGroup(committer{o.Store, c.follow, c.has}, store.GroupOptions{})
	c.kept = uint64(c.follow.now().index.Documents())
	if o.Metrics != nil {
		c.registerFeeds(o.Metrics)
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	c.own.Go(func() { c.texts.run(run) })
	c.every(run, checkpointLook, c.saveWhenDue)
	c.every(run, extendEvery, c.matchNew)
	if c.has != nil {
		c.own.Go(func() { c.has.read(run, o.Store, o.Log) })
	}
	c.findings.wake, c.findings.versions = make(chan struct{}, 1), map[string]uint64{}
	c.origins.wake, c.origins.seed = make(chan struct{}, 1), maphash.MakeSeed()
	looks := []looking{c.driftLook(), c.findingsLook(), c.originsLook()}
	if l, ok := o.Store.(store.Listener); ok && o.Shared {
		c.own.Go(func() { c.listen(run, l) })
	}
	if c.scoring != nil {
		looks = append(looks, c.scoresLook())
	}
	if o.Metrics != nil {
		looks = append(looks, c.indicatorsLook(newIndicatorMetrics(o.Metrics)))
	}
	for _, l := range looks {
		c.own.Go(func() { c.keepLooking(run, l) })
	}
	return c, nil
}

// every does something again and again, until the context ends.
func (c *Catalog) every(ctx context.Context, d time.Duration, do func(context.Context)) {
	c.own.Go(func() {
		t := time.NewTicker(d)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				do(ctx)
			}
		}
	})
}

// Close ends the following, after what is under way, and writes a checkpoint of the
// index, so that the next start is quick. The store is the caller's to close.
func (c *Catalog) Close(ctx context.Context) error {
	err := c.group.Close()
	c.stop()
	c.own.Wait()
	if serr := c.save(ctx); serr != nil {
		c.log.WarnContext(ctx, "the index's checkpoint was not written; the next start takes longer", "error", serr)
	}
	return errors.Join(err, c.follow.close(ctx))
}

// Ready reports whether the store answers and the index follows it.
func (c *Catalog) Ready(ctx context.Context) error {
	if _, err := c.store.Position(ctx); err != nil {
		return err
	}
	return c.follow.fault()
}

// Documents returns a tenant's live documents of these bytes.
func (c *Catalog) Documents(ctx context.Context, tenant string, digest ident.Digest) ([]store.Document, error) {
	docs, err := c.store.Lookup(ctx, tenant, digest)
	return docs, storeError(err)
}

// Content returns a document's bytes as they were handed over, and how many.
func (c *Catalog) Content(ctx context.Context, tenant string, digest ident.Digest) (io.ReadCloser, int64, error) {
	o, err := c.store.Original(ctx, tenant, digest)
	if err != nil {
		return nil, 0, storeError(err)
	}
	r, err := c.original(ctx, o)
	return r, o.Size, err
}

// original reads a document's bytes as they were handed over.
func (c *Catalog) original(ctx context.Context, o store.Original) (io.ReadCloser, error) {
	if o.Texts.Line == 0 {
		return unpack(o.Data)
	}
	texts, err := c.texts.read(ctx, o.Texts)
	if err != nil {
		return nil, err
	}
	return unpack(o.Data, zstd.WithDecoderDictRaw(0, texts))
}

func unpack(data []byte, o ...zstd.DOption) (io.ReadCloser, error) {
	z, err := zstd.NewReader(bytes.NewReader(data), append(o, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))...)
	if err != nil {
		return nil, ident.Errorf(ident.KindFailure, "the stored bytes are damaged: %w", err)
	}
	return z.IOReadCloser(), nil
}

// SetStatus moves a document along: draft, reviewed, published.
func (c *Catalog) SetStatus(ctx context.Context, by authz.Actor, document uint32, s store.Status) error {
	if err := c.store.SetStatus(ctx, c.mutation(by), document, s); err != nil {
		return storeError(err)
	}
	return c.settle(ctx)
}

// Archive takes a document out of the index. Its bytes stay until they are purged.
func (c *Catalog) Archive(ctx context.Context, by authz.Actor, document uint32) error {
	n, err := c.store.Delete(ctx, c.mutation(by), []uint32{document})
	if err == nil && n == 0 {
		return ident.Errorf(ident.KindNotFound, "document %d was archived already", document)
	}
	if err != nil {
		return storeError(err)
	}
	return c.settle(ctx)
}

func (c *Catalog) mutation(by authz.Actor) store.Mutation {
	return store.Mutation{Actor: by.Subject, Time: c.now()}
}

// printable is text without what does not print, of at most n bytes.
func printable(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n-len("…")], "") + "…"
	}
	return s
}
