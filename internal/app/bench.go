package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

const (
	// benchQueries is how often single questions are asked.
	benchQueries = 20000
	benchWhys    = 2000
	benchTravels = 50
	// benchWarm is how many walks come before those that are measured: the first
	// evaluate columns that all pairs had no need of.
	benchWarm    = 5
	benchDeltas  = 1000
	benchGrowths = 200
	// digestEdges is up to how many edges the digest covers all of them.
	digestEdges = 4_000_000
)

// bench is a benchmark of the engine on one estate.
type bench struct {
	ctx   context.Context
	m     *segment.Model
	g     *segment.Graph
	state uint64 // of the choice of what is asked
	out   *report.BenchSegment
}

// BenchSegment makes an estate and measures the engine on it. at is told what is
// being measured.
func BenchSegment(ctx context.Context, c synth.Config, at func(string)) (*report.BenchSegment, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	at("making the estate")
	b := &bench{ctx: ctx, m: synth.Model(c), state: c.Seed, out: &report.BenchSegment{SchemaVersion: inventory.SchemaVersion,
		Mix: string(c.Mix), Seed: c.Seed, Nodes: c.Nodes, Machine: machine()}}
	for _, step := range []struct {
		name string
		run  func() error
	}{
		{"evaluating all pairs", b.allPairs}, {"asking for pairs", b.pairs}, {"asking why", b.whys}, {"walking", b.travels},
		{"changing", b.deltas}, {"changing the vocabulary", b.growths}, {"changing what there is", b.kinds}, {"digesting the edges", b.digest},
	} {
		at(step.name)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := step.run(); err != nil {
			return nil, err
		}
	}
	return b.out, nil
}

// spent measures the CPU time of f.
func spent(f func() error) (time.Duration, error) {
	before, _, err := usage()
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, _, err := usage()
	return after - before, err
}

func (b *bench) allPairs() error {
	runtime.GC() // the rubbish of making the estate is not the engine's
	var grouped time.Duration
	start, _, err := usage()
	if err != nil {
		return err
	}
	total, err := spent(func() error {
		var err error
		b.g, err = segment.BuildWatched(b.ctx, b.m, func(int) {
			now, _, _ := usage()
			grouped = now - start
		})
		return err
	})
	if err != nil {
		return err
	}
	b.out.Group, b.out.Build = grouped.Seconds(), (total - grouped).Seconds()
	var n segment.Count
	counted, err := spent(func() error {
		n, err = b.g.Count(b.ctx)
		return err
	})
	b.out.AllPairs = counted.Seconds()
	if err != nil {
		return err
	}
	b.out.Pods, b.out.Workloads, b.out.Policies, b.out.Classes, b.out.Edges = n.Pods, n.Workloads, n.Policies, n.Classes, n.Edges
	_, peak, err := usage()
	b.out.RSS = float64(peak) / (1 << 20)
	return err
}

// some picks a number below n.
func (b *bench) some(n int) int {
	b.state = b.state*6364136223846793005 + 1442695040888963407
	return int(b.state >> 33 % uint64(n)) //nolint:gosec // n is positive
}

func (b *bench) workload() ident.Ref { return b.m.Workloads[b.some(len(b.m.Workloads))].Ref }

func (b *bench) pairs() error {
	t, err := spent(func() error {
		for range benchQueries {
			if _, err := b.g.Between(b.workload(), b.workload()); err != nil {
				return err
			}
		}
		return nil
	})
	b.out.Pair = float64(t.Nanoseconds()) / benchQueries
	return err
}

func (b *bench) whys() error {
	t, err := spent(func() error {
		for range benchWhys {
			if _, err := b.g.Why(b.workload(), b.workload(), nil); err != nil {
				return err
			}
		}
		return nil
	})
	b.out.Why = float64(t.Nanoseconds()) / benchWhys
	return err
}

