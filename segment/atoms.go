package segment

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// atom is one distinct peer and the classes it matches: certainly, and perhaps.
type atom struct {
	must  members
	maybe members // disjoint from must
}

func (a *atom) empty() bool { return a.size() == 0 }

// size counts the classes that it matches, certainly or perhaps.
func (a *atom) size() int { return a.must.n + a.maybe.n }

func (a *atom) classes() []uint32 { return a.maybe.appendTo(a.must.appendTo(nil)) }

// atoms resolves peers and subjects to classes, each distinct one once. It is
// the part of the compiler that Apply goes on with.
type atoms struct {
	m         *Model
	v         *vocabulary
	classes   []class
	pods      int // classes before the external ones
	list      []*atom
	defs      []definition // of list
	many      int          // peers of a rule beyond which they have one atom
	index     map[string]int
	byNS      [][]uint32 // pod classes by namespace
	byLabel   map[string]map[string][]uint32
	hosts     []uint32 // host-network classes
	cellClass []int    // cell → class, -1 if it has no addresses of its own
	nsByKey   map[string]nsMatch
	nsWith    map[labelled][]int // namespaces by label; under the zero label those that may have any
	buf       []byte
	nsIndex   map[[2]string]int
	nodes     map[[2]string]*Node // by cluster and name
	inNS      map[int][]int       // namespace → atoms of selectors in it
	elsewhere []int               // atoms that are not of one namespace
	filed     filed               // the same by what they ask for
}

// definition is what an atom was made from.
type definition struct {
	cluster string
	peer    Peer // of kind PeerPods for a subject
	// union, if not nil, is used instead of peer: whatever one of them matches.
	union []Peer
}

type nsMatch struct{ must, maybe []int }

func newAtoms(m *Model, v *vocabulary, classes []class, pods, many int) *atoms {
	a := &atoms{m: m, many: many, v: v, classes: classes, pods: pods, index: make(map[string]int), byNS: make([][]uint32, len(m.Namespaces)),
		byLabel: make(map[string]map[string][]uint32, len(v.keys)), nsByKey: make(map[string]nsMatch),
		nsIndex: make(map[[2]string]int, len(m.Namespaces)), inNS: make(map[int][]int)}
	for i, n := range m.Namespaces {
		a.nsIndex[[2]string{n.Cluster, n.Name}] = i
	}
	a.nodes = make(map[[2]string]*Node, len(m.Nodes))
	for i := range m.Nodes {
		a.nodes[[2]string{m.Nodes[i].Cluster, m.Nodes[i].Name}] = &m.Nodes[i]
	}
	for _, k := range v.keys {
		a.byLabel[k] = make(map[string][]uint32)
	}
	for c := range pods {
		if classes[c].rep >= 0 {
			a.file(c)
		}
	}
	a.fileCells()
	return a
}

// file makes a class of pods known to selectors.
func (a *atoms) file(c int) {
	id := uint32(c)        //nolint:gosec // Build limits the number of classes
	if a.classes[c].host { // no selector matches it
		a.hosts = append(a.hosts, id)
		return
	}
	a.byNS[a.classes[c].ns] = append(a.byNS[a.classes[c].ns], id)
	labels := a.m.Endpoints[a.classes[c].rep].Labels
	if len(labels) < len(a.v.keys) {
		for k, val := range labels {
			if of, ok := a.byLabel[k]; ok {
				of[val] = append(of[val], id)
			}
		}
		return
	}
	for _, k := range a.v.keys {
		if val, ok := labels[k]; ok {
			a.byLabel[k][val] = append(a.byLabel[k][val], id)
		}
	}
}

func (a *atoms) fileCells() {
	a.cellClass = slices.Repeat([]int{-1}, len(a.v.addresses.cells))
	for c := a.pods; c < len(a.classes); c++ {
		if cell := a.classes[c].cell; cell >= 0 {
			a.cellClass[cell] = c
		}
	}
}

// The first byte of an atom's key tells whether it is in doubt, and the second
// what it is of.
const (
	podsKey     = 'p'
	blockKeyFor = 'c'
	nodesKey    = 'n'
	domainKey   = 'd'
	unreadable  = 'u'
	anything    = '*'
	unionKey    = '|'
)

