package flow

import (
	"math"
	"net/netip"
	"time"

	"github.com/cofferdam-io/cofferdam/segment"
)

// record is one record in the terms of all formats.
type record struct {
	src, dst     endpoint
	sport, dport uint16 // sport may be 0 where dir is forward
	proto        segment.Protocol
	dir          direction
	refused      bool
	first, last  int64 // Unix nanoseconds, or noTime
	count, bytes uint64
}

// endpoint is an address, or an end that the record names.
type endpoint struct {
	addr  netip.Addr
	end   int32
	why   reason
	named bool
}

// direction says what a record says about which side opened the connection.
type direction uint8

const (
	unstated direction = iota
	forward            // src opened it
	reverse            // dst opened it: the record is of an answer
)

// noTime is the time of a record without one.
const noTime = math.MinInt64

// Years outside these are faults of clocks.
const (
	firstYear = 2000
	lastYear  = 2199
)

func (r *record) reset() {
	*r = record{first: noTime, last: noTime, count: 1}
}

func timeOf(nano int64) time.Time {
	if nano == noTime {
		return time.Time{}
	}
	return time.Unix(0, nano).UTC()
}

// parseUint reads decimal digits and nothing else.
func parseUint(b []byte) (uint64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	var v uint64
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 || v > (math.MaxUint64-d)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	return v, true
}

// parsePort reads a port of 1 to 65535.
func parsePort(b []byte) (uint16, bool) {
	v, ok := parseUint(b)
	if !ok || v == 0 || v > math.MaxUint16 {
		return 0, false
	}
	return uint16(v), true
}

// parseSeconds reads Unix seconds, with a fraction or without.
func parseSeconds(b []byte) (int64, bool) {
	whole, frac := b, []byte(nil)
	for i, c := range b {
		if c == '.' {
			whole, frac = b[:i], b[i+1:]
			if len(frac) == 0 {
				return 0, false
			}
			break
		}
	}
	v, ok := parseUint(whole)
	if !ok || v > lastSecond {
		return 0, false
	}
	nano, ok := parseFraction(frac)
	return int64(v)*int64(time.Second) + nano, ok //nolint:gosec // v is at most lastSecond
}

// Seconds of the first and after the last moment that a record can have.
const (
	firstSecond = 946684800  // 2000-01-01
	lastSecond  = 7258118400 // 2200-01-01
)

// parseFraction reads the digits behind a point as nanoseconds; none are 0.
func parseFraction(b []byte) (int64, bool) {
	if len(b) > 18 {
		return 0, false
	}
	var v, n int64
	for _, c := range b {
		d := int64(c) - '0'
		if d < 0 || d > 9 {
			return 0, false
		}
		if n < 9 {
			v, n = v*10+d, n+1
		}
	}
	for ; n < 9; n++ {
		v *= 10
	}
	return v, true
}

// parseTime reads RFC 3339, section 5.6; a leap second is the last nanosecond before it.
func parseTime(b []byte) (int64, bool) {
	if len(b) < len("2006-01-02T15:04:05Z") || b[4] != '-' || b[7] != '-' || b[10]|0x20 != 't' && b[10] != ' ' || b[13] != ':' || b[16] != ':' {
		return 0, false
	}
	two := func(i int) int64 {
		h, l := int64(b[i])-'0', int64(b[i+1])-'0'
		if h < 0 || h > 9 || l < 0 || l > 9 {
			return -1
		}
		return 10*h + l
	}
	hi, lo, month, day, hour, minute, second := two(0), two(2), two(5), two(8), two(11), two(14), two(17)
	if hi < 0 || lo < 0 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 {
		return 0, false
	}
	year := 100*hi + lo
	if day > daysIn(year, month) {
		return 0, false
	}
	rest := b[19:]
	var nano int64
	if rest[0] == '.' {
		i := 1
		for i < len(rest) && '0' <= rest[i] && rest[i] <= '9' {
			i++
		}
		var ok bool
		if nano, ok = parseFraction(rest[1:i]); !ok || i == 1 || i == len(rest) {
			return 0, false
		}
		rest = rest[i:]
	}
	var offset int64
	switch {
	case len(rest) == 1 && rest[0]|0x20 == 'z':
	case len(rest) == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':':
		i := len(b) - 6
		h, m := two(i+1), two(i+4)
		if h < 0 || h > 23 || m < 0 || m > 59 {
			return 0, false
		}
		if offset = 60 * (60*h + m); rest[0] == '-' {
			offset = -offset
		}
	default:
		return 0, false
	}
	if second == 60 {
		second, nano = 59, int64(time.Second)-1
	}
	unix := daysSinceEpoch(year, month, day)*86400 + 3600*hour + 60*minute + second - offset
	if unix < -lastSecond || unix > lastSecond { // beyond what a count of nanoseconds holds
		return 0, false
	}
	return unix*int64(time.Second) + nano, true
}

