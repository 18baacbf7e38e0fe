package clip_test

import (
	"io"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/clip"
)

// TestBuffer copies into it as os/exec does: nothing may go around the limit.
func TestBuffer(t *testing.T) {
	for text, want := range map[string]string{"": "", "abc": "abc", "abcd": "abcd", "abcde": "abcd", strings.Repeat("abcd", 1<<18): "abcd"} {
		b := &clip.Buffer{Most: 4}
		if n, err := io.Copy(b, strings.NewReader(text)); err != nil || int(n) != len(text) {
			t.Errorf("%d %v", n, err)
		}
		if b.String() != want || string(b.Bytes()) != want || b.Over() != (len(text) > 4) {
			t.Errorf("%q %v", b.String(), b.Over())
		}
	}
	if _, ok := any(&clip.Buffer{}).(io.ReaderFrom); ok {
		t.Error("whoever copies into it goes around the limit")
	}
}
