package flow

import (
	"bytes"
	"math"
	"net/netip"
	"time"

	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/segment"
)

// envoyParser reads access logs of Envoy in the two encodings of Istio ("Envoy
// Access Logs"): its default text, and JSON with the same fields. One line is
// one request or connection, told by one proxy. What it means:
//
//   - inbound|… : downstream_remote_address opened downstream_local_address, the
//     proxy's own pod.
//   - otherwise upstream_local_address opened upstream_host. Where
//     downstream_remote_address is of another host the proxy is a gateway, and
//     that host opened downstream_local_address, the gateway.
//   - BlackHoleCluster: downstream_remote_address tried downstream_local_address,
//     and the mesh refused.
//
// A response flag UF (connection failure) is a connection that was refused.
type envoyParser struct {
	r *jsonscan.Reader
	f [numEnvoy][]byte
}

type envoyField uint8

const (
	envoyHost envoyField = iota
	envoyCluster
	envoyUpLocal
	envoyDownLocal
	envoyDownRemote
	envoyStart
	envoyFlags
	envoyReceived
	envoySent
	envoyDuration
	envoyProtocol
	numEnvoy
)

var envoyNames = [numEnvoy]string{"upstream_host", "upstream_cluster", "upstream_local_address", "downstream_local_address",
	"downstream_remote_address", "start_time", "response_flags", "bytes_received", "bytes_sent", "duration", "protocol"}

func newEnvoy() *envoyParser { return &envoyParser{r: lineReader()} }

func (p *envoyParser) parse(s *source, b []byte) {
	for i := range p.f {
		p.f[i] = p.f[i][:0]
	}
	if b[0] == '{' {
		if !p.json(s, b) {
			return
		}
	} else if !p.text(s, b) {
		return
	}
	p.meaning(s)
}

// json reads the fields from an object; numbers are kept as they are written.
func (p *envoyParser) json(s *source, b []byte) bool {
	j := p.r
	j.Reset(b)
	known := false
	for j.Object(); ; {
		key, ok := j.NextKey()
		if !ok {
			break
		}
		for i, n := range envoyNames {
			if string(key) != n {
				continue
			}
			switch j.Kind() {
			case jsonscan.String:
				p.f[i] = append(p.f[i][:0], j.Bytes()...)
			case jsonscan.Number:
				p.f[i] = append(p.f[i][:0], j.Raw()...)
			}
			known = known || envoyField(i) == envoyDownRemote
			break
		}
	}
	if err := j.End(); err != nil {
		s.fault("not JSON", []byte(err.Error()))
		return false
	}
	if !known {
		s.fault("no downstream_remote_address: a log without Istio's fields does not say who called", nil)
	}
	return known
}

// startTime returns the length of "[2026-11-21T10:00:00.000Z]" at the start, or 0.
func startTime(b []byte) int {
	end := bytes.IndexByte(b, ']')
	if end < 0 || b[0] != '[' {
		return 0
	}
	if _, ok := parseTime(b[1:end]); !ok {
		return 0
	}
	return end + 1
}

// envoyTail is how many fields the text ends with that hold no blanks and that
// no client writes: upstream_host, upstream_cluster, three addresses, the name
// asked for in TLS, and the route. They are counted from the end, because what
// clients do write (path, user agent) may hold quotes.
const envoyTail = 7

// envoyHeads are how many fields stand between the time and the tail in Istio's
// text: of 1.9 and later, and of the versions before, without the two fields of
// details. Of a line with another number only the tail is read.
const (
	envoyHead    = 14
	envoyHeadOld = 12
)

func (p *envoyParser) text(s *source, b []byte) bool {
	n := startTime(b)
	if n == 0 {
		s.fault("no access log line", b)
		return false
	}
	p.f[envoyStart] = append(p.f[envoyStart], b[1:n-1]...)
	rest := b
	for i := envoyTail - 1; i >= 0; i-- {
		var v []byte
		if v, rest = lastField(rest); len(v) == 0 {
			s.fault("an access log line without Istio's fields: it does not say who called", b)
			return false
		}
		v = bytes.Trim(v, `"`)
		if i <= int(envoyDownRemote) {
			p.f[i] = append(p.f[i], v...)
		}
	}
	if len(rest) < n {
		s.fault("an access log line without Istio's fields: it does not say who called", b)
		return false
	}
	var fs [32][]byte
	k := quoted(rest[n:], &fs)
	if k != envoyHead && k != envoyHeadOld {
		return true
	}
	f := fs[:k]
	p.f[envoyFlags] = append(p.f[envoyFlags], f[2]...)
	p.f[envoyReceived] = append(p.f[envoyReceived], f[k-8]...)
	p.f[envoySent] = append(p.f[envoySent], f[k-7]...)
	p.f[envoyDuration] = append(p.f[envoyDuration], f[k-6]...)
	if bytes.HasSuffix(f[0], []byte("HTTP/3")) {
		p.f[envoyProtocol] = append(p.f[envoyProtocol], "HTTP/3"...)
	}
	return true
}

