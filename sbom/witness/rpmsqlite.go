package witness

import (
	"encoding/binary"
)

// SQLite's file format (https://www.sqlite.org/fileformat2.html), as far as a table is
// read from its first row to its last. Packages has a number and a header in each row.
const (
	sqliteMagic   = "SQLite format 3\x00"
	sqliteHeader  = 100
	interiorTable = 5
	leafTable     = 13
)

type sqliteFile struct {
	raw    []byte
	page   int // bytes of a page
	usable int // of them, those that hold content
	seen   map[uint32]bool
	left   int // bytes of rows that may still be read: each page holds bytes of one row
}

// sqliteHeaders calls each for the header of every package.
func sqliteHeaders(raw []byte, each func([]byte) error) error {
	if len(raw) < sqliteHeader {
		return damagedRPM("it is cut short")
	}
	f := &sqliteFile{raw: raw, page: int(binary.BigEndian.Uint16(raw[16:]))}
	if f.page == 1 {
		f.page = 1 << 16
	}
	f.usable = f.page - int(raw[20])
	if f.page < 512 || f.page&(f.page-1) != 0 || f.usable < 480 {
		return damagedRPM("its pages have an impossible size")
	}
	root := uint32(0)
	err := f.table(1, func(row []byte) error {
		cols, err := columns(row)
		if err != nil {
			return err
		}
		if len(cols) >= 4 && string(cols[0]) == "table" && string(cols[1]) == "Packages" {
			var n uint64
			for _, c := range cols[3] {
				n = n<<8 | uint64(c)
			}
			root = uint32(n) //nolint:gosec // a page that is not there is told as damage
		}
		return nil
	})
	if err != nil {
		return err
	}
	if root == 0 {
		return damagedRPM("it has no table of packages")
	}
	return f.table(root, func(row []byte) error {
		cols, err := columns(row)
		if err != nil {
			return err
		}
		if len(cols) < 2 {
			return damagedRPM("a package has no header")
		}
		return each(cols[1])
	})
}

// table calls each for the rows of the table that begins at a page.
func (f *sqliteFile) table(root uint32, each func(row []byte) error) error {
	f.seen, f.left = map[uint32]bool{}, len(f.raw)
	pages := []uint32{root} // a stack: the next one is the last
	for len(pages) > 0 {
		n := pages[len(pages)-1]
		pages = pages[:len(pages)-1]
		p, at, err := f.content(n)
		if err != nil {
			return err
		}
		kind, cells := p[at], int(binary.BigEndian.Uint16(p[at+3:]))
		head := 8
		if kind == interiorTable {
			head = 12
		} else if kind != leafTable {
			return damagedRPM("a page is of no table")
		}
		if at+head+2*cells > f.usable {
			return damagedRPM("a page is cut short")
		}
		if kind == interiorTable {
			pages = append(pages, binary.BigEndian.Uint32(p[at+8:]))
		}
		for i := range cells {
			if kind == interiorTable {
				i = cells - 1 - i // the first is the next to be read
			}
			cell := int(binary.BigEndian.Uint16(p[at+head+2*i:]))
			if cell+4 > f.usable {
				return damagedRPM("a cell is outside its page")
			}
			if kind == interiorTable {
				pages = append(pages, binary.BigEndian.Uint32(p[cell:]))
				continue
			}
			row, err := f.row(p[cell:f.usable])
			if err != nil {
				return err
			}
			if err := each(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// content returns a page, which a walk sees once, and where its own header begins.
func (f *sqliteFile) content(n uint32) ([]byte, int, error) {
	if n == 0 || f.seen[n] || int64(n)*int64(f.page) > int64(len(f.raw)) {
		return nil, 0, damagedRPM("a page is missing or stands twice")
	}
	f.seen[n] = true
	p := f.raw[(int(n)-1)*f.page:][:f.page]
	if n == 1 {
		return p, sqliteHeader, nil
	}
	return p, 0, nil
}

// row returns what a cell holds, with what overflows to further pages.
func (f *sqliteFile) row(cell []byte) ([]byte, error) {
	size, n := sqliteVarint(cell)
	_, m := sqliteVarint(cell[n:])
	cell = cell[n+m:]
	if n == 0 || m == 0 || size > uint64(f.left) { //nolint:gosec // not negative
		return nil, damagedRPM("a row is longer than the file")
	}
	f.left -= int(size) //nolint:gosec // at most what is left
	local := int(size)  //nolint:gosec // at most what is left
	if local > f.usable-35 {
		least := (f.usable-12)*32/255 - 23
		if local = least + (int(size)-least)%(f.usable-4); local > f.usable-35 { //nolint:gosec // at most what is left
			local = least
		}
		if len(cell) < local+4 {
			return nil, damagedRPM("a row is cut short")
		}
		row := append(make([]byte, 0, size), cell[:local]...)
		for next := binary.BigEndian.Uint32(cell[local:]); uint64(len(row)) < size; {
			p, _, err := f.content(next)
			if err != nil {
				return nil, err
			}
			next = binary.BigEndian.Uint32(p)
			row = append(row, p[4:4+min(f.usable-4, int(size)-len(row))]...) //nolint:gosec // at most what is left
		}
		return row, nil
	}
	if len(cell) < local {
		return nil, damagedRPM("a row is cut short")
	}
	return cell[:local], nil
}

// columns splits a record into its values' bytes.
func columns(row []byte) ([][]byte, error) {
	head, n := sqliteVarint(row)
	if n == 0 || head < uint64(n) || head > uint64(len(row)) {
		return nil, damagedRPM("a row is cut short")
	}
	kinds, rest := row[n:head], row[head:]
	var out [][]byte
	for len(kinds) > 0 && len(out) < 16 {
		kind, n := sqliteVarint(kinds)
		if n == 0 {
			return nil, damagedRPM("a row is cut short")
		}
		kinds = kinds[n:]
		size := uint64(0)
		switch {
		case kind >= 12:
			size = (kind - 12) / 2
		case kind < 8:
			size = uint64([...]byte{0, 1, 2, 3, 4, 6, 8, 8}[kind])
		}
		if size > uint64(len(rest)) {
			return nil, damagedRPM("a row is cut short")
		}
		out, rest = append(out, rest[:size]), rest[size:]
	}
	return out, nil
}

// sqliteVarint reads a number of one to nine bytes; 0 bytes where it is cut short.
func sqliteVarint(b []byte) (v uint64, n int) {
	for n < len(b) && n < 9 {
		c := b[n]
		n++
		if n == 9 {
			return v<<8 | uint64(c), n
		}
		if v = v<<7 | uint64(c&0x7f); c < 0x80 {
			return v, n
		}
	}
	return 0, 0
}
