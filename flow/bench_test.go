//go:build unix

package flow

import (
	"context"
	"io"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// repeated yields a text again and again.
type repeated struct {
	text []byte
	at   int
	left int64
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.text[r.at:])
	if r.at += n; r.at == len(r.text) {
		r.at, r.left = 0, r.left-1
	}
	return n, nil
}

// benchDistinct is how many lines differ, and are in memory.
const benchDistinct = 20_000

// BenchmarkRead reads COFFERDAM_FLOWS lines (default 200,000) of each format and
// reports the CPU time of the process, the collector's included, for each.
func BenchmarkRead(b *testing.B) {
	total := 10 * benchDistinct
	if v, err := strconv.Atoi(os.Getenv("COFFERDAM_FLOWS")); err == nil && v > 0 {
		total = v / benchDistinct * benchDistinct
	}
	book := NewBook(benchEstate(), BookOptions{})
	for _, f := range []Format{CSV, AWS, Conntrack, Envoy, Hubble, GCP} {
		b.Run(f.String(), func(b *testing.B) {
			text := benchLines(f, benchDistinct)
			b.SetBytes(int64(len(text)) * int64(total/benchDistinct))
			runtime.GC()
			start := cpuTime()
			for b.Loop() {
				a := NewAggregator(Options{Book: book})
				if err := a.Read(context.Background(), "bench", &repeated{text: text, left: int64(total / benchDistinct)}, f); err != nil {
					b.Fatal(err)
				}
				o := a.Observed()
				if o.Records != uint64(total) || o.Faulty > 0 {
					b.Fatalf("%d records, %d faults: %v", o.Records, o.Faulty, o.Sources[0].Faults)
				}
				b.ReportMetric(float64(len(o.Edges)), "edges")
			}
			b.ReportMetric((cpuTime()-start).Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric(float64(len(text))/benchDistinct, "B/line")
			var u syscall.Rusage
			if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
				b.ReportMetric(float64(u.Maxrss)/1024, "peak-MB")
			}
		})
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
