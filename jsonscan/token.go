package jsonscan

import (
	"encoding/binary"
	"math/bits"
)

// Eight bytes are tested at once for the three classes that end the plain run
// of a string. For a byte b below 0x80, (b^q)-1 borrows exactly when b == q and
// b-0x20 exactly when b is a control character; a borrow can spoil only the
// bytes above the lowest hit, and only the lowest is used.
const (
	ones    = 0x0101010101010101
	tops    = 0x8080808080808080
	quotes  = '"' * ones
	slashes = '\\' * ones
	spaces  = ' ' * ones
)

// fault is what a token scanner found wrong; its offset is returned beside it.
type fault uint8

const (
	fine fault = iota
	badEnd
	badControl
	badEscape
	badHex
)

// plainEnd returns the offset of the first quote, backslash or control character
// at or after i, or len(d).
func plainEnd(d []byte, i int) int {
	for i+8 <= len(d) {
		x := binary.LittleEndian.Uint64(d[i:])
		if m := (((x ^ quotes) - ones) | ((x ^ slashes) - ones) | (x - spaces)) &^ x & tops; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	for i < len(d) && d[i] != '"' && d[i] != '\\' && d[i] >= ' ' {
		i++
	}
	return i
}

// asciiEnd returns the offset of the first byte beyond ASCII, or a little before; len(d)
// where there is none.
func asciiEnd(d []byte) int {
	i := 0
	for ; i+32 <= len(d); i += 32 {
		x := binary.LittleEndian.Uint64(d[i:]) | binary.LittleEndian.Uint64(d[i+8:]) |
			binary.LittleEndian.Uint64(d[i+16:]) | binary.LittleEndian.Uint64(d[i+24:])
		if x&tops != 0 {
			return i
		}
	}
	for i < len(d) && d[i] < 0x80 {
		i++
	}
	return i
}

// stringEnd scans the string whose opening quote is before i. It returns the
// offset of its closing quote and whether it holds escapes; or the offset of a fault.
func stringEnd(d []byte, i int) (end int, escaped bool, f fault) {
	for {
		i = plainEnd(d, i)
		if i >= len(d) {
			return i, escaped, badEnd
		}
		switch d[i] {
		case '"':
			return i, escaped, fine
		case '\\':
			escaped = true
			n, f := escapeLen(d, i)
			if f != fine {
				return i, true, f
			}
			i += n
		default:
			return i, escaped, badControl
		}
	}
}

// escapeLen checks the escape whose backslash is at i (RFC 8259 section 7).
func escapeLen(d []byte, i int) (int, fault) {
	if i+1 >= len(d) {
		return 0, badEnd
	}
	switch d[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, fine
	case 'u':
		if i+6 > len(d) {
			return 0, badEnd
		}
		for _, c := range d[i+2 : i+6] {
			if hexValue(c) > 15 {
				return 0, badHex
			}
		}
		return 6, fine
	}
	return 0, badEscape
}

func hexValue(c byte) rune {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0')
	case 'a' <= c && c <= 'f':
		return rune(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return rune(c-'A') + 10
	}
	return 16
}

// numberEnd scans a number (RFC 8259 section 6). ok is false where the bytes at
// i are none; end is then where the grammar was left.
func numberEnd(d []byte, i int) (end int, ok bool) {
	if i < len(d) && d[i] == '-' {
		i++
	}
	switch {
	case i < len(d) && d[i] == '0':
		i++
	case i < len(d) && '1' <= d[i] && d[i] <= '9':
		i = digitsEnd(d, i)
	default:
		return i, false
	}
	if i < len(d) && d[i] == '.' {
		j := digitsEnd(d, i+1)
		if j == i+1 {
			return j, false
		}
		i = j
	}
	if i < len(d) && d[i]|0x20 == 'e' {
		i++
		if i < len(d) && (d[i] == '+' || d[i] == '-') {
			i++
		}
		j := digitsEnd(d, i)
		if j == i {
			return j, false
		}
		i = j
	}
	return i, true
}

func digitsEnd(d []byte, i int) int {
	for i < len(d) && '0' <= d[i] && d[i] <= '9' {
		i++
	}
	return i
}

// literalEnd returns the offset after the literal that d[i] begins, or -1.
func literalEnd(d []byte, i int) int {
	var word string
	switch d[i] {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	case 'n':
		word = "null"
	default:
		return -1
	}
	if len(d)-i < len(word) || string(d[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

// spaceEnd returns the offset of the first byte at or after i that is no white
// space (RFC 8259 section 2). The indentation after a line's end, a third of the
// bytes of a usual document, is passed eight bytes at a time.
func spaceEnd(d []byte, i int) int {
	if i >= len(d) || d[i] > ' ' {
		return i
	}
	return spaceRun(d, i)
}

func spaceRun(d []byte, i int) int {
	const white = 1<<' ' | 1<<'\n' | 1<<'\r' | 1<<'\t'
	for i < len(d) && d[i] <= ' ' && white>>d[i]&1 != 0 {
		i++
		for i+8 <= len(d) {
			n := bits.TrailingZeros64(binary.LittleEndian.Uint64(d[i:])^spaces) >> 3
			if i += n; n < 8 {
				break
			}
		}
	}
	return i
}

func (f fault) message() string {
	switch f {
	case badControl:
		return "a control character stands unescaped in a string"
	case badEscape:
		return "a backslash in a string begins no known escape"
	case badHex:
		return `\u in a string is not followed by four hexadecimal digits`
	}
	return "the input ends inside a string"
}
