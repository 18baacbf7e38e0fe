package flow

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/segment"
)

// hubbleParser reads flows of Cilium's Hubble as its command line and its
// exporter write them: the messages Flow, or GetFlowsResponse and ExportEvent
// around it (api/v1/flow/flow.proto, api/v1/observer/observer.proto), with the
// names of the protocol buffers or in lower camel case.
type hubbleParser struct {
	jsonLine
	src, dst *hubbleKnown // of the Aggregator's, or one of own
	own      [2]hubbleKnown
	memory   *hubbleMemory // the Aggregator's
	node     []byte        // its name, behind "cluster/" in later versions
	kind     hubbleKind
	proto    uint64 // of a protocol that is not TCP, UDP or SCTP
	layer4   bool
	syn, ack bool
	flags    bool
	lost     uint64
	sock     bool
	shapes   shape
	teacher  *jsonscan.Reader // of shapes; nil until the first
	learnt   int
	steps    int
}

type hubbleKind uint8

const (
	hubbleNothing hubbleKind = iota
	hubbleFlow
	hubbleLost
	hubbleOther
)

// hubbleEnd is an Endpoint with its address.
type hubbleEnd struct {
	cluster, namespace, pod, kind, name []byte
	// node is true where the identity or a label says that it is a node: the API
	// server that runs on one has an identity of its own, and the node's label.
	node bool
}

// Identities of Cilium that are reserved for nodes.
const (
	identityHost       = 1
	identityRemoteNode = 6
)

// empty returns an end without content and with e's memory.
func (e hubbleEnd) empty() hubbleEnd {
	return hubbleEnd{cluster: e.cluster[:0], namespace: e.namespace[:0], pod: e.pod[:0], kind: e.kind[:0], name: e.name[:0]}
}

// Endpoints are remembered in sets by a hash of their first bytes, which hold the
// number, the identity and mostly the namespace: replicas may share a set. All in
// all it is 32 MiB at most, and kept from one input to the next.
const (
	hubbleAhead   = 64
	hubbleSets    = 2048
	hubbleWays    = 12
	hubbleLongest = 1 << 10
)

// hubbleMemory holds the hashes by themselves: they fit a cache that what is
// remembered does not.
type hubbleMemory struct {
	hashes [hubbleSets][hubbleWays]uint64
	next   [hubbleSets]uint8
	known  [hubbleSets][hubbleWays]hubbleKnown
}

// hubbleKnown is an Endpoint with its text; none in a line's own.
type hubbleKnown struct {
	text []byte
	// who it is, if found is set, where the record is of the cluster here.
	who   int32
	why   reason
	named bool
	found bool
	here  []byte // with its slash; empty where the record does not say
	end   hubbleEnd
}

func newHubble() *hubbleParser { return &hubbleParser{jsonLine: newJSONLine()} }

func (p *hubbleParser) parse(s *source, b []byte) {
	r := &s.rec
	if p.memory == nil {
		if s.a.endpoints == nil {
			s.a.endpoints = new(hubbleMemory)
		}
		p.memory = s.a.endpoints
	}
	p.reset(r)
	if f := p.follow(s, r, b); f != shaped {
		p.reset(r)
		p.begin(b)
		p.message(s, r)
		if !p.ended(s) {
			return
		}
		if f == noShape && p.kind == hubbleFlow && p.layer4 {
			p.learn(b)
		}
	} else {
		p.kind = hubbleFlow // as the lines that it is a shape of
	}
	switch {
	case p.kind == hubbleLost:
		grow(&s.info.Missed, p.lost)
		s.ignore(notFlows)
		return
	case p.kind == hubbleOther:
		s.ignore(notFlows)
		return
	case p.kind == hubbleNothing:
		s.fault("no flow", b)
		return
	case p.sock:
		s.ignore(socketEvents)
		return
	case !p.layer4:
		s.otherProtocol(p.proto)
		return
	case r.sport == 0 || r.dport == 0:
		s.fault("a port is not 1 to 65535", nil)
		return
	}
	if r.dir == unstated && p.flags {
		r.dir = openedBy(p.syn, p.ack)
	}
	if !p.end(s, &r.src, p.src) || !p.end(s, &r.dst, p.dst) {
		s.fault("an end has neither an address nor a name", nil)
		return
	}
	s.finish(r)
}

// reset forgets the last line.
func (p *hubbleParser) reset(r *record) {
	r.reset()
	p.src, p.dst, p.node = &p.own[0], &p.own[1], p.node[:0]
	for i := range p.own {
		p.own[i].end = p.own[i].end.empty() // a flow need not tell of both ends
	}
	p.kind, p.layer4, p.proto, p.syn, p.ack, p.flags, p.lost, p.sock = hubbleNothing, false, 0, false, false, false, 0, false
}

