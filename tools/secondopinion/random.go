package secondopinion

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
	"sigs.k8s.io/yaml"
)

// estate makes small clusters in which everything is likely to meet: few labels,
// few ports, and much of what synth's large ones lack.
type estate struct {
	r          *rand.Rand
	namespaces []string
	nodes      int
	pods       int
	docs       bytes.Buffer
}

// Random returns the manifests of the cluster of a seed.
func Random(seed uint64) (map[string][]byte, error) {
	e := &estate{r: rand.New(rand.NewPCG(seed, 41))} //nolint:gosec // a seeded estate, no secret
	objects := e.cluster()
	for _, o := range objects {
		b, err := yaml.Marshal(o)
		if err != nil {
			return nil, err
		}
		e.docs.WriteString("---\n")
		e.docs.Write(b)
	}
	return map[string][]byte{"cluster.yaml": e.docs.Bytes()}, nil
}

func (e *estate) cluster() []any {
	var out []any
	for i := range 2 + e.r.IntN(3) {
		n := &corev1.Namespace{TypeMeta: meta("v1", "Namespace"), ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("ns%d", i)}}
		n.Labels = e.labels("team", "zone")
		e.namespaces = append(e.namespaces, n.Name)
		out = append(out, n)
	}
	e.nodes = 1 + e.r.IntN(3)
	for i := range e.nodes {
		n := &corev1.Node{TypeMeta: meta("v1", "Node"), ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("node%d", i), Labels: e.labels("role")}}
		n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: n.Name}, {Type: corev1.NodeInternalIP, Address: nodeAddr(i).String()}}
		out = append(out, n)
	}
	for range 6 + e.r.IntN(15) {
		p := e.pod()
		out = append(out, p)
		if !p.Spec.HostNetwork && e.coin(10) {
			out = append(out, e.finished(p))
		}
	}
	for i := range 1 + e.r.IntN(10) {
		out = append(out, e.networkPolicy(i))
	}
	if e.r.IntN(3) > 0 {
		priorities := e.priorities(1 + e.r.IntN(5))
		for i, p := range priorities {
			out = append(out, e.clusterPolicy(i, p))
		}
	}
	return out
}

func meta(version, kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: version, Kind: kind}
}

func nodeAddr(i int) netip.Addr { return netip.AddrFrom4([4]byte{172, 18, 0, byte(2 + i)}) }

func (e *estate) coin(oneIn int) bool { return e.r.IntN(oneIn) == 0 }

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func (e *estate) labels(keys ...string) map[string]string {
	out := map[string]string{}
	for _, k := range keys {
		if !e.coin(4) {
			out[k] = pick(e.r, "a", "b", "c")
		}
	}
	return out
}

// pod makes one in any namespace: on the host network, dual-stack, or with a
// sidecar, now and then.
func (e *estate) pod() *corev1.Pod {
	i := e.pods
	e.pods++
	p := &corev1.Pod{TypeMeta: meta("v1", "Pod"), ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("pod%d", i), Namespace: pick(e.r, e.namespaces...), Labels: e.labels("app", "tier")}}
	node := e.r.IntN(e.nodes)
	p.Spec.NodeName = fmt.Sprintf("node%d", node)
	c := corev1.Container{Name: "main", Image: "registry.example/main:1"}
	for _, name := range []string{"http", "dns", "metrics"} {
		if e.coin(2) {
			c.Ports = append(c.Ports, corev1.ContainerPort{Name: name, Protocol: e.protocol(), ContainerPort: int32(e.port())})
		}
	}
	p.Spec.Containers = []corev1.Container{c}
	if e.coin(6) {
		always := corev1.ContainerRestartPolicyAlways
		p.Spec.InitContainers = []corev1.Container{{Name: "sidecar", Image: "registry.example/sidecar:1", RestartPolicy: &always,
			Ports: []corev1.ContainerPort{{Name: "proxy", Protocol: e.protocol(), ContainerPort: int32(e.port())}}}}
	}
	p.Status.Phase = corev1.PodRunning
	switch {
	case e.coin(8):
		p.Spec.HostNetwork = true
		p.Status.PodIPs = []corev1.PodIP{{IP: nodeAddr(node).String()}}
	default:
		p.Status.PodIPs = []corev1.PodIP{{IP: netip.AddrFrom4([4]byte{10, byte(244 + e.r.IntN(2)), byte(node), byte(2 + i)}).String()}}
		if e.coin(5) {
			p.Status.PodIPs = append(p.Status.PodIPs, corev1.PodIP{IP: netip.AddrFrom16([16]byte{0: 0xfd, 3: 0x10, 5: byte(node), 15: byte(2 + i)}).String()})
		}
	}
	p.Status.PodIP = p.Status.PodIPs[0].IP
	return p
}

// finished makes a pod that had the address of another before it.
func (e *estate) finished(p *corev1.Pod) *corev1.Pod {
	f := e.pod()
	f.Spec.HostNetwork = false
	f.Status = *p.Status.DeepCopy()
	f.Status.Phase = pick(e.r, corev1.PodSucceeded, corev1.PodFailed)
	return f
}

