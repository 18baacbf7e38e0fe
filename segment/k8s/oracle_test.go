package k8s_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
	"sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
)

// dataFolder returns a folder of the public test data, or skips.
func dataFolder(t testing.TB, parts ...string) string {
	root := os.Getenv("COFFERDAM_DATA")
	if root == "" {
		t.Skip("COFFERDAM_DATA is not set: the oracles of netpol/ are not read")
	}
	return filepath.Join(append([]string{root, "netpol"}, parts...)...)
}

// cluster gathers objects the way the API types spell them, without the
// decoder, so that these tests judge the front end alone.
type cluster struct {
	t   testing.TB
	set manifest.Set
	ip  int
}

func newCluster(t testing.TB) *cluster {
	return &cluster{t: t, set: manifest.Set{Estate: &estate.Estate{Kinds: map[string]estate.Presence{"NetworkPolicy": estate.Seen}}}}
}

func (c *cluster) namespace(name string, labels map[string]string) {
	c.set.Estate.Namespaces = append(c.set.Estate.Namespaces, &estate.Namespace{Name: name, Labels: labels, Declared: true})
}

func (c *cluster) pod(namespace, name string, labels map[string]string, spec estate.PodSpec, ips ...string) *estate.Pod {
	w := &estate.Workload{Ref: ident.Ref{Namespace: namespace, Kind: "Pod", Name: name}}
	p := &estate.Pod{Namespace: namespace, Name: name, Labels: labels, Workload: w, Phase: "Running", Spec: spec}
	for _, ip := range ips {
		p.IPs = append(p.IPs, netip.MustParseAddr(ip))
	}
	w.Pods = []*estate.Pod{p}
	c.set.Estate.Workloads = append(c.set.Estate.Workloads, w)
	c.set.Estate.Pods = append(c.set.Estate.Pods, p)
	return p
}

// read adds the objects of a manifest that bear on reachability.
func (c *cluster) read(raw []byte, defaultNamespace string) {
	c.t.Helper()
	for _, doc := range regexp.MustCompile(`(?m)^---.*$`).Split(string(raw), -1) {
		var head struct {
			Kind     string
			Metadata struct{ Name, Namespace string }
		}
		if err := yaml.Unmarshal([]byte(doc), &head); err != nil {
			c.t.Fatal(err)
		}
		ns := head.Metadata.Namespace
		if ns == "" {
			ns = defaultNamespace
		}
		switch head.Kind {
		case "Namespace":
			var o corev1.Namespace
			c.decode(doc, &o)
			c.namespace(o.Name, o.Labels)
		case "NetworkPolicy":
			o := new(networkingv1.NetworkPolicy)
			c.decode(doc, o)
			o.Namespace = ns
			c.set.NetworkPolicies = append(c.set.NetworkPolicies, manifest.Typed[networkingv1.NetworkPolicy]{Policy: &estate.Policy{Namespace: ns, Name: o.Name}, Object: o})
		case "ClusterNetworkPolicy":
			o := new(v1alpha2.ClusterNetworkPolicy)
			c.decode(doc, o)
			c.set.ClusterNetworkPolicies = append(c.set.ClusterNetworkPolicies, manifest.Typed[v1alpha2.ClusterNetworkPolicy]{Policy: &estate.Policy{Name: o.Name}, Object: o})
		case "Deployment":
			var o appsv1.Deployment
			c.decode(doc, &o)
			c.set.Estate.Workloads = append(c.set.Estate.Workloads, &estate.Workload{Ref: ident.Ref{Namespace: ns, Kind: head.Kind, Name: o.Name},
				Template: &estate.PodTemplate{Labels: o.Spec.Template.Labels, Spec: podSpec(&o.Spec.Template.Spec)}})
		case "StatefulSet":
			var o appsv1.StatefulSet
			c.decode(doc, &o)
			w := &estate.Workload{Ref: ident.Ref{Namespace: ns, Kind: head.Kind, Name: o.Name}}
			c.set.Estate.Workloads = append(c.set.Estate.Workloads, w)
			for i := range int(*o.Spec.Replicas) {
				c.ip++
				p := &estate.Pod{Namespace: ns, Name: fmt.Sprintf("%s-%d", o.Name, i), Labels: o.Spec.Template.Labels, Workload: w, Phase: "Running",
					IPs: []netip.Addr{netip.AddrFrom4([4]byte{10, 244, 0, byte(c.ip)})}, Spec: podSpec(&o.Spec.Template.Spec)}
				if p.Spec.HostNetwork {
					p.IPs = []netip.Addr{netip.AddrFrom4([4]byte{172, 18, 0, byte(c.ip)})}
					p.Spec.NodeName = "node-of-its-own"
				} else {
					p.Spec.NodeName = "worker"
				}
				w.Pods = append(w.Pods, p)
				c.set.Estate.Pods = append(c.set.Estate.Pods, p)
			}
		}
	}
}

