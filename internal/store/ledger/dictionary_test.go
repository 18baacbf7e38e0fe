package ledger

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

func TestRunsComeBack(t *testing.T) {
	p := newPacker()
	key := rapid.OneOf(rapid.StringN(1, 40, 80), rapid.SampledFrom([]string{"\x00", "pkg:npm/a@1", "\xff\xfe", strings.Repeat("k", store.MaxKey)}),
		rapid.Map(rapid.Uint64(), func(seed uint64) string {
			r := rand.New(rand.NewPCG(seed, 1))
			b := make([]byte, 1+r.IntN(3*runBytes/2))
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			return string(b[:min(len(b), store.MaxKey)])
		}))
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(key, 0, 700).Draw(t, "keys")
		var again []string
		runs(keys, func(run []string) {
			size := 0
			for _, k := range run[:len(run)-1] {
				size += len(k)
			}
			if len(run) > runEntries || size >= runBytes {
				t.Fatalf("a run of %d keys has %d bytes before its last", len(run), size)
			}
			got, err := p.unpack(0, p.pack(run))
			if err != nil || !slices.Equal(got, run) {
				t.Fatalf("%d keys come back as %d, %v", len(run), len(got), err)
			}
			again = append(again, got...)
		})
		if !slices.Equal(again, keys) {
			t.Fatal("the runs are not the keys")
		}
	})
}

// Keys of small runs are spread over runs of like size.
func TestRunsAreOfLikeSize(t *testing.T) {
	for _, n := range []int{1, runEntries, runEntries + 1, 5*runEntries - 1} {
		least, most, sum := n, 0, 0
		runs(make([]string, n), func(run []string) { least, most, sum = min(least, len(run)), max(most, len(run)), sum+len(run) })
		if sum != n || most > runEntries || n > runEntries && least < runEntries/2-5 {
			t.Errorf("%d keys are runs of %d to %d", n, least, most)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	p := newPacker()
	f.Add([]byte{})
	f.Add([]byte{runPlain, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 1})
	f.Add(p.pack([]string{"a", "bc"}))
	f.Add(p.pack(slices.Repeat([]string{"pkg:npm/left-pad@1.0.0"}, runEntries)))
	f.Add(append([]byte{runPacked}, 0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := p.unpack(7, b)
		if err != nil {
			if ident.KindOf(err) != ident.KindFailure || !strings.Contains(err.Error(), "from 7 on") {
				t.Fatalf("the error %v", err)
			}
			return
		}
		again, err := p.unpack(7, p.pack(keys))
		if err != nil || !slices.Equal(again, keys) || len(keys) > runEntries {
			t.Fatalf("%d keys come back as %d, %v", len(keys), len(again), err)
		}
	})
}
