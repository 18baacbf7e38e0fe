package segment

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// String writes "80/TCP".
func (p Port) String() string {
	return strconv.Itoa(int(p.Number)) + "/" + p.Protocol.String()
}

// String writes "80/TCP", "8000-8080/TCP", or "all TCP ports".
func (c Conn) String() string {
	switch {
	case c.From == 1 && c.To == maxPort:
		return "all " + c.Protocol.String() + " ports"
	case c.From == c.To:
		return strconv.Itoa(int(c.From)) + "/" + c.Protocol.String()
	default:
		return strconv.Itoa(int(c.From)) + "-" + strconv.Itoa(int(c.To)) + "/" + c.Protocol.String()
	}
}

// Contains reports whether p is in the interval.
func (c Conn) Contains(p Port) bool {
	return c.Protocol == p.Protocol && c.From <= p.Number && p.Number <= c.To
}

// ParseProtocol reads "TCP", "udp" and so on; "" is TCP, as in NetworkPolicy.
func ParseProtocol(s string) (Protocol, bool) {
	if s == "" {
		return TCP, true
	}
	for i, n := range protocolNames {
		if strings.EqualFold(s, n) {
			return Protocol(i), true //nolint:gosec // three names
		}
	}
	return TCP, false
}

// ParsePort reads "80/TCP", "tcp/80" or "80", which is TCP.
func ParsePort(s string) (Port, error) {
	const longest = 16 // "sctp/65535" has ten characters
	bad := func() (Port, error) {
		return Port{}, ident.Errorf(ident.KindUsage, "%.24q is not a port", s).WithHint("write 80/TCP or tcp/80")
	}
	if len(s) > longest {
		return bad()
	}
	num, proto, _ := strings.Cut(s, "/")
	if num != "" && (num[0] < '0' || num[0] > '9') {
		if proto == "" {
			return bad()
		}
		num, proto = proto, num
	}
	n, err := strconv.ParseUint(num, 10, 16)
	p, ok := ParseProtocol(proto)
	if err != nil || n == 0 || !ok || num[0] == '+' || strings.HasSuffix(s, "/") {
		return bad()
	}
	return Port{Protocol: p, Number: uint16(n)}, nil
}

// Summary writes connections for people, at most most of them: "8080/TCP,
// 9000-9010/UDP, any SCTP, and 2 more", or "any port".
func Summary(cs []Conn, most int) string {
	full := map[Protocol]bool{}
	for _, c := range cs {
		if c.whole() {
			full[c.Protocol] = true
		}
	}
	if len(full) == int(numProtocols) {
		return "any port"
	}
	parts := make([]string, 0, len(cs))
	for i, c := range cs {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(cs)-most))
			break
		}
		if c.whole() {
			parts = append(parts, "any "+c.Protocol.String())
		} else {
			parts = append(parts, c.String())
		}
	}
	return strings.Join(parts, ", ")
}

// whole reports whether c holds every port of its protocol.
func (c Conn) whole() bool { return c.From <= 1 && c.To == 65535 }
