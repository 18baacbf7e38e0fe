package flow

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Tenure is the time in which a workload, or one of its pods, had an address.
type Tenure struct {
	Address     netip.Addr
	From, Until time.Time // half open; zero: not limited
	Owner       ident.Ref // as ns/Kind/name, or ns/name where that is one workload
}

// BookOptions say what a Book is made of beside the estate.
type BookOptions struct {
	// Cluster is the one whose addresses and names the records mean; "" is all that
	// the estate holds. Where two clusters use one address it is then unknown.
	Cluster string
	// History holds earlier owners of addresses; ReadAddresses reads it from a file.
	History []Tenure
}

// Book tells which workload an address or a name meant at a time. It is
// immutable.
type Book struct {
	ends    []end // workloads first
	index   map[ident.Ref]int32
	byAddr  map[netip.Addr]int32 // into entries
	entries []bookEntry
	names   map[string]int32 // ns/name and ns/Kind/name of workloads → end, or ambiguous
	pods    map[string]int32 // ns/name of pods
	// clusters are the names that the estate gives its clusters, without "".
	clusters map[string]struct{}
	listens  map[listenKey]struct{}
	svcs     []bookService
	slices   map[[3]string][]*estate.EndpointSlice // by cluster, namespace, Service
	podAt    map[clusterAddress]*estate.Workload   // nil: several have the address, or a node has
	// startsUnknown counts the tenures of pods without a beginning.
	startsUnknown int
	unmatched     []ident.Ref
}

// ambiguous is in place of an end where a name means several.
const ambiguous = -2

// always are the bounds of a tenure that is not limited.
const (
	alwaysFrom  = -1 << 62
	alwaysUntil = 1 << 62
)

type end struct {
	ref   ident.Ref
	addr  netip.Addr // instead of ref, for one address
	place Place
	why   reason
}

type tenure struct {
	from, until int64 // Unix nanoseconds
	end         int32
}

type bookEntry struct {
	tenures []tenure
	svc     int32 // into svcs; -1: none
}

type listenKey struct {
	end   int32
	port  uint16
	proto segment.Protocol
}

type bookService struct {
	end   int32 // the one workload behind it, or -1
	ports []servicePort
}

type servicePort struct {
	proto            segment.Protocol
	port, targetPort uint16 // targetPort 0: it differs between pods, or is not known
}

// NewBook reads who has which address from an estate: pods on their own
// network, nodes, and Services, which stand for their workload where that is one.
func NewBook(e *estate.Estate, o BookOptions) *Book {
	b := &Book{
		index: map[ident.Ref]int32{}, byAddr: map[netip.Addr]int32{}, names: map[string]int32{}, pods: map[string]int32{},
		listens: map[listenKey]struct{}{}, clusters: map[string]struct{}{},
	}
	if e == nil {
		e = &estate.Estate{}
	}
	in := func(cluster string) bool { return o.Cluster == "" || cluster == o.Cluster }
	for _, w := range e.Workloads {
		if in(w.Ref.Cluster) {
			b.workload(w.Ref)
		}
	}
	for _, p := range e.Pods {
		if in(p.Cluster) {
			b.pod(p)
		}
	}
	for _, w := range e.Workloads {
		if in(w.Ref.Cluster) && w.Template != nil {
			b.listening(b.workload(w.Ref), &w.Template.Spec)
		}
	}
	for _, n := range e.Nodes {
		if in(n.Cluster) {
			for _, a := range n.IPs {
				b.node(a)
			}
		}
	}
	b.indexSlices(e)
	for _, s := range e.Services {
		if in(s.Cluster) {
			b.service(e, s)
		}
	}
	b.slices, b.podAt = nil, nil
	for _, t := range o.History {
		b.tenureOf(t)
	}
	return b
}

// Unmatched lists the owners in BookOptions.History that are no workload of the
// estate. Their addresses are then known to have been somebody else's.
func (b *Book) Unmatched() []ident.Ref { return b.unmatched }

