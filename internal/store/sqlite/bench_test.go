package sqlite

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// encodeRow is what the benchmarks and tests keep as a forward row: deltas.
func encodeRow(dst []byte, ids []uint32) []byte {
	last := uint32(0)
	for _, id := range ids {
		dst = binary.AppendUvarint(dst, uint64(id-last))
		last = id
	}
	return dst
}

// dictionary is a caller's: a map of what receipts and Dictionary brought.
type dictionary map[string]uint32

func (d dictionary) known(keys []string, ids []uint32, missing []int) []int {
	for i, k := range keys {
		if id, ok := d[k]; ok {
			ids[i] = id
		} else {
			missing = append(missing, i)
		}
	}
	return missing
}

// BenchmarkCommit is durable intake without decoding, hashing and compression:
// documents of 283 components, of which three are new, and 30 kB of compressed
// original. The time to compare with is cpu-µs/doc: the rest waits for the disk.
func BenchmarkCommit(b *testing.B) {
	for _, group := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("group=%d", group), func(b *testing.B) {
			known := dictionary{}
			s, err := Open(context.Background(), b.TempDir(), Options{Coding: store.Coding{Encode: encodeRow, Known: known.known}})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			r := rand.New(rand.NewPCG(1, 2))
			data := make([]byte, 30<<10)
			doc := 0
			intakes := func() []store.Intake {
				list := make([]store.Intake, group)
				for i := range list {
					doc++
					keys := make([]string, 0, 283)
					for range 280 {
						keys = append(keys, fmt.Sprintf("pkg:npm/component-with-a-name-%d@1.2.3", r.IntN(20000)))
					}
					for j := range 3 {
						keys = append(keys, fmt.Sprintf("pkg:npm/new-%d-%d@1.0.0", doc, j))
					}
					slices.Sort(keys)
					keys = slices.Compact(keys)
					d := slices.Clone(data)
					binary.LittleEndian.PutUint64(d, uint64(doc))
					for j := 8; j+8 <= len(d); j += 8 {
						binary.LittleEndian.PutUint64(d[j:], r.Uint64())
					}
					list[i] = store.Intake{
						Mutation: store.Mutation{Actor: "ci@example.test", Time: time.Unix(int64(doc), 0)}, Tenant: "acme",
						Original: ident.SHA256(d), Size: 300 << 10, Data: d, Format: "spdx-2.3", Media: "application/spdx+json",
						Subject: store.Subject{Name: fmt.Sprintf("registry.example.test/shop/service-%d", doc), Version: "1.0", Build: fmt.Sprint("build-", doc), Service: "shop", Owner: "team",
							Digests: []ident.RoledDigest{{Role: ident.RoleManifest, Digest: ident.SHA256([]byte(fmt.Sprint("m", doc)))}, {Role: ident.RoleConfig, Digest: ident.SHA256([]byte(fmt.Sprint("c", doc)))}}},
						Keys: keys,
					}
				}
				return list
			}
			commit := func(list []store.Intake) {
				receipts, err := s.Commit(context.Background(), list)
				if err != nil {
					b.Fatal(err)
				}
				for _, r := range receipts {
					for _, e := range r.Added {
						known[e.Key] = e.ID
					}
				}
			}
			for range max(1, 1024/group) {
				commit(intakes())
			}
			b.ResetTimer()
			var cpu time.Duration
			for range b.N {
				b.StopTimer()
				list := intakes()
				b.StartTimer()
				before := cpuTime()
				commit(list)
				cpu += cpuTime() - before
			}
			b.ReportMetric(float64(cpu.Microseconds())/float64(b.N*group), "cpu-µs/doc")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*group), "wall-µs/doc")
			if fi, err := os.Stat(s.engine.path); err == nil {
				b.ReportMetric(float64(fi.Size())/float64(doc), "B/doc")
			}
		})
	}
}