func (b *bench) travels() error {
	var total time.Duration
	for i := range benchWarm + benchTravels {
		from := []ident.Ref{b.workload()}
		to := b.workload()
		t, err := spent(func() error {
			for _, d := range []segment.Direction{segment.Forward, segment.Backward} {
				trip, err := b.g.Travel(b.ctx, from, d, 0)
				if err != nil {
					return err
				}
				trip.Path(to)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if i >= benchWarm {
			total += t
		}
	}
	b.out.Blast = float64(total.Microseconds()) / 1000 / benchTravels
	return nil
}

// policy makes a policy of a workload that lets in a neighbour.
func (b *bench) policy(w int) segment.Policy {
	ref := b.m.Workloads[w].Ref
	p := segment.Policy{Kind: "NetworkPolicy", Namespace: ref.Namespace, Name: "change-" + strconv.Itoa(b.some(3)), Tier: segment.NetworkPolicyTier,
		Isolates: [2]bool{segment.Ingress: true}}
	p.Subject = segment.PodSelector{InNamespace: ref.Namespace, Pods: segment.MatchLabels(map[string]string{"app": ref.Name})}
	p.Rules[segment.Ingress] = []segment.Rule{{Peers: []segment.Peer{{Kind: segment.PeerPods, Pods: segment.PodSelector{InNamespace: ref.Namespace,
		Pods: segment.MatchLabels(map[string]string{"app": "app-" + strconv.Itoa(b.some(20))})}}}}}
	return p
}

// deltas measures changes by themselves, then with an answer that is one pair, then
// with one that is a list: changes do not pay for what only the next question needs.
func (b *bench) deltas() error {
	for _, x := range []struct {
		out *report.Quantiles
		ask func(g *segment.Graph, changed ident.Ref) error
	}{
		{&b.out.Delta, func(*segment.Graph, ident.Ref) error { return nil }},
		{&b.out.DeltaPair, func(g *segment.Graph, changed ident.Ref) error {
			_, err := g.Between(b.workload(), changed)
			return err
		}},
		{&b.out.DeltaRow, func(g *segment.Graph, changed ident.Ref) error {
			_, err := g.Row(changed)
			return err
		}},
	} {
		g, err := b.g.Apply(b.ctx, &segment.Delta{PutPolicies: []segment.Policy{b.policy(0)}}) // makes the indexes of changes
		if err != nil {
			return err
		}
		times := make([]time.Duration, 0, benchDeltas)
		for i := range benchDeltas {
			w, d := b.change(i)
			t, err := spent(func() error {
				var err error
				if g, err = g.Apply(b.ctx, d); err != nil {
					return err
				}
				return x.ask(g, b.m.Workloads[w].Ref)
			})
			if err != nil {
				return err
			}
			times = append(times, t)
		}
		*x.out = quantiles(times)
		if b.g, err = segment.Build(b.ctx, b.m); err != nil { // only the newest graph of a line is changed cheaply
			return err
		}
	}
	return nil
}

// change makes a change inside the vocabulary, and names the workload it is about:
// two policies, then the labels of a pod.
func (b *bench) change(i int) (int, *segment.Delta) {
	if i%3 < 2 {
		w := b.some(len(b.m.Workloads))
		return w, &segment.Delta{PutPolicies: []segment.Policy{b.policy(w)}}
	}
	e := b.m.Endpoints[b.some(len(b.m.Endpoints))]
	e.Labels = map[string]string{"app": "app-" + strconv.Itoa(b.some(20)), "tier": "web"}
	return e.Workload, &segment.Delta{PutEndpoints: []segment.Endpoint{e}}
}

func (b *bench) growths() error {
	times := make([]time.Duration, 0, benchGrowths)
	g := b.g
	for i := range benchGrowths + 1 {
		p := b.policy(b.some(len(b.m.Workloads)))
		rule := &p.Rules[segment.Ingress][0]
		switch i % 3 {
		case 0:
			rule.Peers[0].Pods.Pods = segment.MatchLabels(map[string]string{"key-" + strconv.Itoa(i): "x"})
		case 1:
			port := uint16(20000 + i) //nolint:gosec // a small number
			rule.Ports = []segment.PortMatch{{From: port, To: port}}
		default:
			rule.Peers[0] = segment.Peer{Kind: segment.PeerCIDR, CIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, byte(i), 0}), 24)}
		}
		t, err := spent(func() error {
			next, err := g.Apply(b.ctx, &segment.Delta{PutPolicies: []segment.Policy{p}})
			g = next
			return err
		})
		if err != nil {
			return err
		}
		if i > 0 { // the first of a line of changes compiles anew
			times = append(times, t)
		}
	}
	b.out.DeltaGrow = quantiles(times)
	return nil
}

func quantiles(ts []time.Duration) report.Quantiles {
	slices.Sort(ts)
	at := func(q float64) float64 {
		return float64(ts[min(len(ts)-1, int(q*float64(len(ts))))].Microseconds()) / 1000
	}
	return report.Quantiles{P50: at(0.5), P99: at(0.99)}
}

// digest hashes the edges in canonical form: one line an edge.
func (b *bench) digest() error {
	h := sha256.New()
	if b.out.Edges <= digestEdges {
		b.out.DigestOf = "all"
		for e := range b.g.Edges(segment.ByWorkload) {
			writeEdge(h, e)
		}
	} else {
		step := (b.out.Edges + digestEdges - 1) / digestEdges
		b.out.DigestOf = "every " + strconv.Itoa(step) + "th workload"
		ws := b.g.Workloads()
		for i := 0; i < len(ws); i += step {
			if err := b.ctx.Err(); err != nil {
				return err
			}
			row, err := b.g.Row(ws[i])
			if err != nil {
				return err
			}
			for _, e := range row {
				writeEdge(h, e)
			}
		}
	}
	b.out.Digest = "sha256:" + hex.EncodeToString(h.Sum(nil))
	return nil
}

func writeEdge(h hash.Hash, e segment.Edge) {
	partial := ""
	if e.Partial {
		partial = " partial"
	}
	_, _ = fmt.Fprintf(h, "%s %s %v %s%s\n", e.Src, e.Dst, e.Connections, e.Verdict, partial) // a hash takes everything
}

// ExportEstate writes a made estate as manifests into a directory, which is
// created and must be empty.
func ExportEstate(c synth.Config, dir string) error {
	if err := c.Check(); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return ident.Errorf(ident.KindFailure, "%v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		return ident.Errorf(ident.KindUsage, "%s is not empty", dir).WithHint("give --export a new directory")
	}
	return synth.Files(synth.Model(c), func(name string) (io.WriteCloser, error) {
		return os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	})
}

// machine names what the figures are of.
func machine() string { return runtime.GOOS + "/" + runtime.GOARCH + ", " + runtime.Version() }
