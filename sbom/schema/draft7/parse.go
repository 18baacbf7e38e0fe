package draft7

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom/schema/phrase"
)

// Limits bounds what Parse takes. A zero field means its default.
type Limits struct {
	Depth  int // nesting of arrays and objects; default 512, far above any real BOM and far below the stack
	Values int // values in all; default 4 million, some 160 MB of a real SBOM; at worst 900 MB of memory
}

// Defaults of Limits.
const (
	DefaultDepth  = 512
	DefaultValues = 4 << 20
)

// A Fault is one thing that is wrong with a document.
type Fault struct {
	Path    string // JSON pointer (RFC 6901); "" is the document
	Offset  int    // of the value, or of the byte at which reading stopped
	Message string // without the path
	Rule    string // schema location, or the section of the standard
}

// Parse reads a document strictly (RFC 8259). What is wrong with the text comes back as faults: when reading could not
// go on there is no value and the last fault says why; duplicate names leave a value with the first of each. The error
// is of ident.KindLimit when the document has more values than limits allow.
func Parse(src []byte, limits Limits) (*Value, []Fault, error) {
	if limits.Depth <= 0 {
		limits.Depth = DefaultDepth
	}
	if limits.Values <= 0 {
		limits.Values = DefaultValues
	}
	if f := notUTF8(src); f != nil {
		return nil, []Fault{*f}, nil
	}
	p := &parser{src: string(src), limits: limits}
	if strings.HasPrefix(p.src, "\ufeff") {
		p.at = len("\ufeff") // a parser may ignore it (RFC 8259, section 8.1), and Windows tools write it
	}
	var v Value
	p.space()
	p.value(&v, 0)
	if p.fatal == nil {
		p.space()
		if p.at < len(p.src) {
			p.fail(p.at, "must end after its one JSON value", "RFC 8259 section 2")
		}
	}
	if p.over {
		return nil, nil, ident.Errorf(ident.KindLimit, "the document has more than %d JSON values", limits.Values)
	}
	if p.fatal != nil {
		return nil, append(p.faults, *p.fatal), nil
	}
	return &v, p.faults, nil
}

// notUTF8 explains why src is not UTF-8, naming the encoding where its first bytes tell.
func notUTF8(src []byte) *Fault {
	const rule = "RFC 8259 section 8.1"
	if len(src) >= 2 && (src[0] == 0xFE && src[1] == 0xFF || src[0] == 0xFF && src[1] == 0xFE) {
		return &Fault{Message: "must be encoded in UTF-8, found UTF-16", Rule: rule}
	}
	if utf8.Valid(src) {
		return nil
	}
	at := 0
	for at < len(src) {
		r, n := utf8.DecodeRune(src[at:])
		if r == utf8.RuneError && n <= 1 {
			break
		}
		at += n
	}
	return &Fault{Offset: at, Message: fmt.Sprintf("must be encoded in UTF-8, found byte 0x%02X", src[at]), Rule: rule}
}

type parser struct {
	src    string
	at     int
	limits Limits
	values int
	over   bool
	path   path    // to the value being read
	stack  []Value // finished items of the containers being read
	names  []string
	faults []Fault
	fatal  *Fault
}

// maxDuplicates bounds the duplicate names that are reported one by one.
const maxDuplicates = 20

func (p *parser) fail(at int, msg, rule string) {
	if p.fatal == nil {
		p.fatal = &Fault{Path: p.path.pointer(), Offset: at, Message: msg, Rule: rule}
	}
}

// stopped reports whether reading cannot go on.
func (p *parser) stopped() bool { return p.fatal != nil || p.over }

