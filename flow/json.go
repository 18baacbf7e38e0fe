package flow

import "github.com/cofferdam-io/cofferdam/jsonscan"

// jsonLine reads a record that is one JSON value. The first thing found wrong
// with what the record says is told once all of it was read: a line that is not
// JSON is that and nothing else.
type jsonLine struct {
	r        *jsonscan.Reader
	bad      string
	badValue []byte
}

func newJSONLine() jsonLine { return jsonLine{r: lineReader()} }

// lineReader returns a Reader for values of one line: they nest little.
func lineReader() *jsonscan.Reader { return jsonscan.New(nil, jsonscan.Options{MaxDepth: 64}) }

func (l *jsonLine) begin(b []byte) {
	l.bad, l.badValue = "", l.badValue[:0]
	l.r.Reset(b)
}

// fail notes what is wrong with the record.
func (l *jsonLine) fail(why string, value []byte) {
	if l.bad == "" {
		l.bad, l.badValue = why, append(l.badValue[:0], value...)
	}
}

// ended reports whether the record was read without fault, and tells of the fault.
func (l *jsonLine) ended(s *source) bool {
	if err := l.r.End(); err != nil {
		s.fault("not JSON", []byte(err.Error()))
		return false
	}
	if l.bad != "" {
		s.fault(l.bad, l.badValue)
		return false
	}
	return true
}

// time reads a time of RFC 3339; null leaves to as it is.
func (l *jsonLine) time(to *int64, name string) {
	if b := l.r.Bytes(); b != nil {
		var ok bool
		if *to, ok = parseTime(b); !ok {
			l.fail(name+" is not of RFC 3339", b)
		}
	}
}

// address reads an address; null and "" leave to as it is.
func (l *jsonLine) address(s *source, to *endpoint, name string) {
	if b := l.r.Bytes(); len(b) > 0 {
		var ok bool
		if to.addr, ok = s.a.texts.parse(b); !ok {
			l.fail(name+" is no address", b)
		}
	}
}

// number reads a count that JSON of protocol buffers writes as a number or, of 64 bits, as a string.
func (l *jsonLine) number() (uint64, bool) {
	switch l.r.Kind() {
	case jsonscan.String:
		return parseUint(l.r.Bytes())
	case jsonscan.Number:
		return parseUint(l.r.Raw())
	}
	return 0, false
}
