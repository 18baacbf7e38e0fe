package secondopinion

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/kube-network-policies/pkg/api"
	"sigs.k8s.io/kube-network-policies/pkg/network"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
	"sigs.k8s.io/kube-network-policies/pkg/podinfo"
	clusterpolicy "sigs.k8s.io/kube-network-policies/plugins/npa-v1alpha2"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
	npainformers "sigs.k8s.io/network-policy-api/pkg/client/informers/externalversions"
)

// sourcePort is what every packet comes from; no policy can ask for it.
const sourcePort = 40000

// Packet is the first one of a connection.
type Packet struct {
	Src, Dst netip.Addr
	Protocol corev1.Protocol
	Port     uint16 // of the destination
}

// String returns "10.0.0.1 -> 10.0.0.2 TCP/80".
func (p Packet) String() string {
	return fmt.Sprintf("%s -> %s %s/%d", p.Src, p.Dst, p.Protocol, p.Port)
}

// network is the packet as the engine's own parser returns it.
func (p Packet) network() *network.Packet {
	family := corev1.IPv6Protocol
	if p.Src.Is4() {
		family = corev1.IPv4Protocol
	}
	return &network.Packet{Family: family, SrcIP: net.IP(p.Src.AsSlice()), DstIP: net.IP(p.Dst.AsSlice()), Proto: p.Protocol,
		SrcPort: sourcePort, DstPort: int(p.Port)}
}

// Engine is the policy engine of kube-network-policies over objects that do not
// change. It is put together as its own command puts it together for
// policy.networking.k8s.io/v1alpha2 (cmd/kube-network-policies/npa-v1alpha2),
// but for the watches: the informers' caches are filled by hand.
type Engine struct {
	whole *networkpolicy.PolicyEngine
	// one applies the policies of one direction only.
	one [2]*networkpolicy.PolicyEngine
}

// cluster is what engines of one cluster share.
type cluster struct {
	factory informers.SharedInformerFactory
	pods    *podinfo.InformerProvider
	objects *Objects
}

func newCluster(o *Objects) (*cluster, error) {
	c := &cluster{factory: informers.NewSharedInformerFactory(nil, 0), objects: o}
	core := c.factory.Core().V1()
	resolver, err := podinfo.NewInformerResolver(core.Pods().Informer())
	if err != nil {
		return nil, err
	}
	err = fill(core.Namespaces().Informer(), o.Namespaces)
	if err == nil {
		err = fill(core.Nodes().Informer(), o.Nodes)
	}
	if err == nil {
		err = fill(core.Pods().Informer(), o.Pods)
	}
	if err == nil {
		err = fill(c.factory.Networking().V1().NetworkPolicies().Informer(), o.NetworkPolicies)
	}
	c.pods = podinfo.NewInformerProvider(core.Pods(), core.Namespaces(), core.Nodes(), []podinfo.IPResolver{resolver})
	return c, err
}

func fill[T any](in cache.SharedIndexInformer, objects []*T) error {
	for _, o := range objects {
		if err := in.GetIndexer().Add(o); err != nil {
			return err
		}
	}
	return nil
}

// engine returns one that evaluates the ClusterNetworkPolicies under the names
// given, by position in the objects: that engine breaks a tie of priorities by
// name.
func (c *cluster) engine(names []string, domains api.DomainResolver) (*Engine, error) {
	cnp := npainformers.NewSharedInformerFactory(nil, 0).Policy().V1alpha2().ClusterNetworkPolicies()
	for i, p := range c.objects.ClusterNetworkPolicies {
		p = p.DeepCopy()
		p.Name = names[i]
		if err := cnp.Informer().GetIndexer().Add(p); err != nil {
			return nil, err
		}
	}
	core := c.factory.Core().V1()
	evaluators := []api.PolicyEvaluator{
		clusterpolicy.NewClusterNetworkPolicy(v1alpha2.AdminTier, cnp, domains, core.Nodes().Lister()),
		networkpolicy.NewStandardNetworkPolicy("", core.Namespaces(), core.Pods(), c.factory.Networking().V1().NetworkPolicies()),
		clusterpolicy.NewClusterNetworkPolicy(v1alpha2.BaselineTier, cnp, domains, core.Nodes().Lister()),
	}
	e := &Engine{whole: networkpolicy.NewPolicyEngine(c.pods, evaluators)}
	var egress, ingress []api.PolicyEvaluator
	for _, v := range evaluators {
		egress = append(egress, outward{v})
		ingress = append(ingress, inward{v})
	}
	e.one = [2]*networkpolicy.PolicyEngine{networkpolicy.NewPolicyEngine(c.pods, egress), networkpolicy.NewPolicyEngine(c.pods, ingress)}
	return e, nil
}

// outward and inward are evaluators of one direction.
type (
	outward struct{ api.PolicyEvaluator }
	inward  struct{ api.PolicyEvaluator }
)

func (outward) EvaluateIngress(context.Context, *network.Packet, *api.PodInfo, *api.PodInfo) (api.Verdict, error) {
	return api.VerdictAccept, nil
}

func (inward) EvaluateEgress(context.Context, *network.Packet, *api.PodInfo, *api.PodInfo) (api.Verdict, error) {
	return api.VerdictAccept, nil
}

