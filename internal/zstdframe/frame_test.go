package zstdframe

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

// check packs bytes with an encoder that is used again and again, so that nothing of one
// frame may be in the next, and reads what it wrote.
type check struct {
	Encoder
	reader *zstd.Decoder
}

func newCheck(t testing.TB) *check {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return &check{reader: r}
}

// same fails unless bytes come back as they were, and returns how many they are packed.
func (c *check) same(t interface{ Fatalf(string, ...any) }, src []byte) int {
	packed := c.Append([]byte("before"), src)
	if !bytes.HasPrefix(packed, []byte("before")) {
		t.Fatalf("what was there before is gone")
	}
	packed = packed[len("before"):]
	got, err := c.reader.DecodeAll(packed, nil)
	if err != nil {
		t.Fatalf("a decoder refuses the frame: %v", err)
	}
	if !bytes.Equal(got, src) {
		t.Fatalf("%d bytes come back as other %d", len(src), len(got))
	}
	if len(packed) > MaxSize(len(src)) {
		t.Fatalf("%d bytes are packed into %d, and MaxSize says %d", len(src), len(packed), MaxSize(len(src)))
	}
	return len(packed)
}

// made are bytes of many kinds: runs, noise, digits, words that come again near and far.
func made(r *rand.Rand, n int) []byte {
	var words [][]byte
	var b []byte
	for len(b) < n {
		switch r.IntN(7) {
		case 0:
			b = append(b, bytes.Repeat([]byte{byte(r.Uint32())}, 1<<r.IntN(18))...)
		case 1:
			for range 1 << r.IntN(12) {
				b = append(b, byte(r.Uint32()))
			}
		case 2:
			for range 1 + r.IntN(40) {
				b = fmt.Appendf(b, "%016x", r.Uint64())
			}
		case 3:
			w := fmt.Appendf(nil, "word-%d", r.Uint64()>>r.IntN(60))
			words = append(words, w)
			b = append(b, w...)
		case 4:
			if len(b) > 0 {
				at := r.IntN(len(b))
				b = append(b, b[at:min(len(b), at+1<<r.IntN(17))]...)
			}
		default:
			for range r.IntN(60) {
				if len(words) > 0 {
					b = append(b, words[r.IntN(len(words))]...)
				}
			}
		}
	}
	return b[:n]
}

func TestAnyBytesComeBack(t *testing.T) {
	e := newCheck(t)
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		n := rapid.OneOf(rapid.IntRange(0, 2000), rapid.IntRange(0, 600_000)).Draw(t, "bytes")
		e.same(t, made(r, n))
	})
}

// noise are bytes that do not pack.
func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // it never fails
	return b
}

// The sizes at which a header, a block, a chunk or a count is written in another way.
func TestSizesAtTheLimits(t *testing.T) {
	e := newCheck(t)
	const most = 2*chunk + 1
	text, random, run := made(rand.New(rand.NewPCG(1, 2)), most), noise(1, most), bytes.Repeat([]byte{'x'}, most)
	digits := bytes.Clone(random)
	for i := range digits {
		digits[i] = "0123456789abcdef"[digits[i]&15]
	}
	for _, n := range []int{0, 1, 2, 3, 4, 31, 32, 63, 64, 255, 256, 1023, 1024, 4095, 4096, 1<<14 - 1, 1 << 14, maxBlock - 1, maxBlock, maxBlock + 1,
		2*maxBlock - minRoom, chunk - 1, chunk, chunk + 1, most} {
		e.same(t, text[:n])
		e.same(t, run[:n])
		if size := e.same(t, random[:n]); size < n {
			t.Errorf("%d random bytes became %d", n, size)
		}
		if n == chunk-1 || n == chunk {
			continue // digits are slow, and chunk+1 has these in it
		}
		if size := e.same(t, digits[:n]); n > 1000 && size > n*6/10 {
			t.Errorf("%d random digits became %d", n, size)
		}
	}
}

// Matches that are longer than a block are cut so that each piece is a match.
func TestMatchesAcrossBlocks(t *testing.T) {
	e := newCheck(t)
	random := noise(3, maxBlock)
	for _, period := range []int{1, 2, 3, 5, 70_000} {
		word := noise(byte(period), period) //nolint:gosec // a seed
		for _, lead := range []int{0, 1, 7, maxBlock - minRoom - 1, maxBlock - minRoom, maxBlock - 1, maxBlock} {
			for cut := range 4 {
				b := append(bytes.Clone(random[:lead]), bytes.Repeat(word, (2*maxBlock+cut)/period)...)
				if size := e.same(t, b); period < 10 && size > lead+period+1000 {
					t.Errorf("a run of %d after %d became %d", period, lead, size)
				}
			}
		}
	}
}