func (c *cluster) decode(doc string, into any) {
	c.t.Helper()
	if err := yaml.UnmarshalStrict([]byte(doc), into); err != nil {
		c.t.Fatal(err)
	}
}

func podSpec(s *corev1.PodSpec) estate.PodSpec {
	out := estate.PodSpec{HostNetwork: s.HostNetwork, NodeName: s.NodeName}
	for _, ct := range s.Containers {
		e := estate.Container{Name: ct.Name}
		for _, p := range ct.Ports {
			proto := string(p.Protocol)
			if proto == "" {
				proto = "TCP"
			}
			e.Ports = append(e.Ports, estate.ContainerPort{Name: p.Name, Port: uint16(p.ContainerPort), HostPort: uint16(p.HostPort), Protocol: proto})
		}
		out.Containers = append(out.Containers, e)
	}
	return out
}

func (c *cluster) graph(p segment.Profile) *segment.Graph {
	c.t.Helper()
	m, err := k8s.Model(&c.set, p)
	if err != nil {
		c.t.Fatal(err)
	}
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		c.t.Fatal(err)
	}
	return g
}

func verdict(t testing.TB, g *segment.Graph, src, dst ident.Ref, p segment.Port) segment.Verdict {
	t.Helper()
	edges, err := g.Between(src, dst)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range edges {
		for _, c := range e.Connections {
			if c.Contains(p) {
				return e.Verdict
			}
		}
	}
	return segment.Denied
}

type cyclonusCase struct {
	ID    string
	Steps []struct {
		Namespaces map[string]map[string]string
		Pods       []struct {
			Namespace, Name, IP string
			Labels              map[string]string
			Ports               []struct {
				Name, Protocol string
				Port           uint16
			}
		}
		PolicyFile string
		Results    []struct {
			From, To, Protocol, Combined string
			Port                         uint16
		}
	}
}

// TestCyclonus reads the 230 cases both ways: with ipBlock compared with pod
// addresses, as that tool simulates, every row agrees; with the reading of the
// generic profile, only rows of steps that hold an ipBlock may differ.
func TestCyclonus(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(dataFolder(t, "cyclonus", "cases"), "*", "case.json"))
	if err != nil || len(files) != 230 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	rows, skipped, differing := 0, 0, 0
	differingSteps := map[string]bool{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var cs cyclonusCase
		if err := json.Unmarshal(raw, &cs); err != nil {
			t.Fatal(err)
		}
		for i, step := range cs.Steps {
			policies, err := os.ReadFile(filepath.Join(filepath.Dir(f), step.PolicyFile))
			if err != nil {
				t.Fatal(err)
			}
			c := newCluster(t)
			for name, labels := range step.Namespaces {
				c.namespace(name, labels)
			}
			for _, p := range step.Pods {
				ct := estate.Container{Name: "c"}
				for _, port := range p.Ports {
					ct.Ports = append(ct.Ports, estate.ContainerPort{Name: port.Name, Port: port.Port, Protocol: port.Protocol})
				}
				c.pod(p.Namespace, p.Name, p.Labels, estate.PodSpec{Containers: []estate.Container{ct}}, p.IP)
			}
			c.read(policies, "default")
			matching := segment.Generic()
			matching.IPBlockMatchesPods = true
			pods, generic := c.graph(matching), c.graph(segment.Generic())
			if causes := pods.Causes(); len(causes) > 0 {
				t.Fatalf("%s step %d: %v", cs.ID, i+1, causes)
			}
			answers := [2]map[string]segment.Verdict{{}, {}}
			for _, r := range step.Results {
				if r.From == r.To || r.Combined != "allowed" && r.Combined != "blocked" {
					skipped++ // a pod always reaches itself; named ports that no pod has
					continue
				}
				rows++
				proto, ok := segment.ParseProtocol(r.Protocol)
				if !ok || r.Port == 0 {
					t.Fatalf("%s: row %+v", cs.ID, r)
				}
				want := segment.Denied
				if r.Combined == "allowed" {
					want = segment.Allowed
				}
				for k, g := range []*segment.Graph{pods, generic} {
					key := r.From + " " + r.To + r.Protocol + strconv.Itoa(int(r.Port))
					got, ok := answers[k][key]
					if !ok {
						got = verdict(t, g, podRef(r.From), podRef(r.To), segment.Port{Protocol: proto, Number: r.Port})
						answers[k][key] = got
					}
					switch {
					case got == want:
					case k == 0:
						t.Errorf("%s step %d: %s -> %s %d/%s is %s, want %s", cs.ID, i+1, r.From, r.To, r.Port, r.Protocol, got, want)
					case !bytes.Contains(policies, []byte("ipBlock")):
						t.Errorf("%s step %d, generic: %s -> %s %d/%s is %s, want %s", cs.ID, i+1, r.From, r.To, r.Port, r.Protocol, got, want)
					default:
						differing++
						differingSteps[cs.ID+strconv.Itoa(i)] = true
					}
				}
			}
		}
	}
	t.Logf("%d rows agree with ipBlock on pods, %d skipped; with ipBlock outside only, %d rows of %d steps differ, all with an ipBlock", rows, skipped, differing, len(differingSteps))
	if rows < 100_000 || differing == 0 {
		t.Errorf("the oracle was not read: %d rows, %d differ", rows, differing)
	}
}