// peers returns the atoms of a rule's peers. A long list has one atom for all of
// them: blocks by the thousand, the addresses of a cloud say, would otherwise be
// looked through one by one for every pair of classes.
func (a *atoms) peers(cluster string, list []Peer) []int {
	if len(list) == 0 {
		return []int{a.everything()}
	}
	if len(list) > max(1, a.many) {
		b := a.buf[:0]
		b = append(b, unionKey)
		for i := range list {
			n := len(b)
			b = appendPeerKey(append(b, 0, 0, 0, 0), cluster, &list[i])
			binary.LittleEndian.PutUint32(b[n:], uint32(len(b)-n)) //nolint:gosec // far below 4 GiB
		}
		a.buf = b
		return []int{a.intern(b, definition{cluster: cluster, union: list})}
	}
	out := make([]int, len(list))
	for i := range list {
		out[i] = a.peer(cluster, &list[i])
	}
	return out
}

// peer returns the atom of a peer of a policy in a cluster.
func (a *atoms) peer(cluster string, p *Peer) int {
	a.buf = appendPeerKey(a.buf[:0], cluster, p)
	return a.intern(a.buf, definition{cluster: cluster, peer: *p})
}

// appendPeerKey writes what tells a peer from others.
func appendPeerKey(b []byte, cluster string, p *Peer) []byte {
	b = append(b, flag(p.Doubt != ""))
	switch p.Kind {
	case PeerPods:
		b = appendSelectorKey(append(b, podsKey), cluster, &p.Pods)
	case PeerCIDR:
		b = appendPrefix(append(b, blockKeyFor, flag(p.MatchesPods), flag(p.SkipsNodes)), p.CIDR)
		if len(p.Except) > 0 {
			for _, e := range sortedPrefixes(p.Except) {
				b = appendPrefix(b, e)
			}
		}
	case PeerNodes:
		b = p.Nodes.appendKey(appendString(append(b, nodesKey), cluster))
	case PeerDomain:
		b = append(b, domainKey)
	case PeerAny:
		b = append(b, anything)
	default:
		b = append(b, unreadable)
	}
	return b
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}

func appendPrefix(b []byte, p netip.Prefix) []byte {
	x := p.Addr().As16()
	if p.Addr().Is4() {
		b = append(b, 4)
	} else {
		b = append(b, 6)
	}
	return append(append(b, x[:]...), byte(p.Bits())) //nolint:gosec // at most 128
}

// everything is the atom of a rule without peers.
func (a *atoms) everything() int {
	return a.peer("", &Peer{Kind: PeerAny})
}

// subject returns the atom of a policy's subject.
func (a *atoms) subject(cluster string, s *PodSelector) int {
	return a.peer(cluster, &Peer{Kind: PeerPods, Pods: *s})
}

func (a *atoms) intern(key []byte, def definition) int {
	if i, ok := a.index[string(key)]; ok {
		return i
	}
	i := len(a.list)
	a.index[string(key)] = i
	at := a.resolve(&def)
	a.list, a.defs = append(a.list, &at), append(a.defs, def)
	if ns, ok := a.nsIndex[[2]string{def.cluster, def.peer.Pods.InNamespace}]; ok && def.union == nil && def.peer.Kind == PeerPods {
		a.inNS[ns] = append(a.inNS[ns], i)
	} else {
		a.elsewhere = append(a.elsewhere, i)
	}
	return i
}

// resolve finds the classes that a definition matches.
func (a *atoms) resolve(def *definition) atom {
	if def.union != nil {
		return a.united(def)
	}
	at := a.described(def)
	if def.peer.Doubt == "" || at.must.empty() {
		return at
	}
	ids := at.classes()
	slices.Sort(ids)
	return atom{maybe: makeMembers(ids, len(a.classes))}
}

