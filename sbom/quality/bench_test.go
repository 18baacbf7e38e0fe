//go:build unix

package quality_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
	"github.com/cofferdam-io/cofferdam/sbom/spdx"
)

// BenchmarkScore judges documents by all profiles: those of 24 real images, of 1.9 MB on
// average (most of it files), and made ones of 283 packages and 0.3 MB.
func BenchmarkScore(b *testing.B) {
	b.Run("images", func(b *testing.B) {
		files, err := filepath.Glob(filepath.Join(corpus.Root(b), "sbom", "guac-data", "top-dh-sboms", "*.json"))
		if err != nil || len(files) == 0 {
			b.Fatal(err, len(files))
		}
		var raws [][]byte
		for _, name := range files {
			raw, err := os.ReadFile(name)
			if err != nil {
				b.Fatal(err)
			}
			raws = append(raws, raw)
		}
		benchmarkScore(b, raws)
	})
	b.Run("spdx300k", func(b *testing.B) {
		made, err := synth.New(synth.Config{Documents: 400, Components: 283, Seed: 1, Spelled: true})
		if err != nil {
			b.Fatal(err)
		}
		var raws [][]byte
		for d, ok := made.Next(); ok; d, ok = made.Next() {
			raws = append(raws, made.SPDX(nil, &d))
		}
		benchmarkScore(b, raws)
	})
}

func benchmarkScore(b *testing.B, raws [][]byte) {
	b.Helper()
	var docs []*sbom.Document
	size := 0
	for _, raw := range raws {
		docs = append(docs, read(b, string(raw)))
		size += len(raw)
	}
	timed := func(b *testing.B, round func()) {
		b.ReportAllocs()
		begun := used.CPU(b)
		for b.Loop() {
			round()
		}
		took := (used.CPU(b) - begun).Seconds()
		b.ReportMetric(float64(b.N*len(raws))/took, "SBOMs/CPU-s")
		b.ReportMetric(float64(b.N*size)/took/1e6, "MB/CPU-s")
	}
	b.Run("decoded", func(b *testing.B) {
		timed(b, func() {
			for _, d := range docs {
				quality.Score(d, quality.Options{})
			}
		})
	})
	for _, c := range []struct {
		name string
		seen bool
	}{{"with decoding, alone", false}, {"with decoding", true}} {
		b.Run(c.name, func(b *testing.B) {
			timed(b, func() {
				o := decode.Limits{Details: true}
				if c.seen {
					o.Seen = spdx.NewSeen(64 << 20) // as cofferdam sbom score does
				}
				for _, raw := range raws {
					got, err := decode.Bytes(context.Background(), "x", raw, o)
					if err != nil {
						b.Fatal(err)
					}
					quality.Score(got[0], quality.Options{})
					if c.seen {
						o.Seen.Done(got[0])
					}
				}
			})
		})
	}
}
