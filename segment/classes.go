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
}

// vocabulary is what rules can ask about an endpoint.
type vocabulary struct {
	keys      []string // pod label keys, sorted
	named     []namedUse
	addresses *addressSpace
	// podAddresses is true where some rule compares pod addresses.
	podAddresses bool
	// families are assumed for an endpoint without a known address.
	families []bool // IPv4, IPv6
}

// classify groups endpoints. The projection of an endpoint is its namespace,
// whether it is on the host network (and on which node), its labels on the keys
// in use, its ports with names in use, and the cells of its addresses where a
// rule can ask for them.
func classify(m *Model, v *vocabulary, clusterOf []int) (classes []class, classOf []uint32) {
	index := make(map[string]uint32, len(m.Workloads))
	classes = make([]class, 0, len(m.Workloads)+len(v.addresses.cells))
	classOf = make([]uint32, len(m.Endpoints))
	var key []byte
	p := projection{keys: make(map[string]int, len(v.keys)), v: v}
	for i, k := range v.keys {
		p.keys[k] = i
	}
	for i := range m.Endpoints {
		e := &m.Endpoints[i]
		host := e.HostNetwork && !m.Profile.HostNetworkPoliced
		key = binary.AppendUvarint(key[:0], uint64(e.Namespace)) //nolint:gosec // an index
		if host {
			key = append(key, 1)
			key = appendString(key, e.Node)
		} else {
			key = append(key, 0)
		}
		key = append(p.labels(key, e.Labels), 0)
		for u := range v.named {
			for _, p := range e.Ports {
				if v.named[u].matches(p) {
					key = binary.AppendUvarint(key, uint64(u)+1) //nolint:gosec // an index
					key = append(key, byte(p.Protocol), byte(p.Number>>8), byte(p.Number))
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
		c, ok := index[string(key)]
		if !ok {
			c = uint32(len(classes)) //nolint:gosec // fewer classes than endpoints, which Build limits
			index[string(key)] = c
			classes = append(classes, class{rep: i, cell: -1, ns: e.Namespace, cluster: clusterOf[e.Namespace], host: host})
			if host {
				classes[c].node = e.Node
			}
		}
		classOf[i] = c
	}
	for i, cell := range v.addresses.cells {
		if len(cell.parts) > 0 {
			classes = append(classes, class{rep: -1, cell: i, ns: -1, cluster: -1})
		}
	}
	return classes, classOf
}

// projection writes the labels that policies ask about.
type projection struct {
	v    *vocabulary
	keys map[string]int
	used []int
}

// labels appends them in the order of keys, going over whichever is fewer: the
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
	v.addresses = newAddressSpace(blocks)
	v.families = families(m)
	return v
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
