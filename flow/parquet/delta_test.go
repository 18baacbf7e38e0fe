package parquet

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
)

// binaryPacked writes numbers as differences, bit by bit.
func binaryPacked(numbers []int64, block, runs int) []byte {
	b := binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(block)), uint64(runs)), uint64(len(numbers))) //nolint:gosec // lengths
	if len(numbers) == 0 {
		return binary.AppendVarint(b, 0)
	}
	b = binary.AppendVarint(b, numbers[0])
	var diffs []int64
	for i := 1; i < len(numbers); i++ {
		diffs = append(diffs, numbers[i]-numbers[i-1]) // goes round
	}
	for d := range slices.Chunk(diffs, block) {
		least := slices.Min(d)
		b = binary.AppendVarint(b, least)
		widths := make([]byte, runs)
		var packed []byte
		for i := range runs {
			run := make([]uint64, block/runs)
			if i*len(run) >= len(d) {
				break // what is not there has no bits, whatever its width is said to be
			}
			for k, x := range d[i*len(run) : min((i+1)*len(run), len(d))] {
				run[k] = uint64(x) - uint64(least) //nolint:gosec // goes round
				widths[i] = max(widths[i], byte(bits.Len64(run[k])))
			}
			bitmap := make([]byte, len(run)/8*int(widths[i]))
			for k, x := range run {
				for bit := range int(widths[i]) {
					at := k*int(widths[i]) + bit
					bitmap[at/8] |= byte(x>>bit&1) << (at % 8)
				}
			}
			packed = append(packed, bitmap...)
		}
		b = append(append(b, widths...), packed...)
	}
	return b
}

func TestDifferencesAreTheNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for n := range 2000 {
		runs := 1 << rng.IntN(4)
		block := runs * 8 * (1 + rng.IntN(8))
		numbers := make([]int64, rng.IntN(3*block))
		width := rng.IntN(65)
		for i := range numbers {
			numbers[i] = int64(rng.Uint64() >> (64 - width) &^ 1 << rng.IntN(2)) //nolint:gosec // of any size
			if rng.IntN(20) == 0 {
				numbers[i] = []int64{math.MinInt64, math.MaxInt64, 0, -1}[rng.IntN(4)]
			}
		}
		data := append(binaryPacked(numbers, block, runs), "behind"...)
		var d deltas
		if !d.begin(data) {
			t.Fatalf("%d: no head", n)
		}
		if rest, ok := d.end(); !ok || string(rest) != "behind" {
			t.Fatalf("%d: %d numbers in blocks of %d and runs of %d end before %q", n, len(numbers), block, block/runs, rest)
		}
		for i, want := range numbers {
			if got, ok := d.next(); !ok || got != want {
				t.Fatalf("%d: number %d of %d is %d, want %d", n, i, len(numbers), got, want)
			}
		}
		if _, ok := d.next(); ok {
			t.Fatalf("%d: one more", n)
		}
	}
}

func TestDifferencesThatLie(t *testing.T) {
	head := func(parts ...uint64) (b []byte) {
		for _, p := range parts {
			b = binary.AppendUvarint(b, p)
		}
		return b
	}
	for name, data := range map[string][]byte{
		"nothing":               {},
		"a block of none":       head(0, 1, 1, 0),
		"no runs":               head(128, 0, 1, 0),
		"a block of 2^40":       head(1<<40, 4, 1, 0),
		"runs of odd lengths":   head(128, 3, 1, 0),
		"runs of four":          head(128, 32, 1, 0),
		"2^60 numbers":          head(128, 4, 1<<60, 0),
		"no block":              head(128, 4, 2, 0),
		"no widths":             append(head(128, 4, 2, 0), 0, 1),
		"65 bits":               append(head(128, 4, 2, 0), append([]byte{0, 65, 0, 0, 0}, make([]byte, 999)...)...),
		"a run that is cut off": append(head(128, 4, 2, 0), 0, 8, 0, 0, 0, 1, 2),
	} {
		var d deltas
		if d.begin(data) {
			if _, ok := d.next(); ok {
				if _, ok = d.next(); ok {
					t.Errorf("%s: is read", name)
				}
			}
			if _, ok := d.end(); ok {
				t.Errorf("%s: has an end", name)
			}
		}
	}
	lengths := func(n ...int64) []byte { return binaryPacked(n, 128, 4) }
	for name, data := range map[string][]byte{
		"a length below none":          append(lengths(-1), "text"...),
		"longer than what is there":    append(lengths(5), "text"...),
		"sharing more than there was":  append(append(lengths(1), lengths(3)...), "text"...),
		"sharing less than nothing":    append(append(lengths(-1), lengths(3)...), "text"...),
		"fewer lengths than are asked": append(append(lengths(), lengths(3)...), "text"...),
	} {
		var x texts
		if x.begin(data, name[0] != 'a' && name[0] != 'l') {
			if b, ok := x.next(); ok {
				t.Errorf("%s: %q", name, b)
			}
		}
	}
	var x texts
	if !x.begin(append(append(lengths(0, 2, 5), lengths(3, 3, 0)...), "abcdef"...), true) {
		t.Fatal("no head")
	}
	for _, want := range []string{"abc", "abdef", "abdef"} {
		if b, ok := x.next(); !ok || string(b) != want {
			t.Errorf("%q, want %q", b, want)
		}
	}
}

// TestDictionariesAreBounded: columns of nothing but dictionaries, which pack well.
func TestDictionariesAreBounded(t *testing.T) {
	x := &inflater{}
	body := make([]byte, 4<<20)
	h := &header{inflated: int64(len(body)), values: int64(len(body) / 4), encoding: plain}
	var err error
	for range MaxWords/(len(body)/4) + 1 {
		if err != nil {
			t.Fatal(err)
		}
		err = (&cursor{kind: int32Type, x: x}).dictionary(h, bytes.Clone(body))
	}
	if ident.KindOf(err) != ident.KindLimit {
		t.Error(err)
	}
}
