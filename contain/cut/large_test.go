package cut_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain/cut"
)

// matrix is the obvious slow flow network: a matrix of capacities, in which
// workload u is u (in), n+u (itself) and 2n+u (out), and shortest augmenting
// paths one at a time (Edmonds and Karp).
type matrix struct {
	cap           [][]int64
	sources, sink []int
	beside        [][]int // nodes that a node has an arc to or from
}

const plenty = int64(1) << 40

func (s *small) matrix() *matrix {
	n := s.N
	m := &matrix{cap: make([][]int64, 3*n)}
	for i := range m.cap {
		m.cap[i] = make([]int64, 3*n)
	}
	price := func(p cut.Price) int64 { return min(p, plenty) }
	for u := range n {
		m.cap[u][n+u], m.cap[n+u][2*n+u] = plenty, plenty
		if s.hard != nil {
			m.cap[u][n+u], m.cap[n+u][2*n+u] = price(s.hard.Ingress[u]), price(s.hard.Egress[u])
		}
		for v := range n {
			switch {
			case u == v || !s.adj[u][v]:
			case s.kept(u, v):
				m.cap[n+u][n+v] = price(s.price(u, v))
			default:
				m.cap[2*n+u][v] = price(s.price(u, v))
			}
		}
	}
	m.beside = make([][]int, 3*n)
	for x := range m.cap {
		for y := range m.cap {
			if m.cap[x][y] > 0 || m.cap[y][x] > 0 {
				m.beside[x] = append(m.beside[x], y)
			}
		}
	}
	for _, u := range s.Sources {
		m.sources = append(m.sources, n+u)
	}
	for _, u := range s.Sinks {
		m.sink = append(m.sink, n+u)
	}
	return m
}

// walk returns for every node the one before it on the way from some, -1 for
// these and -2 for what they do not reach; back follows capacities backwards.
func (m *matrix) walk(from []int, back bool) (parent, order []int) {
	parent = slices.Repeat([]int{-2}, len(m.cap))
	order = slices.Clone(from)
	for _, u := range from {
		parent[u] = -1
	}
	for i := 0; i < len(order); i++ {
		x := order[i]
		for _, y := range m.beside[x] {
			c := m.cap[x][y]
			if back {
				c = m.cap[y][x]
			}
			if c > 0 && parent[y] == -2 {
				parent[y] = x
				order = append(order, y)
			}
		}
	}
	return parent, order
}

func (m *matrix) maximise() (value int64) {
	for {
		parent, _ := m.walk(m.sources, false)
		end := slices.IndexFunc(m.sink, func(t int) bool { return parent[t] != -2 })
		if end < 0 {
			return value
		}
		least := plenty
		for y := m.sink[end]; parent[y] >= 0; y = parent[y] {
			least = min(least, m.cap[parent[y]][y])
		}
		if least == plenty {
			return plenty
		}
		for y := m.sink[end]; parent[y] >= 0; y = parent[y] {
			m.cap[parent[y]][y] -= least
			m.cap[y][parent[y]] += least
		}
		value += least
	}
}

// shape makes edges of many kinds: dense, sparse, chains that need the columns
// of the rows, layers, and namespaces.
func shape(r *rand.Rand, n int) *small {
	s := random(r, n, 0)
	kind, p := r.IntN(5), r.Float64()
	for u := range n {
		for v := range n {
			d := v - u
			switch kind {
			case 0:
				s.adj[u][v] = r.Float64() < p/4
			case 1:
				s.adj[u][v] = d == 1 || d == -1 || r.IntN(n*n) < n/8
			case 2:
				s.adj[u][v] = d > 0 && d < 12 && r.IntN(3) == 0 || d < 0 && r.IntN(n) == 0
			case 3:
				s.adj[u][v] = u/9 == v/9 && r.IntN(4) != 0 || r.IntN(2*n) == 0
			case 4:
				s.adj[u][v] = (u < n/2) != (v < n/2) && r.Float64() < p/3
			}
		}
	}
	if kind < 3 && r.IntN(2) == 0 {
		s.Sources, s.Sinks = []int{0}, []int{n - 1}
	}
	if r.IntN(2) == 0 { // few guard rails, so that most have a cut
		s.Default = cut.Price(1 + r.IntN(50))
		for p, price := range s.Edge {
			if price == cut.Never {
				s.Edge[p] = 1 + cut.Price(r.IntN(100))
			}
		}
	}
	return s
}

func TestLargeAgainstMatrix(t *testing.T) {
	finite := 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 5))
		s := shape(r, 20+r.IntN(130))
		var got *cut.Result
		var err error
		if r.IntN(2) == 0 {
			s.harden(r)
			got, err = cut.Workloads(context.Background(), &s.Network, s.hard)
		} else {
			got, err = cut.Edges(context.Background(), &s.Network)
		}
		m := s.matrix()
		value := m.maximise()
		if value >= plenty {
			s.checkNoCut(t, err)
			continue
		}
		finite++
		if err != nil || got.Value != value {
			t.Fatalf("seed %d: %+v, %v; the flow is %d", seed, got, err, value)
		}
		s.checkCuts(t, got)
		// What lies on the near side is reached in the residual network; what
		// reaches a sink in it lies beyond the far cut.
		forward, _ := m.walk(m.sources, false)
		back, _ := m.walk(m.sink, true)
		original := s.reach(&cut.Cut{})
		for _, u := range got.Near.Reach {
			if forward[s.N+u] == -2 && back[s.N+u] != -2 {
				t.Fatalf("seed %d: %d is not on the near side", seed, u)
			}
		}
		for _, u := range original {
			if forward[s.N+u] != -2 && !slices.Contains(got.Near.Reach, u) {
				t.Fatalf("seed %d: %d is on the near side", seed, u)
			}
			if back[s.N+u] != -2 && slices.Contains(got.Far.Reach, u) {
				t.Fatalf("seed %d: %d is beyond the far cut", seed, u)
			}
		}
		for _, p := range got.Far.Pairs {
			x, y := 2*s.N+int(p.From), int(p.To)
			if s.kept(int(p.From), int(p.To)) {
				x, y = s.N+int(p.From), s.N+int(p.To)
			}
			if back[x] != -2 || back[y] == -2 {
				t.Fatalf("seed %d: %v does not lead to the far cut's sink side", seed, p)
			}
		}
	}
	if finite < 80 {
		t.Fatalf("only %d cases had a cut", finite)
	}
}

