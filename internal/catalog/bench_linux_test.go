package catalog_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store/sqlite"
	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
)

// intake takes documents in, 64 at a time as many clients do, and reports megabytes
// and documents for each second of CPU: hashed, decoded, packed, indexed and on disk.
func intake(b *testing.B, docs [][]byte) {
	b.Helper()
	coding := &catalog.Coding{}
	s, err := sqlite.Open(context.Background(), b.TempDir(), sqlite.Options{Coding: coding.Store()})
	if err != nil {
		b.Fatal(err)
	}
	c, end := open(b, s, catalog.Options{Log: slog.New(slog.DiscardHandler), Coding: coding, Limits: catalog.Limits{Wait: time.Minute}})
	defer end()
	var bytesIn int64
	begun := used.CPU(b)
	b.ResetTimer()
	var wg sync.WaitGroup
	gate := make(chan struct{}, 64)
	for _, doc := range docs {
		bytesIn += int64(len(doc))
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { <-gate }()
			if _, err := c.Take(context.Background(), ci, catalog.Upload{Body: bytes.NewReader(doc), Size: int64(len(doc))}); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	took := (used.CPU(b) - begun).Seconds()
	b.ReportMetric(float64(bytesIn)/1e6/took, "MB/cpu-s")
	b.ReportMetric(float64(b.N)/took, "docs/cpu-s")
}

// Real documents, each made another one by what stands behind its end.
func BenchmarkIntakeReal(b *testing.B) {
	files, err := filepath.Glob(filepath.Join(os.Getenv("COFFERDAM_DATA"), "sbom/guac-data/top-dh-sboms/*.json"))
	if err != nil || len(files) == 0 {
		b.Skip("COFFERDAM_DATA is not set: no real documents")
	}
	var docs [][]byte
	for _, f := range files {
		d, err := os.ReadFile(f)
		if err != nil {
			b.Fatal(err)
		}
		docs = append(docs, d)
	}
	many := make([][]byte, b.N)
	for i := range many {
		many[i] = fmt.Appendf(bytes.Clone(docs[i%len(docs)]), "\n%*s", i/len(docs), "")
	}
	intake(b, many)
}

// Documents of an organisation's images: most of their packages are in others too,
// one in thirty is new, and each has its own name, order and files.
func BenchmarkIntakeSPDX300k(b *testing.B) {
	corpus, err := synth.New(synth.Config{Documents: max(b.N, 1000), Components: 283, Seed: 1, Spelled: true})
	if err != nil {
		b.Fatal(err)
	}
	size, components := 0, 0
	docs := make([][]byte, b.N)
	for i := range docs {
		d, _ := corpus.Next()
		docs[i] = corpus.SPDX(nil, &d)
		size += len(docs[i])
		components += len(d.Entries)
	}
	intake(b, docs)
	b.Logf("%d documents of %d bytes and %d components, %d distinct", b.N, size/b.N, components/b.N, corpus.Components())
}
