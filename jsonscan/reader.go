package jsonscan

import (
	"bytes"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Kind is the kind of a JSON value, known from its first byte.
type Kind uint8

// The kinds. Invalid is a byte that begins no value, or any position after an
// error; End is the end of the input.
const (
	Invalid Kind = iota
	End
	Null
	Bool
	Number
	String
	Object
	Array
)

var kindNames = [...]string{"no value", "the end", "null", "a boolean", "a number", "a string", "an object", "an array"}

// String returns the kind with its article, for messages: "an object".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Invalid]
}

// Defaults of Options.
const (
	DefaultMaxDepth       = 256      // the deepest real document, a CycloneDX formulation, needs about 30
	DefaultMaxStringBytes = 16 << 20 // an embedded, encoded attachment
)

// Options set limits and tolerance. The zero value has the defaults.
type Options struct {
	MaxDepth       int  // of objects and arrays; 0: DefaultMaxDepth
	MaxStringBytes int  // of one string that is read, escapes included; 0: DefaultMaxStringBytes
	StrictSkip     bool // Skip also refuses duplicate names and strings beyond MaxStringBytes

	// Tolerate makes a value of the wrong kind (a number where String was called)
	// read as zero instead of ending with an error: it is told of the value, which
	// is then skipped. The Reader stands at the value; only Pointer, Offset and
	// Depth may be called.
	Tolerate func(r *Reader, want, got Kind)

	// Released is told by Release which bytes nobody will look at again.
	Released func(from, to int)
}

// Reader reads one JSON text. It is not safe for concurrent use.
type Reader struct {
	data    []byte
	pos     int
	pending bool // a value is due: the document's, a member's or an item's
	err     *SyntaxError
	opt     Options
	levels  []level
	names   []name // of all open objects, the innermost last
	open    []byte // Skip's levels, kept for their memory
	scratch []byte // the last unescaped text
	path    []byte // Pointer's memory
	texts   *texts
	at      string // pointer of the value that the Reader began with
	depth0  int    // levels around that value
	gone    gone   // what Release let go
	ascii   int    // bytes before it are ASCII
}

// level is an object or array that has been entered.
type level struct {
	array bool
	n     int // members or items begun
	key   []byte
	base  int    // where its names begin in Reader.names
	seen  uint64 // a bit for each of them, by hash
	names map[string]struct{}
}

// New returns a Reader of data, which must not change while it is used.
// It has already failed where data is not UTF-8.
func New(data []byte, o Options) *Reader {
	if o.MaxDepth <= 0 {
		o.MaxDepth = DefaultMaxDepth
	}
	if o.MaxStringBytes <= 0 {
		o.MaxStringBytes = DefaultMaxStringBytes
	}
	r := &Reader{opt: o, texts: new(texts), levels: make([]level, 0, 8)}
	r.Reset(data)
	return r
}

// Reset makes r a Reader of data with the options that it had, as New would, and
// keeps its memory: for streams of many small texts, one a line. Strings that it
// has handed out stay valid; Readers that Defer returned do not.
func (r *Reader) Reset(data []byte) {
	r.data, r.pos, r.pending, r.err = data, 0, true, nil
	r.levels, r.names, r.at, r.depth0, r.gone = r.levels[:0], r.names[:0], "", 0, gone{}
	if bytes.HasPrefix(data, []byte("\uFEFF")) {
		r.pos = len("\uFEFF")
	}
	r.ascii = asciiEnd(data)
	if !utf8.Valid(data[r.ascii:]) {
		off := r.ascii
		for {
			c, n := utf8.DecodeRune(data[off:])
			if c == utf8.RuneError && n < 2 {
				break
			}
			off += n
		}
		r.invalid(off, "the byte %#02x is not UTF-8", data[off])
	}
}

// Err returns the first fault, a *SyntaxError, or nil.
func (r *Reader) Err() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// End returns an error unless one whole value was read and only white space follows it.
func (r *Reader) End() error {
	if r.err == nil && (r.pending || len(r.levels) > 0) {
		r.invalid(r.pos, "the document was not read to its end")
	}
	if r.err == nil {
		if r.pos = spaceEnd(r.data, r.pos); r.pos < len(r.data) {
			r.unexpected(r.pos, "the end of the input")
		}
	}
	return r.Err()
}