func podRef(s string) ident.Ref {
	ns, name, _ := strings.Cut(s, "/")
	return ident.Ref{Namespace: ns, Kind: "Pod", Name: name}
}

// TestOnlineBoutique checks that the shop's policies allow exactly the calls
// that its documentation draws.
func TestOnlineBoutique(t *testing.T) {
	dir := dataFolder(t, "microservices-demo")
	c := newCluster(t)
	c.namespace("default", nil)
	files := []string{filepath.Join(dir, "release", "kubernetes-manifests.yaml")}
	policies, err := filepath.Glob(filepath.Join(dir, "kustomize", "components", "network-policies", "network-policy-*.yaml"))
	if err != nil || len(policies) != 13 {
		t.Fatalf("%d policies, %v", len(policies), err)
	}
	for _, f := range append(files, policies...) {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		c.read(raw, "default")
	}
	g := c.graph(segment.Generic())
	want := map[string]bool{
		"cartservice -> redis-cart 6379/TCP": true, "recommendationservice -> productcatalogservice 3550/TCP": true,
		"frontend -> adservice 9555/TCP": true, "frontend -> cartservice 7070/TCP": true, "frontend -> checkoutservice 5050/TCP": true,
		"frontend -> currencyservice 7000/TCP": true, "frontend -> productcatalogservice 3550/TCP": true,
		"frontend -> recommendationservice 8080/TCP": true, "frontend -> shippingservice 50051/TCP": true,
		"checkoutservice -> cartservice 7070/TCP": true, "checkoutservice -> currencyservice 7000/TCP": true,
		"checkoutservice -> emailservice 8080/TCP": true, "checkoutservice -> paymentservice 50051/TCP": true,
		"checkoutservice -> productcatalogservice 3550/TCP": true, "checkoutservice -> shippingservice 50051/TCP": true,
	}
	const all = " all TCP ports all UDP ports all SCTP ports"
	for _, w := range g.Workloads() {
		if w.Name != "frontend" { // its policy lets everybody in
			want[w.Name+" -> frontend"+all] = true
		}
		want[w.Name+" -> 0.0.0.0/0"+all], want[w.Name+" -> ::/0"+all] = true, true // egress is open everywhere
	}
	want["0.0.0.0/0 -> frontend"+all], want["::/0 -> frontend"+all] = true, true
	for e := range g.Edges(segment.ByWorkload) {
		name := func(r ident.Ref) string { return r.Name + r.CIDR }
		s := name(e.Src) + " -> " + name(e.Dst)
		for _, conn := range e.Connections {
			s += " " + conn.String()
		}
		if e.Verdict != segment.Allowed || e.Partial || !want[s] {
			t.Errorf("unexpected edge %s (%s)", s, e.Verdict)
		}
		delete(want, s)
	}
	for s := range want {
		t.Errorf("missing edge %s", s)
	}
}

