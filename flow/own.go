package flow

import (
	"bytes"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/segment"
)

// ownField is a field of our own formats (docs/flows.md).
type ownField uint8

const (
	ownTime ownField = iota
	ownUntil
	ownSrc
	ownDst
	ownProtocol
	ownPort
	ownCount
	ownBytes
	ownVerdict
	numOwn
)

var ownNames = [numOwn]string{"time", "until", "src", "dst", "protocol", "port", "count", "bytes", "verdict"}

func ownByName(b []byte) int {
	for i, n := range ownNames {
		if string(b) == n {
			return i
		}
	}
	return -1
}

// own makes a record of the fields; an empty one was not given.
func (s *source) own(f *[numOwn][]byte) {
	r := &s.rec
	r.reset()
	r.dir = forward
	var ok bool
	if v := f[ownTime]; len(v) > 0 {
		if r.first, ok = ownTimeOf(v); !ok {
			s.fault("time is neither of RFC 3339 nor seconds since 1970", v)
			return
		}
		r.last = r.first
	}
	if v := f[ownUntil]; len(v) > 0 {
		if r.last, ok = ownTimeOf(v); !ok {
			s.fault("until is neither of RFC 3339 nor seconds since 1970", v)
			return
		}
	}
	if v := f[ownProtocol]; len(v) > 0 {
		if r.proto, ok = protocolOf(v); !ok {
			if n, num := parseUint(v); num && n < 256 {
				s.otherProtocol(n)
				return
			}
			s.fault("protocol is not TCP, UDP, SCTP or a number of IANA", v)
			return
		}
	}
	if r.dport, ok = parsePort(f[ownPort]); !ok {
		s.fault("port is not 1 to 65535", f[ownPort])
		return
	}
	if v := f[ownCount]; len(v) > 0 {
		if r.count, ok = parseUint(v); !ok || r.count == 0 {
			s.fault("count is no number from 1 on", v)
			return
		}
	}
	if v := f[ownBytes]; len(v) > 0 {
		if r.bytes, ok = parseUint(v); !ok {
			s.fault("bytes is no number", v)
			return
		}
	}
	switch v := f[ownVerdict]; string(v) {
	case "", "allowed":
	case "refused":
		r.refused = true
	default:
		s.fault("verdict is neither allowed nor refused", v)
		return
	}
	if !s.ownEnd(&r.src, f[ownSrc]) || !s.ownEnd(&r.dst, f[ownDst]) {
		return
	}
	s.finish(r)
}

func ownTimeOf(b []byte) (int64, bool) {
	if t, ok := parseTime(b); ok {
		return t, true
	}
	return parseSeconds(b)
}

func protocolOf(b []byte) (segment.Protocol, bool) {
	switch len(b) {
	case 3:
		switch {
		case bytes.EqualFold(b, []byte("tcp")):
			return segment.TCP, true
		case bytes.EqualFold(b, []byte("udp")):
			return segment.UDP, true
		}
	case 4:
		if bytes.EqualFold(b, []byte("sctp")) {
			return segment.SCTP, true
		}
	}
	n, ok := parseUint(b)
	if !ok {
		return 0, false
	}
	return transport(n)
}

// ownEnd reads [cluster:]ns/name, ns/Kind/name, an address, or "internet".
func (s *source) ownEnd(to *endpoint, b []byte) bool {
	slash := bytes.IndexByte(b, '/')
	switch {
	case len(b) == 0:
		s.fault("an end is missing", nil)
		return false
	case string(b) == ident.Internet:
		to.end, to.named = s.a.internet(), true
		return true
	case slash < 0:
		var ok bool
		if to.addr, ok = s.a.texts.parse(b); !ok {
			s.fault("an end is neither ns/name, ns/Kind/name nor an address", b)
		}
		return ok
	}
	if s.a.byName(s.a.book.names, b, to) { // ns/name, the usual case
		return true
	}
	kind, name, three := bytes.Cut(b[slash+1:], []byte{'/'})
	if three {
		s.key = append(append(s.key[:0], b[:slash+1]...), bytes.ToLower(kind)...)
		s.key = append(append(s.key, '/'), name...)
		if s.a.byName(s.a.book.names, s.key, to) {
			return true
		}
	}
	if !three || bytes.EqualFold(kind, []byte("pod")) {
		if !three {
			name = kind
		}
		s.key = append(append(s.key[:0], b[:slash+1]...), name...)
		if s.a.byName(s.a.book.pods, s.key, to) {
			return true
		}
	}
	if _, known := s.a.names[string(b)]; !known {
		if r, err := ident.ParseRef(string(b)); err != nil || r.IsCIDR() {
			s.fault("an end is neither ns/name, ns/Kind/name nor an address", b)
			return false
		}
	}
	to.end, to.why, to.named = s.a.stranger(b, nameUnknown), nameUnknown, true
	return true
}