// Offset returns how many bytes of the input have been read; after Kind it is
// where the value begins.
func (r *Reader) Offset() int { return r.pos }

// Depth returns how many objects and arrays are open.
func (r *Reader) Depth() int { return r.depth0 + len(r.levels) }

// Pointer returns the JSON pointer (RFC 6901) of the value that is due or was
// read last; "" is the whole document.
func (r *Reader) Pointer() string {
	r.path = append(r.path[:0], r.at...)
	b := r.path
	for i := range r.levels {
		switch l := &r.levels[i]; {
		case l.n == 0:
		case l.array:
			b = strconv.AppendInt(append(b, '/'), int64(l.n-1), 10)
		default:
			b = append(b, '/')
			for _, c := range l.key {
				switch c {
				case '~':
					b = append(b, "~0"...)
				case '/':
					b = append(b, "~1"...)
				default:
					b = append(b, c)
				}
			}
		}
	}
	r.path = b
	return r.texts.pack(b)
}

// Defer skips the value that is due and returns a Reader of just that value, for
// documents whose later parts explain earlier ones. Offsets, positions and
// pointers of its errors are those of the whole document. nil after an error.
func (r *Reader) Defer() *Reader {
	if !r.due() {
		return nil
	}
	start := spaceEnd(r.data, r.pos)
	later := &Reader{
		data: r.data, pos: start, pending: true, opt: r.opt, texts: r.texts,
		at: r.Pointer(), depth0: r.Depth(), gone: r.gone, ascii: r.ascii,
	}
	r.Skip()
	if r.err != nil {
		return nil
	}
	later.data = r.data[:r.pos]
	return later
}

// Twin returns a second Reader of the value that is due, for those who look at it before
// they read it: what one of them passes is still due to the other.
func (r *Reader) Twin() *Reader {
	twin := *r
	twin.levels, twin.names, twin.open, twin.scratch, twin.path = slices.Clone(r.levels), slices.Clone(r.names), nil, nil, nil
	return &twin
}

// due reports whether a value may be read now.
func (r *Reader) due() bool {
	if r.err != nil {
		return false
	}
	if !r.pending {
		r.invalid(r.pos, "a value was asked for where none is due")
		return false
	}
	return true
}

// Kind returns the kind of the value that is due, without reading it.
func (r *Reader) Kind() Kind {
	if r.err != nil {
		return Invalid
	}
	r.pos = spaceEnd(r.data, r.pos)
	if r.pos >= len(r.data) {
		return End
	}
	switch c := r.data[r.pos]; c {
	case '"':
		return String
	case '{':
		return Object
	case '[':
		return Array
	case 'n':
		return Null
	case 't', 'f':
		return Bool
	default:
		if c == '-' || '0' <= c && c <= '9' {
			return Number
		}
	}
	return Invalid
}

// expect moves to the value that is due and reports whether it is of the kind
// want. If not it consumes it: null silently, others as a mismatch.
func (r *Reader) expect(want Kind) bool {
	if !r.due() {
		return false
	}
	got := r.Kind()
	switch {
	case got == want:
		r.pending = false
		return true
	case got == Null:
		r.Skip()
	case got == Invalid || got == End:
		r.unexpected(r.pos, "a value")
	case r.opt.Tolerate != nil:
		r.opt.Tolerate(r, want, got)
		r.Skip()
	default:
		r.invalid(r.pos, "%s where %s is due", got, want)
	}
	return false
}

// RequireObject is Object for a value whose loss would change what the document
// says: a mismatch is an error even where others are tolerated. null is no object.
func (r *Reader) RequireObject() bool { return r.require(Object) && r.Object() }

// RequireArray is Array in the same way.
func (r *Reader) RequireArray() bool { return r.require(Array) && r.Array() }

// RequireString is String in the same way; "" for null.
func (r *Reader) RequireString() string {
	if !r.require(String) {
		return ""
	}
	return r.String()
}

func (r *Reader) require(want Kind) bool {
	if !r.due() {
		return false
	}
	if got := r.Kind(); got != want && got != Null && got != Invalid && got != End {
		r.invalid(r.pos, "%s where %s is due", got, want)
		return false
	}
	return true
}