// NewEngine returns an engine that knows no domain names.
func NewEngine(o *Objects) (*Engine, error) {
	c, err := newCluster(o)
	if err != nil {
		return nil, err
	}
	return c.engine(ownNames(o), nil)
}

func ownNames(o *Objects) []string {
	names := make([]string, len(o.ClusterNetworkPolicies))
	for i, p := range o.ClusterNetworkPolicies {
		names[i] = p.Name
	}
	return names
}

// Passes reports whether the engine lets a connection begin.
func (e *Engine) Passes(ctx context.Context, p Packet) (bool, error) {
	return e.whole.EvaluatePacket(ctx, p.network())
}

// Worlds are the engines of one cluster for every way in which what the
// specification leaves open may fall: the order of ClusterNetworkPolicies of one
// tier and priority, and whether a domain name resolves to the address asked
// about.
type Worlds struct {
	engines []*Engine
	plain   int // so many of them, the first, resolve no domain
}

// maxOrders bounds the orders that are tried: three policies of one priority
// and two of another.
const maxOrders = 12

// NewWorlds makes them; an error says that there are more than maxOrders.
func NewWorlds(o *Objects) (*Worlds, error) {
	c, err := newCluster(o)
	if err != nil {
		return nil, err
	}
	orders, err := tieOrders(o.ClusterNetworkPolicies)
	if err != nil {
		return nil, err
	}
	domains := domainsOf(o.ClusterNetworkPolicies)
	w := &Worlds{plain: len(orders)}
	for set := range 1 << len(domains) {
		known := resolver{}
		for i, d := range domains {
			known[d] = set>>i&1 == 1
		}
		for _, names := range orders {
			e, err := c.engine(names, known)
			if err != nil {
				return nil, err
			}
			w.engines = append(w.engines, e)
		}
	}
	return w, nil
}

// resolver says of each domain whether it has the address that is asked about.
type resolver map[string]bool

// ContainsIP implements api.DomainResolver.
func (r resolver) ContainsIP(domain string, _ net.IP) bool { return r[domain] }

func domainsOf(policies []*v1alpha2.ClusterNetworkPolicy) []string {
	var out []string
	for _, p := range policies {
		for _, e := range p.Spec.Egress {
			for _, to := range e.To {
				for _, d := range to.DomainNames {
					out = append(out, string(d))
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// tieOrders returns lists of names, by position in policies, that put those of
// one tier and priority in every order.
func tieOrders(policies []*v1alpha2.ClusterNetworkPolicy) ([][]string, error) {
	type level struct {
		tier     v1alpha2.Tier
		priority int32
	}
	levels := map[level][]int{}
	var order []level
	for i, p := range policies {
		l := level{p.Spec.Tier, p.Spec.Priority}
		if levels[l] == nil {
			order = append(order, l)
		}
		levels[l] = append(levels[l], i)
	}
	out := [][]string{make([]string, len(policies))}
	for _, l := range order {
		perms := [][]int{levels[l]}
		if slices.ContainsFunc(levels[l], func(i int) bool { return !denies(policies[i]) }) {
			perms = permutations(levels[l])
		}
		var next [][]string
		for _, perm := range perms {
			for _, names := range out {
				names = slices.Clone(names)
				for at, i := range perm {
					names[i] = fmt.Sprintf("policy-%03d-%03d", at, i)
				}
				next = append(next, names)
			}
			if len(next) > maxOrders {
				return nil, fmt.Errorf("ties of priority leave more than %d orders", maxOrders)
			}
		}
		out = next
	}
	return out, nil
}

// denies reports whether a policy does nothing else: among those of one priority
// that all do, no order makes a difference.
func denies(p *v1alpha2.ClusterNetworkPolicy) bool {
	const deny = v1alpha2.ClusterNetworkPolicyRuleActionDeny
	return !slices.ContainsFunc(p.Spec.Ingress, func(r v1alpha2.ClusterNetworkPolicyIngressRule) bool { return r.Action != deny }) &&
		!slices.ContainsFunc(p.Spec.Egress, func(r v1alpha2.ClusterNetworkPolicyEgressRule) bool { return r.Action != deny })
}

func permutations(of []int) [][]int {
	if len(of) <= 1 {
		return [][]int{of}
	}
	var out [][]int
	for i := range of {
		rest := slices.Concat(of[:i], of[i+1:])
		for _, p := range permutations(rest) {
			out = append(out, slices.Concat([]int{of[i]}, p))
		}
	}
	return out
}

// Passes reports whether there is a world in which a connection begins, and one
// in which it does not. The two directions are taken from worlds of their own: no
// specification asks that two nodes break a tie alike. outside is true where the destination is no
// pod and no node, so that domain names may mean it.
func (w *Worlds) Passes(ctx context.Context, p Packet, outside bool) (may, mayNot bool, err error) {
	engines := w.engines
	if !outside {
		engines = engines[:w.plain]
	}
	if len(engines) == 1 {
		pass, err := engines[0].Passes(ctx, p)
		return pass, !pass, err
	}
	var seen [2][2]bool // by direction and outcome
	for _, e := range engines {
		for d, one := range e.one {
			pass, err := one.EvaluatePacket(ctx, p.network())
			if err != nil {
				return false, false, err
			}
			seen[d][index(pass)] = true
		}
	}
	return seen[0][1] && seen[1][1], seen[0][0] || seen[1][0], nil
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}
