package flow

import "bytes"

// awsParser reads flow log records of Amazon VPC ("Flow log records" in its user
// guide): fields between blanks, in the default order of version 2 or in the
// order of a line of headings. A record is of one direction of a connection as
// one interface saw it.
type awsParser struct {
	at     [numAWS]int // position of each field, -1 if there is none
	fields int         // of a line
	lacks  string      // what the headings lack
	fs     [awsMostFields][]byte
}

type awsField uint8

const (
	awsSrc awsField = iota
	awsDst
	awsSrcPort
	awsDstPort
	awsProtocol
	awsBytes
	awsStart
	awsEnd
	awsAction
	awsStatus
	awsFlags
	awsPktSrc
	awsPktDst
	numAWS
)

var awsNames = [numAWS]string{"srcaddr", "dstaddr", "srcport", "dstport", "protocol", "bytes", "start", "end", "action", "log-status",
	"tcp-flags", "pkt-srcaddr", "pkt-dstaddr"}

// awsDefaultFields is the number of fields of the default format.
const awsDefaultFields = 14

// awsMostFields bounds the headings; version 8 has about 40.
const awsMostFields = 64

func newAWS() *awsParser {
	return &awsParser{fields: awsDefaultFields, at: [numAWS]int{3, 4, 5, 6, 7, 9, 10, 11, 12, 13, -1, -1, -1}}
}

func awsHeader(line []byte) bool {
	for rest := line; ; {
		f, after := field(rest)
		if len(f) == 0 {
			return false
		}
		if string(f) == "srcaddr" || string(f) == "pkt-srcaddr" {
			return bytes.IndexByte(line, ',') < 0
		}
		rest = after
	}
}

// awsDefault reports whether a line has the default format, perhaps behind the
// time that an export of CloudWatch Logs puts before it.
func awsDefault(line []byte) bool {
	var fs [awsMostFields][]byte
	n := split(line, &fs)
	f := fs[:n]
	if n == awsDefaultFields+1 {
		if _, ok := parseTime(f[0]); !ok {
			return false
		}
		f = f[1:]
	}
	if len(f) != awsDefaultFields || string(f[0]) != "2" {
		return false
	}
	switch string(f[awsDefaultFields-1]) {
	case "OK", "NODATA", "SKIPDATA":
		return true
	}
	return false
}

// field cuts the first of fields between blanks off; it is empty at the end.
func field(b []byte) (f, rest []byte) {
	i := 0
	for i < len(b) && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	j := i
	for j < len(b) && b[j] != ' ' && b[j] != '\t' {
		j++
	}
	return b[i:j], b[j:]
}

// split fills fs with the fields of b and returns their number, which is one too
// many to hold if there are more.
func split(b []byte, fs *[awsMostFields][]byte) int {
	for n := 0; ; n++ {
		f, rest := field(b)
		if len(f) == 0 {
			return n
		}
		if n == len(fs) {
			return n + 1
		}
		fs[n], b = f, rest
	}
}

func (p *awsParser) headings(fs [][]byte) {
	for i := range p.at {
		p.at[i] = -1
	}
	for i, f := range fs {
		for k, name := range awsNames {
			if string(f) == name {
				p.at[k] = i
			}
		}
	}
	p.fields, p.lacks = len(fs), ""
	for _, need := range [][2]awsField{{awsSrc, awsPktSrc}, {awsDst, awsPktDst}, {awsSrcPort, awsSrcPort}, {awsDstPort, awsDstPort}, {awsProtocol, awsProtocol}} {
		if p.at[need[0]] < 0 && p.at[need[1]] < 0 {
			p.lacks = "the headings have no field " + awsNames[need[0]]
		}
	}
}

func (p *awsParser) parse(s *source, b []byte) {
	fs := &p.fs
	n := split(b, fs)
	if b[0] > '9' && n <= len(fs) && awsHeader(b) {
		p.headings(fs[:n])
		return
	}
	f := fs[:min(n, len(fs))]
	if n == p.fields+1 && n <= len(fs) {
		if _, ok := parseTime(f[0]); ok {
			f = f[1:]
		}
	}
	switch {
	case p.lacks != "":
		s.fault(p.lacks, nil)
		return
	case len(f) != p.fields:
		s.fault("a record of another number of fields", b)
		return
	}
	p.record(s, f)
}

// record reads a record by its fields, of which "-" and those of no length are not there.
func (p *awsParser) record(s *source, f [][]byte) {
	get := func(k awsField) []byte {
		if i := p.at[k]; i >= 0 && len(f[i]) > 0 && !(len(f[i]) == 1 && f[i][0] == '-') {
			return f[i]
		}
		return nil
	}
	switch status := get(awsStatus); string(status) {
	case "", "OK":
	case "NODATA":
		s.ignore(noData)
		return
	case "SKIPDATA": // records were skipped; how many is not said
		s.info.Missed++
		s.ignore(noData)
		return
	default:
		s.fault("log-status is not OK, NODATA or SKIPDATA", status)
		return
	}
	r := &s.rec
	r.reset()
	proto, ok := parseUint(get(awsProtocol))
	if !ok || proto > 255 {
		s.fault("protocol is no number of 0 to 255", get(awsProtocol))
		return
	}
	if r.proto, ok = transport(proto); !ok {
		s.otherProtocol(proto)
		return
	}
	if r.src.addr, ok = s.a.texts.parse(first(get(awsPktSrc), get(awsSrc))); !ok {
		s.fault("srcaddr is no address", get(awsSrc))
		return
	}
	if r.dst.addr, ok = s.a.texts.parse(first(get(awsPktDst), get(awsDst))); !ok {
		s.fault("dstaddr is no address", get(awsDst))
		return
	}
	var ok2 bool
	r.sport, ok = parsePort(get(awsSrcPort))
	r.dport, ok2 = parsePort(get(awsDstPort))
	if !ok || !ok2 {
		s.fault("a port is not 1 to 65535", bytes.Join(f, []byte{' '}))
		return
	}
	if v := get(awsBytes); v != nil {
		if r.bytes, ok = parseUint(v); !ok {
			s.fault("bytes is no number", v)
			return
		}
	}
	if v := get(awsStart); v != nil {
		if r.first, ok = parseSeconds(v); !ok {
			s.fault("start is no time in seconds", v)
			return
		}
	}
	if v := get(awsEnd); v != nil {
		if r.last, ok = parseSeconds(v); !ok {
			s.fault("end is no time in seconds", v)
			return
		}
	}
	switch action := get(awsAction); string(action) {
	case "", "ACCEPT":
	case "REJECT":
		r.refused = true
	default:
		s.fault("action is neither ACCEPT nor REJECT", action)
		return
	}
	if v := get(awsFlags); v != nil && proto == 6 {
		flags, ok := parseUint(v)
		if !ok {
			s.fault("tcp-flags is no number", v)
			return
		}
		r.dir = openedBy(flags&2 != 0, flags&16 != 0)
	}
	s.finish(r)
}

// openedBy tells the direction from the flags of TCP: who opens a connection
// sends SYN alone, who answers SYN with ACK (RFC 9293, section 3.5).
func openedBy(syn, ack bool) direction {
	switch {
	case syn && ack:
		return reverse
	case syn:
		return forward
	}
	return unstated
}

func first(a, b []byte) []byte {
	if a != nil {
		return a
	}
	return b
}
