package contain_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/cni"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

// withEntries gives workloads of a problem a load balancer each.
func withEntries(t *testing.T, p *contain.Problem, of ...ident.Ref) {
	t.Helper()
	m := *p.Graph.Model()
	m.Entries = slices.Clone(m.Entries)
	if len(m.Policies)%4 != 0 {
		m.NotSeen = slices.DeleteFunc(slices.Clone(m.NotSeen), func(k string) bool { return k == "Service" })
	}
	for i := range m.Workloads {
		if slices.Contains(of, m.Workloads[i].Ref) {
			m.Entries = append(m.Entries, segment.Entry{Workload: i, Kind: "LoadBalancer", Object: "Service " + m.Workloads[i].Ref.Name})
		}
	}
	g, err := segment.Build(context.Background(), &m)
	if err != nil {
		t.Fatal(err)
	}
	p.Graph = g
}

// TestInternetKeptOut: on random estates whose affected workloads the internet reaches
// itself, what a plan changes is what the internet may open to them and the cut of
// what leads on to them, and nothing is left, on graphs built from the plan's texts.
func TestInternetKeptOut(t *testing.T) {
	const estates = min(estatesTried/8, 240)
	kept, existing, fresh, cilium, refused := 0, 0, 0, 0, 0
	reasons := make(map[string]int)
	for seed := range uint64(estates) {
		r := rand.New(rand.NewPCG(seed, 41))
		mixes := synth.Mixes()
		n := 4 + r.IntN(8)
		profile := segment.Generic()
		if name := []string{"", "cilium", "", "calico"}[seed%4]; name != "" {
			var ok bool
			if profile, ok = cni.ByName(name); !ok {
				t.Fatal(name)
			}
		}
		p := decoded(t, synth.Model(synth.Config{Pods: n, Workloads: n, Policies: r.IntN(2 * n), Mix: mixes[r.IntN(len(mixes))], Seed: seed}), profile)
		refs := p.Graph.Workloads()
		r.Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
		p.Query, p.Objective, p.Affected = fmt.Sprint("estate ", seed), contain.CloseInternet, slices.Clone(refs[:1+r.IntN(2)])
		slices.SortFunc(p.Affected, ident.Ref.Compare)
		if p.AcceptUnobserved = seed%2 == 1; p.AcceptUnobserved {
			p.Grain = contain.Auto
		}
		with := refs[:3]
		if seed%5 == 0 {
			with = p.Affected
		}
		withEntries(t, p, with...)
		plan, err := contain.Make(context.Background(), p)
		if err != nil {
			if k := ident.KindOf(err); k != ident.KindUnsupported {
				t.Fatalf("seed %d: %v", seed, err)
			}
			reasons[err.Error()]++
			refused++
			continue
		}
		folder, after, changes := builtAnew(t, seed, p, plan)
		if d := cmp.Diff(changes, plan.Proof.Changed); len(changes)+len(plan.Proof.Changed) > 0 && d != "" {
			t.Fatalf("seed %d: what changes (-built anew +proved):\n%s", seed, d)
		}
		for _, c := range changes {
			if !c.Src.IsCIDR() {
				continue
			}
			block := netip.MustParsePrefix(c.Src.CIDR)
			if inside := slices.ContainsFunc(segment.SpecialRanges(), func(s netip.Prefix) bool { return s.Overlaps(block) && !s.Addr().Is4In6() }); inside || c.After != segment.Denied {
				t.Fatalf("seed %d: %s → %s changes to %s: it is not of the internet, or not closed", seed, c.Src, c.Dst, c.After)
			}
			kept++
		}
		reached, err := after.Reach(context.Background(), p.Affected, segment.Backward, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range append(slices.Clone(p.Affected), workloadsIn(reached)...) {
			if x := after.Exposure(w); x.Level == segment.ExposedInternet || x.Level == segment.ExposedUnknown {
				t.Fatalf("seed %d, %s: the internet still reaches %s (%s), from where paths lead to %v", seed, profile.Name, w, x.Level, p.Affected)
			}
		}
		opened, faults, err := contain.Open(folder)
		if err != nil || len(faults) > 0 {
			t.Fatal(err, faults)
		}
		if proof, faults, err := opened.Check(context.Background(), p.Graph, after, nil, "test"); err != nil || len(faults) > 0 || !proof.Proved {
			t.Fatalf("seed %d: it does not hold when it is checked: %v %v", seed, err, faults)
		}
		for _, e := range plan.Edits {
			switch {
			case e.Kind == "CiliumNetworkPolicy":
				cilium++
			case e.Action == "create":
				fresh++
			default:
				existing++
			}
		}
	}
	t.Logf("%d blocks of the internet closed; %d policies rewritten, %d new, %d of Cilium; %d refused: %v", kept, existing, fresh, cilium, refused, reasons)
	if kept < estates || existing < 5 || fresh < estates/60 || cilium < 5 || refused > estates/2 {
		t.Error("the estates do not exercise all of it")
	}
}

// aboutVital declares every workload vital.
func aboutVital(ident.Ref) inventory.About { return inventory.About{Vital: true} }

// hintOf is what an error advises.
func hintOf(err error) string {
	var e *ident.Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

func workloadsIn(reached []segment.Reached) []ident.Ref {
	var out []ident.Ref
	for _, r := range reached {
		if !r.Workload.IsCIDR() {
			out = append(out, r.Workload)
		}
	}
	return out
}

// TestInternetRefused: what no policy can close is refused, with what to do instead.
func TestInternetRefused(t *testing.T) {
	const web = `{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}, spec: {%scontainers: [{name: c, image: x, ports: [{containerPort: 80}]}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}}
`
	const ingress = `{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}, spec: {containers: [{name: c, image: x}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {selector: {app: web}, ports: [{port: 80}]}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: door, namespace: shop}, spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}
`
	vital := func(x *contain.Problem) { x.About = aboutVital }
	for _, tt := range []struct {
		name, text string
		with       func(*contain.Problem)
		want, hint string
	}{
		{"on its node", fmt.Sprintf(web, "hostNetwork: true, "), nil, "not enforceable", "by hand"},
		{"vital", fmt.Sprintf(web, ""), vital, "declared vital", "--may-cut shop/web"},
		{"a controller that is not known", ingress, nil, "Ingress shop/door, and the controller that serves it is not certainly known", "out of Ingress shop/door by hand"},
		{"means that names no addresses", fmt.Sprintf(web, ""), func(x *contain.Problem) { x.Means = contain.AdminTier }, "enforces no ClusterNetworkPolicy", "--using"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := manifestProblem(t, tt.text)
			if tt.with != nil {
				tt.with(p)
			}
			_, err := contain.Make(context.Background(), p)
			if err == nil {
				t.Fatal("a plan was made")
			}
			if ident.KindOf(err) != ident.KindUnsupported || !strings.Contains(err.Error(), tt.want) || !strings.Contains(hintOf(err), tt.hint) {
				t.Errorf("%v\n%s", err, hintOf(err))
			}
		})
	}
	t.Run("isolated on its node", func(t *testing.T) {
		p := manifestProblem(t, fmt.Sprintf(web, "hostNetwork: true, "))
		p.Objective, p.AcceptUnobserved = contain.Isolate, true
		if plan, err := contain.Make(context.Background(), p); ident.KindOf(err) != ident.KindUnsupported || !strings.Contains(err.Error(), "not enforceable") || !strings.Contains(hintOf(err), "by hand") {
			t.Errorf("%+v %v", plan, err)
		}
	})
	t.Run("given up", func(t *testing.T) {
		p := manifestProblem(t, fmt.Sprintf(web, ""))
		p.About, p.MayCut = aboutVital, []string{"shop/web"}
		plan, err := contain.Make(context.Background(), p)
		if err != nil || !plan.Proof.Proved || len(plan.Cuts) != 1 || plan.Cuts[0].From.CIDR != ident.Internet {
			t.Fatalf("%v %+v", err, plan)
		}
	})
}

func manifestProblem(t *testing.T, text string) *contain.Problem {
	t.Helper()
	set, err := manifest.Decode(context.Background(), []manifest.Input{{Name: "m.yaml", Data: []byte(text)}}, manifest.Options{})
	if err != nil || len(set.Estate.Faults) > 0 {
		t.Fatal(err, set.Estate.Faults)
	}
	m, err := k8s.Model(set, segment.Generic())
	if err != nil {
		t.Fatal(err)
	}
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return &contain.Problem{Query: "test", Objective: contain.CloseInternet, Affected: []ident.Ref{{Namespace: "shop", Kind: "Pod", Name: "web"}}, Graph: g, Set: set, Engine: "test"}
}
