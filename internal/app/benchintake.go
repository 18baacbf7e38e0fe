package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/sqlite"
)

const (
	// benchClients is how many hand documents over at once.
	benchClients = 64
	// benchMade is how many documents are made before the clock runs again.
	benchMade = 512
)

// BenchIndexOptions are what BenchIndex is told beside the organisation.
type BenchIndexOptions struct {
	// Originals is how many of the documents are written out and taken in durably, by a
	// catalogue on SQLite; the others are told to the index only.
	Originals int
	// Data is where the catalogues are made, in folders that are removed at the end; ""
	// is the system's place for temporary files.
	Data string
	// Scores is true where every document is judged, too, as serve does: how good it is by
	// all profiles is on disk before the clock stops.
	Scores bool
}

// intake takes documents in as a server does: hashed, decoded, packed, indexed, on
// disk and visible. Making them is not counted, nor collecting what that leaves.
func (b *benchIndex) intake() error {
	dir, err := os.MkdirTemp(b.durable.Data, "cofferdam-bench-")
	if err != nil {
		return ident.Errorf(ident.KindFailure, "no folder for the benchmark's catalogue: %w", err)
	}
	err = b.takeDurably(filepath.Join(dir, "documents"))
	if err == nil {
		err = b.keepDictionary(filepath.Join(dir, "dictionary"))
	}
	return errors.Join(err, os.RemoveAll(dir))
}

func (b *benchIndex) takeDurably(dir string) error {
	config := b.config
	config.Spelled = true
	corpus, err := synth.New(config)
	if err != nil {
		return err
	}
	coding := &catalog.Coding{}
	s, err := sqlite.Open(b.ctx, dir, sqlite.Options{Coding: coding.Store()})
	if err != nil {
		return err
	}
	clock := &benchClock{}
	o := catalog.Options{Store: s, Log: slog.New(slog.DiscardHandler), Now: clock.now, Coding: coding, Limits: catalog.Limits{Wait: time.Hour}}
	if b.durable.Scores {
		o.Scoring = new(catalog.Scoring)
	}
	c, err := catalog.Open(b.ctx, o)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	images, err := b.takeAll(c, corpus)
	if err == nil && b.durable.Scores {
		var judged *catalog.Scores
		if judged, err = c.Scores(b.ctx, catalog.ScoreQuery{Limit: 1}); err == nil {
			b.out.Scored = judged.Total - judged.Unjudged
		}
	}
	if err == nil && b.out.Originals > 0 {
		var sizes map[string]int64
		if sizes, err = s.Sizes(b.ctx); err == nil {
			b.out.Stored = sizes["original"] + sizes["text_piece"]
			b.out.OriginalsShare = float64(b.out.Stored) / float64(b.out.OriginalBytes)
			for _, n := range sizes {
				b.out.Database += n
			}
		}
	}
	if err == nil {
		err = b.retain(c, clock, images)
	}
	return errors.Join(err, c.Close(b.ctx), s.Close())
}

// takeAll returns the manifests' digests of the images whose documents it took in.
func (b *benchIndex) takeAll(c *catalog.Catalog, corpus *synth.Corpus) ([]ident.Digest, error) {
	var components int
	var images []ident.Digest
	docs := make([][]byte, 0, benchMade)
	flush := func() error {
		// What making documents left is collected before the clock runs, and what taking
		// them in left while it runs.
		runtime.GC()
		took, err := spent(func() error {
			defer runtime.GC()
			if err := handOver(b.ctx, c, docs); err != nil || !b.durable.Scores {
				return err
			}
			_, err := c.AuditScores(b.ctx)
			return err
		})
		b.out.Intake += took.Seconds()
		if err != nil {
			return err
		}
		took, err = spent(func() error {
			for _, doc := range docs {
				sha256.Sum256(doc)
			}
			return nil
		})
		b.out.Hashing += took.Seconds()
		docs = docs[:0]
		return err
	}
	for b.out.Originals < b.durable.Originals {
		d, ok := corpus.Next()
		if !ok {
			break
		}
		docs = append(docs, corpus.SPDX(nil, &d))
		images = append(images, d.Manifest())
		b.out.Originals++
		b.out.OriginalBytes += int64(len(docs[len(docs)-1]))
		components += len(d.Entries)
		if len(docs) == benchMade {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	if b.out.Intake > 0 {
		b.out.IntakeDocuments = float64(b.out.Originals) / b.out.Intake
		b.out.IntakeComponents = float64(components) / b.out.Intake
		b.out.IntakeMegabytes = float64(b.out.OriginalBytes) / 1e6 / b.out.Intake
	}
	return images, nil
}

// handOver gives documents to a catalogue, as many clients do, and waits until all of
// them are acknowledged.
func handOver(ctx context.Context, c *catalog.Catalog, docs [][]byte) error {
	var wg sync.WaitGroup
	var first error
	var once sync.Once
	gate := make(chan struct{}, benchClients)
	by := authz.Actor{Subject: "bench", Roles: []authz.Role{authz.Publisher}}
	for _, doc := range docs {
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { <-gate }()
			if _, err := c.Take(ctx, by, catalog.Upload{Body: bytes.NewReader(doc), Size: int64(len(doc))}); err != nil {
				once.Do(func() { first = err })
			}
		})
	}
	wg.Wait()
	return first
}

// keepDictionary writes the whole organisation's dictionary into a store's table, which
// says how large that is: its rows and its index, in pages of the file.
func (b *benchIndex) keepDictionary(dir string) error {
	corpus, err := synth.New(b.config)
	if err != nil {
		return err
	}
	s, err := sqlite.Open(b.ctx, dir, sqlite.Options{Coding: (&catalog.Coding{}).Store()})
	if err != nil {
		return err
	}
	err = b.writeDictionary(s, corpus)
	if err == nil {
		var sizes map[string]int64
		if sizes, err = s.Sizes(b.ctx); err == nil {
			b.out.Table = sizes["dictionary"] + sizes["key_hash"]
			b.out.PerOccurrenceWithTable = float64(b.out.IndexBytes+b.out.Table) / float64(max(b.out.Occurrences, 1))
		}
	}
	return errors.Join(err, s.Close())
}

func (b *benchIndex) writeDictionary(s *sqlite.Store, corpus *synth.Corpus) error {
	var keys []string
	n := uint64(0)
	flush := func() error {
		if len(keys) == 0 {
			return nil
		}
		n++
		in := store.Intake{Mutation: store.Mutation{Actor: "bench", Time: time.Unix(1, 0)}, Original: ident.SHA256(binary.BigEndian.AppendUint64(nil, n)), Keys: slices.Sorted(slices.Values(keys))}
		_, err := s.Commit(b.ctx, []store.Intake{in})
		keys = keys[:0]
		return err
	}
	documents := 0
	for d, ok := corpus.Next(); ok; d, ok = corpus.Next() {
		keys = append(keys, d.NewKeys...)
		if documents++; documents%benchGroup == 0 { // as a group commit brings them
			if err := flush(); err != nil {
				return err
			}
		}
		if err := b.ctx.Err(); err != nil {
			return err
		}
	}
	return flush()
}
