package zstdframe

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

// mixed is a source of pieces of a dictionary with other bytes between them, and where.
func mixed(r *rand.Rand, dictionary []byte, pieces, between int) (src []byte, spans []Span) {
	for range pieces {
		src = append(src, made(r, r.IntN(between+1))...)
		if len(dictionary) == 0 {
			continue
		}
		at := r.IntN(len(dictionary))
		n := min(1+r.IntN(1<<r.IntN(18)), len(dictionary)-at, MaxShared-len(src))
		if n > 0 {
			spans = append(spans, Span{From: len(src), To: len(src) + n, At: at})
			src = append(src, dictionary[at:at+n]...)
		}
	}
	src = append(src, made(r, r.IntN(between+1))...)
	return src[:min(len(src), MaxShared)], spans
}

// listed appends a list as of relationships to a source: what the source has further ahead,
// with one of some wordings between. Some of the spans are what a caller may get wrong: bytes
// that are not the same, too few, further behind, or over those before them.
func listed(r *rand.Rand, src []byte, spans []Span, entries int) ([]byte, []Span) {
	ahead := len(src)
	if ahead == 0 {
		return src, spans
	}
	wordings := [][]byte{nil, []byte(","), []byte("seven, "), noise(byte(r.IntN(256)), minAlike), noise(byte(r.IntN(256)), minPart-1), noise(byte(r.IntN(256)), minPart), noise(byte(r.IntN(256)), 3*minPart)}
	for range min(entries, (MaxShared-ahead)/(3*minPart+60)) {
		src = append(src, wordings[r.IntN(len(wordings))]...)
		at := r.IntN(ahead)
		n := min(1+r.IntN(60), ahead-at)
		span := Span{From: len(src), To: len(src) + n, At: at, Own: true}
		src = append(src, src[at:at+n]...)
		switch r.IntN(12) {
		case 0:
			src[len(src)-1] ^= 1
		case 1:
			span.At = span.From + r.IntN(20) - 10
			span.At = max(0, span.At)
		case 2:
			span.From = max(0, span.From-r.IntN(40))
		}
		spans = append(spans, span)
	}
	return src, spans
}

// shared reads a frame with a dictionary as another library does.
func shared(t interface{ Fatalf(string, ...any) }, packed, dictionary, want []byte) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderDictRaw(0, dictionary))
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer z.Close()
	got, err := z.DecodeAll(packed, nil)
	if err != nil {
		t.Fatalf("a decoder refuses the frame: %v", err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%d bytes come back as other %d", len(want), len(got))
	}
}

func TestSharedBytesComeBack(t *testing.T) {
	var e Encoder
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		dictionary := made(r, rapid.OneOf(rapid.IntRange(0, 3000), rapid.IntRange(0, 400_000)).Draw(t, "dictionary"))
		between := rapid.SampledFrom([]int{0, 1, 5, minPart - 1, minPart, 3000, 100_000}).Draw(t, "between")
		src, spans := mixed(r, dictionary, rapid.IntRange(0, 12).Draw(t, "pieces"), between)
		src, spans = listed(r, src, spans, rapid.IntRange(0, 400).Draw(t, "entries"))
		packed := e.AppendShared([]byte("before"), src, len(dictionary), spans)[len("before"):]
		if len(packed) > MaxSize(len(src)) {
			t.Fatalf("%d bytes are packed into %d, and MaxSize says %d", len(src), len(packed), MaxSize(len(src)))
		}
		shared(t, packed, dictionary, src)
	})
}

// What a dictionary has costs next to nothing, however far ahead of the source it lies.
func TestSharedIsSmall(t *testing.T) {
	dictionary := noise(1, 32<<20)
	var src []byte
	var spans []Span
	for at := 0; at+1000 <= len(dictionary) && len(src)+1000 <= 1<<20; at += len(dictionary) / 1000 {
		spans = append(spans, Span{From: len(src), To: len(src) + 1000, At: at})
		src = append(src, dictionary[at:at+1000]...)
	}
	var e Encoder
	packed := e.AppendShared(nil, src, len(dictionary), spans)
	if len(packed) > 8*len(spans) {
		t.Errorf("%d pieces of a dictionary take %d bytes", len(spans), len(packed))
	}
	shared(t, packed, dictionary, src)
}

// What a list says of what stands further ahead costs next to nothing, and is not searched.
func TestListsAreSmall(t *testing.T) {
	src := noise(3, 40_000)
	var spans []Span
	for at := 0; at+40 <= 40_000; at += 40 {
		src = append(src, `{"from":"the document, always", "to":"`...)
		spans = append(spans, Span{From: len(src), To: len(src) + 40, At: at, Own: true})
		src = append(append(src, src[at:at+40]...), `", "how":"it contains that, which is said in many words"},`...)
	}
	var e Encoder
	packed := e.AppendShared(nil, src, 0, spans)
	if list := len(packed) - 40_000; list > 6*len(spans) {
		t.Errorf("a list of %d entries takes %d bytes", len(spans), list)
	}
	if n := len(e.shared.searched); n > 40_000+1000 {
		t.Errorf("%d bytes were searched of %d, most of them a list", n, len(src))
	}
	shared(t, packed, nil, src)
}

// A frame that was made for other bytes than the dictionary has is refused by its checksum.
func TestAnotherDictionaryIsSeen(t *testing.T) {
	dictionary := noise(2, 10_000)
	var e Encoder
	packed := e.AppendShared(nil, dictionary[:5000], len(dictionary), []Span{{From: 0, To: 5000}})
	other := bytes.Clone(dictionary)
	other[77] ^= 1
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderDictRaw(0, other))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if got, err := z.DecodeAll(packed, nil); err == nil {
		t.Errorf("%d bytes are taken for the source", len(got))
	}
}

func TestReferenceDecoderWithDictionary(t *testing.T) {
	program, err := exec.LookPath("zstd")
	if err != nil {
		t.Skip("zstd is not installed: nobody but one library reads the frames (tools/test-deps.sh)")
	}
	r := rand.New(rand.NewPCG(21, 22))
	dictionary := made(r, 700_000)
	file := filepath.Join(t.TempDir(), "dictionary")
	if err := os.WriteFile(file, dictionary, 0o600); err != nil {
		t.Fatal(err)
	}
	var e Encoder
	var packed, want []byte
	for range 60 {
		src, spans := mixed(r, dictionary, r.IntN(20), 1<<r.IntN(15))
		src, spans = listed(r, src, spans, r.IntN(100))
		packed, want = e.AppendShared(packed, src, len(dictionary), spans), append(want, src...)
	}
	cmd := exec.Command(program, "-d", "-c", "-q", "-D", file) //nolint:gosec // the program that was found
	cmd.Stdin, cmd.Stderr = bytes.NewReader(packed), os.Stderr
	got, err := cmd.Output()
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("zstd reads %d bytes of %d: %v", len(got), len(want), err)
	}
}
