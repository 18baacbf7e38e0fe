package contain

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/contain/cut"
	"github.com/cofferdam-io/cofferdam/contain/pick"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// denial is one policy to be: what some workloads of a namespace lose in one
// direction.
type denial struct {
	dir      segment.Gress
	subjects []int // sorted; of one namespace of one cluster
	peers    []peer
	groups   [][]peer // that one selector names each, see network.groups; of split denials
}

// peer is the other end of what a denial cuts.
type peer struct {
	node int
	keep []segment.Conn // ports that stay open; none: every port is cut
}

// denials puts the pairs of a cut together to as few policies as possible: each
// is enforced at the end that the cover chose, and workloads of one namespace
// that lose the same share a policy.
func (n *network) denials(pairs []cut.Pair, at *cut.Enforced) []denial {
	type subject struct {
		dir  segment.Gress
		node int
	}
	peers := make(map[subject][]peer)
	for i, k := range pairs {
		u, v := int(k.From), int(k.To)
		s, other := subject{segment.Egress, u}, v
		if at.Ingress[i] {
			s, other = subject{segment.Ingress, v}, u
		}
		peers[s] = append(peers[s], peer{other, n.rails.kept(u, v)})
	}
	groups := make(map[string]*denial)
	var keys []string
	var key []byte
	for s, list := range peers {
		slices.SortFunc(list, func(a, b peer) int { return cmp.Compare(a.node, b.node) })
		ref := n.refs[s.node]
		key = append(append(append(append(key[:0], ref.Cluster...), 0), ref.Namespace...), 0, byte(s.dir))
		for _, x := range list {
			key = x.appendKey(key)
		}
		d := groups[string(key)]
		if d == nil {
			d = &denial{dir: s.dir, peers: list}
			groups[string(key)] = d
			keys = append(keys, string(key))
		}
		d.subjects = append(d.subjects, s.node)
	}
	out := make([]denial, 0, len(keys))
	for _, k := range keys {
		slices.Sort(groups[k].subjects)
		out = append(out, *groups[k])
	}
	slices.SortFunc(out, func(a, b denial) int {
		return cmp.Or(cmp.Compare(a.subjects[0], b.subjects[0]), cmp.Compare(a.dir, b.dir))
	})
	return out
}

// appendKey appends what is equal for equal peers, and for no others.
func (x *peer) appendKey(key []byte) []byte {
	key = binary.AppendUvarint(binary.AppendUvarint(key, uint64(x.node)), uint64(len(x.keep))) //nolint:gosec // a number of a workload
	for _, c := range x.keep {
		key = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(append(key, byte(c.Protocol)), c.From), c.To)
	}
	return key
}

// picks finds selectors for workloads, one namespace at a time.
type picks struct {
	n      *network
	picker *pick.Picker
	model  []int                // by node: its number in the model
	found  map[string]pick.Pick // by the nodes asked for
}

func newPicks(n *network) *picks {
	m := n.model
	p := &picks{n: n, picker: pick.New(m), model: make([]int, len(n.refs)), found: make(map[string]pick.Pick)}
	for i := range m.Workloads {
		p.model[n.index[m.Workloads[i].Ref]] = i
	}
	return p
}

// of returns the selector of some workloads of one namespace.
func (p *picks) of(nodes []int) pick.Pick {
	var room [64]byte
	key := room[:0]
	for _, u := range nodes {
		key = binary.AppendUvarint(key, uint64(u)) //nolint:gosec // a number of a workload
	}
	x, ok := p.found[string(key)]
	if !ok {
		list := make([]int, len(nodes))
		for i, u := range nodes {
			list[i] = p.model[u]
		}
		x = p.picker.Pick(list)
		p.found[string(key)] = x
	}
	return x
}

// selectable reports whether a workload has pods, all in one namespace.
func (p *picks) selectable(u int) bool { return p.picker.Selectable(p.model[u]) }

// groups are the peers of a denial that one selector names each: those that keep the
// same ports in one namespace, and each by itself where that brings fewer others
// along.
func (n *network) groups(d *denial, ps *picks) [][]peer {
	var out [][]peer
	for _, group := range n.byNamespace(d.peers) {
		nodes := nodesOf(group)
		if !ps.apart(nodes) {
			out = append(out, group)
			continue
		}
		for i := range group {
			out = append(out, group[i:i+1])
		}
	}
	return out
}