// internet is the end that stands for every public address.
func (a *Aggregator) internet() int32 {
	r := ident.Ref{CIDR: ident.Internet}
	if i, ok := a.folds[r]; ok {
		return i
	}
	i := a.newEnd(end{ref: r, place: PlaceOutside})
	a.folds[r] = i
	return i
}

// csvParser reads our own CSV (RFC 4180), whose first line names the columns.
type csvParser struct {
	at      []int // of each column its ownField, or -1
	f       [numOwn][]byte
	scratch [numOwn][]byte
	lacks   string
}

// csvHeader reports whether a line names the columns that are needed.
func csvHeader(line []byte) bool {
	src, dst, port := false, false, false
	for col := range bytes.SplitSeq(line, []byte{','}) {
		switch ownByName(columnName(col)) {
		case int(ownSrc):
			src = true
		case int(ownDst):
			dst = true
		case int(ownPort):
			port = true
		}
	}
	return src && dst && port
}

func columnName(b []byte) []byte { return bytes.ToLower(bytes.Trim(b, " \t\r\"")) }

// csvMostColumns bounds the headings.
const csvMostColumns = 256

func (p *csvParser) headings(b []byte) {
	p.at, p.lacks = p.at[:0], ""
	var have [numOwn]bool
	for col := range bytes.SplitSeq(b, []byte{','}) {
		k := ownByName(columnName(col))
		if k >= 0 && have[k] {
			p.lacks = "the headings name " + ownNames[k] + " twice"
		}
		if k >= 0 {
			have[k] = true
		}
		if p.at = append(p.at, k); len(p.at) > csvMostColumns {
			p.lacks = "the headings are too many"
			break
		}
	}
	for _, k := range []ownField{ownSrc, ownDst, ownPort} {
		if !have[k] {
			p.lacks = "the headings have no column " + ownNames[k]
		}
	}
}

func (p *csvParser) parse(s *source, b []byte) {
	if len(p.at) == 0 || !bytes.ContainsAny(b, "0123456789") && csvHeader(b) { // files that were joined repeat it
		p.headings(b)
		if p.lacks != "" {
			s.fault(p.lacks, b)
		}
		return
	}
	if p.lacks != "" {
		s.fault(p.lacks, nil)
		return
	}
	for i := range p.f {
		p.f[i] = nil
	}
	col := 0
	for more := true; more; col++ {
		k := -1
		if col < len(p.at) {
			k = p.at[col]
		}
		var v []byte
		var ok bool
		if v, b, more, ok = p.column(b, k); !ok {
			s.fault("a quote that is not closed, or text behind one", nil)
			return
		}
		if k >= 0 {
			p.f[k] = v
		}
	}
	if col != len(p.at) {
		s.fault("a line of another number of columns than the headings", nil)
		return
	}
	s.own(&p.f)
}

// column cuts the first column off b; k is its field.
func (p *csvParser) column(b []byte, k int) (v, rest []byte, more, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		v, rest, more = bytes.Cut(b, []byte{','})
		return trim(v), rest, more, true
	}
	var out []byte
	if k >= 0 {
		out = p.scratch[k][:0]
	}
	for b = b[1:]; ; {
		i := bytes.IndexByte(b, '"')
		if i < 0 {
			return nil, nil, false, false
		}
		out = append(out, b[:i]...)
		b = b[i+1:]
		if len(b) > 0 && b[0] == '"' {
			out, b = append(out, '"'), b[1:]
			continue
		}
		break
	}
	if k >= 0 {
		p.scratch[k] = out
	}
	if len(b) > 0 && b[0] != ',' {
		return nil, nil, false, false
	}
	if more = len(b) > 0; more {
		b = b[1:]
	}
	return trim(out), b, more, true
}

// ndjsonParser reads our own JSON: an object with the same fields.
type ndjsonParser struct {
	r *jsonscan.Reader
	f [numOwn][]byte
}

func newNDJSON() *ndjsonParser { return &ndjsonParser{r: lineReader()} }

func (p *ndjsonParser) parse(s *source, b []byte) {
	for i := range p.f {
		p.f[i] = p.f[i][:0]
	}
	j := p.r
	j.Reset(b)
	for j.Object(); ; {
		key, ok := j.NextKey()
		if !ok {
			break
		}
		k := ownByName(key)
		if k < 0 {
			continue
		}
		switch j.Kind() {
		case jsonscan.String:
			p.f[k] = append(p.f[k][:0], j.Bytes()...)
		case jsonscan.Number:
			p.f[k] = append(p.f[k][:0], j.Raw()...)
		case jsonscan.Null:
		default:
			s.fault("a field that is neither text nor a number", key)
			return
		}
	}
	if err := j.End(); err != nil {
		s.fault("not JSON", []byte(err.Error()))
		return
	}
	s.own(&p.f)
}
