package secondopinion

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	nfqueue "github.com/florianl/go-nfqueue/v2"
	"golang.org/x/sys/unix"
	"sigs.k8s.io/kube-network-policies/pkg/network"

	"github.com/cofferdam-io/cofferdam/segment"
)

// town is the cluster of the real packets: five pods in each of four namespaces.
// The port that a name means differs from pod to pod.
func town() map[string][]byte {
	teams := map[string]string{"shop": "front", "pay": "back", "ops": "ops", "lab": "front"}
	var b strings.Builder
	for i, ns := range []string{"shop", "pay", "ops", "lab"} {
		fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: %s, labels: {team: %s}}\n", ns, teams[ns])
		for j, app := range []string{"web", "api", "cache", "db", "dns"} {
			http, metrics := 8080, 9090
			if (i+j)%2 == 1 {
				http, metrics = 8081, 80
			}
			fmt.Fprintf(&b, `---
apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: %s, labels: {app: %s}}
spec:
  containers:
  - name: main
    image: registry.example/main:1
    ports:
    - {name: http, containerPort: %d}
    - {name: metrics, containerPort: %d}
    - {name: names, containerPort: %d, protocol: UDP}
status: {phase: Running, podIP: 10.244.%d.%d}
`, app, ns, app, http, metrics, []int{53, 8125}[j%2], i, j+1)
		}
	}
	return map[string][]byte{"town.yaml": []byte(b.String())}
}

// strangers are hosts outside the cluster.
func strangers() []netip.Addr {
	return []netip.Addr{netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("192.0.2.200"), netip.MustParseAddr("198.51.100.9")}
}

func services() []service {
	return []service{{"TCP", 80}, {"TCP", 443}, {"TCP", 8080}, {"TCP", 8081}, {"TCP", 9090}, {"UDP", 53}, {"UDP", 8125}}
}

// enforcer answers the kernel for the packets that it hands over.
type enforcer struct {
	mu     sync.Mutex
	engine *Engine
	seen   map[Packet]bool // whether it passed
	err    error
}

func (e *enforcer) use(engine *Engine) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.engine, e.seen = engine, map[Packet]bool{}
}

// decide parses and judges a packet with their code.
func (e *enforcer) decide(ctx context.Context, payload []byte) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, err := network.ParsePacket(payload)
	var pass bool
	if err == nil {
		pass, err = e.engine.whole.EvaluatePacket(ctx, &p)
	}
	if err != nil {
		e.err = err
		return false
	}
	src, _ := netip.AddrFromSlice(p.SrcIP)
	dst, _ := netip.AddrFromSlice(p.DstIP)
	e.seen[Packet{Src: src.Unmap(), Dst: dst.Unmap(), Protocol: p.Proto, Port: uint16(p.DstPort)}] = pass //nolint:gosec // a port
	return pass
}

// judged returns what came of a packet. One that a pod sends to itself never
// leaves it.
func (e *enforcer) judged(p Packet) (pass, seen bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	pass, seen = e.seen[p]
	return pass || p.Src == p.Dst, seen || p.Src == p.Dst
}

// settled reports whether every probe met the enforcer, and whoever it let pass
// arrived.
func (e *enforcer) settled(probes []*probe) bool {
	return !slices.ContainsFunc(probes, func(p *probe) bool {
		pass, seen := e.judged(p.Packet)
		return !seen || pass && !p.done
	})
}

// buffer holds the first packets of all probes of a round, of some two kilobytes
// each as the kernel counts: what does not fit is dropped unseen.
const buffer = 16 << 20

