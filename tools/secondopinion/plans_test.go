package secondopinion

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

// definition shows that a cluster knows ClusterNetworkPolicy, which plans ask for
// before they use it.
const definition = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: clusternetworkpolicies.policy.networking.k8s.io}
spec:
  group: policy.networking.k8s.io
  scope: Cluster
  names: {kind: ClusterNetworkPolicy, plural: clusternetworkpolicies}
  versions: [{name: v1alpha2, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
`

// service is a port that is asked about.
type service struct {
	protocol corev1.Protocol
	port     uint16
}

// planned is a cluster before and after a plan was applied, as the other engine
// sees it, and what the plan declares.
type planned struct {
	before, after *both
	plan          *contain.Plan
	owners        map[ident.Ref]ident.Ref // workloads by pod
	cuts          map[[2]ident.Ref]*contain.Cut
}

// applied reads a plan's folder as a cluster would: the texts that are applied,
// by the other engine's own decoders.
func applied(t *testing.T, before *both, plan *contain.Plan, folder []contain.File) *planned {
	t.Helper()
	files := map[string][]byte{}
	for _, f := range folder {
		switch {
		case f.Name == "remove.txt" && len(f.Data) > 0:
			t.Fatalf("plans that remove objects are not expected: %s", f.Data)
		case strings.HasPrefix(f.Name, "apply/") && f.Name != "apply/kustomization.yaml":
			files[f.Name] = f.Data
		}
	}
	p := &planned{before: before, plan: plan, owners: owners(before.ours.Model()), cuts: map[[2]ident.Ref]*contain.Cut{}}
	after := *before
	var err error
	if after.objects, err = before.objects.Apply(files); err != nil {
		t.Fatal(err)
	}
	if after.theirs, err = NewWorlds(after.objects); err != nil {
		t.Fatal(err)
	}
	p.after = &after
	for i := range plan.Cuts {
		c := &plan.Cuts[i]
		p.cuts[[2]ident.Ref{unclustered(c.From), unclustered(c.To)}] = c
	}
	return p
}

func owners(m *segment.Model) map[ident.Ref]ident.Ref {
	out := map[ident.Ref]ident.Ref{}
	for i := range m.Endpoints {
		out[unclustered(m.Endpoints[i].Ref)] = unclustered(m.Workloads[m.Endpoints[i].Workload].Ref)
	}
	return out
}

// unclustered leaves out what the other engine does not know.
func unclustered(r ident.Ref) ident.Ref {
	r.Cluster = ""
	return r
}

// planTally counts what came of the packets of some plans.
type planTally struct {
	made       map[string]int // plans, by means and objective
	none       map[string]int // problems without one, by kind of error, and those contained already
	stopped    int            // of packets that a plan cuts: those that passed before
	never      int            // those that did not
	same       map[segment.Verdict]int
	explained  map[string]int
	wrong      int
	shown      []string
	cuts, gone int // declared cuts between pods, and those of which a packet passed before
}

func newPlanTally() *planTally {
	return &planTally{made: map[string]int{}, none: map[string]int{}, same: map[segment.Verdict]int{}, explained: map[string]int{}}
}

// ask holds the verdicts about a packet before and after against the plan.
func (p *planned) ask(t *testing.T, q *question, sum *planTally) (was segment.Verdict, declared bool) {
	t.Helper()
	was = p.before.second(t, q)
	is := p.after.second(t, q)
	want := was
	if declared = p.declares(q); declared {
		want = segment.Denied
	}
	switch {
	case is != want && q.src == q.dst:
		sum.explained[itself]++
	case is != want:
		if sum.wrong++; sum.wrong <= mostShown {
			sum.shown = append(sum.shown, fmt.Sprintf("plan %s of %s, %s of %s: %s: %s before, %s after, and should be %s\n%s",
				p.plan.ID, p.plan.Means, p.plan.Objective, p.plan.Query, q, was, is, want, p.before.context(q)))
		}
	case declared && was == segment.Denied:
		sum.never++
	case declared:
		sum.stopped++
	default:
		sum.same[is]++
	}
	return was, declared
}

// declares reports whether the plan says that it cuts a packet.
func (p *planned) declares(q *question) bool {
	if q.dst.pod == nil {
		return false
	}
	from := p.owners[q.src.ref]
	if q.src.pod == nil {
		if slices.ContainsFunc(q.src.ips, func(a netip.Addr) bool { return !segment.Public(a) }) {
			return false
		}
		from = ident.Ref{CIDR: ident.Internet}
	}
	c := p.cuts[[2]ident.Ref{from, p.owners[q.dst.ref]}]
	protocol, _ := segment.ParseProtocol(string(q.protocol))
	return c != nil && slices.ContainsFunc(c.Connections, func(c segment.Conn) bool {
		return c.Contains(segment.Port{Protocol: protocol, Number: q.port})
	})
}

// check asks about every pair of pods on the ports given and, of declared cuts, on
// the ends of every range that the cut closes and beside them; and about some
// packets in and out.
func (p *planned) check(t *testing.T, r *rand.Rand, ports []service, others int, sum *planTally) {
	t.Helper()
	sum.made[string(p.plan.Means)+" "+string(p.plan.Objective)]++
	for _, src := range p.before.pods {
		for _, dst := range p.before.pods {
			asked := ports
			c := p.cuts[[2]ident.Ref{p.owners[src.ref], p.owners[dst.ref]}]
			if c != nil {
				asked = append(slices.Clone(ports), edgesOf(c)...)
			}
			passed := false
			for _, v := range asked {
				q := question{src: src, dst: dst, protocol: v.protocol, port: v.port}
				if !q.possible() {
					continue
				}
				was, declared := p.ask(t, &q, sum)
				passed = passed || declared && was != segment.Denied
			}
			if c != nil {
				if sum.cuts++; passed {
					sum.gone++
				}
			}
		}
	}
	for asked := 0; asked < others && len(p.before.pods) > 0; {
		q := p.before.ask(r)
		if q.possible() {
			asked++
			p.ask(t, &q, sum)
		}
	}
}

// edgesOf are the ends of the ranges of a cut, the ports beside them, and one
// within.
func edgesOf(c *contain.Cut) []service {
	var out []service
	for _, x := range slices.Concat(c.Connections, c.Keep) {
		for _, n := range []int{int(x.From) - 1, int(x.From), (int(x.From) + int(x.To)) / 2, int(x.To), int(x.To) + 1} {
			if n > 0 && n < 65536 {
				out = append(out, service{corev1.Protocol(strings.ToUpper(x.Protocol.String())), uint16(n)}) //nolint:gosec // a port
			}
		}
	}
	return out
}

// report fails the test for every packet that does not fare as the plan says.
func (s *planTally) report(t *testing.T) {
	t.Helper()
	t.Logf("plans: %v; without: %v", s.made, s.none)
	t.Logf("of %d cut pairs of pods %d passed something before; packets that a plan cuts: %d stopped, %d never passed; others as before: %d allowed, %d denied, %d left open; differences with a reason: %v; without: %d",
		s.cuts, s.gone, s.stopped, s.never, s.same[segment.Allowed], s.same[segment.Denied], s.same[segment.Unknown], s.explained, s.wrong)
	if s.wrong > 0 {
		t.Errorf("%d packets do not fare as the plan says; the first:\n%s", s.wrong, strings.Join(s.shown, "\n"))
	}
}

// problem is about some workloads of a cluster that a seed chooses.
func problem(b *both, files map[string][]byte, seed uint64, means contain.Means) *contain.Problem {
	r := rand.New(rand.NewPCG(seed, 5)) //nolint:gosec // a seeded problem, no secret
	p := &contain.Problem{Query: fmt.Sprint("estate ", seed), Graph: b.ours, Set: b.set, Engine: "test", Means: means, AcceptUnobserved: true,
		Text: func(name string) ([]byte, error) {
			text, ok := files[name]
			if !ok {
				return nil, fs.ErrNotExist
			}
			return text, nil
		}}
	refs := slices.Clone(b.ours.Workloads())
	r.Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
	k := 1 + r.IntN(2)
	p.Affected = slices.Clone(refs[:k])
	slices.SortFunc(p.Affected, ident.Ref.Compare)
	switch r.IntN(4) {
	case 0:
		p.Objective = contain.Isolate
	case 1:
		p.Objective, p.Most = contain.Shrink, r.IntN(3)
	default:
		p.Objective = contain.Separate
		p.Protected = slices.Clone(refs[k : k+1+r.IntN(min(3, len(refs)-k))])
		slices.SortFunc(p.Protected, ident.Ref.Compare)
	}
	return p
}

// planBy makes plans by both means for the problem of a seed, and checks them.
func planBy(t *testing.T, files map[string][]byte, seed uint64, others int, sum *planTally) {
	t.Helper()
	files["definition.yaml"] = []byte(definition)
	b := newBoth(t, files, profile(t))
	for _, means := range []contain.Means{contain.AdminTier, contain.Rewrite} {
		plan, err := contain.Make(t.Context(), problem(b, files, seed, means))
		if err != nil {
			if ident.KindOf(err) != ident.KindUnsupported {
				t.Fatalf("seed %d: %v", seed, err)
			}
			sum.none["cannot be done by "+string(means)]++
			continue
		}
		if plan.Contained {
			sum.none["contained already"]++
			continue
		}
		folder, err := plan.Folder(nil)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(seed, 6)) //nolint:gosec // seeded packets
		ports := []service{{pick(r, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP), pick(r, b.ports...)}, {corev1.ProtocolTCP, pick(r, b.ports...)}}
		applied(t, b, plan, folder).check(t, r, ports, others, sum)
	}
}

// TestPlansOfMadeEstates holds plans for small estates of every mix of the
// generator against the other engine.
func TestPlansOfMadeEstates(t *testing.T) {
	t.Parallel()
	const estates = 300
	sum := newPlanTally()
	for seed := uint64(0); seed < estates && sum.wrong == 0; seed++ {
		r := rand.New(rand.NewPCG(seed, 4))
		n := 4 + r.IntN(8)
		m := synth.Model(synth.Config{Pods: n + r.IntN(2*n), Workloads: n, Policies: r.IntN(2 * n), Mix: pick(r, synth.Mixes()...), Seed: seed})
		files := map[string][]byte{}
		if err := synth.Files(m, func(name string) (io.WriteCloser, error) { return &file{name: name, into: files}, nil }); err != nil {
			t.Fatal(err)
		}
		if seed%2 == 1 {
			files["walls.yaml"] = walls(r, m.Namespaces)
		}
		planBy(t, stamp(t, files), seed, 100, sum)
	}
	sum.report(t)
	sum.enough(t, estates/4)
}

// TestPlansOfRandomClusters does the same on clusters with everything that plans
// have to keep away from: ties of priorities, pods of two addresses or on their
// node's network, names of ports that mean another port in each pod.
func TestPlansOfRandomClusters(t *testing.T) {
	t.Parallel()
	const clusters = 300
	sum := newPlanTally()
	for seed := uint64(0); seed < clusters && sum.wrong == 0; seed++ {
		files, err := Random(seed)
		if err != nil {
			t.Fatal(err)
		}
		if seed%2 == 1 {
			r := rand.New(rand.NewPCG(seed, 8))
			files["walls.yaml"] = walls(r, []segment.Namespace{{Name: "ns0"}, {Name: "ns1"}, {Name: "ns2"}, {Name: "ns3"}})
		}
		planBy(t, files, seed, 100, sum)
	}
	sum.report(t)
	sum.enough(t, clusters/10)
}

// walls are policies that isolate every pod and let nearly everything through, so
// that there is a NetworkPolicy to rewrite wherever a plan cuts.
func walls(r *rand.Rand, namespaces []segment.Namespace) []byte {
	var b bytes.Buffer
	for _, n := range namespaces {
		peer := pick(r, "namespaceSelector: {}", "podSelector: {}, namespaceSelector: {}", "namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: Exists}]}")
		ports := pick(r, "", ", ports: [{port: 1, endPort: 30000}, {protocol: UDP}]", ", ports: [{port: 80}, {port: 443}, {protocol: UDP, port: 53}]")
		fmt.Fprintf(&b, `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: wall, namespace: %s}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{%s}]%s}]
  egress: [{to: [{%s}]}]
