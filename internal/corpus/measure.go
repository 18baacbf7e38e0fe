//go:build unix

package corpus

import (
	"bytes"
	"io/fs"
	"os"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
)

// Throughput measures how many megabytes decode reads in a second of CPU time,
// garbage collection included: of made, and of the documents in a part of the data
// folder that hold mark and that decode takes.
func Throughput(b *testing.B, made []byte, part, mark string, decode func(data []byte) error) {
	b.Helper()
	b.Run("made", func(b *testing.B) { throughput(b, [][]byte{made}, decode) })
	b.Run("real", func(b *testing.B) {
		var docs [][]byte
		err := fs.WalkDir(os.DirFS(Root(b)), part, func(p string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := fs.ReadFile(os.DirFS(Root(b)), p)
			if err == nil && bytes.Contains(data, []byte(mark)) && decode(data) == nil {
				docs = append(docs, data)
			}
			return err
		})
		if err != nil || len(docs) == 0 {
			b.Fatalf("%s holds no document with %s: the data is gone (%v)", part, mark, err)
		}
		throughput(b, docs, decode)
	})
}

func throughput(b *testing.B, docs [][]byte, decode func(data []byte) error) {
	b.Helper()
	size := int64(0)
	for _, d := range docs {
		size += int64(len(d))
	}
	b.SetBytes(size)
	b.ReportAllocs()
	start := used.CPU(b)
	for b.Loop() {
		for _, d := range docs {
			if err := decode(d); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(size)*float64(b.N)/1e6/(used.CPU(b)-start).Seconds(), "MB/cpu-s")
}