// run opens the queue in the node's namespace until the context ends.
func (e *enforcer) run(ctx context.Context, node *space, number uint16) (func() error, error) {
	q, err := nfqueue.Open(&nfqueue.Config{NetNS: int(node.ns), NfQueue: number, MaxPacketLen: 128, MaxQueueLen: 16384, Copymode: nfqueue.NfQnlCopyPacket, WriteTimeout: time.Second})
	if err != nil {
		return nil, err
	}
	if err := q.Con.SetReadBuffer(buffer); err != nil {
		return nil, err
	}
	err = q.RegisterWithErrorFunc(ctx, func(a nfqueue.Attribute) int {
		verdict := nfqueue.NfDrop
		if a.Payload != nil && e.decide(ctx, *a.Payload) {
			verdict = nfqueue.NfAccept
		}
		if err := q.SetVerdict(*a.PacketID, verdict); err != nil && ctx.Err() == nil {
			e.mu.Lock()
			e.err = err
			e.mu.Unlock()
		}
		return 0
	}, func(error) int {
		if ctx.Err() != nil {
			return 1
		}
		return 0
	})
	return q.Close, err
}

// lab is a node with the other engine behind a queue of its kernel, twenty pods
// and three hosts outside, each in a network namespace.
type lab struct {
	node   *space
	ends   []*end
	spaces map[netip.Addr]*space
	guard  *enforcer
	calls  calls
}

// newLab makes one; a test is skipped where the machine does not allow it.
func newLab(t *testing.T, number uint16, which judged) *lab {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may make network namespaces; as root: make secondopinion")
	}
	node, err := newSpace()
	if err != nil {
		t.Skipf("no network namespace can be made here: %v", err)
	}
	t.Cleanup(func() { closing(t, node.close) })
	if err := queue(node, number, which); err != nil {
		t.Skipf("no packets can be handed to user space here, for want of rights, or of both nftables' queue and iptables' NFQUEUE in the kernel: %v", err)
	}
	l := &lab{node: node, spaces: map[netip.Addr]*space{}, guard: &enforcer{}}
	b := newBoth(t, town(), profile(t))
	l.ends = b.pods
	for _, a := range strangers() {
		l.ends = append(l.ends, outsider(a))
	}
	for i, e := range l.ends {
		s, err := newSpace()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closing(t, s.close) })
		l.spaces[e.ips[0]] = s
		if err := attach(node, s, fmt.Sprintf("end%d", i), e.ips[0]); err != nil {
			t.Fatal(err)
		}
		for _, v := range services() {
			stop, err := s.serve(e.ips[0], strings.ToLower(string(v.protocol)), v.port, &l.calls)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { closing(t, stop) })
		}
	}
	l.enforce(t, b.objects)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	stop, err := l.guard.run(ctx, node, number)
	if err != nil {
		t.Skipf("no queue can be opened here: %v", err)
	}
	t.Cleanup(func() { cancel(); closing(t, stop) })
	return l
}

// enforce lets the engine judge by other policies from here on.
func (l *lab) enforce(t *testing.T, o *Objects) *Engine {
	t.Helper()
	engine, err := NewEngine(o)
	if err != nil {
		t.Fatal(err)
	}
	l.guard.use(engine)
	return engine
}