func (r *Reader) enter(array bool) bool {
	if len(r.levels)+r.depth0 >= r.opt.MaxDepth {
		r.tooDeep(r.pos)
		return false
	}
	r.pos++
	r.levels = append(r.levels, level{array: array, base: len(r.names)})
	return true
}

func (r *Reader) leave() {
	top := len(r.levels) - 1
	r.names = r.names[:r.levels[top].base]
	r.levels = r.levels[:top]
	r.pos++
}

// Object enters an object, whose members NextKey then visits up to the end.
// false: null was read, or the value is of another kind.
func (r *Reader) Object() bool { return r.expect(Object) && r.enter(false) }

// Array enters an array, whose items NextItem then visits up to the end.
// false: null was read, or the value is of another kind.
func (r *Reader) Array() bool { return r.expect(Array) && r.enter(true) }

// next moves to the next member or item of the innermost level, which must be
// of the kind asked for.
func (r *Reader) next(array bool) *level {
	if r.err == nil && r.pending { // the caller was not interested
		r.skipMember()
	}
	if r.err != nil {
		return nil
	}
	if len(r.levels) == 0 || r.levels[len(r.levels)-1].array != array {
		r.invalid(r.pos, "a member was asked for outside its object or array")
		return nil
	}
	l := &r.levels[len(r.levels)-1]
	closer := byte('}')
	if array {
		closer = ']'
	}
	i := spaceEnd(r.data, r.pos)
	r.pos = i
	switch {
	case i >= len(r.data):
		r.unexpected(i, "a comma or '"+string(rune(closer))+"'")
		return nil
	case r.data[i] == closer:
		r.leave()
		return nil
	case l.n == 0:
	case r.data[i] == ',':
		r.pos = spaceEnd(r.data, i+1)
	default:
		r.unexpected(i, "a comma or '"+string(rune(closer))+"'")
		return nil
	}
	l.n++
	return l
}

// NextItem moves to the next item of the array that was entered last. It is
// false at the end of the array and after an error. An item that was neither
// read nor skipped is skipped.
func (r *Reader) NextItem() bool {
	if r.next(true) == nil {
		return false
	}
	r.pending = true
	return true
}

// NextKey moves to the next member of the object that was entered last and
// returns its name. ok is false at the end of the object and after an error.
// A value that was neither read nor skipped is skipped. The name stays valid as
// long as the input, unless it held escapes; do not keep it.
func (r *Reader) NextKey() (key []byte, ok bool) {
	if key, ok = r.compactKey(); ok {
		return key, true
	}
	l := r.next(false)
	if l == nil {
		return nil, false
	}
	start := r.pos
	if start >= len(r.data) || r.data[start] != '"' {
		l.n--
		r.unexpected(start, "a name")
		return nil, false
	}
	key, ok = r.body(false)
	if !ok {
		return nil, false
	}
	l.key = key
	if r.seenBefore(l, key) {
		r.twice(start, key)
		return nil, false
	}
	if r.pos = spaceEnd(r.data, r.pos); r.pos >= len(r.data) || r.data[r.pos] != ':' {
		r.unexpected(r.pos, "a colon")
		return nil, false
	}
	r.pos++
	r.pending = true
	return key, true
}

// Members reads an object, and calls each at every member's value; what each does not
// read is passed over. A caller that needs the key's bytes only uses NextKey.
func (r *Reader) Members(each func(key string)) {
	if !r.Object() {
		return
	}
	for {
		key, ok := r.NextKey()
		if !ok {
			return
		}
		each(string(key))
	}
}

// Items reads an array in the same way.
func (r *Reader) Items(each func()) {
	if !r.Array() {
		return
	}
	for r.NextItem() {
		each()
	}
}

