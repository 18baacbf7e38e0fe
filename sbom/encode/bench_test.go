//go:build unix

package encode_test

import (
	"context"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
	"github.com/cofferdam-io/cofferdam/sbom/encode"
)

// counting counts bytes and keeps none.
type counting struct{ n int64 }

func (c *counting) Write(p []byte) (int, error) { c.n += int64(len(p)); return len(p), nil }

// BenchmarkEncode measures megabytes written in a second of CPU time, garbage
// collection included.
func BenchmarkEncode(b *testing.B) {
	d := large(10_000)
	for _, f := range encode.Formats() {
		b.Run(string(f), func(b *testing.B) {
			var out counting
			begun := used.CPU(b)
			for b.Loop() {
				if _, err := encode.Document(context.Background(), &out, d, f, options); err != nil {
					b.Fatal(err)
				}
			}
			took := used.CPU(b) - begun
			b.ReportMetric(float64(out.n)/1e6/took.Seconds(), "MB/cpu-s")
			b.ReportMetric(float64(len(d.Components)*b.N)/took.Seconds(), "components/cpu-s")
			b.ReportAllocs()
		})
	}
}