func (e *estate) protocol() corev1.Protocol {
	return pick(e.r, corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolUDP, corev1.ProtocolSCTP)
}

func (e *estate) port() uint16 { return pick[uint16](e.r, 1, 53, 80, 81, 443, 8080, 65535) }

func (e *estate) portName() string { return pick(e.r, "http", "dns", "metrics", "proxy", "absent") }

// selector asks for up to two labels, with every operator.
func (e *estate) selector(keys ...string) *metav1.LabelSelector {
	s := &metav1.LabelSelector{}
	for range e.r.IntN(3) {
		key, values := pick(e.r, keys...), []string{pick(e.r, "a", "b", "c")}
		if e.coin(3) {
			values = append(values, pick(e.r, "a", "b", "c"))
		}
		switch op := pick(e.r, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist); op {
		case metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist:
			s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: key, Operator: op})
		default:
			if len(values) == 1 && op == metav1.LabelSelectorOpIn && e.coin(2) {
				s.MatchLabels = map[string]string{key: values[0]}
				continue
			}
			s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: key, Operator: op, Values: values})
		}
	}
	return s
}

func (e *estate) ofPods() *metav1.LabelSelector { return e.selector("app", "tier") }

func (e *estate) ofNamespaces() *metav1.LabelSelector {
	if e.coin(4) {
		return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: pick(e.r, e.namespaces...)}}
	}
	return e.selector("team", "zone")
}

// blocks are of pods, of nodes, of both, of the rest of the world, and of IPv6.
func (e *estate) block() networkingv1.IPBlock {
	switch e.r.IntN(7) {
	case 0:
		return networkingv1.IPBlock{CIDR: "0.0.0.0/0", Except: pick(e.r, nil, []string{"10.0.0.0/8"}, []string{"10.244.0.0/16", "172.18.0.0/16", "192.0.2.0/25"})}
	case 1:
		return networkingv1.IPBlock{CIDR: "10.244.0.0/15", Except: pick(e.r, nil, []string{"10.245.0.0/16"}, []string{"10.244.0.0/29", "10.244.0.8/32"})}
	case 2:
		return networkingv1.IPBlock{CIDR: fmt.Sprintf("10.%d.%d.%d/%d", 244+e.r.IntN(2), e.r.IntN(3), e.r.IntN(24), 28+e.r.IntN(5))}
	case 3:
		return networkingv1.IPBlock{CIDR: "172.18.0.0/24", Except: pick(e.r, nil, []string{nodeAddr(0).String() + "/32"})}
	case 4:
		return networkingv1.IPBlock{CIDR: "192.0.2.0/24", Except: pick(e.r, nil, []string{"192.0.2.128/25", "192.0.2.7/32"})}
	case 5:
		return networkingv1.IPBlock{CIDR: pick(e.r, "::/0", "fd00:10::/32", "2001:db8:1::/48"), Except: nil}
	}
	return networkingv1.IPBlock{CIDR: "::/0", Except: []string{"fd00:10:1::/48"}}
}

func (e *estate) networkPolicy(i int) *networkingv1.NetworkPolicy {
	p := &networkingv1.NetworkPolicy{TypeMeta: meta("networking.k8s.io/v1", "NetworkPolicy"),
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("policy%d", i), Namespace: pick(e.r, e.namespaces...)}}
	p.Spec.PodSelector = *e.ofPods()
	in, out := networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress
	p.Spec.PolicyTypes = pick(e.r, nil, []networkingv1.PolicyType{in}, []networkingv1.PolicyType{out}, []networkingv1.PolicyType{in, out})
	for range e.r.IntN(4) {
		p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: e.peers(), Ports: e.ports()})
	}
	for range e.r.IntN(3) {
		p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: e.peers(), Ports: e.ports()})
	}
	return p
}

func (e *estate) peers() []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	for range e.r.IntN(3) {
		switch e.r.IntN(5) {
		case 0, 1:
			b := e.block()
			if e.coin(12) { // an address of IPv4 as older API servers admit it in IPv6
				b = networkingv1.IPBlock{CIDR: "::ffff:10.244.0.0/112", Except: pick(e.r, nil, []string{"::ffff:10.244.0.0/124"})}
			}
			out = append(out, networkingv1.NetworkPolicyPeer{IPBlock: &b})
		case 2:
			out = append(out, networkingv1.NetworkPolicyPeer{PodSelector: e.ofPods()})
		case 3:
			out = append(out, networkingv1.NetworkPolicyPeer{NamespaceSelector: e.ofNamespaces()})
		default:
			out = append(out, networkingv1.NetworkPolicyPeer{PodSelector: e.ofPods(), NamespaceSelector: e.ofNamespaces()})
		}
	}
	return out
}

