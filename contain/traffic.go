package contain

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/flow"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Watched makes Traffic of records of observed connections. at is the time that
// the question is asked at.
func Watched(o *flow.Observed, workloads []ident.Ref, at time.Time) Traffic {
	c := o.Coverage(workloads, at)
	w := Window{From: c.From, To: c.To, Age: c.Age, Silent: len(c.Silent), Unplaced: o.UnplacedRecords, Incomplete: strings.Join(c.Incomplete, "; ")}
	names := make([]string, 0, len(o.Sources))
	for _, s := range o.Sources {
		names = append(names, s.Name+" ("+s.Format.String()+", "+strconv.FormatUint(s.Records, 10)+" records)")
	}
	w.Sources = strings.Join(names, ", ")
	return &watched{o, w}
}

type watched struct {
	o *flow.Observed
	w Window
}

func (w *watched) Window() Window { return w.w }

// Flows leaves out what the network refused: it is not in use.
func (w *watched) Flows() []Flow {
	var out []Flow
	for i := range w.o.Edges {
		e := &w.o.Edges[i]
		if e.Dropped() || e.SrcPlace != flow.PlaceWorkload && e.SrcPlace != flow.PlaceOutside || e.DstPlace != flow.PlaceWorkload {
			continue
		}
		out = append(out, Flow{Src: e.Src, Dst: e.Dst, Conn: e.Conn(), Count: e.Count, Last: e.Last, Guessed: e.Guessed})
	}
	return out
}

// Doubtful are those whose other end no book of addresses knows.
func (w *watched) Doubtful() []ident.Ref {
	var out []ident.Ref
	for i := range w.o.Edges {
		switch e := &w.o.Edges[i]; {
		case e.Dropped():
		case e.SrcPlace == flow.PlaceWorkload && e.DstPlace == flow.PlaceUnknown:
			out = append(out, e.Src)
		case e.DstPlace == flow.PlaceWorkload && e.SrcPlace == flow.PlaceUnknown:
			out = append(out, e.Dst)
		}
	}
	slices.SortFunc(out, ident.Ref.Compare)
	return slices.Compact(out)
}

// Between returns the flows of the pairs that a set of connections is open on.
func between(fs []Flow, conns []segment.Conn) []Flow {
	var out []Flow
	for _, f := range fs {
		if len(segment.Common(conns, []segment.Conn{f.Conn})) > 0 {
			out = append(out, f)
		}
	}
	return out
}
