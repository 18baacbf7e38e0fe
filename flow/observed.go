package flow

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Place says what stands at an end of an edge.
type Place uint8

// The places, the surest first.
const (
	PlaceWorkload Place = iota // a workload of the estate
	PlaceNode                  // a node, or a pod on its network: Ref is the node's address
	PlaceOutside               // an address of the public internet, or a range of it
	PlaceUnknown               // an address or a name that is no certain workload's
)

var placeNames = [...]string{"workload", "node", "outside", "unknown"}

// String returns the place in lower case.
func (p Place) String() string { return placeNames[min(int(p), len(placeNames)-1)] }

// MarshalText writes String.
func (p Place) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Edge is what one end was seen to open to another on one port. At least one
// end is a workload of the estate.
type Edge struct {
	Src      ident.Ref        `json:"src"`
	Dst      ident.Ref        `json:"dst"`
	SrcPlace Place            `json:"srcPlace"`
	DstPlace Place            `json:"dstPlace"`
	Protocol segment.Protocol `json:"protocol"`
	Port     uint16           `json:"port"` // of Dst, behind any Service
	// Count is how many records, weighted by their own counts, speak of the side
	// that opened it, and Replies of the answers. It measures use, and is no number
	// of connections: most formats write several records of one, and on both ends.
	Count   uint64 `json:"count"`
	Replies uint64 `json:"replies,omitempty"`
	// Refused of Count and Replies were dropped by the network or never answered.
	Refused uint64 `json:"refused,omitempty"`
	Bytes   uint64 `json:"bytes,omitempty"` // of both directions, where records say it
	// First and Last are the times of the first and last record; zero where no record has one.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Guessed is true where no record says which side opened it: ports decided.
	Guessed bool `json:"guessed,omitempty"`
	// Folded is true where Src or Dst is a range that stands for addresses in it
	// that were too many to be kept one by one.
	Folded bool `json:"folded,omitempty"`
	// Clamped is true where a count grew beyond what a number holds.
	Clamped bool `json:"clamped,omitempty"`
}

// Dropped reports whether every record says that the network refused it.
func (e *Edge) Dropped() bool { return e.Refused > 0 && e.Refused >= e.Count+e.Replies }

// Conn returns the port as the command-line contract writes it.
func (e *Edge) Conn() segment.Conn {
	return segment.Conn{Protocol: e.Protocol, From: e.Port, To: e.Port}
}

// Ignored counts records that were read and make no edge, by reason.
type Ignored struct {
	Reason string `json:"reason"`
	Count  uint64 `json:"count"`
}

// Unplaced is an end that is no certain workload's, with the number of records
// that it is in. Where more were seen than are kept, the count is up to Over too high.
type Unplaced struct {
	Name   string `json:"name"` // the address, or ns/name
	Reason string `json:"reason"`
	Count  uint64 `json:"count"`
	Over   uint64 `json:"over,omitempty"`
}

// Fault is a record that could not be read; it costs only itself.
type Fault struct {
	Line   uint64 `json:"line"` // from 1; of a document that is no list of lines, the number of the record
	Reason string `json:"reason"`
}

// SourceInfo says what one input held.
type SourceInfo struct {
	Name    string    `json:"name"`
	Format  Format    `json:"format"`
	Records uint64    `json:"records"` // that were read; faults are not among them
	Faulty  uint64    `json:"faulty"`
	Faults  []Fault   `json:"faults,omitempty"` // the first of them
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	// Missed counts what the source itself says it did not record.
	Missed uint64 `json:"missed,omitempty"`
	// Truncated is why reading ended before the input did, or "".
	Truncated string `json:"truncated,omitempty"`
	// Unterminated is true where the last line has no end; it was read as it stands.
	Unterminated bool `json:"unterminated,omitempty"`
}