func lastField(b []byte) (f, rest []byte) {
	b = trim(b)
	i := bytes.LastIndexByte(b, ' ')
	if i < 0 {
		return nil, b
	}
	return b[i+1:], b[:i]
}

// quoted splits fields between blanks, some in quotes; it returns one too many
// where there are more than fs holds, and 0 where a quote is not closed.
func quoted(b []byte, fs *[32][]byte) int {
	for n := 0; ; n++ {
		for len(b) > 0 && b[0] == ' ' {
			b = b[1:]
		}
		switch {
		case len(b) == 0:
			return n
		case n == len(fs):
			return n + 1
		case b[0] == '"':
			end := bytes.IndexByte(b[1:], '"')
			if end < 0 {
				return 0
			}
			fs[n], b = b[1:1+end], b[end+2:]
		default:
			fs[n], b = field(b)
		}
	}
}

// meaning makes one record of the fields, or two for a gateway.
func (p *envoyParser) meaning(s *source) {
	r := &s.rec
	r.reset()
	r.dir = forward
	var ok bool
	if r.first, ok = parseTime(p.f[envoyStart]); !ok {
		s.fault("start_time is not of RFC 3339", p.f[envoyStart])
		return
	}
	r.last = r.first
	if ms, ok := parseUint(p.f[envoyDuration]); ok && ms < math.MaxInt64/uint64(time.Millisecond) {
		if end := r.first + int64(ms)*int64(time.Millisecond); end > r.first { //nolint:gosec // bounded by the line above
			r.last = end
		}
	}
	for _, f := range []envoyField{envoyReceived, envoySent} {
		if v, ok := parseUint(p.f[f]); ok {
			grow(&r.bytes, v)
		}
	}
	downProto := segment.TCP
	if string(p.f[envoyProtocol]) == "HTTP/3" { // over QUIC; the side of the upstream is not said and is TCP unless configured
		downProto = segment.UDP
	}
	failed := hasFlag(p.f[envoyFlags], "UF")
	cluster := p.f[envoyCluster]
	remote, _, okRemote := s.a.texts.parseSocket(p.f[envoyDownRemote])
	local, localPort, okLocal := s.a.texts.parseSocket(p.f[envoyDownLocal])
	inbound := bytes.HasPrefix(cluster, []byte("inbound|")) || bytes.HasPrefix(cluster, []byte("InboundPassthrough"))
	switch {
	case inbound && okRemote && okLocal:
		r.src.addr, r.dst.addr, r.dport, r.proto = remote, local, localPort, downProto
		s.finish(r)
		return
	case inbound:
		s.fault("an inbound request without downstream addresses", p.f[envoyDownRemote])
		return
	case string(cluster) == "BlackHoleCluster" && okRemote && okLocal:
		r.src.addr, r.dst.addr, r.dport, r.proto, r.refused = remote, local, localPort, downProto, true
		s.finish(r)
		return
	}
	host := p.f[envoyHost]
	if i := bytes.LastIndexByte(host, '/'); i >= 0 { // envoy://internal_client_address/10.0.0.1:80
		host = host[i+1:]
	}
	server, serverPort, okServer := s.a.texts.parseSocket(host)
	client, _, okClient := s.a.texts.parseSocket(p.f[envoyUpLocal])
	gateway := okRemote && okClient && remote != client
	if !okClient && okRemote && okLocal && (!okServer || local != server) {
		// No connection was made: whether the proxy is beside the caller or a gateway
		// is told by whose address it was called at.
		gateway = s.isPod(local, r)
	}
	switch {
	case okServer && !okClient && !gateway:
		client, okClient = remote, okRemote
	case gateway && !okClient:
		client, okClient = local, okLocal
	}
	told := false
	if gateway && okLocal {
		r.src.addr, r.dst.addr, r.dport, r.proto = remote, local, localPort, downProto
		if told = s.finish(r); !told {
			return
		}
	}
	if !okServer || !okClient {
		if !told {
			s.ignore(noConnection)
		}
		return
	}
	up := *r
	up.src.addr, up.dst.addr, up.dport, up.proto, up.refused = client, server, serverPort, segment.TCP, failed
	if told { // it is one line
		s.info.Records--
		s.a.records--
	}
	s.finish(&up)
}

// isPod reports whether an address is a workload's at the record's time.
func (s *source) isPod(addr netip.Addr, r *record) bool {
	l := s.a.locate(&endpoint{addr: addr}, r)
	return l.svc < 0 && s.a.ends[l.end].place == PlaceWorkload
}

func hasFlag(flags []byte, want string) bool {
	for len(flags) > 0 {
		f, rest, _ := bytes.Cut(flags, []byte{','})
		if string(f) == want {
			return true
		}
		flags = rest
	}
	return false
}
