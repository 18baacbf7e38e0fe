package draft7

import (
	"regexp"
	"strings"
)

// compilePattern compiles an ECMA 262 regular expression, which is what "pattern" holds (Validation draft-07, section
// 4.3). The dialects differ in three escapes and the dot; what RE2 cannot do (look-around, back-references) is an error.
func compilePattern(src string) (*regexp.Regexp, error) {
	const space = `\t\n\v\f\r\x{a0}\x{feff}\p{Z}`
	var b strings.Builder
	class := false
	for i := 0; i < len(src); i++ {
		c := src[i]
		switch {
		case c == '\\' && i+1 < len(src):
			i++
			switch n := src[i]; {
			case n == 's' && class:
				b.WriteString(space)
			case n == 's':
				b.WriteString("[" + space + "]")
			case n == 'S' && !class:
				b.WriteString("[^" + space + "]")
			case n == '/' || n == '-': // identity escapes
				b.WriteString(`\` + string(n))
			default:
				b.WriteByte(c)
				b.WriteByte(n)
			}
		case c == '.' && !class:
			b.WriteString(`[^\n\r\x{2028}\x{2029}]`)
		default:
			if c == '[' {
				class = true
			} else if c == ']' {
				class = false
			}
			b.WriteByte(c)
		}
	}
	return regexp.Compile(b.String())
}
