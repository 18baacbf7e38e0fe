package index_test

import (
	"context"
	"testing"

	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/index/synth"
)

// made is an organisation of 10,000 artifacts with 200 components each, and its checkpoint.
func made(b *testing.B) (batches []index.Batch, manifest []byte, pieces map[string][]byte) {
	b.Helper()
	corpus, err := synth.New(synth.Config{Documents: 10_000, Components: 200, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	x := index.New()
	group := index.Batch{}
	for d, ok := corpus.Next(); ok; d, ok = corpus.Next() {
		one := d.Batch()
		group.Seq = one.Seq
		group.Keys, group.Documents = append(group.Keys, one.Keys...), append(group.Documents, one.Documents...)
		if len(group.Documents) == 50 {
			batches = append(batches, group)
			if err := x.Apply(group); err != nil {
				b.Fatal(err)
			}
			group = index.Batch{}
		}
	}
	c, err := x.Checkpoint(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	pieces = map[string][]byte{}
	for _, p := range c.New {
		pieces[p.Name] = p.Bytes
	}
	return batches, c.Manifest, pieces
}

func BenchmarkApply(b *testing.B) {
	batches, _, _ := made(b)
	for b.Loop() {
		x := index.New()
		for _, batch := range batches {
			if err := x.Apply(batch); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2e6, "ns/occurrence")
}

func BenchmarkCheckpoint(b *testing.B) {
	batches, _, _ := made(b)
	for b.Loop() {
		b.StopTimer()
		x := index.New()
		for _, batch := range batches {
			if err := x.Apply(batch); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		if _, err := x.Checkpoint(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	_, manifest, pieces := made(b)
	keys := uint32(0)
	for b.Loop() {
		x, err := index.Open(context.Background(), manifest, func(name string) ([]byte, error) { return pieces[name], nil })
		if err != nil {
			b.Fatal(err)
		}
		keys = x.Snapshot().Components()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(keys), "ns/key")
}

func BenchmarkLookup(b *testing.B) {
	batches, _, _ := made(b)
	x := index.New()
	var keys []string
	for _, batch := range batches {
		if err := x.Apply(batch); err != nil {
			b.Fatal(err)
		}
		keys = append(keys, batch.Keys...)
	}
	ids := make([]uint32, 0, len(keys))
	for b.Loop() {
		var err error
		if ids, _, err = x.Lookup(keys, ids[:0]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(keys)), "ns/key")
}