func (p *parser) space() {
	for p.at < len(p.src) {
		switch p.src[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// found words what stands at the current byte.
func (p *parser) found() string {
	if p.at >= len(p.src) {
		return "the end of the document"
	}
	r, _ := utf8.DecodeRuneInString(p.src[p.at:])
	return phrase.Quote(string(r))
}

func (p *parser) value(v *Value, depth int) {
	if p.values++; p.values > p.limits.Values {
		p.over = true
		return
	}
	v.Offset, v.container = p.at, empty
	if p.at >= len(p.src) {
		p.fail(p.at, "must be a JSON value, found the end of the document", "RFC 8259 section 3")
		return
	}
	switch c := p.src[p.at]; {
	case c == '{' || c == '[':
		if depth == p.limits.Depth {
			p.fail(p.at, fmt.Sprintf("is nested more than %d levels deep", p.limits.Depth), "limit: depth")
			return
		}
		if c == '{' {
			p.object(v, depth)
		} else {
			p.array(v, depth)
		}
	case c == '"':
		v.Kind = String
		v.Text = p.str()
	case c == '-' || c >= '0' && c <= '9':
		v.Kind = Number
		v.Text = p.number()
	default:
		p.literal(v)
	}
}

func (p *parser) literal(v *Value) {
	for _, l := range [...]struct {
		text string
		kind Kind
	}{{"true", Bool}, {"false", Bool}, {"null", Null}} {
		if strings.HasPrefix(p.src[p.at:], l.text) {
			v.Kind, v.Text = l.kind, l.text
			p.at += len(l.text)
			return
		}
	}
	p.fail(p.at, "must be a JSON value, found "+p.found(), "RFC 8259 section 3")
}

func (p *parser) array(v *Value, depth int) {
	v.Kind = Array
	base := len(p.stack)
	p.at++
	p.space()
	if p.at < len(p.src) && p.src[p.at] == ']' {
		p.at++
		return
	}
	p.path = append(p.path, step{})
	for i := 0; ; i++ {
		p.path[len(p.path)-1].index = i
		var item Value
		p.space()
		p.value(&item, depth+1)
		if p.stopped() {
			return
		}
		p.stack = append(p.stack, item)
		p.space()
		if p.at < len(p.src) && p.src[p.at] == ',' {
			p.at++
			continue
		}
		if p.at < len(p.src) && p.src[p.at] == ']' {
			p.at++
			break
		}
		p.fail(p.at, `must have "," or "]" after a value, found `+p.found(), "RFC 8259 section 5")
		return
	}
	p.path = p.path[:len(p.path)-1]
	v.container = &container{Kids: p.pop(base)}
}

// pop takes the items above base off the stack.
func (p *parser) pop(base int) []Value {
	kids := append([]Value(nil), p.stack[base:]...)
	clear(p.stack[base:])
	p.stack = p.stack[:base]
	return kids
}

func (p *parser) object(v *Value, depth int) {
	v.Kind = Object
	base, nameBase := len(p.stack), len(p.names)
	p.at++
	p.space()
	if p.at < len(p.src) && p.src[p.at] == '}' {
		p.at++
		return
	}
	p.path = append(p.path, step{})
	var seen map[string]bool // made for objects too large to search
	for {
		p.space()
		nameAt := p.at
		if p.at >= len(p.src) || p.src[p.at] != '"' {
			p.fail(p.at, "must have a name in double quotes, found "+p.found(), "RFC 8259 section 4")
			return
		}
		name := p.str()
		if p.stopped() {
			return
		}
		p.path[len(p.path)-1].name = name
		p.path[len(p.path)-1].named = true
		p.space()
		if p.at >= len(p.src) || p.src[p.at] != ':' {
			p.fail(p.at, `must have ":" after the name, found `+p.found(), "RFC 8259 section 4")
			return
		}
		p.at++
		p.space()
		var item Value
		p.value(&item, depth+1)
		if p.stopped() {
			return
		}
		if duplicate(p.names[nameBase:], name, &seen) {
			if len(p.faults) < maxDuplicates {
				p.faults = append(p.faults, Fault{Path: p.path.pointer(), Offset: nameAt,
					Message: "must not repeat the name " + phrase.Quote(name), Rule: "RFC 8259 section 4"})
			}
		} else {
			p.stack = append(p.stack, item)
			p.names = append(p.names, name)
		}
		p.space()
		if p.at < len(p.src) && p.src[p.at] == ',' {
			p.at++
			continue
		}
		if p.at < len(p.src) && p.src[p.at] == '}' {
			p.at++
			break
		}
		p.fail(p.at, `must have "," or "}" after a value, found `+p.found(), "RFC 8259 section 4")
		return
	}
	p.path = p.path[:len(p.path)-1]
	v.container = &container{Kids: p.pop(base), Names: append([]string(nil), p.names[nameBase:]...)}
	clear(p.names[nameBase:])
	p.names = p.names[:nameBase]
}

// duplicate reports whether name is among names, and remembers it once the object is large.
func duplicate(names []string, name string, seen *map[string]bool) bool {
	const large = 16
	if len(names) < large {
		for _, n := range names {
			if n == name {
				return true
			}
		}
		return false
	}
	if *seen == nil {
		*seen = make(map[string]bool, 2*large)
		for _, n := range names {
			(*seen)[n] = true
		}
	}
	if (*seen)[name] {
		return true
	}
	(*seen)[name] = true
	return false
}

// number reads a number (RFC 8259, section 6) and returns its lexeme.
func (p *parser) number() string {
	start := p.at
	if p.src[p.at] == '-' {
		p.at++
	}
	first := p.at
	if p.digits(); p.at == first {
		p.fail(p.at, "must have a digit in the number, found "+p.found(), "RFC 8259 section 6")
		return ""
	}
	if p.src[first] == '0' && p.at > first+1 {
		p.fail(first, "must not begin a number with 0", "RFC 8259 section 6")
		return ""
	}
	if p.at < len(p.src) && p.src[p.at] == '.' {
		p.at++
		from := p.at
		if p.digits(); p.at == from {
			p.fail(p.at, "must have a digit after the decimal point, found "+p.found(), "RFC 8259 section 6")
			return ""
		}
	}
	if p.at < len(p.src) && (p.src[p.at] == 'e' || p.src[p.at] == 'E') {
		p.at++
		if p.at < len(p.src) && (p.src[p.at] == '+' || p.src[p.at] == '-') {
			p.at++
		}
		from := p.at
		if p.digits(); p.at == from {
			p.fail(p.at, "must have a digit in the exponent, found "+p.found(), "RFC 8259 section 6")
			return ""
		}
	}
	return p.src[start:p.at]
}

func (p *parser) digits() {
	for p.at < len(p.src) && p.src[p.at] >= '0' && p.src[p.at] <= '9' {
		p.at++
	}
}

// str reads a string (RFC 8259, section 7); p.at stands on its opening quote. A string without escapes shares the
// document's memory.
func (p *parser) str() string {
	start := p.at
	p.at++
	from := p.at
	var b *strings.Builder
	for p.at < len(p.src) {
		switch c := p.src[p.at]; {
		case c == '"':
			s := p.src[from:p.at]
			p.at++
			if b == nil {
				return s
			}
			b.WriteString(s)
			return b.String()
		case c == '\\':
			if b == nil {
				b = &strings.Builder{}
			}
			b.WriteString(p.src[from:p.at])
			if !p.escape(b) {
				return ""
			}
			from = p.at
		case c < 0x20:
			p.fail(p.at, fmt.Sprintf("must escape the control character U+%04X", c), "RFC 8259 section 7")
			return ""
		default:
			p.at++
		}
	}
	p.fail(start, "must close the string, found the end of the document", "RFC 8259 section 7")
	return ""
}

// escape reads one escape sequence, or a surrogate pair of two.
func (p *parser) escape(b *strings.Builder) bool {
	const rule = "RFC 8259 section 7"
	at := p.at
	p.at++
	if p.at < len(p.src) {
		if i := strings.IndexByte(`"\/bfnrt`, p.src[p.at]); i >= 0 {
			b.WriteByte("\"\\/\b\f\n\r\t"[i])
			p.at++
			return true
		}
	}
	r, ok := p.hex()
	if !ok {
		p.fail(at, "must be a known escape sequence", rule)
		return false
	}
	if utf16.IsSurrogate(r) {
		var low rune
		if p.at < len(p.src) && p.src[p.at] == '\\' {
			p.at++
			low, _ = p.hex()
		}
		// A lone surrogate is no character and has no UTF-8 form, so two readers could not agree on the string.
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			p.fail(at, "must not have half a surrogate pair", "RFC 8259 section 8.2")
			return false
		}
	}
	b.WriteRune(r)
	return true
}

// hex reads the "uXXXX" of an escape.
func (p *parser) hex() (rune, bool) {
	if p.at+5 > len(p.src) || p.src[p.at] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(p.src[p.at+1:p.at+5], 16, 16)
	if err != nil {
		return 0, false
	}
	p.at += 5
	return rune(n), true
}
