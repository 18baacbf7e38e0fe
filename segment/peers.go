package segment

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Peers are the other ends with which one end has the same connections: a row or
// a column of edges, put together by what is open.
type Peers struct {
	Connections []Conn  `json:"connections"`
	Verdict     Verdict `json:"verdict"` // Allowed or Unknown
	Partial     bool    `json:"partial,omitempty"`
	// Workloads are numbered as in Graph.Workloads.
	Workloads Numbers `json:"workloads,omitempty"`
	// Blocks are addresses outside, in their order.
	Blocks []string `json:"blocks,omitempty"`
}

// PeersOf returns what Row (Egress) or Column (Ingress) does, put together: an end
// of many edges has few answers. Groups are in the order of their first ends,
// those of workloads first. Slices of connections are shared.
func (g *Graph) PeersOf(of ident.Ref, d Gress) ([]Peers, error) {
	s, err := g.side(of)
	if err != nil {
		return nil, err
	}
	kind := row
	if d == Ingress {
		kind = column
	}
	t := g.newTally(ByWorkload)
	defer t.release()
	var out []Peers
	index := make(map[*reply]int) // of an answer → where its groups begin
	groups := func(r *reply) []Peers {
		at, known := index[r]
		if !known {
			at = len(out)
			index[r] = at
			for _, e := range r.edges {
				out = append(out, Peers{Connections: e.Connections, Verdict: e.Verdict, Partial: e.Partial})
			}
		}
		return out[at : at+len(r.edges)]
	}
	g.eachInside(t, s, kind, func(end uint32, r *reply) bool {
		if !g.same(s, t, int(end)) {
			for i := range groups(r) {
				x := &groups(r)[i]
				x.Workloads = append(x.Workloads, end)
			}
		}
		return true
	})
	for _, b := range g.blocks(t, s, kind) {
		for i := range groups(b.reply) {
			x := &groups(b.reply)[i]
			x.Blocks = append(x.Blocks, b.ref.CIDR)
		}
	}
	return out, nil
}

// Numbers are positions in a list, ascending. As text they are runs,
// "0-4,7,9-12".
type Numbers []uint32

// MarshalText writes runs.
func (n Numbers) MarshalText() ([]byte, error) {
	var b []byte
	for i := 0; i < len(n); {
		last := i
		for last+1 < len(n) && n[last+1] == n[last]+1 {
			last++
		}
		if i > 0 {
			b = append(b, ',')
		}
		if b = strconv.AppendUint(b, uint64(n[i]), 10); last > i {
			b = strconv.AppendUint(append(b, '-'), uint64(n[last]), 10)
		}
		i = last + 1
	}
	return b, nil
}

// maxNumbers bounds what a text of runs may stand for.
const maxNumbers = 1 << 20

// UnmarshalText reads what MarshalText writes.
func (n *Numbers) UnmarshalText(text []byte) error {
	*n = nil
	if len(text) == 0 {
		return nil
	}
	for run := range strings.SplitSeq(string(text), ",") {
		from, to, more := strings.Cut(run, "-")
		if !more {
			to = from
		}
		lo, err := strconv.ParseUint(from, 10, 32)
		if err != nil {
			return ident.Errorf(ident.KindInvalid, "%.40q is no number", from)
		}
		hi, err := strconv.ParseUint(to, 10, 32)
		if err != nil || hi < lo || len(*n) > 0 && lo <= uint64((*n)[len(*n)-1]) {
			return ident.Errorf(ident.KindInvalid, "%.40q is no run of ascending numbers", run)
		}
		if hi-lo >= maxNumbers || uint64(len(*n))+hi-lo >= maxNumbers {
			return ident.Errorf(ident.KindLimit, "runs stand for more than %d numbers", maxNumbers)
		}
		*n = slices.Grow(*n, int(hi-lo)+1) //nolint:gosec // bounded above
		for i := lo; i <= hi; i++ {
			*n = append(*n, uint32(i)) //nolint:gosec // of 32 bits
		}
	}
	return nil
}
