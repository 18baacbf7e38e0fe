package manifest

import (
	"bytes"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/ident"
)

// document is one YAML document, or one JSON value, of a file.
type document struct {
	index int // zero-based in the file
	line  int // one-based line of its first byte
	start int // byte offset in the file
	data  []byte
}

// documents cuts a file at its document markers. A marker stands at the start
// of a line wherever it occurs, even inside a scalar (YAML 1.2 section 9.1.2),
// so a broken document cannot swallow the next one. Comments and directives
// before a marker belong to the document that it opens.
func documents(data []byte, limit int) ([]document, error) {
	var out []document
	cur := document{line: 1}
	opened, content := false, false // by a marker; holds more than comments
	add := func(end int) error {
		if !opened && !content {
			return nil
		}
		if len(out) >= limit {
			return ident.Errorf(ident.KindLimit, "more than %d documents in one file", limit)
		}
		cur.data, cur.index = data[cur.start:end], len(out)
		out = append(out, cur)
		return nil
	}
	line := 0
	for pos := 0; pos < len(data); {
		next := len(data)
		if i := bytes.IndexByte(data[pos:], '\n'); i >= 0 {
			next = pos + i + 1
		}
		text := data[pos:next]
		line++
		switch {
		case marker(text, '-'):
			if opened || content {
				if err := add(pos); err != nil {
					return nil, err
				}
				cur = document{line: line, start: pos}
			}
			opened, content = true, !blank(text[3:])
		case marker(text, '.'):
			if err := add(pos); err != nil {
				return nil, err
			}
			cur = document{line: line + 1, start: next}
			opened, content = false, false
		case !content && text[0] != '%':
			content = !blank(text)
		}
		pos = next
	}
	if err := add(len(data)); err != nil {
		return nil, err
	}
	return out, nil
}

// marker reports whether a line is "---" or "...", alone or followed by space.
func marker(line []byte, c byte) bool {
	if len(line) < 3 || line[0] != c || line[1] != c || line[2] != c {
		return false
	}
	return len(line) == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\n' || line[3] == '\r'
}

// blank reports whether a line holds nothing but space and a comment.
func blank(line []byte) bool {
	line = bytes.TrimLeft(line, " \t\r\n")
	return len(line) == 0 || line[0] == '#'
}

// checkText refuses what no YAML or JSON parser may accept: bytes that are not
// UTF-8, and NUL. It returns the line of the first.
func checkText(data []byte) (line int, err *ident.Error) {
	if !utf8.Valid(data) {
		off := 0
		for {
			r, n := utf8.DecodeRune(data[off:])
			if r == utf8.RuneError && n < 2 {
				break
			}
			off += n
		}
		hint := "convert it, for instance with iconv -t UTF-8"
		if bytes.HasPrefix(data, []byte{0xFF, 0xFE}) || bytes.HasPrefix(data, []byte{0xFE, 0xFF}) {
			hint = "it begins as UTF-16 does: convert it with iconv -f UTF-16 -t UTF-8"
		}
		return lineOf(data, off), ident.Errorf(ident.KindInvalid, "the byte %#02x is not UTF-8", data[off]).WithHint("%s", hint)
	}
	if off := bytes.IndexByte(data, 0); off >= 0 {
		return lineOf(data, off), ident.Errorf(ident.KindInvalid, "a NUL byte is not text").
			WithHint("is this a binary or a compressed file?")
	}
	return 0, nil
}

// lineOf returns the one-based line of an offset.
func lineOf(data []byte, off int) int { return 1 + bytes.Count(data[:off], []byte{'\n'}) }
