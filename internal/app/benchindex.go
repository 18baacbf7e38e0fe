package app

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/vuln"
)

const (
	// benchGroup is how many documents one transaction commits, as a group commit does.
	benchGroup = 64
	// benchTail is how many occurrences may lie in memory before a checkpoint.
	benchTail = 4_000_000
	// benchAsked is how many questions are asked, each of another component.
	benchAsked = 2000
	// benchZones is how many zones the artifacts are spread over.
	benchZones = 5
)

// benchIndex is a benchmark of the index on one made organisation.
type benchIndex struct {
	ctx     context.Context
	config  synth.Config
	durable BenchIndexOptions
	x       *index.Index
	pieces  map[string][]byte
	head    []byte // the manifest
	running index.Set
	zones   [benchZones]index.Set
	asked   []uint32 // components
	state   uint64
	out     *report.BenchIndex
}

// BenchIndex makes the documents of an organisation and measures the index on
// them, and durable intake on some of them. at is told what is being measured.
func BenchIndex(ctx context.Context, c synth.Config, o BenchIndexOptions, at func(string)) (*report.BenchIndex, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	b := &benchIndex{ctx: ctx, config: c, durable: o, x: index.New(), pieces: map[string][]byte{}, state: c.Seed, out: &report.BenchIndex{
		SchemaVersion: inventory.SchemaVersion, Seed: c.Seed, Machine: machine()}}
	for _, step := range []struct {
		name string
		run  func() error
	}{
		{"indexing", b.take}, {"opening", b.open}, {"asking", b.ask}, {"matching advisories", b.advise}, {"dropping a tenth", b.drop}, {"taking in durably", b.intake},
	} {
		at(step.name)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := step.run(); err != nil {
			return nil, err
		}
	}
	return b.out, nil
}

// take indexes every document; making them is not counted.
func (b *benchIndex) take() error {
	corpus, err := synth.New(b.config)
	if err != nil {
		return err
	}
	batch, tail := index.Batch{}, 0
	var row []byte
	flush := func(last bool) error {
		took, err := spent(func() error {
			if len(batch.Documents) > 0 {
				for _, d := range batch.Documents {
					row = index.EncodeRow(row[:0], d.Components)
					b.out.Rows += int64(len(row))
				}
				if err := b.x.Apply(batch); err != nil {
					return err
				}
			}
			if tail < benchTail && !last {
				return nil
			}
			tail = 0
			return b.checkpoint()
		})
		b.out.Index += took.Seconds()
		batch = index.Batch{}
		return err
	}
	for d, ok := corpus.Next(); ok; d, ok = corpus.Next() {
		one := d.Batch()
		batch.Seq = one.Seq
		batch.Keys = append(batch.Keys, one.Keys...)
		batch.Documents = append(batch.Documents, one.Documents...)
		b.out.Occurrences += len(d.Entries)
		tail += len(d.Entries)
		if d.Latest {
			b.running.Add(d.ID)
		}
		b.zones[d.Service%benchZones].Add(d.ID)
		if b.some(max(1, b.config.Documents/benchAsked)) == 0 {
			b.asked = append(b.asked, d.Entries[b.some(len(d.Entries))])
		}
		if len(batch.Documents) == benchGroup {
			if err := flush(false); err != nil {
				return err
			}
		}
		if err := b.ctx.Err(); err != nil {
			return err
		}
	}
	if err := flush(true); err != nil {
		return err
	}
	b.out.Documents, b.out.Components = int(b.x.Snapshot().Documents()), corpus.Components()
	for name, p := range b.pieces {
		if name[0] == 'd' {
			b.out.Dictionary += int64(len(p))
		} else {
			b.out.Postings += int64(len(p))
		}
	}
	b.out.IndexBytes = b.out.Rows + b.out.Postings + b.out.Dictionary + int64(len(b.head))
	b.out.PerOccurrence = float64(b.out.IndexBytes) / float64(b.out.Occurrences)
	b.out.Pieces = len(b.pieces)
	return nil
}

// checkpoint keeps a checkpoint as a store does.
func (b *benchIndex) checkpoint() error {
	c, err := b.x.Checkpoint(b.ctx)
	if err != nil {
		return err
	}
	for _, p := range c.New {
		b.pieces[p.Name] = p.Bytes
		b.out.Written += int64(len(p.Bytes))
	}
	for _, name := range c.Drop {
		delete(b.pieces, name)
	}
	b.head = c.Manifest
	b.out.Written += int64(len(c.Manifest))
	b.x.Keep(c)
	return nil
}

