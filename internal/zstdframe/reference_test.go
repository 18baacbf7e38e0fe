package zstdframe

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
)

// The reference decoder, which is not the library that the other tests read with, takes
// every frame for what it stands for: of one stream with all of them it makes all bytes.
func TestReferenceDecoder(t *testing.T) {
	program, err := exec.LookPath("zstd")
	if err != nil {
		t.Skip("zstd is not installed: nobody but one library reads the frames (tools/test-deps.sh)")
	}
	var e Encoder
	var packed, want []byte
	add := func(src []byte) {
		packed, want = e.Append(packed, src), append(want, src...)
	}
	r := rand.New(rand.NewPCG(11, 12))
	for _, n := range []int{0, 1, 3, 4, 63, 64, 255, 256, 1023, 1024, 1<<14 - 1, 1 << 14, maxBlock - 1, maxBlock, maxBlock + 1, 2*maxBlock - minRoom} {
		add(made(r, n))
		add(noise(5, n))
		add(bytes.Repeat([]byte{'x'}, n))
	}
	for range 200 {
		add(made(r, r.IntN(3*maxBlock>>r.IntN(12))))
	}
	// More than a window, with what came before far behind, near, and across the chunks' end.
	far := noise(6, 70_000)
	long := append(bytes.Clone(far), made(r, chunk-100_000)...)
	add(append(append(append(long, far...), noise(7, maxBlock)...), far...))
	var b []byte
	for len(b) < 2*maxBlock { // more sequences than two bytes count
		b = append(b, byte('a'+r.IntN(2)), byte('a'+r.IntN(2)), 'c', byte('a'+r.IntN(3)))
	}
	add(b)

	cmd := exec.Command(program, "-d", "-c", "-q") //nolint:gosec // the program that was found
	cmd.Stdin, cmd.Stderr = bytes.NewReader(packed), os.Stderr
	got, err := cmd.Output()
	if err != nil {
		t.Fatalf("zstd refuses the frames: %v", err)
	}
	if !bytes.Equal(got, want) {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		t.Fatalf("%d bytes come back as %d; byte %d is the first that differs", len(want), len(got), at)
	}
	// A frame that lost a bit is told from a whole one: in its data, or by its checksum.
	bad := e.Append(nil, made(r, 50_000))
	bad[len(bad)/2] ^= 1
	cmd = exec.Command(program, "-d", "-c", "-q") //nolint:gosec // as above
	cmd.Stdin = bytes.NewReader(bad)
	if out, err := cmd.Output(); err == nil {
		t.Errorf("zstd takes a damaged frame for %d bytes", len(out))
	}
}
