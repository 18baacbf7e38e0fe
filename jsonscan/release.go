package jsonscan

import (
	"bytes"
	"unicode/utf8"
)

// gone is a stretch of the input that was released, and what positions behind it need
// to know of it.
type gone struct {
	from, to int
	lines    int // that end in it
	column   int // characters behind the last of these, or in all of it
}

// Release tells Options.Released that the bytes between an earlier Offset and the value
// that is due will not be looked at again, so that a caller who has all of a long
// document in memory can give them back while the rest is read. They must lie inside
// an array that is still open, behind where it began, and be whole items of it; where a
// stretch was released before, from is its end. Positions of later faults are those in
// the whole document. It does nothing where nobody asked for it, and after an error.
func (r *Reader) Release(from int) {
	g := &r.gone
	if r.opt.Released == nil || r.err != nil || !r.pending || from >= r.pos || g.to > 0 && from != g.to || len(r.levels) == 0 || !r.levels[len(r.levels)-1].array {
		return
	}
	text := r.data[from:r.pos]
	if g.to == 0 {
		g.from = from
	}
	if n := bytes.Count(text, []byte{'\n'}); n > 0 {
		g.lines, g.column = g.lines+n, r.characters(from+bytes.LastIndexByte(text, '\n')+1)
	} else {
		g.column += r.characters(from)
	}
	g.to = r.pos
	r.opt.Released(from, g.to)
}

// characters counts those from an offset to where r stands. Where the input is ASCII, as
// nearly all of a long one is, they are as many as bytes.
func (r *Reader) characters(from int) int {
	other := min(max(from, r.ascii), r.pos)
	return other - from + utf8.RuneCount(r.data[other:r.pos])
}

// Without tells r what another Reader of the same input has released, so that positions
// of r's later faults are those in the whole document as well.
func (r *Reader) Without(other *Reader) { r.gone = other.gone }

// position is Position in an input of which a stretch may be gone.
func (g *gone) position(data []byte, off int) (line, col int) {
	if g.to == 0 || off < g.to {
		return Position(data, off)
	}
	line, col = Position(data[:g.from], g.from)
	if line += g.lines; g.lines > 0 {
		col = 1
	}
	col += g.column
	more, last := Position(data[g.to:], off-g.to)
	if more > 1 {
		return line + more - 1, last
	}
	return line, col + last - 1
}