// united finds the classes that one of a definition's peers matches.
func (a *atoms) united(def *definition) atom {
	var must, maybe []uint32
	for i := range def.union {
		at := a.resolve(&definition{cluster: def.cluster, peer: def.union[i]})
		must, maybe = at.must.appendTo(must), at.maybe.appendTo(maybe)
	}
	slices.Sort(must)
	slices.Sort(maybe)
	must = slices.Compact(must)
	maybe = slices.DeleteFunc(slices.Compact(maybe), func(c uint32) bool { _, ok := slices.BinarySearch(must, c); return ok })
	return atom{must: makeMembers(must, len(a.classes)), maybe: makeMembers(maybe, len(a.classes))}
}

// described finds the classes that a definition's fields describe, whether or
// not the peer is in doubt.
func (a *atoms) described(def *definition) atom {
	p := &def.peer
	switch p.Kind {
	case PeerAny, PeerUnreadable:
		ids := make([]uint32, len(a.classes))
		for c := range ids {
			ids[c] = uint32(c) //nolint:gosec // Build limits the number of classes
		}
		if p.Kind == PeerUnreadable {
			return atom{maybe: makeMembers(ids, len(a.classes))}
		}
		return atom{must: makeMembers(ids, len(a.classes))}
	case PeerPods:
		return a.selected(def.cluster, &p.Pods)
	case PeerCIDR:
		return a.block(p)
	case PeerNodes:
		var must, maybe []uint32
		for _, c := range a.hosts {
			switch a.onNode(def, &a.classes[c]) {
			case Yes:
				must = append(must, c)
			case Maybe:
				maybe = append(maybe, c)
			}
		}
		must, maybe = a.nodeCells(def, must, maybe)
		return atom{must: makeMembers(must, len(a.classes)), maybe: makeMembers(maybe, len(a.classes))}
	}
	var cells []uint32 // domain names
	for _, c := range a.cellClass {
		if c >= 0 {
			cells = append(cells, uint32(c)) //nolint:gosec // Build limits the number of classes
		}
	}
	slices.Sort(cells)
	return atom{maybe: makeMembers(cells, len(a.classes))}
}

// match says whether a definition matches one class of pods.
func (a *atoms) match(def *definition, c *class) Answer {
	if def.union != nil {
		best := No
		for i := range def.union {
			switch a.match(&definition{cluster: def.cluster, peer: def.union[i]}, c) {
			case Yes:
				return Yes
			case Maybe:
				best = Maybe
			}
		}
		return best
	}
	m := a.describes(def, c)
	if m == Yes && def.peer.Doubt != "" {
		return Maybe
	}
	return m
}

// describes says whether a definition's fields describe one class of pods.
func (a *atoms) describes(def *definition, c *class) Answer {
	p := &def.peer
	e := &a.m.Endpoints[c.rep]
	switch {
	case p.Kind == PeerAny:
		return Yes
	case p.Kind == PeerUnreadable:
		return Maybe
	case p.Kind == PeerNodes && c.host:
		return a.onNode(def, c)
	case p.Kind == PeerCIDR && p.compares(c.host):
		return a.addressed(e, p)
	case p.Kind != PeerPods || c.host || !p.Pods.Pods.Matches(e.Labels):
		return No
	}
	n := &a.m.Namespaces[c.ns]
	switch {
	case n.Cluster != def.cluster:
		return No
	case p.Pods.InNamespace == "":
		return namespaceMatches(n, p.Pods.Namespaces)
	case p.Pods.InNamespace == n.Name:
		return Yes
	}
	return No
}

// compares reports whether a block is compared with the addresses of
// host-network pods, or with those of the others.
func (p *Peer) compares(host bool) bool { return host && !p.SkipsNodes || !host && p.MatchesPods }