`, n.Name, peer, ports, peer)
	}
	return b.Bytes()
}

// enough fails the test where plans of a means are few, or cut what never was.
func (s *planTally) enough(t *testing.T, least int) {
	t.Helper()
	for _, means := range []contain.Means{contain.AdminTier, contain.Rewrite} {
		n := 0
		for k, made := range s.made {
			if strings.HasPrefix(k, string(means)) {
				n += made
			}
		}
		if n < least {
			t.Errorf("only %d plans of %s", n, means)
		}
	}
	if s.gone < s.cuts/2 {
		t.Errorf("of %d cut pairs only %d passed anything before", s.cuts, s.gone)
	}
}

// TestPlansOfTheExample makes the example's plans with the program, as a person
// does, and asks the other engine about every pair of pods on every port that a pod has.
func TestPlansOfTheExample(t *testing.T) {
	t.Parallel()
	program := built(t)
	files := folderOf(t, filepath.Join(root, "examples/estate/manifests"))
	before := newBoth(t, stamp(t, files), profile(t))
	ports := servicesOf(before)
	sum := newPlanTally()
	const everywhere = "CVE-2023-44487"
	for name, args := range map[string][]string{
		"separate":       {everywhere, "--protect", "zone=restricted"},
		"shrink":         {everywhere, "--objective", "shrink", "--most", "5"},
		"close-internet": {everywhere, "--objective", "close-internet"},
		"isolate":        {everywhere, "--objective", "isolate", "--accept-unobserved"},
		"load balancer":  {"gateway-system/edge-gateway", "--objective", "close-internet"},
	} {
		for _, means := range []contain.Means{contain.AdminTier, contain.Rewrite} {
			t.Run(name+" by "+string(means), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "plan")
				e := filepath.Join(root, "examples/estate")
				run := exec.CommandContext(t.Context(), program, append([]string{"contain", args[0], "-f", filepath.Join(e, "manifests"), "--sbom", filepath.Join(e, "sbom"),
					"--advisories", filepath.Join(e, "advisories"), "--allow-incomplete", "--using", string(means), "--out", dir}, args[1:]...)...)
				if out, err := run.CombinedOutput(); err != nil {
					t.Logf("%v\n%s", err, out)
					sum.none[name+" by "+string(means)]++
					return
				}
				plan, folder := opened(t, dir)
				p := applied(t, before, plan, folder)
				p.check(t, rand.New(rand.NewPCG(7, 7)), ports, 2000, sum)
				stopped := p.fromOutside(t, ports, sum)
				if closes := p.cuts[[2]ident.Ref{{CIDR: ident.Internet}, {Namespace: "gateway-system", Kind: "Deployment", Name: "edge-gateway"}}] != nil; closes != (stopped > 0) || closes != (name == "load balancer") {
					t.Errorf("the plan closes the internet: %t; %d packets from there are stopped", closes, stopped)
				}
			})
		}
	}
	sum.report(t)
	sum.enough(t, 2)
}

// fromOutside asks about packets from addresses of the internet and others to every pod,
// and returns how many of the internet's the plan stops.
func (p *planned) fromOutside(t *testing.T, ports []service, sum *planTally) (stopped int) {
	t.Helper()
	for _, text := range []string{"8.8.8.8", "1.1.1.1", "203.0.113.9", "192.168.1.1", "100.64.3.4", "10.64.0.5", "172.20.0.9"} {
		a := netip.MustParseAddr(text)
		src := &end{ref: ident.Ref{CIDR: netip.PrefixFrom(a, a.BitLen()).String()}, ips: []netip.Addr{a}}
		for _, dst := range p.before.pods {
			for _, v := range ports {
				q := question{src: src, dst: dst, protocol: v.protocol, port: v.port}
				if !q.possible() {
					continue
				}
				if was, declared := p.ask(t, &q, sum); declared && was == segment.Allowed {
					stopped++
				}
			}
		}
	}
	return stopped
}

// root is the program's module.
const root = "../../"

// built is the program, as a person has it.
func built(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "cofferdam")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/cofferdam")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// servicesOf are the ports that some pod has, and one that none has.
func servicesOf(b *both) []service {
	out := []service{{corev1.ProtocolTCP, 9}, {corev1.ProtocolUDP, 9}}
	for _, p := range b.objects.Pods {
		for _, c := range p.Spec.Containers {
			for _, port := range c.Ports {
				v := service{port.Protocol, uint16(port.ContainerPort)} //nolint:gosec // a port
				if v.protocol == "" {
					v.protocol = corev1.ProtocolTCP
				}
				if !slices.Contains(out, v) {
					out = append(out, v)
				}
			}
		}
	}
	return out
}

// opened reads a plan that the program wrote.
func opened(t *testing.T, dir string) (*contain.Plan, []contain.File) {
	t.Helper()
	var folder []contain.File
	for n, data := range folderOf(t, dir) {
		folder = append(folder, contain.File{Name: n, Data: data})
	}
	plan, faults, err := contain.Open(folder)
	if err != nil || len(faults) > 0 {
		t.Fatal(err, faults)
	}
	return plan, folder
}

// TestPlansOfRealApplications makes the documented plans for Online Boutique and Sock
// Shop with the program, and asks the other engine about every pair.
func TestPlansOfRealApplications(t *testing.T) {
	t.Parallel()
	data := os.Getenv("COFFERDAM_DATA")
	if data == "" {
		t.Skip("COFFERDAM_DATA is not set: Online Boutique and Sock Shop are not read")
	}
	program := built(t)
	boutique := filepath.Join(data, "netpol", "microservices-demo")
	shop := filepath.Join(data, "netpol", "sock-shop", "deploy", "kubernetes")
	sum := newPlanTally()
	for _, tt := range []struct {
		name    string
		folders []string
		args    []string
		cuts    int // as docs/containment.md has them
	}{
		{"frontend and its cache", []string{filepath.Join(boutique, "kubernetes-manifests"), filepath.Join(boutique, "kustomize", "components", "network-policies")},
			[]string{"default/frontend", "--protect", "workload=default/redis-cart"}, 1},
		{"orders", []string{filepath.Join(shop, "manifests"), filepath.Join(shop, "manifests-policy")},
			[]string{"sock-shop/orders", "--protect", "workload=sock-shop/payment", "--protect", "workload=sock-shop/user-db"}, 2},
		{"front-end", []string{filepath.Join(shop, "manifests"), filepath.Join(shop, "manifests-policy")},
			[]string{"sock-shop/front-end", "--protect", "workload=sock-shop/user-db"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string][]byte{}
			args := append([]string{"contain"}, tt.args...)
			for i, f := range tt.folders {
				args = append(args, "-f", f)
				for name, text := range folderOf(t, f) {
					if ext := filepath.Ext(name); (ext == ".yaml" || ext == ".yml") && filepath.Base(name) != "kustomization.yaml" {
						files[fmt.Sprint(i, "/", name)] = named(text, i > 0)
					}
				}
			}
			before := newBoth(t, stamp(t, files), profile(t))
			dir := filepath.Join(t.TempDir(), "plan")
			run := exec.CommandContext(t.Context(), program, append(args, "--allow-incomplete", "--out", dir)...)
			if out, err := run.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			plan, folder := opened(t, dir)
			if len(plan.Cuts) != tt.cuts {
				t.Errorf("%d edges are cut, documented are %d", len(plan.Cuts), tt.cuts)
			}
			applied(t, before, plan, folder).check(t, rand.New(rand.NewPCG(8, 8)), servicesOf(before), 500, sum)
		})
	}
	sum.report(t)
	if sum.stopped == 0 {
		t.Error("no packet that passed before is stopped")
	}
}

// named puts objects that name no namespace into the one that kubectl would: the
// other engine has no default of its own. A Namespace that was read already is
// left out.
func named(text []byte, later bool) []byte {
	docs := strings.Split("\n"+string(text), "\n---")
	for i, d := range docs {
		if later && strings.Contains(d, "\nkind: Namespace\n") {
			docs[i] = "\n"
		}
		if !strings.Contains(d, "\n  namespace:") && !strings.Contains(d, "\nkind: Namespace") {
			docs[i] = strings.Replace(d, "\nmetadata:\n", "\nmetadata:\n  namespace: default\n", 1)
		}
	}
	return []byte(strings.Join(docs, "\n---"))
}

// folderOf reads a folder's files, by name with slashes.
func folderOf(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = bytes.Clone(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
