package flow

import (
	"bytes"
	"time"
)

// conntrackParser reads entries of Linux connection tracking as conntrack(8)
// prints them (-L, -E, with -o extended, -o timestamp) and as
// /proc/net/nf_conntrack does. The first tuple is of the packet that opened the
// connection, as it was sent: its destination may be a Service's address. The
// second is of the answers as the network sees them, so its source is who serves.
type conntrackParser struct{}

// conntrackLike reports whether a line has the two marks of an entry.
func conntrackLike(line []byte) bool {
	return bytes.Contains(line, []byte(" src=")) && bytes.Contains(line, []byte(" dst="))
}

type tuple struct {
	src, dst, sport, dport []byte
	bytes                  uint64
}

func (p *conntrackParser) parse(s *source, b []byte) {
	if bytes.HasPrefix(b, []byte("conntrack v")) { // "… 12 flow entries have been shown."
		s.ignore(notFlows)
		return
	}
	r := &s.rec
	r.reset()
	rest := b
	var ok bool
	if len(b) > 1 && b[0] == '[' && '0' <= b[1] && b[1] <= '9' {
		if r.first, rest, ok = eventTime(b); !ok {
			s.fault("a timestamp is not [seconds.microseconds]", b)
			return
		}
	}
	var (
		tuples              [2]tuple
		which               = -1
		number              uint64
		numbered, unreplied bool
		event, state        []byte
	)
	for {
		var f []byte
		if f, rest = field(rest); len(f) == 0 {
			break
		}
		eq := bytes.IndexByte(f, '=')
		switch {
		case f[0] == '[':
			switch string(f) {
			case "[UNREPLIED]":
				unreplied = true
			case "[NEW]", "[UPDATE]", "[DESTROY]":
				event = f
			}
		case eq > 0:
			v := f[eq+1:]
			if string(f[:eq]) == "src" {
				which++
			}
			if which < 0 || which > 1 {
				continue
			}
			t := &tuples[which]
			switch string(f[:eq]) {
			case "src":
				t.src = v
			case "dst":
				t.dst = v
			case "sport":
				t.sport = v
			case "dport":
				t.dport = v
			case "bytes":
				if t.bytes, ok = parseUint(v); !ok {
					s.fault("bytes is no number", f)
					return
				}
			}
		case which >= 0:
		case string(f) == "ipv4" || string(f) == "ipv6":
			_, rest = field(rest) // its number: 2 or 10
		case !numbered && (f[0] < '0' || f[0] > '9'): // the protocol's name, then its number
			var num []byte
			num, rest = field(rest)
			if number, numbered = parseUint(num); !numbered || number > 255 {
				s.fault("no protocol number", b)
				return
			}
		case 'A' <= f[0] && f[0] <= 'Z':
			state = f
		}
	}
	if !numbered || which < 0 {
		s.fault("no entry of connection tracking", b)
		return
	}
	if r.proto, ok = transport(number); !ok {
		s.otherProtocol(number)
		return
	}
	open, answer := &tuples[0], &tuples[1]
	server, port := answer.src, answer.sport
	if which == 0 {
		server, port = open.dst, open.dport
	}
	if r.src.addr, ok = s.a.texts.parse(open.src); !ok {
		s.fault("src is no address", open.src)
		return
	}
	if r.dst.addr, ok = s.a.texts.parse(server); !ok {
		s.fault("the address of who answers is none", server)
		return
	}
	var ok2 bool
	r.sport, ok = parsePort(open.sport)
	r.dport, ok2 = parsePort(port)
	if !ok || !ok2 {
		s.fault("a port is not 1 to 65535", b)
		return
	}
	r.dir = forward
	r.bytes = open.bytes
	grow(&r.bytes, answer.bytes)
	// UDP may be meant to stay without an answer, and a new connection has none yet.
	r.refused = unreplied && number != 17 && string(event) != "[NEW]" && string(state) != "ESTABLISHED"
	s.finish(r)
}

// eventTime reads "[1763719200.52    ]": seconds, a point, and microseconds
// without leading zeros, padded with blanks.
func eventTime(b []byte) (nano int64, rest []byte, ok bool) {
	end := bytes.IndexByte(b, ']')
	if end < 0 {
		return 0, nil, false
	}
	secs, micros, _ := bytes.Cut(b[1:end], []byte{'.'})
	sec, ok1 := parseUint(trim(secs))
	micro, ok2 := parseUint(trim(micros))
	if !ok1 || !ok2 || sec > lastSecond || micro >= 1e6 {
		return 0, nil, false
	}
	return int64(sec)*int64(time.Second) + int64(micro)*int64(time.Microsecond), b[end+1:], true //nolint:gosec // both are bounded above
}
