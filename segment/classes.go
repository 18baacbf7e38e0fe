package segment

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// class is a set of endpoints that no rule tells apart, or a cell of external
// addresses.
type class struct {
	rep     int // an endpoint of it; -1 for external addresses
	cell    int // of external addresses; -1 for endpoints
	ns      int
	cluster int
	host    bool // on the host network and treated as the node
	node    string
	size    int // endpoints; none: nothing is in it, and nothing is said about it
}

// vocabulary is what rules can ask about an endpoint.
type vocabulary struct {
	keys      []string // pod label keys, sorted
	named     []namedUse
	addresses *addressSpace
	blocks    []netip.Prefix // that rules and ways in name
	// nodeAddresses cut the addresses, too: a node and its own pods may be free.
	nodeAddresses []nodeAddress
	// podAddresses is true where some rule compares pod addresses.
	podAddresses bool
	// nodes is true where the node of a pod can change a verdict.
	nodes bool
	// families are assumed for an endpoint without a known address.
	families []bool // IPv4, IPv6
}

// classify groups endpoints, then lists the external cells. Some class numbers
// of either kind are left unused, for what Apply adds.
func classify(p *projection, m *Model, clusterOf []int) (classes []class, classOf []uint32, pods int) {
	classes = make([]class, 0, len(m.Workloads)+len(p.v.addresses.cells))
	classOf = make([]uint32, len(m.Endpoints))
	var key []byte
	for i := range m.Endpoints {
		e := &m.Endpoints[i]
		key = p.endpoint(key[:0], e)
		c, ok := p.index[string(key)]
		if !ok {
			c = uint32(len(classes)) //nolint:gosec // fewer classes than endpoints, which Build limits
			p.index[string(key)] = c
			classes = append(classes, p.class(e, i, clusterOf))
		}
		classes[c].size++
		classOf[i] = c
	}
	classes = append(classes, slices.Repeat([]class{unusedClass()}, spare(len(classes)))...)
	pods = len(classes)
	for i, cell := range p.v.addresses.cells {
		if len(cell.parts) > 0 {
			classes = append(classes, class{rep: -1, cell: i, ns: -1, cluster: -1, size: 1})
		}
	}
	classes = append(classes, slices.Repeat([]class{unusedClass()}, spare(len(classes)-pods))...)
	return classes, classOf, pods
}

// spare is how many class numbers are left unused beside n of a kind. When they
// are used up, Apply compiles anew, which takes hundreds of times as long where
// there are many; where there are few, unused ones would be most of a graph.
func spare(n int) int { return min(max(n, 32), 512) + n/16 }

func unusedClass() class { return class{rep: -1, cell: -1, ns: -1, cluster: -1} }

// projection groups endpoints by what rules can ask about them: the namespace,
// whether it is on the host network (and on which node), its labels on the keys
// in use, its ports with names in use, the cells of its addresses where a rule
// can ask for them, and its workload where nodes matter.
type projection struct {
	v       *vocabulary
	profile *Profile
	keys    map[string]int
	index   map[string]uint32 // what it writes → class
	used    []int
}

func newProjection(v *vocabulary, profile *Profile, size int) *projection {
	p := &projection{v: v, profile: profile, keys: make(map[string]int, len(v.keys)), index: make(map[string]uint32, size)}
	for i, k := range v.keys {
		p.keys[k] = i
	}
	return p
}

func (p *projection) onHost(e *Endpoint) bool { return e.HostNetwork && !p.profile.HostNetworkPoliced }

// class makes the class of an endpoint.
func (p *projection) class(e *Endpoint, i int, clusterOf []int) class {
	c := class{rep: i, cell: -1, ns: e.Namespace, cluster: clusterOf[e.Namespace], host: p.onHost(e)}
	if c.host {
		c.node = e.Node
	}
	return c
}

// endpoint appends the projection of an endpoint.
func (p *projection) endpoint(key []byte, e *Endpoint) []byte {
	v := p.v
	host := p.onHost(e)
	key = binary.AppendUvarint(key, uint64(e.Namespace)) //nolint:gosec // an index
	if host {
		key = append(key, 1)
		key = appendString(key, e.Node)
	} else {
		key = append(key, 0)
	}
	if v.nodes {
		// Pods of two workloads stay apart: on which nodes a class is decides for
		// every workload that has pods in it.
		key = binary.AppendUvarint(key, uint64(e.Workload)) //nolint:gosec // an index
	}
	key = append(p.labels(key, e.Labels), 0)
	for u := range v.named {
		for _, np := range e.Ports {
			if v.named[u].matches(np) {
				key = binary.AppendUvarint(key, uint64(u)+1) //nolint:gosec // an index
				key = append(key, byte(np.Protocol)<<1|flag(np.Doubt != ""), byte(np.Number>>8), byte(np.Number))
			}
		}
	}
	key = append(key, 0)
	if v.podAddresses || host {
		cells := make([]int, 0, len(e.IPs))
		for _, a := range e.IPs {
			cells = append(cells, v.addresses.cellOf(a))
		}
		slices.Sort(cells)
		for _, c := range slices.Compact(cells) {
			key = binary.AppendUvarint(key, uint64(c)+1) //nolint:gosec // an index
		}
	}
	return key
}