// TestRecipes checks each recipe against what its text promises.
func TestRecipes(t *testing.T) {
	dir := dataFolder(t, "kubernetes-network-policy-recipes")
	tcp := func(n uint16) segment.Port { return segment.Port{Protocol: segment.TCP, Number: n} }
	udp := segment.Port{Protocol: segment.UDP, Number: 53}
	type row struct {
		src, dst string
		port     segment.Port
		want     segment.Verdict
	}
	const a, d = segment.Allowed, segment.Denied
	for _, tc := range []struct {
		files string
		rows  []row
	}{
		{"01", []row{{"default/other", "default/web", tcp(80), d}, {"default/web", "default/other", tcp(80), a}, {"internet", "default/web", tcp(80), d}}},
		{"02-", []row{{"default/bookstore", "default/api", tcp(80), a}, {"default/other", "default/api", tcp(80), d}}},
		{"02a", []row{{"default/other", "default/web", tcp(80), a}, {"prod/p", "default/web", tcp(80), a}, {"internet", "default/web", tcp(80), a}}},
		{"03", []row{{"default/other", "default/web", tcp(80), d}, {"prod/p", "default/other", tcp(80), d}, {"default/web", "prod/p", tcp(80), a}}},
		{"04", []row{{"default/other", "default/web", tcp(80), a}, {"prod/p", "default/web", tcp(80), d}}},
		{"05", []row{{"prod/p", "default/web", tcp(80), a}, {"internet", "default/web", tcp(80), d}}},
		{"06", []row{{"prod/p", "default/web", tcp(80), a}, {"dev/p", "default/web", tcp(80), d}}},
		{"07", []row{{"ops/monitor", "default/web", tcp(80), a}, {"ops/plain", "default/web", tcp(80), d}, {"dev/monitor", "default/web", tcp(80), d}}},
		{"08", []row{{"internet", "default/web", tcp(80), a}}},
		{"09", []row{{"default/monitor", "default/apiserver", tcp(5000), a}, {"default/monitor", "default/apiserver", tcp(8000), d}, {"default/other", "default/apiserver", tcp(5000), d}}},
		{"10", []row{{"default/search", "default/db", tcp(6379), a}, {"default/api", "default/db", tcp(6379), a}, {"default/inventory", "default/db", tcp(6379), a}, {"default/bookstore", "default/db", tcp(6379), d}, {"default/other", "default/db", tcp(6379), d}}},
		{"11-deny-egress-traffic-from-an-application-1", []row{{"default/foo", "default/web", tcp(80), d}, {"default/foo", "kube-system/dns", udp, d}, {"default/foo", "internet", tcp(443), d}, {"default/web", "default/foo", tcp(80), a}}},
		{"11-deny-egress-traffic-from-an-application-2", []row{{"default/foo", "kube-system/dns", udp, a}, {"default/foo", "kube-system/dns", tcp(53), a}, {"default/foo", "kube-system/dns", tcp(80), d}, {"default/foo", "default/web", tcp(80), d}}},
		{"12", []row{{"default/web", "default/other", tcp(80), d}, {"prod/p", "default/web", tcp(80), a}, {"default/web", "internet", tcp(443), d}}},
		{"14", []row{{"default/foo", "internet", tcp(443), d}, {"default/foo", "kube-system/dns", udp, a}, {"default/foo", "default/web", tcp(80), d}}},
	} {
		t.Run(tc.files, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(dir, tc.files+"*.yaml"))
			if err != nil || len(files) != 1 {
				t.Fatalf("%v, %v", files, err)
			}
			c := newCluster(t)
			for ns, labels := range map[string]map[string]string{"default": nil, "prod": {"purpose": "production"}, "dev": {"purpose": "testing"}, "ops": {"team": "operations"}, "kube-system": nil} {
				c.namespace(ns, labels)
			}
			for name, labels := range map[string]map[string]string{
				"default/web": {"app": "web"}, "default/other": {"app": "other"}, "default/foo": {"app": "foo"}, "default/bookstore": {"app": "bookstore"},
				"default/api": {"app": "bookstore", "role": "api"}, "default/search": {"app": "bookstore", "role": "search"}, "default/db": {"app": "bookstore", "role": "db"},
				"default/inventory": {"app": "inventory", "role": "web"}, "default/apiserver": {"app": "apiserver"}, "default/monitor": {"role": "monitoring"},
				"prod/p": nil, "dev/p": nil, "dev/monitor": {"type": "monitoring"}, "ops/monitor": {"type": "monitoring"}, "ops/plain": nil, "kube-system/dns": {"k8s-app": "kube-dns"},
			} {
				ns, pod, _ := strings.Cut(name, "/")
				c.pod(ns, pod, labels, estate.PodSpec{})
			}
			raw, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			c.read(raw, "default")
			g := c.graph(segment.Generic())
			for _, r := range tc.rows {
				if got := verdict(t, g, ref(t, r.src), ref(t, r.dst), r.port); got != r.want {
					t.Errorf("%s -> %s %s is %s, want %s", r.src, r.dst, r.port, got, r.want)
				}
			}
		})
	}
	all, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(all) != 15 {
		t.Errorf("%d recipes, %v", len(all), err)
	}
}

func ref(t testing.TB, s string) ident.Ref {
	t.Helper()
	r, err := ident.ParseRef(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