func (b *benchIndex) open() error {
	b.x = nil
	runtime.GC() // the rubbish of making the documents is not the index's
	took, err := spent(func() error {
		var err error
		b.x, err = index.Open(b.ctx, b.head, func(name string) ([]byte, error) { return b.pieces[name], nil })
		return err
	})
	b.out.Open = took.Seconds()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.out.Heap = float64(m.HeapAlloc) / (1 << 20)
	return err
}

// ask asks for components below a version, of what runs now and in a zone.
func (b *benchIndex) ask() error {
	s := b.x.Snapshot()
	var took []time.Duration
	for i, id := range b.asked {
		c, _, err := s.Component(id)
		if err != nil {
			return err
		}
		p, err := vuln.ParsePURL(c.PURL)
		if err != nil {
			return ident.Errorf(ident.KindFailure, "the made component %s: %w", c.PURL, err)
		}
		version := p.Version
		p.Version, p.Qualifiers = "", nil
		text := fmt.Sprintf("%s@<=%s", p, version)
		var answer *index.Answer
		one, err := spent(func() error {
			q, err := vuln.ParseComponentQuery(text)
			if err != nil {
				return err
			}
			answer, err = s.Find(b.ctx, index.Query{Component: q, Within: []index.Set{b.running, b.zones[i%benchZones]}})
			return err
		})
		if err != nil {
			return err
		}
		if answer.Documents.Len() == 0 {
			return ident.Errorf(ident.KindFailure, "nothing has %s, which a document has", text)
		}
		took = append(took, one)
	}
	b.out.Query = quantiles(took)
	return nil
}

// advise makes an advisory for each component asked for, matches all components
// with them, and asks for each.
func (b *benchIndex) advise() error {
	s := b.x.Snapshot()
	var all []*vuln.Advisory
	for i, id := range b.asked {
		c, os, err := s.Component(id)
		if err != nil {
			return err
		}
		of, err := vuln.IdentityOf(&c, os)
		if err != nil {
			return ident.Errorf(ident.KindFailure, "the made component %s: %w", c.PURL, err)
		}
		all = append(all, &vuln.Advisory{ID: fmt.Sprintf("BENCH-%d", i), Affected: []vuln.Affected{{Ecosystem: of[0].Ecosystem, Name: of[0].Name,
			Ranges: []vuln.Range{{Type: vuln.RangeEcosystem, Events: []vuln.Event{{Introduced: "0"}, {LastAffected: of[0].Version}}}}}}})
	}
	db, err := vuln.NewDatabase(all, vuln.Options{})
	if err != nil {
		return err
	}
	var a *index.AdvisoryIndex
	matched, err := spent(func() error {
		a, err = index.NewAdvisoryIndex(b.ctx, s, db)
		return err
	})
	if err != nil {
		return err
	}
	b.out.Match = matched.Seconds()
	var took []time.Duration
	for i := range all {
		var answer *index.Answer
		one, err := spent(func() error {
			var err error
			answer, err = a.Find(b.ctx, s, all[i].ID, []index.Set{b.running, b.zones[i%benchZones]})
			return err
		})
		if err != nil {
			return err
		}
		if answer.Documents.Len() == 0 {
			return ident.Errorf(ident.KindFailure, "no document has what %s is about", all[i].ID)
		}
		took = append(took, one)
	}
	b.out.Advisory = quantiles(took)
	return nil
}

// drop deletes a tenth of the documents, spread evenly.
func (b *benchIndex) drop() error {
	before := b.out.Written
	took, err := spent(func() error {
		batch := index.Batch{Seq: b.x.Snapshot().Seq() + 1}
		for d := uint32(3); d < b.x.Snapshot().Documents(); d += 10 {
			batch.Deleted = append(batch.Deleted, d)
		}
		if err := b.x.Apply(batch); err != nil {
			return err
		}
		return b.checkpoint()
	})
	b.out.Drop, b.out.DropWritten = took.Seconds(), b.out.Written-before
	if err != nil {
		return err
	}
	_, peak, err := usage() // the intake, whose documents all lie ready, is not part of it
	b.out.RSS = float64(peak) / (1 << 20)
	b.x, b.pieces = nil, nil
	return err
}

func (b *benchIndex) some(n int) int {
	b.state = b.state*6364136223846793005 + 1442695040888963407
	return int(b.state >> 33 % uint64(n)) //nolint:gosec // a small number
}
