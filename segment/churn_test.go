package segment_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// TestChurnKeepsMemory lets a namespace with a workload, its pods, its policy and a
// way in come and go, each time under another name, asking after every change: what
// went must not be kept, and the estate must be what it was. It runs beside no
// other test, whose memory would be counted.
func TestChurnKeepsMemory(t *testing.T) {
	// The estate takes 3 MB, and grows by 1.2 until it is compiled anew, which happens
	// every 225 rounds: what is kept of a round shows from 2 kB on.
	const atMost = 2 << 20
	rounds := 450 // of four changes
	if long() {
		rounds = 100_000
	}
	ctx := context.Background()
	m := largeModel(200, 1)
	g, err := segment.Build(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	before, err := g.Count(ctx)
	if err != nil {
		t.Fatal(err)
	}
	asked := m.Workloads[7].Ref
	apply := func(d *segment.Delta) {
		t.Helper()
		if g, err = g.Apply(ctx, d); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Row(asked); err != nil {
			t.Fatal(err)
		}
	}
	start, most := heap(), uint64(0)
	for i := range rounds {
		name := fmt.Sprint("preview-", i)
		w := ident.Ref{Namespace: name, Kind: "Deployment", Name: "web"}
		labels := map[string]string{"app": name}
		apply(&segment.Delta{
			PutNamespaces: []segment.Namespace{{Name: name, Declared: true, Labels: map[string]string{"kubernetes.io/metadata.name": name, "zone": "z1"}}},
			PutWorkloads:  []segment.Workload{{Ref: w, Labels: labels}},
			PutEndpoints: []segment.Endpoint{{Ref: ident.Ref{Namespace: name, Kind: "Pod", Name: "web-0"}, Workload: len(m.Workloads), Namespace: len(m.Namespaces),
				Labels: labels}},
		})
		guard := segment.Policy{Kind: "NetworkPolicy", Namespace: name, Name: "guard", Tier: segment.NetworkPolicyTier,
			Subject: segment.PodSelector{InNamespace: name, Pods: segment.MatchLabels(labels)}, Isolates: [2]bool{segment.Ingress: true}}
		guard.Rules[segment.Ingress] = []segment.Rule{{Peers: []segment.Peer{{Kind: segment.PeerPods, Pods: segment.PodSelector{InNamespace: name}}}}}
		apply(&segment.Delta{PutPolicies: []segment.Policy{guard}, Entries: &[]segment.Entry{{Workload: len(m.Workloads), Kind: "LoadBalancer", Object: "Service web"}}})
		if i%2 == 0 {
			apply(&segment.Delta{DropWorkloads: []ident.Ref{w}})
			apply(&segment.Delta{DropNamespaces: []segment.NamespaceRef{{Name: name}}})
		} else {
			apply(&segment.Delta{DropNamespaces: []segment.NamespaceRef{{Name: name}}})
			apply(&segment.Delta{PutNamespaces: m.Namespaces[:1]})
		}
		if i%25 == 24 {
			most = max(most, heap())
		}
	}
	after, err := g.Count(ctx)
	if err != nil || after != before {
		t.Errorf("%+v, %v; before %+v", after, err, before)
	}
	if t.Logf("%.1f MB before, at most %.1f MB in %d changes", float64(start)/(1<<20), float64(most)/(1<<20), 4*rounds); most > start+atMost {
		t.Error("what went is kept")
	}
	runtime.KeepAlive(g)
}

// heap returns the bytes that are in use.
func heap() uint64 {
	for range 2 { // a sync.Pool gives up what it holds at the second
		runtime.GC()
	}
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}
