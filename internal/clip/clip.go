// Package clip keeps the beginning of what another program prints.
//
//	out := &clip.Buffer{Most: 64 << 10}
//	cmd.Stdout = out
//
// It is a writer and nothing else: a buffer that can also read from its source, as
// bytes.Buffer can, would be filled past any limit by whoever copies into it.
package clip

// Buffer keeps the first bytes that are written to it, Most at most. It is not safe for
// concurrent use.
type Buffer struct {
	Most int
	kept []byte
	over bool
}

// Write keeps what there is room for, and says that it took all.
func (b *Buffer) Write(p []byte) (int, error) {
	room := max(b.Most-len(b.kept), 0)
	b.over = b.over || len(p) > room
	b.kept = append(b.kept, p[:min(room, len(p))]...)
	return len(p), nil
}

// Bytes is what was kept.
func (b *Buffer) Bytes() []byte { return b.kept }

// String is what was kept.
func (b *Buffer) String() string { return string(b.kept) }

// Over reports whether more was written than was kept.
func (b *Buffer) Over() bool { return b.over }