func (e *estate) ports() []networkingv1.NetworkPolicyPort {
	var out []networkingv1.NetworkPolicyPort
	for range e.r.IntN(4) {
		var p networkingv1.NetworkPolicyPort
		if !e.coin(4) {
			protocol := e.protocol()
			p.Protocol = &protocol
		}
		switch e.r.IntN(5) {
		case 0: // every port
		case 1, 2:
			name := intstr.FromString(e.portName())
			p.Port = &name
		case 3:
			from := e.port()
			number, end := intstr.FromInt32(int32(from)), int32(max(from, e.port()))
			p.Port, p.EndPort = &number, &end
		default:
			number := intstr.FromInt32(int32(e.port()))
			p.Port = &number
		}
		out = append(out, p)
	}
	return out
}

// priorities are mostly different; a third of the clusters has ties, of three at
// most.
func (e *estate) priorities(n int) []int32 {
	out := make([]int32, n)
	ties := e.coin(3)
	for i := range out {
		out[i] = int32(10 * i)
		if ties {
			out[i] = int32(10 * (i / 3))
		}
	}
	e.r.Shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func (e *estate) clusterPolicy(i int, priority int32) *v1alpha2.ClusterNetworkPolicy {
	p := &v1alpha2.ClusterNetworkPolicy{TypeMeta: meta("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy"), ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("cluster%d", i)}}
	p.Spec.Tier = pick(e.r, v1alpha2.AdminTier, v1alpha2.BaselineTier)
	p.Spec.Priority = priority
	p.Spec.Subject.Namespaces, p.Spec.Subject.Pods = e.scope()
	for j := range e.r.IntN(4) {
		r := v1alpha2.ClusterNetworkPolicyIngressRule{Name: fmt.Sprintf("in%d", j), Action: e.action(), Protocols: e.protocols()}
		for range 1 + e.r.IntN(2) {
			var from v1alpha2.ClusterNetworkPolicyIngressPeer
			from.Namespaces, from.Pods = e.scope()
			r.From = append(r.From, from)
		}
		p.Spec.Ingress = append(p.Spec.Ingress, r)
	}
	for j := range e.r.IntN(4) {
		r := v1alpha2.ClusterNetworkPolicyEgressRule{Name: fmt.Sprintf("out%d", j), Action: e.action(), Protocols: e.protocols()}
		for range 1 + e.r.IntN(2) {
			r.To = append(r.To, e.destination(r.Action))
		}
		p.Spec.Egress = append(p.Spec.Egress, r)
	}
	return p
}

func (e *estate) action() v1alpha2.ClusterNetworkPolicyRuleAction {
	return pick(e.r, v1alpha2.ClusterNetworkPolicyRuleActionAccept, v1alpha2.ClusterNetworkPolicyRuleActionDeny, v1alpha2.ClusterNetworkPolicyRuleActionPass)
}

func (e *estate) scope() (*metav1.LabelSelector, *v1alpha2.NamespacedPod) {
	if e.coin(2) {
		return e.ofNamespaces(), nil
	}
	return nil, &v1alpha2.NamespacedPod{NamespaceSelector: *e.ofNamespaces(), PodSelector: *e.ofPods()}
}

func (e *estate) destination(action v1alpha2.ClusterNetworkPolicyRuleAction) v1alpha2.ClusterNetworkPolicyEgressPeer {
	var to v1alpha2.ClusterNetworkPolicyEgressPeer
	switch k := e.r.IntN(8); {
	case k < 2:
		for range 1 + e.r.IntN(2) {
			to.Networks = append(to.Networks, v1alpha2.CIDR(e.block().CIDR))
		}
	case k == 2:
		to.Nodes = e.selector("role")
	case k == 3 && action == v1alpha2.ClusterNetworkPolicyRuleActionAccept:
		to.DomainNames = []v1alpha2.DomainName{v1alpha2.DomainName(pick(e.r, "www.example.org", "*.example.net"))}
	default:
		to.Namespaces, to.Pods = e.scope()
	}
	return to
}

func (e *estate) protocols() []v1alpha2.ClusterNetworkPolicyProtocol {
	var out []v1alpha2.ClusterNetworkPolicyProtocol
	for range e.r.IntN(3) {
		if e.coin(4) {
			out = append(out, v1alpha2.ClusterNetworkPolicyProtocol{DestinationNamedPort: e.portName()})
			continue
		}
		var port *v1alpha2.Port
		switch e.r.IntN(4) {
		case 0: // every port
		case 1:
			from := min(e.port(), 8080)
			port = &v1alpha2.Port{Range: &v1alpha2.PortRange{Start: int32(from), End: int32(max(from+1, e.port()))}}
		default:
			port = &v1alpha2.Port{Number: int32(e.port())}
		}
		var p v1alpha2.ClusterNetworkPolicyProtocol
		switch e.protocol() {
		case corev1.ProtocolTCP:
			p.TCP = &v1alpha2.ClusterNetworkPolicyProtocolTCP{DestinationPort: port}
		case corev1.ProtocolUDP:
			p.UDP = &v1alpha2.ClusterNetworkPolicyProtocolUDP{DestinationPort: port}
		default:
			p.SCTP = &v1alpha2.ClusterNetworkPolicyProtocolSCTP{DestinationPort: port}
		}
		out = append(out, p)
	}
	return out
}
