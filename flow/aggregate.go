package flow

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Options set what is kept. The zero value has the defaults, and knows no workload.
type Options struct {
	Book *Book

	MaxEdges     int   // distinct edges; 0: DefaultMaxEdges. Records beyond are counted in Observed.Lost
	MaxAddresses int   // addresses outside the Book that are kept apart; 0: DefaultMaxAddresses
	MaxPeers     int   // of those, per workload, direction and port; 0: DefaultMaxPeers. Further ones are folded into their range
	MaxNames     int   // names that the Book does not know; 0: DefaultMaxNames
	MaxLine      int   // bytes of one line or JSON value; 0: DefaultMaxLine
	MaxBytes     int64 // of one input, inflated; 0: DefaultMaxBytes. Reading ends there, and says so
	MaxFaults    int   // that are kept of one input, all are counted; 0: DefaultMaxFaults
}

// Defaults of Options.
const (
	DefaultMaxEdges     = 1 << 19   // fifty for each of 10,000 workloads; with their answer 300 MB
	DefaultMaxAddresses = 1 << 18   // of customers, say; 30 MB
	DefaultMaxPeers     = 256       // more than anybody writes into a policy
	DefaultMaxNames     = 1 << 16   // workloads and pods that are gone
	DefaultMaxLine      = 1 << 20   // a Hubble record with headers and long labels is 20 KiB
	DefaultMaxBytes     = 256 << 30 // ten times the 10⁷ records of a large cluster's day
	DefaultMaxFaults    = 20
)

// Aggregator adds records up. Its memory is bounded by Options, however many it
// reads. It is not safe for concurrent use.
type Aggregator struct {
	o     Options
	book  *Book
	ends  []end // the Book's first
	addrs map[netip.Addr]int32
	names map[string]int32    // unknown names
	folds map[ident.Ref]int32 // ranges

	keys  map[edgeKey]int32
	edges []tally
	peers map[edgeKey]int32 // of a workload on a port: how many addresses; -1 stands for them

	unplaced        sketch
	unplacedRecords uint64
	ignored         [numIgnored]uint64
	protocols       [256]uint64
	records         uint64
	undated         uint64
	lost            uint64
	hours           []uint64 // a bit for each hour since firstYear
	sources         []SourceInfo
	texts           addressTexts
	endpoints       *hubbleMemory // nil before the first Hubble record
}

type edgeKey struct {
	src, dst int32
	port     uint16
	proto    segment.Protocol
}

// tally is an edge while it is added up.
type tally struct {
	key                            edgeKey
	count, replies, refused, bytes uint64
	first, last                    int64
	stated, folded, clamped        bool
}

// reason says why an end is unknown.
type reason uint8

const (
	notInBook reason = iota
	twoOwners
	notThen
	manyBehind
	nameUnknown
	nameTwice
	disagree
	asSource
)

var reasonTexts = [...]string{
	"no workload of the input has this address",
	"two workloads had this address at the time",
	"the workload that has this address did not have it at the time",
	"a Service with no workload behind it that is certain",
	"no workload of the input has this name",
	"two workloads of the input have this name",
	"the record's name and its address are of different workloads",
	"a Service's address cannot open a connection",
}

// ignoring says why a record makes no edge.
type ignoring uint8

const (
	elsewhere ignoring = iota
	loopback
	multicast
	noConnection
	socketEvents
	notFlows
	noData
	numIgnored
)

var ignoredTexts = [...]string{
	"neither end is a workload of the input",
	"within one host, over its loopback address",
	"to a multicast or broadcast address",
	"no connection was made or tried",
	"socket calls, of which the packets have records of their own",
	"events that are no flows",
	"times in which nothing was recorded",
}

// NewAggregator returns an Aggregator that has read nothing.
func NewAggregator(o Options) *Aggregator {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.MaxEdges, DefaultMaxEdges)
	def(&o.MaxAddresses, DefaultMaxAddresses)
	def(&o.MaxPeers, DefaultMaxPeers)
	def(&o.MaxNames, DefaultMaxNames)
	def(&o.MaxLine, DefaultMaxLine)
	def(&o.MaxFaults, DefaultMaxFaults)
	o.MaxEdges = min(o.MaxEdges, math.MaxInt32)
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Book == nil {
		o.Book = NewBook(nil, BookOptions{})
	}
	return &Aggregator{
		o: o, book: o.Book, ends: slices.Clone(o.Book.ends), addrs: map[netip.Addr]int32{}, names: map[string]int32{}, folds: map[ident.Ref]int32{},
		keys: map[edgeKey]int32{}, peers: map[edgeKey]int32{}, unplaced: newSketch(), hours: make([]uint64, (lastHour-firstHour)/64+1),
	}
}