// Gap is a time of at least an hour within the window of which there is no record at all.
type Gap struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// Observed is everything that was seen. It is not changed once it is returned,
// and may be read by many at once.
type Observed struct {
	// From and To are the times of the first and last record; zero if none had a time.
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Records uint64    `json:"records"`
	Undated uint64    `json:"undated,omitempty"` // records without a time
	Faulty  uint64    `json:"faulty"`
	Ignored []Ignored `json:"ignored,omitempty"`
	Edges   []Edge    `json:"edges"` // sorted by Src, Dst, Protocol, Port
	// UnplacedRecords have an end that is unknown; Unplaced are the largest of those ends.
	UnplacedRecords uint64       `json:"unplacedRecords,omitempty"`
	Unplaced        []Unplaced   `json:"unplaced,omitempty"`
	Sources         []SourceInfo `json:"sources"`
	// Gaps are the longest times without any record, longest first.
	Gaps []Gap `json:"gaps,omitempty"`
	// Lost counts records whose edges were beyond the limit, Missed what sources
	// say that they did not record.
	Lost   uint64 `json:"lost,omitempty"`
	Missed uint64 `json:"missed,omitempty"`
	// StartsUnknown counts addresses of pods of which the input does not say since
	// when they had them: their records are placed whatever their time.
	StartsUnknown int `json:"startsUnknown,omitempty"`

	byDst []int32 // indexes of Edges, sorted by Dst
}

// Incomplete lists why flows that took place may be missing from Edges; it is
// empty where everything that was given was read and kept.
func (o *Observed) Incomplete() []string {
	var out []string
	say := func(n uint64, format string) {
		if n > 0 {
			out = append(out, fmt.Sprintf(format, n))
		}
	}
	say(o.Faulty, "%d records could not be read")
	say(o.Lost, "%d records are of edges beyond the limit of what is kept")
	say(o.Missed, "%d events were lost by what recorded them")
	say(o.UnplacedRecords, "%d records have an end that is no certain workload's")
	for _, s := range o.Sources {
		if s.Truncated != "" {
			out = append(out, s.Name+" was not read to its end: "+s.Truncated)
		}
	}
	if len(o.Gaps) > 0 {
		g := o.Gaps[0]
		out = append(out, fmt.Sprintf("there is no record from %s to %s", g.From.Format(time.RFC3339), g.Until.Format(time.RFC3339)))
	}
	return out
}

// Out returns the edges that src opened, sorted by Dst, Protocol and Port. The
// slice is part of Edges.
func (o *Observed) Out(src ident.Ref) []Edge {
	from, _ := slices.BinarySearchFunc(o.Edges, src, func(e Edge, r ident.Ref) int { return e.Src.Compare(r) })
	to := from
	for to < len(o.Edges) && o.Edges[to].Src == src {
		to++
	}
	return o.Edges[from:to:to]
}

// In returns the edges that were opened to dst, sorted by Src, Protocol and Port.
func (o *Observed) In(dst ident.Ref) []Edge {
	i, _ := slices.BinarySearchFunc(o.byDst, dst, func(i int32, r ident.Ref) int { return o.Edges[i].Dst.Compare(r) })
	var out []Edge
	for ; i < len(o.byDst) && o.Edges[o.byDst[i]].Dst == dst; i++ {
		out = append(out, o.Edges[o.byDst[i]])
	}
	return out
}

// Seen returns what src opened to dst, sorted by Protocol and Port. The slice is
// part of Edges.
func (o *Observed) Seen(src, dst ident.Ref) []Edge {
	out := o.Out(src)
	from, _ := slices.BinarySearchFunc(out, dst, func(e Edge, r ident.Ref) int { return e.Dst.Compare(r) })
	to := from
	for to < len(out) && out[to].Dst == dst {
		to++
	}
	return out[from:to:to]
}

// Between returns what src opened to dst on the ports of conn.
func (o *Observed) Between(src, dst ident.Ref, conn segment.Conn) []Edge {
	var out []Edge
	for _, e := range o.Seen(src, dst) {
		if conn.Contains(segment.Port{Protocol: e.Protocol, Number: e.Port}) {
			out = append(out, e)
		}
	}
	return out
}

// Within returns the edges between w and addresses in block: what w opened to
// them if out, else what they opened to w. A folded edge whose range overlaps
// block is one of them.
func (o *Observed) Within(w ident.Ref, block netip.Prefix, out bool) []Edge {
	all := o.In(w)
	if out {
		all = o.Out(w)
	}
	var found []Edge
	for _, e := range all {
		peer := e.Src
		if out {
			peer = e.Dst
		}
		if peer.CIDR == "" {
			continue
		}
		if p, err := netip.ParsePrefix(peer.CIDR); err == nil && p.Overlaps(block) || peer.CIDR == ident.Internet && segment.PublicBlock(block) {
			found = append(found, e)
		}
	}
	return found
}

