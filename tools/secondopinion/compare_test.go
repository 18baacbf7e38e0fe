package secondopinion

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

// packets is how many of each mix are compared.
const packets = 100_000

// profile is how kube-network-policies behaves, as its source says (v1.1.0):
// evaluateIPBlocks compares any address; EvaluateIngress and EvaluateEgress
// accept what a pod selected in the other direction only sends, so that the
// Baseline tier is not reached; LookupPod knows no pod on the host network. That
// a node's own root passes is of its nftables rules, not of its policy engine.
func profile() segment.Profile {
	return segment.Profile{Name: "kube-network-policies", Origin: "chosen", Enforced: true,
		NetworkPolicy: segment.Yes, ClusterNetworkPolicy: segment.Yes, AdminNetworkPolicy: segment.No, CiliumNetworkPolicy: segment.No,
		IPBlockMatchesPods: true, BaselineDirectionBlind: true}
}

// end is a pod, or an address that is no pod's.
type end struct {
	pod  *corev1.Pod
	ref  ident.Ref
	ips  []netip.Addr
	node bool // an address of a node
}

func (e *end) host() bool { return e.pod != nil && e.pod.Spec.HostNetwork }

// question is one pair of ends and a port.
type question struct {
	src, dst *end
	protocol corev1.Protocol
	port     uint16
}

func (q *question) String() string {
	return fmt.Sprintf("%s %v -> %s %v %s/%d", q.src.ref, q.src.ips, q.dst.ref, q.dst.ips, q.protocol, q.port)
}

// possible reports whether the ends have addresses of one family.
func (q *question) possible() bool {
	return slices.ContainsFunc(q.src.ips, func(s netip.Addr) bool {
		return slices.ContainsFunc(q.dst.ips, func(d netip.Addr) bool { return s.Is4() == d.Is4() })
	})
}

// both is a cluster as either engine sees it.
type both struct {
	objects *Objects
	theirs  *Worlds
	ours    *segment.Graph
	pods    []*end
	outside []*end
	ports   []uint16
	blocks  []netip.Prefix // that policies name
	// sidecars is made when it is needed.
	sidecars *both
}

func newBoth(t *testing.T, files map[string][]byte) *both {
	t.Helper()
	b := &both{}
	var err error
	if b.objects, err = Decode(files); err != nil {
		t.Fatal(err)
	}
	if b.theirs, err = NewWorlds(b.objects); err != nil {
		t.Fatal(err)
	}
	b.ours = graph(t, files)
	b.ends()
	return b
}

// graph reads the same manifests as cofferdam does.
func graph(t *testing.T, files map[string][]byte) *segment.Graph {
	t.Helper()
	var in []manifest.Input
	for name, data := range files {
		in = append(in, manifest.Input{Name: name, Data: data})
	}
	slices.SortFunc(in, func(a, b manifest.Input) int { return strings.Compare(a.Name, b.Name) })
	set, err := manifest.Decode(t.Context(), in, manifest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Estate.Faults) > 0 {
		t.Fatalf("%+v", set.Estate.Faults[0])
	}
	m, err := k8s.Model(set, profile())
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Taints) > 0 {
		t.Fatalf("%s: %s", m.Taints[0].Object, m.Taints[0].Reason)
	}
	g, err := segment.Build(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// ends gathers everything that can send or be sent a packet: live pods, nodes,
// and addresses in, at the edges of, and beside every block that a policy names.
func (b *both) ends() {
	for _, p := range b.objects.Pods {
		if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			continue
		}
		e := &end{pod: p, ref: ident.Ref{Namespace: p.Namespace, Kind: "Pod", Name: p.Name}}
		for _, ip := range p.Status.PodIPs {
			e.ips = append(e.ips, netip.MustParseAddr(ip.IP))
		}
		b.pods = append(b.pods, e)
	}
	taken := map[netip.Addr]bool{}
	for _, e := range b.pods {
		for _, a := range e.ips {
			taken[a] = true
		}
	}
	add := func(a netip.Addr, node bool) {
		if a.IsValid() && !taken[a] {
			taken[a] = true
			b.outside = append(b.outside, &end{ref: ident.Ref{CIDR: netip.PrefixFrom(a, a.BitLen()).String()}, ips: []netip.Addr{a}, node: node})
		}
	}
	for _, n := range b.objects.Nodes {
		for _, a := range n.Status.Addresses {
			if a.Type == corev1.NodeInternalIP {
				add(netip.MustParseAddr(a.Address), true)
			}
		}
	}
	b.blocks = b.objects.blocks()
	for _, p := range b.blocks {
		first, last := p.Masked().Addr(), lastOf(p)
		for _, a := range []netip.Addr{first.Prev(), first, first.Next(), last, last.Next()} {
			add(a, false)
		}
	}
	for _, s := range []string{"198.51.100.9", "8.8.8.8", "10.99.0.1", "2001:4860:4860::8888", "fd00:99::1"} {
		add(netip.MustParseAddr(s), false)
	}
	b.ports = b.objects.ports()
}