// labels appends the labels that policies ask about in the order of keys, going over whichever is fewer: the
// keys in use, or the labels.
func (p *projection) labels(b []byte, labels map[string]string) []byte {
	p.used = p.used[:0]
	if len(labels) < len(p.v.keys) {
		for k := range labels {
			if i, ok := p.keys[k]; ok {
				p.used = append(p.used, i)
			}
		}
		slices.Sort(p.used)
	} else {
		for i, k := range p.v.keys {
			if _, ok := labels[k]; ok {
				p.used = append(p.used, i)
			}
		}
	}
	for _, i := range p.used {
		b = binary.AppendUvarint(b, uint64(i)+1) //nolint:gosec // an index
		b = appendString(b, labels[p.v.keys[i]])
	}
	return b
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// collect finds everything that rules ask about.
func collect(m *Model) *vocabulary {
	v := &vocabulary{}
	keys := make(map[string]bool)
	named := make(map[namedUse]bool)
	nodes := make(map[string]bool) // clusters whose nodes are peers
	var blocks []netip.Prefix
	use := func(s Selector) {
		for _, r := range s {
			keys[r.Key] = true
		}
	}
	for i := range m.Policies {
		p := &m.Policies[i]
		use(p.Subject.Pods)
		for _, rules := range p.Rules {
			for r := range rules {
				for j := range rules[r].Peers {
					peer := &rules[r].Peers[j]
					switch peer.Kind {
					case PeerPods:
						use(peer.Pods.Pods)
					case PeerCIDR:
						blocks = append(blocks, peer.CIDR)
						blocks = append(blocks, peer.Except...)
						v.podAddresses = v.podAddresses || peer.MatchesPods
					case PeerNodes:
						if !nodes[p.Cluster] {
							nodes[p.Cluster] = true
							blocks = m.appendNodeBlocks(blocks, p.Cluster)
						}
					}
				}
				for _, pm := range rules[r].Ports {
					if pm.Name != "" {
						named[namedUse{name: pm.Name, proto: pm.Protocol, any: pm.AnyProtocol}] = true
					}
				}
			}
		}
	}
	for i := range m.Taints {
		use(m.Taints[i].Pods)
	}
	for i := range m.Entries {
		blocks = append(blocks, m.Entries[i].Sources...)
	}
	for k := range keys {
		v.keys = append(v.keys, k)
	}
	slices.Sort(v.keys)
	for u := range named {
		v.named = append(v.named, u)
	}
	slices.SortFunc(v.named, compareNamed)
	v.blocks, v.nodeAddresses = blocks, m.nodeAddresses()
	v.addresses = v.cut()
	v.families = families(m)
	v.nodes = m.nodesMatter(v.nodeAddresses)
	return v
}

// cut cuts the addresses by everything that tells some from others.
func (v *vocabulary) cut() *addressSpace {
	nodes := make([]netip.Prefix, len(v.nodeAddresses))
	for i, x := range v.nodeAddresses {
		nodes[i] = netip.PrefixFrom(x.addr, x.addr.BitLen())
	}
	as := newAddressSpace(slices.Concat(v.blocks, nodes))
	as.markUnnamed(v.blocks)
	return as
}

// appendNodeBlocks appends the addresses of a cluster's nodes, each as a block.
func (m *Model) appendNodeBlocks(out []netip.Prefix, cluster string) []netip.Prefix {
	for i := range m.Nodes {
		if m.Nodes[i].Cluster != cluster {
			continue
		}
		for _, a := range m.Nodes[i].IPs {
			a = a.Unmap().WithZone("")
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return out
}

func compareNamed(a, b namedUse) int {
	switch {
	case a.name < b.name:
		return -1
	case a.name > b.name:
		return 1
	case a.proto != b.proto:
		return int(a.proto) - int(b.proto)
	case a.any == b.any:
		return 0
	case a.any:
		return 1
	}
	return -1
}

// families are those of the addresses that the input shows; IPv4 where it shows
// none, which is what a cluster has unless it was configured otherwise.
func families(m *Model) []bool {
	f := []bool{false, false}
	see := func(addrs []netip.Addr) {
		for _, a := range addrs {
			if a.Unmap().Is4() {
				f[0] = true
			} else {
				f[1] = true
			}
		}
	}
	for i := range m.Endpoints {
		see(m.Endpoints[i].IPs)
	}
	for i := range m.Nodes {
		see(m.Nodes[i].IPs)
	}
	if !f[0] && !f[1] {
		f[0] = true
	}
	return f
}