// end names an end by its pod, else by the workload that Cilium tells, else leaves the address.
func (p *hubbleParser) end(s *source, to *endpoint, k *hubbleKnown) bool {
	switch e := &k.end; {
	case len(e.namespace) > 0 && (len(e.pod) > 0 || len(e.name) > 0):
		here := p.node[:bytes.IndexByte(p.node, '/')+1]
		if !k.found || !bytes.Equal(k.here, here) {
			cluster := e.cluster
			if _, known := s.a.book.clusters[string(cluster)]; !known && (len(here) == 0 || bytes.Equal(cluster, here[:len(here)-1])) {
				// The estate does not tell clusters apart by these names: it is taken for the
				// one that the record is of, and an end in another is a stranger.
				cluster = nil
			}
			s.podOr(to, cluster, e.namespace, e.pod, e.kind, e.name)
			k.who, k.why, k.named, k.here, k.found = to.end, to.why, to.named, append(k.here[:0], here...), k.text != nil
			return true
		}
		to.end, to.why, to.named = k.who, k.why, k.named
		return true
	case e.node && to.addr.IsValid():
		s.a.nodeEnd(to)
	}
	return to.addr.IsValid()
}

// podOr names an end by its pod, else by its workload, else as a stranger. The
// cluster may be empty.
func (s *source) podOr(to *endpoint, cluster, namespace, pod, kind, name []byte) {
	s.key = s.key[:0]
	if len(cluster) > 0 {
		s.key = append(append(s.key, cluster...), ':')
	}
	s.key = append(append(s.key, namespace...), '/')
	stem := len(s.key)
	if len(pod) > 0 {
		if s.key = append(s.key, pod...); s.a.byName(s.a.book.pods, s.key, to) {
			return
		}
	}
	if len(name) > 0 {
		s.key = s.key[:stem]
		if len(kind) > 0 {
			s.key = append(appendLower(s.key, kind), '/')
		}
		if s.key = append(s.key, name...); s.a.byName(s.a.book.names, s.key, to) {
			return
		}
	} else {
		kind, name = []byte("Pod"), pod
	}
	s.key = s.key[:stem]
	if len(kind) > 0 {
		s.key = append(append(s.key, kind...), '/')
	}
	s.key = append(s.key, name...)
	to.end, to.why, to.named = s.a.stranger(s.key, nameUnknown), nameUnknown, true
}

func appendLower(to, b []byte) []byte {
	for _, c := range b {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		to = append(to, c)
	}
	return to
}

// nodeEnd makes an address that the Book does not know a node's: the record says so.
func (a *Aggregator) nodeEnd(to *endpoint) {
	if _, ok := a.book.byAddr[to.addr]; ok {
		return
	}
	i, ok := a.addrs[to.addr]
	if !ok {
		if len(a.addrs) >= a.o.MaxAddresses {
			return
		}
		i = a.newEnd(end{addr: to.addr, place: PlaceNode})
		a.addrs[to.addr] = i
	}
	to.end, to.named = i, true
}

// message reads the members of a flow, or of what is around it.
func (p *hubbleParser) message(s *source, r *record) {
	j := p.r
	for j.Object(); ; {
		key, ok := j.NextKey()
		if !ok {
			return
		}
		switch string(key) {
		case "flow":
			p.kind = hubbleFlow
			p.message(s, r)
		case "time":
			p.time(&r.first, "time")
			r.last = r.first
		case "node_name", "nodeName":
			p.node = append(p.node[:0], j.Bytes()...)
		case "verdict":
			p.kind = hubbleFlow
			switch string(j.Bytes()) {
			case "DROPPED", "ERROR":
				r.refused = true
			}
		case "IP":
			p.addresses(s, r)
		case "l4":
			p.ports(r)
		case "source":
			p.src = p.endpoint(&p.own[0], p.dst)
		case "destination":
			p.dst = p.endpoint(&p.own[1], p.src)
		case "Type", "type":
			if j.Kind() == jsonscan.String {
				p.sock = string(j.Bytes()) == "SOCK"
			}
		case "is_reply", "isReply":
			if j.Kind() == jsonscan.Bool {
				if r.dir = forward; j.Bool() {
					r.dir = reverse
				}
			}
		case "reply": // before is_reply; false may mean that it is not known
			if j.Kind() == jsonscan.Bool && j.Bool() {
				r.dir = reverse
			}
		case "lost_events", "lostEvents":
			p.kind = hubbleLost
			p.losses()
		case "node_status", "nodeStatus", "agent_event", "agentEvent", "debug_event", "debugEvent":
			p.kind = hubbleOther
		}
	}
}

func (p *hubbleParser) addresses(s *source, r *record) {
	j := p.r
	for j.Object(); ; {
		key, ok := j.NextKey()
		if !ok {
			return
		}
		switch string(key) {
		case "source":
			p.address(s, &r.src, "IP")
		case "destination":
			p.address(s, &r.dst, "IP")
		}
	}
}