func lastOf(p netip.Prefix) netip.Addr {
	bytes := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(bytes)*8; i++ {
		bytes[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(bytes)
	return a
}

// ask draws a packet: half of them between pods, the others in and out.
func (b *both) ask(r *rand.Rand) question {
	q := question{src: pick(r, b.pods...), dst: pick(r, b.pods...), protocol: pick(r, corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)}
	switch r.IntN(4) {
	case 0:
		q.src = pick(r, b.outside...)
	case 1:
		q.dst = pick(r, b.outside...)
	}
	q.port = pick(r, b.ports...)
	if d := q.dst.pod; d != nil && r.IntN(3) == 0 { // a port of its own
		for _, list := range [][]corev1.Container{d.Spec.Containers, d.Spec.InitContainers} {
			for _, c := range list {
				if len(c.Ports) > 0 && r.IntN(2) == 0 {
					p := pick(r, c.Ports...)
					q.protocol, q.port = p.Protocol, uint16(p.ContainerPort) //nolint:gosec // as Kubernetes has it
				}
			}
		}
	}
	return q
}

// second asks the other engine: with every pair of addresses of one family that
// the ends have, and in every world.
func (b *both) second(t *testing.T, q *question) segment.Verdict {
	t.Helper()
	var may, mayNot bool
	for _, s := range q.src.ips {
		for _, d := range q.dst.ips {
			if s.Is4() != d.Is4() {
				continue
			}
			a, n, err := b.theirs.Passes(t.Context(), Packet{Src: s, Dst: d, Protocol: q.protocol, Port: q.port}, q.dst.pod == nil)
			if err != nil {
				t.Fatal(err)
			}
			may, mayNot = may || a, mayNot || n
		}
	}
	switch {
	case may && mayNot:
		return segment.Unknown
	case may:
		return segment.Allowed
	}
	return segment.Denied
}

// first asks ours.
func (b *both) first(t *testing.T, q *question) segment.Verdict {
	t.Helper()
	edges, err := b.ours.Between(q.src.ref, q.dst.ref)
	if err != nil {
		t.Fatal(err)
	}
	protocol, _ := segment.ParseProtocol(string(q.protocol))
	for _, e := range edges {
		for _, c := range e.Connections {
			if c.Contains(segment.Port{Protocol: protocol, Number: q.port}) {
				return e.Verdict
			}
		}
	}
	return segment.Denied
}

// tally counts what came of a mix.
type tally struct {
	verdicts  map[segment.Verdict]int
	explained map[string]int
	wrong     int
}

// compare asks both engines n times.
func (b *both) compare(t *testing.T, r *rand.Rand, n int, sum *tally) {
	t.Helper()
	for asked := 0; asked < n; {
		q := b.ask(r)
		if !q.possible() {
			continue
		}
		asked++
		ours, theirs := b.first(t, &q), b.second(t, &q)
		sum.verdicts[theirs]++
		if ours == theirs {
			continue
		}
		if why := b.explain(t, &q, ours); why != "" {
			sum.explained[why]++
			continue
		}
		if sum.wrong++; sum.wrong <= 5 {
			t.Errorf("%s: ours is %s, theirs %s\n%s", &q, ours, theirs, b.context(&q))
		}
	}
}

// context shows what a person needs to judge a difference.
func (b *both) context(q *question) string {
	protocol, _ := segment.ParseProtocol(string(q.protocol))
	x, err := b.ours.Why(q.src.ref, q.dst.ref, &segment.Port{Protocol: protocol, Number: q.port})
	if err != nil {
		return err.Error()
	}
	var s strings.Builder
	for i, d := range []segment.Decision{x.Egress, x.Ingress} {
		fmt.Fprintf(&s, "%s is %s by %+v\n", segment.Gress(i), d.Verdict, d.Rule) //nolint:gosec // two directions
		for _, c := range d.Considered {
			fmt.Fprintf(&s, "  %s %s %s rule %d: %s, %s\n", c.Rule.Tier, c.Rule.Kind, c.Rule.Name, c.Rule.Rule, c.Outcome, c.Reason)
		}
	}
	for _, u := range x.Unknowns {
		fmt.Fprintf(&s, "unknown: %s: %s\n", u.Object, u.Reason)
	}
	return s.String()
}

func newTally() *tally {
	return &tally{verdicts: map[segment.Verdict]int{}, explained: map[string]int{}}
}

func (s *tally) report(t *testing.T) {
	t.Helper()
	t.Logf("the other engine: %d allowed, %d denied, %d undecided by its specification; differences with a reason: %v; without: %d",
		s.verdicts[segment.Allowed], s.verdicts[segment.Denied], s.verdicts[segment.Unknown], s.explained, s.wrong)
}

// TestMadeEstates compares the engines on the estates of each mix of the
// generator that the benchmarks use, read from the manifests that it writes.
func TestMadeEstates(t *testing.T) {
	const seeds = 4
	for _, mix := range synth.Mixes() {
		t.Run(string(mix), func(t *testing.T) {
			sum := newTally()
			for seed := range uint64(seeds) {
				m := synth.Model(synth.Config{Pods: 400, Workloads: 160, Policies: 180, Mix: mix, Seed: seed})
				files := map[string][]byte{}
				err := synth.Files(m, func(name string) (io.WriteCloser, error) {
					return &file{name: name, into: files}, nil
				})
				if err != nil {
					t.Fatal(err)
				}
				newBoth(t, files).compare(t, rand.New(rand.NewPCG(seed, 1)), packets/seeds, sum)
			}
			sum.report(t)
			if mix != synth.None && mix != synth.Open && min(sum.verdicts[segment.Allowed], sum.verdicts[segment.Denied]) < packets/50 {
				t.Error("nearly all packets fare alike: the comparison shows little")
			}
		})
	}
}

// file keeps what is written to it by name.
type file struct {
	bytes.Buffer
	name string
	into map[string][]byte
}

func (f *file) Close() error {
	f.into[f.name] = f.Bytes()
	return nil
}

// TestRandomClusters compares the engines on many small clusters that have what
// the large ones lack.
func TestRandomClusters(t *testing.T) {
	const clusters = 400
	sum := newTally()
	for seed := range uint64(clusters) {
		files, err := Random(seed)
		if err != nil {
			t.Fatal(err)
		}
		b := newBoth(t, files)
		before := sum.wrong
		b.compare(t, rand.New(rand.NewPCG(seed, 2)), packets/clusters, sum)
		if sum.wrong > before && before == 0 {
			t.Logf("seed %d:\n%s", seed, files["cluster.yaml"])
		}
		if sum.wrong > 5 {
			break
		}
	}
	sum.report(t)
}