// located is where an end of a record was found: an end, or a Service's address.
type located struct {
	end  int32
	svc  int32 // -1: none
	why  reason
	addr netip.Addr
}

// add takes one record whose ports and times were checked.
func (a *Aggregator) add(s *source, r *record) {
	s.info.Records++
	a.records++
	s.sawTime(r)
	if r.src.addr.IsLoopback() || r.dst.addr.IsLoopback() {
		a.ignored[loopback]++
		return
	}
	if isGroup(r.src.addr) || isGroup(r.dst.addr) {
		a.ignored[multicast]++
		return
	}
	src, dst := a.locate(&r.src, r), a.locate(&r.dst, r)
	reply, stated := r.dir == reverse, r.dir != unstated
	if !stated {
		reply = a.answers(src, dst, r)
	}
	port := r.dport
	if reply {
		src, dst, port = dst, src, r.sport
	}
	if src.svc >= 0 {
		src = a.unknownAddress(src.addr, asSource)
	}
	if dst.svc >= 0 {
		dst, port = a.behind(dst, r.proto, port)
	}
	se, de := &a.ends[src.end], &a.ends[dst.end]
	if se.place == PlaceUnknown || de.place == PlaceUnknown {
		a.unplacedRecords++
		if se.place == PlaceUnknown {
			a.unplaced.add(unplacedKey{src.addr, nameOf(se, src.end), src.why}, 1)
		}
		if de.place == PlaceUnknown {
			a.unplaced.add(unplacedKey{dst.addr, nameOf(de, dst.end), dst.why}, 1)
		}
	}
	if se.place != PlaceWorkload && de.place != PlaceWorkload {
		a.ignored[elsewhere]++
		return
	}
	t := a.edge(src.end, dst.end, r.proto, port)
	if t == nil {
		a.lost++
		return
	}
	t.add(r, reply, stated)
}

func (t *tally) add(r *record, reply, stated bool) {
	n := r.count
	into := &t.count
	if reply {
		into = &t.replies
	}
	t.clamped = grow(into, n) || t.clamped
	if r.refused {
		t.clamped = grow(&t.refused, n) || t.clamped
	}
	t.clamped = grow(&t.bytes, r.bytes) || t.clamped
	t.stated = t.stated || stated
	if r.first != noTime {
		if t.first == noTime || r.first < t.first {
			t.first = r.first
		}
		t.last = max(t.last, r.last)
	}
}

// grow adds n, or stops at the largest number and returns true.
func grow(v *uint64, n uint64) bool {
	if *v > math.MaxUint64-n {
		*v = math.MaxUint64
		return true
	}
	*v += n
	return false
}

func nameOf(e *end, i int32) int32 {
	if e.addr.IsValid() || e.ref.IsCIDR() {
		return -1
	}
	return i
}

// edge returns the tally of an edge, or nil beyond the limit.
func (a *Aggregator) edge(src, dst int32, proto segment.Protocol, port uint16) *tally {
	k := edgeKey{src, dst, port, proto}
	if i, ok := a.keys[k]; ok {
		return &a.edges[i]
	}
	folded := a.ends[src].ref.IsCIDR() && a.ends[src].place != PlaceNode || a.ends[dst].ref.IsCIDR() && a.ends[dst].place != PlaceNode
	if !folded && (a.ends[src].addr.IsValid() || a.ends[dst].addr.IsValid()) {
		group := k
		if a.ends[src].addr.IsValid() {
			group.src = -1
		} else {
			group.dst = -1
		}
		if n := a.peers[group]; int(n) < a.o.MaxPeers {
			if len(a.edges) < a.o.MaxEdges {
				a.peers[group] = n + 1
			}
		} else {
			if a.ends[src].addr.IsValid() {
				k.src = a.fold(a.ends[src].addr)
			} else {
				k.dst = a.fold(a.ends[dst].addr)
			}
			if i, ok := a.keys[k]; ok {
				return &a.edges[i]
			}
			folded = true
		}
	}
	if len(a.edges) >= a.o.MaxEdges {
		return nil
	}
	a.keys[k] = int32(len(a.edges)) //nolint:gosec // MaxEdges is at most 2³¹-1
	a.edges = append(a.edges, tally{key: k, first: noTime, last: noTime, folded: folded})
	return &a.edges[len(a.edges)-1]
}

// locate finds an end by the name that the record gives it, else by its address.
func (a *Aggregator) locate(p *endpoint, r *record) located {
	if p.named {
		return located{end: p.end, svc: -1, why: p.why, addr: p.addr}
	}
	i, ok := a.book.byAddr[p.addr]
	if !ok {
		return a.outsider(p.addr)
	}
	e := &a.book.entries[i]
	if len(e.tenures) == 0 {
		return located{svc: e.svc, addr: p.addr}
	}
	owner, why := e.at(r.first, r.last)
	if owner < 0 {
		return a.unknownAddress(p.addr, why)
	}
	return located{end: owner, svc: -1, why: a.ends[owner].why, addr: p.addr}
}

