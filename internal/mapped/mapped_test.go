package mapped

import (
	"bytes"
	"os"
	"testing"
)

// What is written stays until it is released, and what lies beside that stays as well.
func TestMemory(t *testing.T) {
	page := os.Getpagesize()
	b, err := New(int64(5 * page))
	if err != nil {
		t.Skip("this system maps no memory: ", err)
	}
	defer Free(b[:0])
	if !bytes.Equal(b, make([]byte, 5*page)) {
		t.Fatal("it is not empty")
	}
	want := bytes.Repeat([]byte("x"), 5*page)
	copy(b, want)
	Release(b, 10, 20)             // no whole page
	Release(b, page+1, 3*page+1)   // one: the third
	Release(b, 4*page+1, 5*page-1) // none
	if !bytes.Equal(b[:2*page], want[:2*page]) || !bytes.Equal(b[3*page:], want[3*page:]) {
		t.Error("what was not released is gone")
	}
	if third := b[2*page : 3*page]; !bytes.Equal(third, want[:page]) && !bytes.Equal(third, make([]byte, page)) {
		t.Error("what was released is neither there nor empty")
	}
}