func daysIn(year, month int64) int64 {
	if month == 2 {
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 30 + (month+month>>3)&1
}

// daysSinceEpoch counts days of the proleptic Gregorian calendar from 1970-01-01,
// with years that begin in March, so that the leap day is a year's last.
func daysSinceEpoch(y, m, d int64) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	return 365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + d - 1 - 719468
}

// addressTexts remembers recent addresses by their text, so that IPv6 costs no
// allocation either. Direct-mapped: a collision only costs time.
type addressTexts struct {
	slots [1024]struct {
		text string
		addr netip.Addr
	}
}

// parse reads an address as records are compared: without zone, IPv4 unmapped.
func (t *addressTexts) parse(b []byte) (netip.Addr, bool) {
	if a, ok := parseIPv4(b); ok {
		return a, true
	}
	const longest = 64 // 45 characters and a zone
	if len(b) > longest {
		return netip.Addr{}, false
	}
	h := uint32(2166136261)
	for _, c := range b {
		h = (h ^ uint32(c)) * 16777619 // FNV-1a
	}
	s := &t.slots[(h^h>>16)%uint32(len(t.slots))]
	if s.text == string(b) && s.text != "" {
		return s.addr, true
	}
	a, err := netip.ParseAddr(string(b))
	if err != nil || a.IsUnspecified() {
		return netip.Addr{}, false
	}
	s.text, s.addr = string(b), plain(a)
	return s.addr, true
}

// parseIPv4 reads four decimal bytes without leading zeros, as netip does. 0.0.0.0 is no address.
func parseIPv4(b []byte) (netip.Addr, bool) {
	var out [4]byte
	i, part := 0, 0
	for part < 4 {
		start, v := i, 0
		for i < len(b) && b[i]-'0' <= 9 {
			v = v*10 + int(b[i]-'0')
			if i++; i-start > 3 {
				return netip.Addr{}, false
			}
		}
		if i == start || v > 255 || b[start] == '0' && i-start > 1 {
			return netip.Addr{}, false
		}
		out[part] = byte(v)
		if part++; part < 4 {
			if i >= len(b) || b[i] != '.' {
				return netip.Addr{}, false
			}
			i++
		}
	}
	return netip.AddrFrom4(out), i == len(b) && out != [4]byte{}
}

// parseSocket reads an address with a port: 10.0.0.1:80, [fd00::1]:80.
func (t *addressTexts) parseSocket(b []byte) (netip.Addr, uint16, bool) {
	i := len(b) - 1
	for i >= 0 && b[i] != ':' {
		i--
	}
	if i <= 0 {
		return netip.Addr{}, 0, false
	}
	host := b[:i]
	if host[0] == '[' {
		if len(host) < 2 || host[len(host)-1] != ']' {
			return netip.Addr{}, 0, false
		}
		host = host[1 : len(host)-1]
	}
	a, ok := t.parse(host)
	p, okPort := parsePort(b[i+1:])
	return a, p, ok && okPort
}

// transport returns the protocol of an IANA number.
func transport(n uint64) (segment.Protocol, bool) {
	switch n {
	case 6:
		return segment.TCP, true
	case 17:
		return segment.UDP, true
	case 132:
		return segment.SCTP, true
	}
	return 0, false
}
