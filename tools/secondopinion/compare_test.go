package secondopinion

import (
	"bytes"
	"context"
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
	"github.com/cofferdam-io/cofferdam/segment/cni"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

// packets is how many of each mix are compared.
const packets = 100_000

// profile is how the program takes kube-network-policies to behave, as far as its
// policy engine decides it. The build that evaluates ClusterNetworkPolicies is
// the one that NewEngine puts together; whether a node and its own pods are free
// is decided by nftables rules before the engine is asked.
func profile(t *testing.T) segment.Profile {
	t.Helper()
	p, ok := cni.ByName(cni.KubeNP)
	if !ok {
		t.Fatalf("there is no profile %s", cni.KubeNP)
	}
	p.ClusterNetworkPolicy = segment.Yes
	p.NodeToPodFree, p.NodeToPodDoubt = false, ""
	p.PodToNodeFree, p.PodToNodeDoubt = false, ""
	return p
}

// end is a pod, or an address that is no pod's.
type end struct {
	pod *corev1.Pod
	ref ident.Ref
	ips []netip.Addr
}

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
	set     *manifest.Set // that ours was made from
	pods    []*end
	outside []*end
	ports   []uint16
	blocks  []netip.Prefix // that policies name
}

func newBoth(t *testing.T, files map[string][]byte, p segment.Profile) *both {
	t.Helper()
	b := &both{}
	var err error
	if b.objects, err = Decode(files); err != nil {
		t.Fatal(err)
	}
	if b.theirs, err = NewWorlds(b.objects); err != nil {
		t.Fatal(err)
	}
	b.set, b.ours = graph(t, files, p)
	b.ends()
	return b
}

// graph reads the same manifests as cofferdam does.
func graph(t *testing.T, files map[string][]byte, p segment.Profile) (*manifest.Set, *segment.Graph) {
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
	m, err := k8s.Model(set, p)
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
	return set, g
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
	add := func(a netip.Addr) {
		if a.IsValid() && !taken[a] {
			taken[a] = true
			b.outside = append(b.outside, outsider(a))
		}
	}
	for _, n := range b.objects.Nodes {
		for _, a := range n.Status.Addresses {
			if a.Type == corev1.NodeInternalIP {
				add(netip.MustParseAddr(a.Address))
			}
		}
	}
	b.blocks = b.objects.blocks()
	for _, p := range b.blocks {
		first, last := p.Masked().Addr(), lastOf(p)
		for _, a := range []netip.Addr{first.Prev(), first, first.Next(), last, last.Next()} {
			add(a)
		}
	}
	for _, s := range []string{"198.51.100.9", "8.8.8.8", "10.99.0.1", "2001:4860:4860::8888", "fd00:99::1"} {
		add(netip.MustParseAddr(s))
	}
	b.ports = b.objects.ports()
}

func outsider(a netip.Addr) *end {
	return &end{ref: ident.Ref{CIDR: netip.PrefixFrom(a, a.BitLen()).String()}, ips: []netip.Addr{a}}
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
	shown     []string // the first of the wrong ones
}