// nodeCells appends the cells that are addresses of the nodes that a peer
// selects (ClusterNetworkPolicyEgressPeer, field nodes: by "the IPs present in
// the node.Status.Addresses"). Where a node's addresses are not known, or the
// input shows no node at all, any address that is not on the public internet may
// be one.
func (a *atoms) nodeCells(def *definition, must, maybe []uint32) (all, perhaps []uint32) {
	seen, unknown := false, false
	var own []uint32
	for i := range a.m.Nodes {
		n := &a.m.Nodes[i]
		if n.Cluster != def.cluster {
			continue
		}
		seen = true
		if !def.peer.Nodes.Matches(n.Labels) {
			continue
		}
		unknown = unknown || len(n.IPs) == 0
		for _, ip := range n.IPs {
			cell := a.v.addresses.cellOf(ip) // of this address alone: see appendNodeBlocks
			if c := a.cellClass[cell]; c >= 0 && a.v.addresses.cells[cell].block.IsSingleIP() {
				own = append(own, uint32(c)) //nolint:gosec // Build limits the number of classes
			}
		}
	}
	slices.Sort(own)
	own = slices.Compact(own)
	if !unknown && seen {
		return append(must, own...), maybe
	}
	var rest []uint32
	for i, c := range a.cellClass {
		if c < 0 || a.v.addresses.cells[i].public {
			continue
		}
		if _, certain := slices.BinarySearch(own, uint32(c)); !certain { //nolint:gosec // Build limits the number of classes
			rest = append(rest, uint32(c)) //nolint:gosec // Build limits the number of classes
		}
	}
	slices.Sort(rest)
	return append(must, own...), append(maybe, rest...)
}

// onNode says whether a host-network class runs on a node that a peer selects.
func (a *atoms) onNode(def *definition, c *class) Answer {
	n := &a.m.Namespaces[c.ns]
	switch {
	case n.Cluster != def.cluster:
		return No
	case len(def.peer.Nodes) == 0:
		return Yes
	}
	node := a.nodes[[2]string{def.cluster, c.node}]
	switch {
	case node == nil:
		return Maybe
	case def.peer.Nodes.Matches(node.Labels):
		return Yes
	}
	return No
}

func appendSelectorKey(b []byte, cluster string, s *PodSelector) []byte {
	b = appendString(b, cluster)
	if s.InNamespace != "" {
		b = appendString(append(b, '='), s.InNamespace)
	} else {
		b = append(s.Namespaces.appendKey(append(b, '~')), '/')
	}
	return s.Pods.appendKey(b)
}

func sortedPrefixes(ps []netip.Prefix) []netip.Prefix {
	ps = slices.Clone(ps)
	slices.SortFunc(ps, comparePrefix)
	return slices.Compact(ps)
}

// namespaces returns the namespaces of a cluster that a selector matches.
func (a *atoms) namespaces(cluster string, s *PodSelector) nsMatch {
	if s.InNamespace != "" {
		if i, ok := a.nsIndex[[2]string{cluster, s.InNamespace}]; ok {
			return nsMatch{must: []int{i}}
		}
		return nsMatch{}
	}
	key := string(s.Namespaces.appendKey(appendString(nil, cluster)))
	if m, ok := a.nsByKey[key]; ok {
		return m
	}
	var m nsMatch
	match := func(i int) {
		n := &a.m.Namespaces[i]
		if n.Cluster != cluster {
			return
		}
		switch namespaceMatches(n, s.Namespaces) {
		case Yes:
			m.must = append(m.must, i)
		case Maybe:
			m.maybe = append(m.maybe, i)
		}
	}
	if wanted := s.Namespaces.values(); len(wanted) > 0 && len(wanted) <= maxWanted {
		a.fileNamespaces()
		var some []int
		for _, w := range wanted {
			some = append(some, a.nsWith[w]...)
		}
		some = append(some, a.nsWith[labelled{}]...)
		slices.Sort(some)
		for _, i := range slices.Compact(some) {
			match(i)
		}
	} else {
		for i := range a.m.Namespaces {
			match(i)
		}
	}
	a.nsByKey[key] = m
	return m
}

// fileNamespaces lists the namespaces by their labels.
func (a *atoms) fileNamespaces() {
	if a.nsWith != nil {
		return
	}
	a.nsWith = make(map[labelled][]int)
	for i := range a.m.Namespaces {
		n := &a.m.Namespaces[i]
		if !n.Declared {
			a.nsWith[labelled{}] = append(a.nsWith[labelled{}], i)
			continue
		}
		for k, v := range n.Labels {
			a.nsWith[labelled{k, v}] = append(a.nsWith[labelled{k, v}], i)
		}
	}
}

func namespaceMatches(n *Namespace, s Selector) Answer {
	if !n.Declared {
		return s.possible(n.Labels)
	}
	if s.Matches(n.Labels) {
		return Yes
	}
	return No
}