func (b *Book) workload(r ident.Ref) int32 {
	if i, ok := b.index[r]; ok {
		return i
	}
	i := int32(len(b.ends)) //nolint:gosec // estates are limited far below 2³¹ objects
	b.ends = append(b.ends, end{ref: r, place: PlaceWorkload})
	b.index[r] = i
	for _, key := range []string{r.Namespace + "/" + r.Name, r.Namespace + "/" + strings.ToLower(r.Kind) + "/" + r.Name} {
		claim(b.names, key, i)
		if r.Cluster != "" {
			claim(b.names, r.Cluster+":"+key, i)
			b.clusters[r.Cluster] = struct{}{}
		}
	}
	return i
}

func claim(m map[string]int32, key string, i int32) {
	if old, ok := m[key]; ok && old != i {
		i = ambiguous
	}
	m[key] = i
}

func (b *Book) pod(p *estate.Pod) {
	if p.Workload == nil {
		return
	}
	w := b.workload(p.Workload.Ref)
	claim(b.pods, p.Namespace+"/"+p.Name, w)
	if p.Cluster != "" {
		claim(b.pods, p.Cluster+":"+p.Namespace+"/"+p.Name, w)
	}
	b.listening(w, &p.Spec)
	if p.Spec.HostNetwork {
		for _, a := range p.IPs {
			b.node(a) // its address is its node's
		}
		return
	}
	if p.Finished() {
		return // another pod may have the address by now
	}
	from := int64(alwaysFrom)
	if nano, ok := unixNano(p.Started); ok {
		from = nano
	} else if len(p.IPs) > 0 {
		b.startsUnknown++
	}
	for _, a := range p.IPs {
		b.hold(a, tenure{from, alwaysUntil, w})
	}
}

// unixNano returns a time as nanoseconds, if it is one that records can have.
func unixNano(t time.Time) (int64, bool) {
	if y := t.Year(); y < firstYear || y > lastYear {
		return 0, false
	}
	return t.UnixNano(), true
}

func (b *Book) listening(w int32, s *estate.PodSpec) {
	for _, c := range s.Containers {
		for _, p := range c.Ports {
			if proto, ok := segment.ParseProtocol(p.Protocol); ok && p.Port != 0 {
				b.listens[listenKey{w, p.Port, proto}] = struct{}{}
			}
		}
	}
}

func (b *Book) node(a netip.Addr) {
	a = plain(a)
	r := addressRef(a)
	i, ok := b.index[r]
	if !ok {
		i = int32(len(b.ends)) //nolint:gosec // as above
		b.ends = append(b.ends, end{ref: r, place: PlaceNode})
		b.index[r] = i
	}
	b.hold(a, tenure{alwaysFrom, alwaysUntil, i})
}

func (b *Book) entry(a netip.Addr) *bookEntry {
	i, ok := b.byAddr[a]
	if !ok {
		i = int32(len(b.entries)) //nolint:gosec // as above
		b.entries = append(b.entries, bookEntry{svc: -1})
		b.byAddr[a] = i
	}
	return &b.entries[i]
}

func (b *Book) hold(a netip.Addr, t tenure) {
	if a = plain(a); !a.IsValid() || a.IsUnspecified() {
		return
	}
	if e := b.entry(a); !slices.Contains(e.tenures, t) {
		e.tenures = append(e.tenures, t)
	}
}