// split divides denials whose subjects one selector cannot name without others, and
// one for each could.
func (p *picks) split(ds []denial) []denial {
	var out []denial
	for _, d := range ds {
		d.groups = p.n.groups(&d, p)
		if !p.apart(d.subjects) {
			out = append(out, d)
			continue
		}
		for i := range d.subjects {
			out = append(out, denial{d.dir, d.subjects[i : i+1], d.peers, d.groups})
		}
	}
	return out
}

// apart reports whether selectors for each of some workloads bring fewer others along
// than one for all of them.
func (p *picks) apart(nodes []int) bool {
	all := len(p.of(nodes).Also)
	if all == 0 || len(nodes) == 1 {
		return false
	}
	others := make(map[ident.Ref]bool)
	for _, u := range nodes {
		for _, r := range p.of([]int{u}).Also {
			others[r] = true
		}
	}
	for _, u := range nodes {
		delete(others, p.n.refs[u])
	}
	return len(others) < all
}

// byNamespace groups peers that keep the same ports by their namespaces, in order.
func (n *network) byNamespace(list []peer) [][]peer {
	groups := make(map[string][]peer)
	var keys []string
	var key []byte
	for _, x := range list {
		ref := n.refs[x.node]
		some := byte(0)
		if len(x.keep) > 0 {
			some = 1
		}
		key = append(append(append(append(append(key[:0], some), ref.Cluster...), 0), ref.Namespace...), 0)
		if some > 0 {
			key = fmt.Append(key, x.keep)
		}
		if groups[string(key)] == nil {
			keys = append(keys, string(key))
		}
		groups[string(key)] = append(groups[string(key)], x)
	}
	slices.Sort(keys)
	out := make([][]peer, 0, len(keys))
	for _, k := range keys {
		out = append(out, groups[k])
	}
	return out
}

func nodesOf(list []peer) []int {
	out := make([]int, 0, len(list))
	for _, x := range list {
		out = append(out, x.node)
	}
	return out
}

// selectorTree writes a selector as Kubernetes does: labels where they say it all.
func selectorTree(s segment.Selector) map[string]any {
	labels := make(map[string]any)
	var exprs []any
	for _, r := range s {
		if _, twice := labels[r.Key]; r.Op == segment.In && len(r.Values) == 1 && !twice {
			labels[r.Key] = r.Values[0]
			continue
		}
		x := map[string]any{"key": r.Key, "operator": operatorNames[r.Op]}
		if len(r.Values) > 0 {
			values := make([]any, 0, len(r.Values))
			for _, v := range r.Values {
				values = append(values, v)
			}
			x["values"] = values
		}
		exprs = append(exprs, x)
	}
	out := make(map[string]any)
	if len(labels) > 0 {
		out["matchLabels"] = labels
	}
	if len(exprs) > 0 {
		out["matchExpressions"] = exprs
	}
	return out
}

// operatorNames are the API's words, by segment.Operator.
var operatorNames = map[segment.Operator]string{segment.In: "In", segment.NotIn: "NotIn", segment.Exists: "Exists", segment.DoesNotExist: "DoesNotExist"}

const namespaceName = "kubernetes.io/metadata.name"

// nameOf is the name of a workload, with its kind where another of its namespace has
// the same.
func (n *network) nameOf(u int) string {
	r := n.refs[u]
	for _, v := range []int{u - 1, u + 1} { // sorted by cluster, namespace, name
		if v >= 0 && v < len(n.refs) && n.refs[v].Cluster == r.Cluster && n.refs[v].Namespace == r.Namespace && n.refs[v].Name == r.Name {
			return r.Kind + "-" + r.Name
		}
	}
	return r.Name
}

// objectName makes a name that Kubernetes admits out of words: at most 63
// letters, digits and hyphens, told apart by what follows the words.
func objectName(id string, words ...string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, strings.Join(words, "-"))
	const most = 63 - 9 // and a hyphen with eight digits
	if len(s) > most {
		s = s[:most]
	}
	return strings.Trim(s, "-") + "-" + id
}