// withPolicies are the town's manifests and a file of policies.
func withPolicies(t *testing.T, set string) map[string][]byte {
	t.Helper()
	policies, err := os.ReadFile("testdata/" + set + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	files := town()
	files[set+".yaml"] = policies
	return files
}

// TestRealPackets sends real packets between the pods and hosts of a lab, and holds
// what arrives against what ours says.
func TestRealPackets(t *testing.T) {
	l := newLab(t, 100, firstPackets)
	for i, set := range []string{"ports", "blocks", "tiers"} {
		t.Run(set, func(t *testing.T) {
			b := newBoth(t, withPolicies(t, set), profile(t))
			l.enforce(t, b.objects)
			b.connect(t, l, l.round(i))
		})
	}
}

// round is the first of the ports from which the connections of a round leave.
func (l *lab) round(i int) uint16 {
	return uint16(firstPort + i*len(l.ends)*len(services())) //nolint:gosec // a port
}

func closing(t *testing.T, f func() error) {
	t.Helper()
	if err := f(); err != nil {
		t.Error(err)
	}
}

// firstPort is below the ports that the kernel gives to whoever asks for none.
const firstPort = 20000

// connect tries every pair on every port, and compares.
func (b *both) connect(t *testing.T, l *lab, first uint16) {
	t.Helper()
	counts := map[segment.Verdict]int{}
	wrong := 0
	for _, a := range l.try(t, first) {
		ours := b.first(t, &a.question)
		counts[ours]++
		if a.err != nil || ours != a.outcome() || !a.met {
			if wrong++; wrong <= mostShown {
				t.Errorf("%s: ours is %s, the connection is %s (%v); it met the queue: %t, which passed it: %t\n%s", &a.question, ours, a.outcome(), a.err, a.met, a.passed, b.context(&a.question))
			}
		}
	}
	t.Logf("real connections: %d allowed, %d denied, %d wrong", counts[segment.Allowed], counts[segment.Denied], wrong)
	if total := counts[segment.Allowed] + counts[segment.Denied]; min(counts[segment.Allowed], counts[segment.Denied]) < total/10 || counts[segment.Unknown] > 0 {
		t.Errorf("the policies exercise little: %v", counts)
	}
}

// attempt is what came of a connection.
type attempt struct {
	question
	reached     bool
	err         error
	met, passed bool // the queue, and it
}

func (a *attempt) outcome() segment.Verdict {
	if a.reached {
		return segment.Allowed
	}
	return segment.Denied
}

// try opens a connection of every pair on every port. Each probe of an end
// leaves from a port of its own, of those that begin with first: what the kernel
// remembers of an earlier connection would let the same one pass unasked.
func (l *lab) try(t *testing.T, first uint16) []*attempt {
	t.Helper()
	next := map[*end]uint16{}
	var out []*attempt
	for _, half := range [][]service{services()[:4], services()[4:]} {
		var list []*probe
		begin := len(out)
		for _, src := range l.ends {
			var own []*probe
			for _, dst := range l.ends {
				if src.pod == nil && dst.pod == nil {
					continue
				}
				for _, v := range half {
					p := &probe{Packet: Packet{Src: src.ips[0], Dst: dst.ips[0], Protocol: v.protocol, Port: v.port}, from: first + next[src]}
					next[src]++
					own = append(own, p)
					out = append(out, &attempt{question: question{src: src, dst: dst, protocol: v.protocol, port: v.port}})
				}
			}
			err := l.spaces[src.ips[0]].do(func() error {
				for _, p := range own {
					if err := p.open(); err != nil {
						return fmt.Errorf("%s: %w", p, err)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, own...)
		}
		watch(t, l.guard, list)
		for i, p := range list {
			a := out[begin+i]
			a.reached, a.err = p.reached, p.err
			a.passed, a.met = l.guard.judged(p.Packet)
		}
	}
	return out
}

// watch waits for answers until every probe met the enforcer and whoever passed
// arrived, and then a while longer, in which the others must not.
func watch(t *testing.T, guard *enforcer, probes []*probe) {
	t.Helper()
	const (
		atMost  = 15 * time.Second
		longer  = 1200 * time.Millisecond // TCP sends the first packet again after a second
		resends = time.Second
	)
	defer func() {
		for _, p := range probes {
			if err := unix.Close(p.fd); err != nil {
				t.Error(err)
			}
		}
	}()
	start := time.Now()
	sent := start
	var settled time.Time
	for time.Since(start) < atMost && (settled.IsZero() || time.Since(settled) < longer) {
		if err := await(probes, 50); err != nil {
			t.Fatal(err)
		}
		if settled.IsZero() && guard.settled(probes) {
			settled = time.Now()
		}
		if time.Since(sent) > resends {
			sent = time.Now()
			for _, p := range probes {
				if err := p.again(); err != nil {
					t.Fatalf("%s: %v", p, err)
				}
			}
		}
	}
	guard.mu.Lock()
	defer guard.mu.Unlock()
	if guard.err != nil {
		t.Fatal(guard.err)
	}
}