// slack is how far clocks of two machines may be apart, in nanoseconds.
const slack = int64(2 * time.Second)

// at returns who had the address from first to last, or -1. Without a time it
// must have had one owner only.
func (e *bookEntry) at(first, last int64) (int32, reason) {
	owner, whole := int32(-1), false
	for _, t := range e.tenures {
		if first != noTime && (t.from-slack > last || t.until+slack < first) {
			continue
		}
		if owner >= 0 && owner != t.end {
			return -1, twoOwners
		}
		owner = t.end
		whole = whole || first == noTime || t.from-slack <= first && last <= t.until+slack
	}
	if !whole {
		return -1, notThen
	}
	return owner, notInBook
}

// outsider returns the end of an address that the Book does not know.
func (a *Aggregator) outsider(addr netip.Addr) located {
	i, ok := a.addrs[addr]
	if !ok {
		if len(a.addrs) >= a.o.MaxAddresses {
			i = a.fold(addr)
		} else {
			place := PlaceUnknown
			if segment.Public(addr) {
				place = PlaceOutside
			}
			i = a.newEnd(end{addr: addr, place: place})
			a.addrs[addr] = i
		}
	}
	return located{end: i, svc: -1, addr: addr}
}

// unknownAddress returns the end of an address of the Book whose owner is not certain.
func (a *Aggregator) unknownAddress(addr netip.Addr, why reason) located {
	i, ok := a.addrs[addr]
	if !ok { // as many as the Book has addresses
		i = a.newEnd(end{addr: addr, place: PlaceUnknown})
		a.addrs[addr] = i
	}
	return located{end: i, svc: -1, why: why, addr: addr}
}

func (a *Aggregator) newEnd(e end) int32 {
	a.ends = append(a.ends, e)
	return int32(len(a.ends) - 1) //nolint:gosec // bounded by MaxAddresses, MaxNames and the Book
}

// fold returns the end of the range that stands for an address that is one of too many.
func (a *Aggregator) fold(addr netip.Addr) int32 {
	e := end{place: PlaceOutside, ref: ident.Ref{CIDR: ident.Internet}}
	if _, known := a.book.byAddr[addr]; known || !segment.Public(addr) {
		e.place, e.ref.CIDR = PlaceUnknown, rangeOf(addr)
	}
	if i, ok := a.folds[e.ref]; ok {
		return i
	}
	i := a.newEnd(e)
	a.folds[e.ref] = i
	return i
}

// rangeOf returns the block of RFC 1918, RFC 6598, RFC 3927 or RFC 4193 that an
// address is in, else all addresses of its family.
func rangeOf(addr netip.Addr) string {
	for _, p := range [...]netip.Prefix{
		netip.PrefixFrom(netip.AddrFrom4([4]byte{10}), 8), netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16}), 12),
		netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168}), 16), netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10),
		netip.PrefixFrom(netip.AddrFrom4([4]byte{169, 254}), 16),
		netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfc}), 7), netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfe, 0x80}), 10),
	} {
		if p.Contains(addr) {
			return p.String()
		}
	}
	if addr.Is4() {
		return "0.0.0.0/0"
	}
	return "::/0"
}

// behind returns the workload that a Service's port leads to, if it is certain.
func (a *Aggregator) behind(l located, proto segment.Protocol, port uint16) (located, uint16) {
	svc := &a.book.svcs[l.svc]
	if svc.end >= 0 {
		for _, p := range svc.ports {
			if p.proto == proto && p.port == port && p.targetPort != 0 {
				return located{end: svc.end, svc: -1, addr: l.addr}, p.targetPort
			}
		}
	}
	return a.unknownAddress(l.addr, manyBehind), port
}

// answers reports whether a record that does not say who opened the connection
// is of its answers: the end that is known to listen on its port serves, else
// the one with the lower port; with equal ports the record is taken as it stands.
func (a *Aggregator) answers(src, dst located, r *record) bool {
	s, d := a.listens(src, r.sport, r.proto), a.listens(dst, r.dport, r.proto)
	if s != d {
		return s
	}
	return r.sport < r.dport
}

func (a *Aggregator) listens(l located, port uint16, proto segment.Protocol) bool {
	if l.svc >= 0 {
		return slices.ContainsFunc(a.book.svcs[l.svc].ports, func(p servicePort) bool { return p.proto == proto && p.port == port })
	}
	if a.ends[l.end].place != PlaceWorkload {
		return false
	}
	_, ok := a.book.listens[listenKey{l.end, port, proto}]
	return ok
}

