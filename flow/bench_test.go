//go:build unix

package flow

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
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
// reports the CPU time of the process, the collector's included, for each. Parquet is files of at
// most a million.
func BenchmarkRead(b *testing.B) {
	total := 10 * benchDistinct
	if v, err := strconv.Atoi(os.Getenv("COFFERDAM_FLOWS")); err == nil && v > 0 {
		total = v / benchDistinct * benchDistinct
	}
	for _, f := range []Format{CSV, AWS, Conntrack, Envoy, Hubble, GCP} {
		b.Run(f.String(), func(b *testing.B) {
			text := benchLines(f, benchDistinct)
			benchRead(b, f, total, int64(len(text))*int64(total/benchDistinct), func(yield func(io.Reader) bool) {
				yield(&repeated{text: text, left: int64(total / benchDistinct)})
			})
		})
	}
	b.Run("parquet", func(b *testing.B) {
		const most = 1_000_000
		n := min(total, most)
		file := packedLines(b, n)
		debug.FreeOSMemory()
		benchRead(b, Auto, total/n*n, int64(len(file))*int64(total/n), func(yield func(io.Reader) bool) {
			for range total / n {
				if !yield(bytes.NewReader(file)) {
					return
				}
			}
		})
	})
}

// benchRead reads the records of all inputs into one Aggregator.
func benchRead(b *testing.B, f Format, total int, size int64, inputs iter.Seq[io.Reader]) {
	b.Helper()
	book := NewBook(benchEstate(), BookOptions{})
	b.SetBytes(size)
	runtime.GC()
	start := used.CPU(b)
	for b.Loop() {
		a := NewAggregator(Options{Book: book})
		for in := range inputs {
			if err := a.Read(context.Background(), "bench", in, f); err != nil {
				b.Fatal(err)
			}
		}
		o := a.Observed()
		if o.Records != uint64(total) || o.Faulty > 0 { //nolint:gosec // a number of lines
			b.Fatalf("%d records, %d faults: %v", o.Records, o.Faulty, o.Sources[0].Faults)
		}
		b.ReportMetric(float64(len(o.Edges)), "edges")
	}
	b.ReportMetric((used.CPU(b)-start).Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(size)/float64(total), "B/line")
	b.ReportMetric(used.PeakMB(b), "peak-MB")
}

// everNew yields lines of CSV that all differ: between any workloads on any
// port, from any address, from names that nobody has.
type everNew struct {
	rng  *rand.Rand
	left int
	buf  []byte
}

func (r *everNew) Read(p []byte) (int, error) {
	for len(r.buf) < len(p) && r.left > 0 {
		r.left--
		to, port := r.rng.IntN(benchWorkloads), 1+r.rng.IntN(65535)
		switch r.left % 3 {
		case 0:
			from := r.rng.IntN(benchWorkloads)
			r.buf = fmt.Appendf(r.buf, "team-%d/service-%d,team-%d/service-%d,%d\n", from%40, from, to%40, to, port)
		case 1:
			r.buf = fmt.Appendf(r.buf, "%s,team-%d/service-%d,%d\n", netip.AddrFrom4([4]byte{byte(1 + r.rng.IntN(200)), byte(port), byte(to), byte(r.rng.IntN(256))}), to%40, to, port)
		default:
			r.buf = fmt.Appendf(r.buf, "gone-%d/job-%d,team-%d/service-%d,%d\n", r.rng.IntN(1000), r.left, to%40, to, port)
		}
	}
	if len(r.buf) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.buf)
	r.buf = r.buf[:copy(r.buf, r.buf[n:])]
	return n, nil
}

// BenchmarkHostile reads three million lines that fill every limit: its peak is what
// an Aggregator and its answer cost at most.
func BenchmarkHostile(b *testing.B) {
	const total = 3_000_000
	book := NewBook(benchEstate(), BookOptions{})
	for b.Loop() {
		a := NewAggregator(Options{Book: book})
		in := io.MultiReader(strings.NewReader("src,dst,port\n"), &everNew{rng: rand.New(rand.NewPCG(1, 2)), left: total})
		if err := a.Read(context.Background(), "hostile", in, CSV); err != nil {
			b.Fatal(err)
		}
		o := a.Observed()
		if o.Records != total || o.Lost == 0 || len(o.Incomplete()) == 0 {
			b.Fatalf("%d records, lost %d", o.Records, o.Lost)
		}
		b.ReportMetric(float64(len(o.Edges)), "edges")
	}
	b.ReportMetric(used.PeakMB(b), "peak-MB")
}
