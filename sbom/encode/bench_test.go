//go:build unix

package encode_test

import (
	"context"
	"syscall"
	"testing"
	"time"

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
			var before, after syscall.Rusage
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := encode.Document(context.Background(), &out, d, f, options); err != nil {
					b.Fatal(err)
				}
			}
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
				b.Fatal(err)
			}
			used := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
			b.ReportMetric(float64(out.n)/1e6/used.Seconds(), "MB/cpu-s")
			b.ReportMetric(float64(len(d.Components)*b.N)/used.Seconds(), "components/cpu-s")
			b.ReportAllocs()
		})
	}
}