// Watched says of one workload what records show of it.
type Watched struct {
	Workload ident.Ref `json:"workload"`
	// Opened and Served say whether any record shows it at that end of an edge that
	// was not refused.
	Opened bool      `json:"opened"`
	Served bool      `json:"served"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
}

// Coverage says what the records can and cannot tell at a time.
type Coverage struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Age is how long before the time asked about the last record is; Window is To
	// minus From. Nothing is known of what happens less often than once a Window.
	Age    time.Duration `json:"age"`
	Window time.Duration `json:"window"`
	// Future is true where records are later than the time asked about.
	Future bool `json:"future,omitempty"`
	// Silent are the workloads that no record mentions: nothing seen of one is not
	// that it talks to nobody. It may run where nobody records.
	Silent []ident.Ref `json:"silent,omitempty"`
	// NeverOpened were seen to be talked to and never to open anything, NeverServed the reverse.
	NeverOpened []ident.Ref `json:"neverOpened,omitempty"`
	NeverServed []ident.Ref `json:"neverServed,omitempty"`
	Watched     []Watched   `json:"-"` // the workloads asked about, in their order
	Gaps        []Gap       `json:"gaps,omitempty"`
	// Incomplete is Observed.Incomplete.
	Incomplete []string `json:"incomplete,omitempty"`
}

// Coverage says which of the workloads were seen at all, and how fresh the
// records are at a time.
func (o *Observed) Coverage(workloads []ident.Ref, at time.Time) Coverage {
	c := Coverage{From: o.From, To: o.To, Gaps: o.Gaps, Incomplete: o.Incomplete()}
	if !o.To.IsZero() {
		c.Window, c.Age = o.To.Sub(o.From), at.Sub(o.To)
		if c.Age < 0 {
			c.Age, c.Future = 0, true
		}
	}
	seen := make(map[ident.Ref]*Watched, len(workloads))
	c.Watched = make([]Watched, len(workloads))
	for i, w := range workloads {
		c.Watched[i].Workload = w
		seen[w] = &c.Watched[i]
	}
	mentioned := map[ident.Ref]bool{}
	note := func(r ident.Ref, e *Edge, opened bool) {
		w := seen[r]
		if w == nil {
			return
		}
		mentioned[r] = true
		if !e.First.IsZero() && (w.First.IsZero() || e.First.Before(w.First)) {
			w.First = e.First
		}
		if e.Last.After(w.Last) {
			w.Last = e.Last
		}
		w.Opened = w.Opened || opened && !e.Dropped()
		w.Served = w.Served || !opened && !e.Dropped()
	}
	for i := range o.Edges {
		e := &o.Edges[i]
		note(e.Src, e, true)
		note(e.Dst, e, false)
	}
	for i, w := range c.Watched {
		if seen[w.Workload] != &c.Watched[i] {
			c.Watched[i] = *seen[w.Workload] // asked about twice
			continue
		}
		switch {
		case !mentioned[w.Workload]:
			c.Silent = append(c.Silent, w.Workload)
		case !w.Opened:
			c.NeverOpened = append(c.NeverOpened, w.Workload)
		case !w.Served:
			c.NeverServed = append(c.NeverServed, w.Workload)
		}
	}
	return c
}

func (o *Observed) index() {
	slices.SortFunc(o.Edges, func(a, b Edge) int {
		return cmp.Or(a.Src.Compare(b.Src), a.Dst.Compare(b.Dst), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port),
			cmp.Compare(a.SrcPlace, b.SrcPlace), cmp.Compare(a.DstPlace, b.DstPlace))
	})
	o.byDst = make([]int32, len(o.Edges))
	for i := range o.byDst {
		o.byDst[i] = int32(i) //nolint:gosec // Options.MaxEdges is below 2³¹
	}
	slices.SortStableFunc(o.byDst, func(a, b int32) int { return o.Edges[a].Dst.Compare(o.Edges[b].Dst) })
	slices.SortFunc(o.Ignored, func(a, b Ignored) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Reason, b.Reason))
	})
}
