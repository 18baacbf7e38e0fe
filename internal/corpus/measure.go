//go:build unix

package corpus

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Documents returns those files of a part of the data folder that accept takes,
// in the order of their paths; where there is no data folder it skips the test.
func Documents(tb testing.TB, part string, accept func(data []byte) bool) [][]byte {
	tb.Helper()
	var docs [][]byte
	err := filepath.WalkDir(filepath.Join(Root(tb), filepath.FromSlash(part)), func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(p)
		if err == nil && accept(data) {
			docs = append(docs, data)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	if len(docs) == 0 {
		tb.Fatalf("%s holds no document that is accepted: the data is gone", part)
	}
	return docs
}

// Throughput measures how many megabytes of documents decode reads in a second
// of CPU time, garbage collection included.
func Throughput(b *testing.B, docs [][]byte, decode func(data []byte) error) {
	b.Helper()
	size := int64(0)
	for _, d := range docs {
		size += int64(len(d))
	}
	b.SetBytes(size)
	b.ReportAllocs()
	start := cpu(b)
	for b.Loop() {
		for _, d := range docs {
			if err := decode(d); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(size)*float64(b.N)/1e6/(cpu(b)-start).Seconds(), "MB/cpu-s")
}

// cpu is the CPU time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
