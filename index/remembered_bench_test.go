package index_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
	"github.com/cofferdam-io/cofferdam/sbom/spdx"
)

// Documents of one organisation are read and get their keys, while packages of those
// before are remembered: microseconds of processor time a document, of both and of the
// keys alone.
func BenchmarkRemembered(b *testing.B) {
	corpus, err := synth.New(synth.Config{Documents: max(b.N, 1000), Components: 283, Seed: 1, Spelled: true})
	if err != nil {
		b.Fatal(err)
	}
	const atOnce = 256
	seen, numbers := spdx.NewSeen(64<<20), map[string]uint32{}
	cache := index.NewKeyCache(32<<20, func(keys []string, ids []uint32, missing []int) []int {
		for i, k := range keys {
			id, ok := numbers[k]
			if ids[i] = id; !ok {
				missing = append(missing, i)
			}
		}
		return missing
	})
	docs := make([][]byte, 0, atOnce)
	var repeats []spdx.Repeat
	repeated := func(r spdx.Repeat) { repeats = append(repeats, r) }
	var both, keysAlone float64
	b.ReportAllocs()
	b.ResetTimer()
	b.StopTimer()
	for n := 0; n < b.N; n += len(docs) {
		docs = docs[:0]
		for len(docs) < atOnce && n+len(docs) < b.N {
			d, _ := corpus.Next()
			docs = append(docs, corpus.SPDX(nil, &d))
		}
		runtime.GC() // what making them left
		b.StartTimer()
		begun := used.CPU(b)
		for _, raw := range docs {
			repeats = repeats[:0]
			d, err := spdx.Decode(context.Background(), raw, spdx.Options{Seen: seen, Digest: ident.SHA256(nil), Repeated: repeated})
			if err != nil {
				b.Fatal(err)
			}
			at := used.CPU(b)
			_, keys := cache.Keys(d)
			keysAlone += (used.CPU(b) - at).Seconds()
			seen.Done(d)
			for _, k := range keys {
				if _, ok := numbers[k]; !ok {
					numbers[k] = uint32(len(numbers)) // #nosec G115 -- a few
				}
			}
		}
		both += (used.CPU(b) - begun).Seconds()
		b.StopTimer()
	}
	b.ReportMetric(both*1e6/float64(b.N), "µs/doc")
	b.ReportMetric(keysAlone*1e6/float64(b.N), "µs-keys/doc")
}