func (a *atoms) selected(cluster string, s *PodSelector) atom {
	ns := a.namespaces(cluster, s)
	return atom{must: a.podsIn(ns.must, s.Pods), maybe: a.podsIn(ns.maybe, s.Pods)}
}

// podsIn returns the classes of the namespaces that a pod selector matches. It
// starts from whichever is fewer: the classes of the namespaces, or those that
// have one of the values that the selector asks for.
func (a *atoms) podsIn(ns []int, s Selector) members {
	if len(ns) == 0 {
		return members{}
	}
	size := 0
	for _, n := range ns {
		size += len(a.byNS[n])
	}
	best := -1
	for i := range s {
		if s[i].Op != In {
			continue
		}
		n := 0
		for _, v := range s[i].Values {
			n += len(a.byLabel[s[i].Key][v])
		}
		if n < size {
			best, size = i, n
		}
	}
	out := make([]uint32, 0, size)
	if best < 0 {
		for _, n := range ns {
			for _, c := range a.byNS[n] {
				if len(s) == 0 || s.Matches(a.m.Endpoints[a.classes[c].rep].Labels) {
					out = append(out, c)
				}
			}
		}
	} else {
		in := make(map[int]bool, len(ns))
		for _, n := range ns {
			in[n] = true
		}
		for _, v := range s[best].Values {
			for _, c := range a.byLabel[s[best].Key][v] {
				if in[a.classes[c].ns] && s.Matches(a.m.Endpoints[a.classes[c].rep].Labels) {
					out = append(out, c)
				}
			}
		}
	}
	slices.Sort(out)
	return makeMembers(out, len(a.classes))
}

func (a *atoms) block(p *Peer) atom {
	var must, maybe []uint32
	put := func(c uint32) {
		switch a.addressed(&a.m.Endpoints[a.classes[c].rep], p) {
		case Yes:
			must = append(must, c)
		case Maybe:
			maybe = append(maybe, c)
		}
	}
	switch {
	case p.MatchesPods:
		for c := range uint32(a.pods) { //nolint:gosec // Build limits the number of classes
			if a.classes[c].rep >= 0 && p.compares(a.classes[c].host) {
				put(c)
			}
		}
	case !p.SkipsNodes:
		for _, c := range a.hosts {
			put(c)
		}
	}
	// The cells in a block follow it in the order of blocks.
	for i := a.v.addresses.index[p.CIDR.Masked()]; i < len(a.cellClass); i++ {
		block := a.v.addresses.cells[i].block
		if !contains(p.CIDR.Masked(), block) {
			break
		}
		if c := a.cellClass[i]; c >= 0 && inBlock(block, p) {
			must = append(must, uint32(c)) //nolint:gosec // Build limits the number of classes
		}
	}
	slices.Sort(must)
	slices.Sort(maybe)
	return atom{must: makeMembers(must, len(a.classes)), maybe: makeMembers(maybe, len(a.classes))}
}

// addressed says whether an endpoint's addresses are in a block. Of a
// dual-stack endpoint with one address inside, the family of the connection
// decides, which the model does not hold.
func (a *atoms) addressed(e *Endpoint, p *Peer) Answer {
	if len(e.IPs) == 0 {
		whole := p.CIDR.Bits() == 0 && len(p.Except) == 0
		is4 := p.CIDR.Addr().Is4()
		switch {
		case is4 && !a.v.families[0], !is4 && !a.v.families[1]:
			return No
		case whole && is4 && !a.v.families[1], whole && !is4 && !a.v.families[0]:
			return Yes
		}
		return Maybe
	}
	in := 0
	for _, ip := range e.IPs {
		if inBlock(netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()), p) {
			in++
		}
	}
	switch in {
	case 0:
		return No
	case len(e.IPs):
		return Yes
	}
	return Maybe
}

func inBlock(cell netip.Prefix, p *Peer) bool {
	if !contains(p.CIDR.Masked(), cell) {
		return false
	}
	for _, e := range p.Except {
		if contains(e.Masked(), cell) {
			return false
		}
	}
	return true
}