func (p *hubbleParser) ports(r *record) {
	j := p.r
	for j.Object(); ; {
		key, ok := j.NextKey()
		if !ok {
			return
		}
		switch string(key) {
		case "TCP":
			r.proto, p.layer4 = segment.TCP, true
		case "UDP":
			r.proto, p.layer4 = segment.UDP, true
		case "SCTP":
			r.proto, p.layer4 = segment.SCTP, true
		case "ICMPv4":
			p.proto = 1
			continue
		case "ICMPv6":
			p.proto = 58
			continue
		default:
			continue
		}
		for j.Object(); ; {
			key, ok := j.NextKey()
			if !ok {
				break
			}
			switch string(key) {
			case "source_port", "sourcePort":
				r.sport = p.port()
			case "destination_port", "destinationPort":
				r.dport = p.port()
			case "flags":
				p.flags = true
				for j.Object(); ; {
					key, ok := j.NextKey()
					if !ok {
						break
					}
					switch string(key) {
					case "SYN":
						p.syn = j.Bool()
					case "ACK":
						p.ack = j.Bool()
					}
				}
			}
		}
	}
}

func (p *hubbleParser) port() uint16 {
	v := p.r.Int()
	if v < 1 || v > math.MaxUint16 {
		return 0
	}
	return uint16(v)
}

// endpoint reads an Endpoint, or finds one of the same text: there are as many
// as pods, and they are two thirds of a record. What is not remembered is read into
// own; other, the record's other end, is not forgotten for it.
func (p *hubbleParser) endpoint(own, other *hubbleKnown) *hubbleKnown {
	k, h, set := p.remembered(p.r.Ahead(hubbleLongest))
	if k != nil && p.r.SkipSame(k.text) {
		return k
	}
	m := p.memory
	from := p.r.Offset()
	own.end = own.end.empty()
	p.readEndpoint(&own.end)
	text := p.r.Since(from)
	if len(text) == 0 || len(text) > hubbleLongest || text[0] != '{' {
		return own
	}
	way := (m.next[set] + 1) % hubbleWays
	if &m.known[set][way] == other {
		way = (way + 1) % hubbleWays
	}
	k = &m.known[set][way]
	m.next[set], m.hashes[set][way] = way, h
	k.text, k.found = append(k.text[:0], text...), false
	e := &own.end
	k.end = hubbleEnd{cluster: bytes.Clone(e.cluster), namespace: bytes.Clone(e.namespace), pod: bytes.Clone(e.pod), kind: bytes.Clone(e.kind),
		name: bytes.Clone(e.name), node: e.node}
	return k
}

// remembered finds the Endpoint that a text begins with, nil if it is not remembered,
// and where it would be.
func (p *hubbleParser) remembered(text []byte) (known *hubbleKnown, h, set uint64) {
	ahead := text[:min(len(text), hubbleAhead)]
	h = 14695981039346656037
	for len(ahead) >= 8 {
		h = (h ^ binary.LittleEndian.Uint64(ahead)) * 1099511628211 // FNV-1a, by eight bytes
		h ^= h >> 29
		ahead = ahead[8:]
	}
	m := p.memory
	set = h >> 40 % hubbleSets
	for i, hash := range &m.hashes[set] {
		if k := &m.known[set][i]; hash == h && len(k.text) > 0 && bytes.HasPrefix(text, k.text) {
			return k, h, set
		}
	}
	return nil, h, set
}

func (p *hubbleParser) readEndpoint(e *hubbleEnd) {
	j := p.r
	for j.Object(); ; {
		key, ok := j.NextKey()
		if !ok {
			return
		}
		switch string(key) {
		case "cluster_name", "clusterName":
			e.cluster = append(e.cluster[:0], j.Bytes()...)
		case "namespace":
			e.namespace = append(e.namespace[:0], j.Bytes()...)
		case "pod_name", "podName":
			e.pod = append(e.pod[:0], j.Bytes()...)
		case "identity":
			if j.Kind() == jsonscan.Number {
				id := j.Int()
				e.node = e.node || id == identityHost || id == identityRemoteNode
			}
		case "labels":
			for j.Array(); j.NextItem(); {
				switch string(j.Bytes()) {
				case "reserved:host", "reserved:remote-node":
					e.node = true
				}
			}
		case "workloads":
			for j.Array(); j.NextItem(); {
				for j.Object(); ; {
					key, ok := j.NextKey()
					if !ok {
						break
					}
					switch string(key) {
					case "name":
						e.name = append(e.name[:0], j.Bytes()...)
					case "kind":
						e.kind = append(e.kind[:0], j.Bytes()...)
					}
				}
			}
		}
	}
}

// losses reads LostEvent: how many events were overwritten before they were read.
func (p *hubbleParser) losses() {
	j := p.r
	p.lost = 1 // at least
	for j.Object(); ; {
		key, ok := j.NextKey()
		if !ok {
			return
		}
		if string(key) != "num_events_lost" && string(key) != "numEventsLost" {
			continue
		}
		if n, ok := p.number(); ok {
			p.lost = max(p.lost, n)
		}
	}
}