const mostShown = 5

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
		if why := b.explain(&q, ours); why != "" {
			sum.explained[why]++
			continue
		}
		if sum.wrong++; sum.wrong <= mostShown {
			sum.shown = append(sum.shown, fmt.Sprintf("%s: ours is %s, theirs %s\n%s", &q, ours, theirs, b.context(&q)))
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

// report fails the test for every difference without a reason, and where packets
// fare so much alike that the comparison shows little.
func (s *tally) report(t *testing.T) {
	t.Helper()
	t.Logf("the other engine: %d allowed, %d denied, %d left open by the specification; differences with a reason: %v; without: %d",
		s.verdicts[segment.Allowed], s.verdicts[segment.Denied], s.verdicts[segment.Unknown], s.explained, s.wrong)
	if s.wrong > 0 {
		t.Errorf("%d differences have no reason; the first:\n%s", s.wrong, strings.Join(s.shown, "\n"))
	}
}

// varied fails the test where nearly all packets fare alike.
func (s *tally) varied(t *testing.T) {
	t.Helper()
	if min(s.verdicts[segment.Allowed], s.verdicts[segment.Denied]) < packets/20 {
		t.Error("nearly all packets fare alike: the comparison shows little")
	}
}

// TestMadeEstates compares the engines on the estates of each mix of the
// generator that the benchmarks use, read from the manifests that it writes.
func TestMadeEstates(t *testing.T) {
	const seeds = 4
	for _, mix := range synth.Mixes() {
		t.Run(string(mix), func(t *testing.T) {
			sum := newTally()
			for seed := range uint64(seeds) {
				m := synth.Model(synth.Config{Pods: 320, Workloads: 160, Policies: 120, Mix: mix, Seed: seed})
				files := map[string][]byte{}
				err := synth.Files(m, func(name string) (io.WriteCloser, error) {
					return &file{name: name, into: files}, nil
				})
				if err != nil {
					t.Fatal(err)
				}
				newBoth(t, files, profile(t)).compare(t, rand.New(rand.NewPCG(seed, 1)), packets/seeds, sum)
			}
			sum.report(t)
			if mix != synth.None {
				sum.varied(t)
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
// the large ones lack. Every reason for a difference has to occur: one that does
// not is no longer needed, or no longer tested.
func TestRandomClusters(t *testing.T) {
	const clusters = 400
	sum := newTally()
	for seed := range uint64(clusters) {
		random(t, seed, profile(t)).compare(t, rand.New(rand.NewPCG(seed, 2)), packets/clusters, sum)
		if sum.wrong > 0 {
			t.Logf("seed %d", seed)
			break
		}
	}
	sum.report(t)
	sum.varied(t)
	for _, r := range reasons() {
		if sum.explained[r] == 0 {
			t.Errorf("no packet differs because of %s", r)
		}
	}
}

func random(t *testing.T, seed uint64, p segment.Profile) *both {
	t.Helper()
	files, err := Random(seed)
	if err != nil {
		t.Fatal(err)
	}
	return newBoth(t, files, p)
}

// TestProfileIsTheirs changes one switch of the profile at a time: each has to
// make the engines differ, or the comparison says nothing about it.
func TestProfileIsTheirs(t *testing.T) {
	for name, change := range map[string]func(*segment.Profile){
		"pod addresses":          func(p *segment.Profile) { p.IPBlockMatchesPods = false },
		"node addresses":         func(p *segment.Profile) { p.IPBlockSkipsNodes = true },
		"host network":           func(p *segment.Profile) { p.HostNetworkPoliced = true },
		"sidecars":               func(p *segment.Profile) { p.SidecarPortsUnnamed = false },
		"baseline":               func(p *segment.Profile) { p.BaselineDirectionBlind = false },
		"from a node":            func(p *segment.Profile) { p.NodeToPodFree = true },
		"to a node":              func(p *segment.Profile) { p.PodToNodeFree = true },
		"NetworkPolicy":          func(p *segment.Profile) { p.NetworkPolicy = segment.No },
		"ClusterNetworkPolicy":   func(p *segment.Profile) { p.ClusterNetworkPolicy = segment.No },
		"whether it is enforced": func(p *segment.Profile) { p.Enforced = false },
	} {
		sum := newTally()
		for seed := uint64(0); seed < 60 && sum.wrong == 0; seed++ {
			p := profile(t)
			change(&p)
			random(t, seed, p).compare(t, rand.New(rand.NewPCG(seed, 3)), packets/400, sum)
		}
		if sum.wrong == 0 {
			t.Errorf("%s: the engines agree about the contrary, too", name)
		}
	}
}

func Example() {
	objects, err := Decode(map[string][]byte{"shop.yaml": []byte(`
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop}
status: {podIP: 10.0.0.2}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {}
  ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]
`)})
	if err != nil {
		fmt.Println(err)
		return
	}
	engine, err := NewEngine(objects)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, src := range []string{"192.0.2.9", "198.51.100.9"} {
		passes, err := engine.Passes(context.Background(), Packet{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr("10.0.0.2"), Protocol: corev1.ProtocolTCP, Port: 443})
		fmt.Println(src, passes, err)
	}
	// Output:
	// 192.0.2.9 true <nil>
	// 198.51.100.9 false <nil>
}