// compactKey is NextKey where nothing but a comma stands before a name without
// escapes, and nothing between it and its colon, as programs write. It is false,
// having passed no more than a value that is due, where that is not so.
func (r *Reader) compactKey() (key []byte, ok bool) {
	if r.err != nil || len(r.levels) == 0 || r.levels[len(r.levels)-1].array {
		return nil, false
	}
	if r.pending {
		if r.skipMember(); r.err != nil {
			return nil, false
		}
	}
	l := &r.levels[len(r.levels)-1]
	d, i := r.data, r.pos
	if l.n > 0 {
		if i >= len(d) || d[i] != ',' {
			return nil, false
		}
		i++
	}
	if i >= len(d) || d[i] != '"' {
		return nil, false
	}
	end := plainEnd(d, i+1)
	if end+1 >= len(d) || d[end] != '"' || d[end+1] != ':' || end-i-1 > r.opt.MaxStringBytes {
		return nil, false
	}
	key = d[i+1 : end : end]
	if r.seenBefore(l, key) {
		r.pos, l.key = i, key
		l.n++
		r.twice(i, key)
		return nil, false
	}
	l.n++
	l.key, r.pos, r.pending = key, end+2, true
	return key, true
}

func (r *Reader) twice(at int, key []byte) {
	r.invalid(at, "the name %q occurs twice in one object", clip(string(key), 80))
}

// body reads the string at pos. Unescaped text goes to the scratch buffer, or to
// memory of its own where it must last.
func (r *Reader) body(reuse bool) ([]byte, bool) {
	start := r.pos + 1
	end, escaped, f := stringEnd(r.data, start)
	if f != fine {
		r.invalid(end, "%s", f.message())
		return nil, false
	}
	if end-start > r.opt.MaxStringBytes {
		r.fail(ident.KindLimit, start-1, "a string of %d bytes is longer than %d", end-start, r.opt.MaxStringBytes)
		return nil, false
	}
	r.pos = end + 1
	text := r.data[start:end:end]
	switch {
	case !escaped:
	case reuse:
		r.scratch = unescape(r.scratch[:0], text)
		text = r.scratch
	default:
		text = unescape(nil, text)
	}
	return text, true
}

// Bytes reads a string without copying it where it holds no escapes. The slice
// is valid until the next call. nil for null.
func (r *Reader) Bytes() []byte {
	if !r.expect(String) {
		return nil
	}
	b, _ := r.body(true)
	return b
}

// String reads a string; "" for null.
func (r *Reader) String() string { return r.texts.of(r.Bytes()) }

// Strings reads an array of strings; nil for null. An item that is null is "".
func (r *Reader) Strings() []string {
	var out []string
	if r.Array() {
		for r.NextItem() {
			out = append(out, r.String())
		}
	}
	return out
}

// TryString reads a string, or skips a value of another kind and returns false.
func (r *Reader) TryString() (string, bool) {
	if r.Kind() != String {
		r.Skip()
		return "", false
	}
	s := r.String()
	return s, r.err == nil
}

// Raw skips the value that is due and returns its bytes in the input.
func (r *Reader) Raw() []byte {
	if !r.due() {
		return nil
	}
	start := spaceEnd(r.data, r.pos)
	r.Skip()
	if r.err != nil {
		return nil
	}
	return r.data[start:r.pos:r.pos]
}

// number reads the text of a number.
func (r *Reader) number() (text []byte, at int, ok bool) {
	if !r.expect(Number) {
		return nil, r.pos, false
	}
	at = r.pos
	end, ok := numberEnd(r.data, at)
	if !ok {
		r.unexpected(end, "a digit")
		return nil, at, false
	}
	r.pos = end
	return r.data[at:end], at, true
}

// Int reads a number without fraction and exponent that fits 64 bits; 0 for null.
func (r *Reader) Int() int64 {
	b, at, ok := r.number()
	if !ok {
		return 0
	}
	v, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		r.invalid(at, "%s is not a whole number of 64 bits", clip(string(b), 40))
		return 0
	}
	return v
}

// Float reads a number; 0 for null. One beyond the range of a float64 is an error.
func (r *Reader) Float() float64 {
	b, at, ok := r.number()
	if !ok {
		return 0
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		r.invalid(at, "%s is beyond the range of a number", clip(string(b), 40))
		return 0
	}
	return v
}

// Bool reads true or false; false for null.
func (r *Reader) Bool() bool {
	if !r.expect(Bool) {
		return false
	}
	end := literalEnd(r.data, r.pos)
	if end < 0 {
		r.unexpected(r.pos, "a value")
		return false
	}
	v := r.data[r.pos] == 't'
	r.pos = end
	return v
}