func (b *Book) tenureOf(t Tenure) {
	x := tenure{alwaysFrom, alwaysUntil, -1}
	if nano, ok := unixNano(t.From); ok {
		x.from = nano
	}
	if nano, ok := unixNano(t.Until); ok {
		x.until = nano - 1
	}
	if x.until < x.from {
		return
	}
	key := t.Owner.Namespace + "/" + t.Owner.Name
	if t.Owner.Kind != "" {
		key = t.Owner.Namespace + "/" + strings.ToLower(t.Owner.Kind) + "/" + t.Owner.Name
	}
	if t.Owner.Cluster != "" {
		key = t.Owner.Cluster + ":" + key
	}
	i, ok := b.names[key]
	if !ok || i == ambiguous {
		// Somebody who is not in the estate had it: enough to know that others had not.
		if i, ok = b.index[t.Owner]; !ok {
			i = int32(len(b.ends)) //nolint:gosec // as above
			b.ends = append(b.ends, end{ref: t.Owner, place: PlaceUnknown, why: nameUnknown})
			b.index[t.Owner] = i
			b.unmatched = append(b.unmatched, t.Owner)
		}
	}
	x.end = i
	b.hold(t.Address, x)
}

// service enters the addresses of a Service with the workload behind it, if its
// selector picks pods or templates of exactly one.
func (b *Book) service(e *estate.Estate, s *estate.Service) {
	var addrs []netip.Addr
	for _, list := range [][]string{s.ClusterIPs, s.ExternalIPs, s.LoadBalancerIPs} {
		for _, text := range list {
			if a, err := netip.ParseAddr(text); err == nil { // "None" is no address
				addrs = append(addrs, plain(a))
			}
		}
	}
	svc := bookService{end: -1}
	behind, certain := b.serving(e, s)
	for _, p := range s.Ports {
		proto, ok := segment.ParseProtocol(p.Protocol)
		if !ok {
			continue
		}
		sp := servicePort{proto: proto, port: p.Port}
		for i, w := range behind {
			to := w.target(p, proto)
			if to != 0 {
				b.listens[listenKey{b.workload(w.of.Ref), to, proto}] = struct{}{}
			}
			if i > 0 && to != sp.targetPort {
				to = 0
			}
			sp.targetPort = to
		}
		svc.ports = append(svc.ports, sp)
	}
	if certain && len(behind) == 1 {
		svc.end = b.workload(behind[0].of.Ref)
	}
	if len(addrs) == 0 {
		return
	}
	b.svcs = append(b.svcs, svc)
	for _, a := range addrs {
		en := b.entry(a)
		if en.svc >= 0 { // two Services share it, as load balancers do
			b.svcs = append(b.svcs, bookService{end: -1})
		}
		en.svc = int32(len(b.svcs) - 1) //nolint:gosec // as above
	}
}

// selects reports whether a Service's selector picks pods of w.
func selects(selector map[string]string, w *estate.Workload) bool {
	has := func(labels map[string]string) bool {
		for k, v := range selector {
			if got, ok := labels[k]; !ok || got != v {
				return false
			}
		}
		return true
	}
	if w.Template != nil && has(w.Template.Labels) {
		return true
	}
	return slices.ContainsFunc(w.Pods, func(p *estate.Pod) bool { return has(p.Labels) })
}

// target returns the port of w's pods that a Service port leads to; 0 where the
// name of it means several or none.
func target(w *estate.Workload, p estate.ServicePort, proto segment.Protocol) uint16 {
	if p.TargetName == "" {
		return cmp.Or(p.TargetPort, p.Port)
	}
	var found uint16
	many := false
	look := func(s *estate.PodSpec) {
		for _, c := range s.Containers {
			for _, cp := range c.Ports {
				if q, ok := segment.ParseProtocol(cp.Protocol); ok && q == proto && cp.Name == p.TargetName {
					many = many || found != 0 && found != cp.Port
					found = cp.Port
				}
			}
		}
	}
	if w.Template != nil {
		look(&w.Template.Spec)
	}
	for _, q := range w.Pods {
		look(&q.Spec)
	}
	if many {
		return 0
	}
	return found
}

// plain is an address as records are compared: IPv4 in IPv6 is IPv4, and zones mean nothing.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func addressRef(a netip.Addr) ident.Ref {
	return ident.Ref{CIDR: netip.PrefixFrom(a, a.BitLen()).String()}
}