func isGroup(a netip.Addr) bool {
	return a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// byName finds the end of a key of the Book's names or pods.
func (a *Aggregator) byName(m map[string]int32, key []byte, p *endpoint) bool {
	i, ok := m[string(key)]
	switch {
	case !ok:
		return false
	case i == ambiguous:
		p.end, p.why, p.named = a.stranger(key, nameTwice), nameTwice, true
	default:
		p.end, p.named = i, true
	}
	return true
}

// longestName is longer than ns/Kind/name can be: 63, 63 and 253 characters and a cluster's.
const longestName = 512

// stranger returns the end of a name, ns/name or ns/Kind/name, that is no certain workload.
func (a *Aggregator) stranger(key []byte, why reason) int32 {
	if i, ok := a.names[string(key)]; ok {
		return i
	}
	if len(a.names) >= a.o.MaxNames || len(key) > longestName {
		return a.fewer()
	}
	text := string(key)
	e := end{place: PlaceUnknown, why: why}
	e.ref.Namespace, e.ref.Name, _ = strings.Cut(text, "/")
	if c, ns, ok := strings.Cut(e.ref.Namespace, ":"); ok {
		e.ref.Cluster, e.ref.Namespace = c, ns
	}
	if kind, name, ok := strings.Cut(e.ref.Name, "/"); ok {
		e.ref.Kind, e.ref.Name = kind, name
	}
	i := a.newEnd(e)
	a.names[text] = i
	return i
}

// fewer is the end of all names beyond the limit.
func (a *Aggregator) fewer() int32 {
	r := ident.Ref{Namespace: "*", Name: "*"}
	if i, ok := a.folds[r]; ok {
		return i
	}
	i := a.newEnd(end{ref: r, place: PlaceUnknown, why: nameUnknown})
	a.folds[r] = i
	return i
}

// Observed returns what was read so far. The Aggregator may be used further.
func (a *Aggregator) Observed() *Observed {
	o := &Observed{
		Records: a.records, Undated: a.undated, Lost: a.lost, UnplacedRecords: a.unplacedRecords,
		StartsUnknown: a.book.startsUnknown, Edges: make([]Edge, 0, len(a.edges)), Sources: slices.Clone(a.sources),
	}
	refs := make([]ident.Ref, len(a.ends))
	for i := range a.ends {
		if refs[i] = a.ends[i].ref; a.ends[i].addr.IsValid() {
			refs[i] = addressRef(a.ends[i].addr)
		}
	}
	for i := range a.edges {
		t := &a.edges[i]
		k := t.key
		o.Edges = append(o.Edges, Edge{
			Src: refs[k.src], Dst: refs[k.dst], SrcPlace: a.ends[k.src].place, DstPlace: a.ends[k.dst].place, Protocol: k.proto, Port: k.port,
			Count: t.count, Replies: t.replies, Refused: t.refused, Bytes: t.bytes, First: timeOf(t.first), Last: timeOf(t.last),
			Guessed: !t.stated, Folded: t.folded, Clamped: t.clamped,
		})
	}
	for i, n := range a.ignored {
		if n > 0 {
			o.Ignored = append(o.Ignored, Ignored{ignoredTexts[i], n})
		}
	}
	for i, n := range a.protocols {
		if n > 0 {
			o.Ignored = append(o.Ignored, Ignored{"protocol " + protocolName(i), n})
		}
	}
	for _, s := range o.Sources {
		grow(&o.Faulty, s.Faulty)
		grow(&o.Missed, s.Missed)
		if !s.First.IsZero() && (o.From.IsZero() || s.First.Before(o.From)) {
			o.From = s.First
		}
		if s.Last.After(o.To) {
			o.To = s.Last
		}
	}
	for _, u := range a.unplaced.top() {
		name := u.key.addr.String()
		if u.key.name >= 0 {
			name = refs[u.key.name].String()
		}
		o.Unplaced = append(o.Unplaced, Unplaced{Name: name, Reason: reasonTexts[u.key.why], Count: u.count, Over: u.over})
	}
	o.Gaps = a.gaps()
	o.index()
	return o
}

func protocolName(n int) string {
	switch n { // IANA, Assigned Internet Protocol Numbers
	case 0:
		return "that is not named"
	case 1:
		return "ICMP"
	case 2:
		return "IGMP"
	case 4:
		return "IPv4 in IP"
	case 41:
		return "IPv6 in IP"
	case 47:
		return "GRE"
	case 50:
		return "ESP"
	case 51:
		return "AH"
	case 58:
		return "ICMPv6"
	case 112:
		return "VRRP"
	case 136:
		return "UDP-Lite"
	}
	return "number " + strconv.Itoa(n)
}