func TestBadNetworks(t *testing.T) {
	row := func(int, []uint64) {}
	for name, n := range map[string]*cut.Network{
		"too many":          {N: cut.MaxNodes + 1, Row: row, Default: 1},
		"negative":          {N: -1, Row: row, Default: 1},
		"no rows":           {N: 2, Default: 1},
		"free":              {N: 2, Row: row},
		"dear":              {N: 2, Row: row, Default: cut.MaxPrice + 1},
		"source beyond":     {N: 2, Row: row, Default: 1, Sources: []int{2}},
		"sink before":       {N: 2, Row: row, Default: 1, Sinks: []int{-1}},
		"edge beyond":       {N: 2, Row: row, Default: 1, Edge: map[cut.Pair]cut.Price{{From: 0, To: 2}: 1}},
		"edge free":         {N: 2, Row: row, Default: 1, Edge: map[cut.Pair]cut.Price{{From: 0, To: 1}: 0}},
		"edge of no price":  {N: 2, Row: row, Default: 1, Edge: map[cut.Pair]cut.Price{{From: 0, To: 1}: -3}},
		"source and sink":   {N: 2, Row: row, Default: 1, Sources: []int{1}, Sinks: []int{0, 1}},
		"sum beyond bounds": {N: 1 << 14, Row: row, Default: cut.MaxPrice, Sources: []int{0}},
	} {
		if r, err := cut.Edges(context.Background(), n); err == nil {
			t.Errorf("%s: no error but %+v", name, r)
		}
	}
	n := &cut.Network{N: 2, Row: row, Default: 1}
	for name, h := range map[string]*cut.Hardening{
		"short":       {Egress: []cut.Price{1}},
		"free":        {Ingress: []cut.Price{1, 0}},
		"kept beyond": {Kept: map[cut.Pair]bool{{From: 2, To: 0}: true}},
	} {
		if r, err := cut.Workloads(context.Background(), n, h); err == nil {
			t.Errorf("%s: no error but %+v", name, r)
		}
	}
	var both *cut.NoCutError
	_, err := cut.Edges(context.Background(), &cut.Network{N: 2, Row: row, Default: 1, Sources: []int{1}, Sinks: []int{1}})
	if !errors.As(err, &both) || !slices.Equal(both.Path, []int{1}) || both.Error() != "workload 1 is both a source and a sink" {
		t.Errorf("source and sink: %v", err)
	}
}

func TestNothingToCut(t *testing.T) {
	none := &cut.Network{Default: 1}
	if r, err := cut.Edges(context.Background(), none); err != nil || r.Value != 0 || !r.Unique {
		t.Errorf("an empty network: %+v, %v", r, err)
	}
	apart := newSmall(3)
	apart.adj[0][1] = true
	apart.Sources, apart.Sinks = []int{0, 0}, []int{2, 2}
	r, err := cut.Workloads(context.Background(), &apart.Network, nil)
	if err != nil || r.Value != 0 || r.Near.Size() != 0 || !slices.Equal(r.Near.Reach, []int{0, 1}) || !slices.Equal(r.Far.Reach, []int{0, 1}) {
		t.Errorf("nothing leads from source to sink: %+v, %v", r, err)
	}
	if apart.rows != 2 {
		t.Errorf("%d rows were asked for, the sources reach 2 workloads", apart.rows)
	}
	apart.rows, apart.Sinks = 0, []int{1}
	if _, err := cut.Edges(context.Background(), &apart.Network); err != nil || apart.rows != 1 {
		t.Errorf("%d rows were asked for (%v), nothing goes on from a sink", apart.rows, err)
	}
}

func TestRowsAreCleaned(t *testing.T) {
	n := &cut.Network{N: 3, Default: 1, Sources: []int{0}, Sinks: []int{2}, Row: func(_ int, into []uint64) { into[0] = ^uint64(0) }}
	r, err := cut.Edges(context.Background(), n)
	if err != nil || r.Value != 2 || !slices.Equal(r.Near.Pairs, []cut.Pair{{From: 0, To: 1}, {From: 0, To: 2}}) || !slices.Equal(r.Far.Pairs, []cut.Pair{{From: 0, To: 2}, {From: 1, To: 2}}) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	net := estate(1000)
	rows := 0
	row := net.Row
	net.Row = func(u int, into []uint64) {
		if rows++; rows == 5 {
			cancel()
		}
		row(u, into)
	}
	if _, err := cut.Edges(ctx, net); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