// Many sequences are counted in three bytes, and each kind of table is there.
func TestManySequences(t *testing.T) {
	e := newCheck(t)
	r := rand.New(rand.NewPCG(5, 6))
	var b []byte
	for len(b) < maxBlock {
		b = append(b, byte('a'+r.IntN(2)), byte('a'+r.IntN(2)), 'c', byte('a'+r.IntN(3)))
	}
	e.same(t, b)
	for n := 3; n < 40; n++ { // records of one length: one code of each kind
		b = b[:0]
		for len(b) < maxBlock {
			b = append(append(b, byte(r.Uint32())), bytes.Repeat([]byte{7, 8, 9, 10}, n)...)
		}
		e.same(t, b)
	}
}

// What the encoder of S2 says is held against the size; what does not add up is kept as
// it is.
func TestTagsThatDoNotAddUp(t *testing.T) {
	five := []byte("abcdeabcde")
	for _, tags := range []string{"", "\x05", "\x05\x00", "\x05\x10abcd", "\x05\x10abcde\x05\x00", "\x05\x00a\x01\x01", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x05\xfc\xff\xff\xff\x7f",
		"\x05\xf0", "\x05\x02\x01", "\x05\x03\x01\x00", "\x05\x00a\x05\x00", "\x05\x0ca\x00\x00\x00\x02\x01\x00", "\x05\x0cabc\x06\x03\x00"} {
		e := Encoder{recent: [3]uint32{1, 4, 8}}
		e.begin(0)
		if _, ok := e.follow(nil, five, append([]byte(tags), make([]byte, slack)...), 0, 5); ok {
			t.Errorf("%q is taken for five bytes", tags)
		}
	}
	src := made(rand.New(rand.NewPCG(7, 8)), 3*maxBlock)
	e := Encoder{recent: [3]uint32{1, 4, 8}}
	e.begin(0)
	packed := e.plain(appendHeader(nil, len(src)), src, len(src))
	packed[4] &^= 1 << 2 // without a checksum
	if got, err := newCheck(t).reader.DecodeAll(packed, nil); err != nil || !bytes.Equal(got, src) {
		t.Error("plain blocks come back as others", err)
	}
}

// Real documents become about as small as another encoder makes them.
func TestDocuments(t *testing.T) {
	data := os.Getenv("COFFERDAM_DATA")
	if data == "" {
		t.Skip("COFFERDAM_DATA is not set: no real documents are packed")
	}
	files, err := filepath.Glob(filepath.Join(data, "sbom/guac-data/top-dh-sboms/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no documents", err)
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	e := newCheck(t)
	all, ours, theirs := 0, 0, 0
	for n, f := range files {
		if n%4 != 0 && os.Getenv("COFFERDAM_LONG") == "" {
			continue // time under the race detector
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all += len(b)
		ours += e.same(t, b)
		theirs += len(z.EncodeAll(b, nil))
	}
	t.Logf("%d bytes become %d, of another encoder %d", all, ours, theirs)
	if ours*8 > all {
		t.Errorf("%d bytes become %d: more than an eighth", all, ours)
	}
}

func FuzzAppend(f *testing.F) {
	for n := range 8 {
		f.Add(made(rand.New(rand.NewPCG(uint64(n), 9)), 1<<n), uint16(n*40)) //nolint:gosec // small
	}
	e := newCheck(f)
	f.Fuzz(func(t *testing.T, b []byte, again uint16) {
		e.same(t, b)
		// The same with itself behind it, and with a beginning of 128 kB: what a fuzzer is too slow for.
		e.same(t, append(bytes.Repeat(b, int(again%300)+1), b...))
	})
}

// A match that is none is seen by whichever of its bytes differs.
func TestMatchesAreHeldAgainstTheSource(t *testing.T) {
	for n := minMatch; n <= 40; n++ {
		src := bytes.Repeat(noise(byte(n), n), 2)
		var e Encoder
		if !e.holds(src, 0, n, n, uint32(n)) { //nolint:gosec // small
			t.Errorf("a match of %d bytes is not taken for one", n)
		}
		for i := range src {
			src[i] ^= 1
			if e.holds(src, 0, n, n, uint32(n)) { //nolint:gosec // small
				t.Errorf("a match of %d bytes is taken for one though byte %d differs", n, i%n)
			}
			src[i] ^= 1
		}
	}
}
