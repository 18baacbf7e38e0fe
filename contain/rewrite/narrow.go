package rewrite

import (
	"fmt"
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cofferdam-io/cofferdam/contain/pick"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// entry is a peer to be excluded from what one workload, the subject, admits.
type entry struct {
	edge    int
	subject int
	peer    int            // noPeer: of a hardening; internet: every public address
	keep    []segment.Conn // normal
}

const (
	noPeer   = -1
	internet = -2
)

// refusal says why an edge cannot be cut.
type refusal struct {
	reason     string
	also       []ident.Ref
	quarantine string
}

// rule is a NetworkPolicyIngressRule or NetworkPolicyEgressRule.
type rule struct {
	Peers []networkingv1.NetworkPolicyPeer
	Ports []networkingv1.NetworkPolicyPort
}

// rulesOf reads the rules of one direction.
func rulesOf(s *networkingv1.NetworkPolicySpec, d segment.Gress) []rule {
	var out []rule
	if d == segment.Ingress {
		for _, x := range s.Ingress {
			out = append(out, rule{x.From, x.Ports})
		}
		return out
	}
	for _, x := range s.Egress {
		out = append(out, rule{x.To, x.Ports})
	}
	return out
}

// setRules writes the rules of one direction. What the policy isolates stays as it
// was, also where that was left to the presence of an egress rule.
func setRules(p *policy, s *networkingv1.NetworkPolicySpec, d segment.Gress, rules []rule) {
	if d == segment.Ingress {
		s.Ingress = nil
		for _, x := range rules {
			s.Ingress = append(s.Ingress, networkingv1.NetworkPolicyIngressRule{From: x.Peers, Ports: x.Ports})
		}
		return
	}
	s.Egress = nil
	for _, x := range rules {
		s.Egress = append(s.Egress, networkingv1.NetworkPolicyEgressRule{To: x.Peers, Ports: x.Ports})
	}
	if len(s.PolicyTypes) == 0 && p.read.Isolates[segment.Egress] && len(s.Egress) == 0 {
		s.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	}
}

// narrowing is the work on one policy for one of the workloads that it selects.
type narrowing struct {
	r       *Rewriter
	p       *policy
	d       segment.Gress
	subject []int // endpoints that the policy selects
	touched map[int]bool
	notes   []string // what it means for pods to come
}

// newPod names pods to come.
func newPod(namespace string, s segment.Selector) string {
	if len(s) == 0 {
		return "a new pod in namespace " + namespace
	}
	return "a new pod in namespace " + namespace + " that has " + s.String()
}

func (n *narrowing) note(s string) {
	if !slices.Contains(n.notes, s) {
		n.notes = append(n.notes, s)
	}
}

// rules returns those of the policy without the entries. What it touched is in
// n.touched, by edge.
func (n *narrowing) rules(entries []entry) ([]rule, *refusal) {
	var out []rule
	for i, x := range rulesOf(&n.p.typed.Object.Spec, n.d) {
		var drop []entry
		for _, e := range entries {
			if !n.r.within(x.Ports, e.keep, n.destinations(e.peer)) && n.admits(x.Peers, e.peer) {
				drop = append(drop, e)
				n.touched[e.edge] = true
			}
		}
		if len(drop) == 0 {
			out = append(out, x)
			continue
		}
		if k, made := n.p.typed.Policy.Management.MadeBy(); made {
			return nil, &refusal{reason: n.p.read.Object() + " would have to change, and does not stay changed; " + k.Advice() + ". A policy of the Admin tier holds whatever it says"}
		}
		rest, err := n.without(x.Peers, drop)
		if err != nil {
			err.reason = fmt.Sprintf("%s, rule %d of %s: %s", n.p.read.Object(), i, n.d, err.reason)
			return nil, err
		}
		if len(rest) > 0 {
			out = append(out, rule{rest, x.Ports})
		}
		for _, e := range drop {
			kept, err := n.keeps(&x, e)
			if err != nil {
				err.reason = fmt.Sprintf("%s, rule %d of %s: %s", n.p.read.Object(), i, n.d, err.reason)
				return nil, err
			}
			out = append(out, kept...)
		}
	}
	return out, nil
}

// destinations are the pods whose ports a rule is about.
func (n *narrowing) destinations(peer int) []int {
	if n.d == segment.Ingress {
		return n.subject
	}
	return n.r.pods[peer]
}

// admits reports whether peers may name pods of a workload. No peers name everybody.
func (n *narrowing) admits(peers []networkingv1.NetworkPolicyPeer, workload int) bool {
	switch {
	case len(peers) == 0:
		return true
	case workload == internet:
		return slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool { return p.IPBlock != nil && !notPublic(p.IPBlock) })
	}
	for i := range peers {
		for _, e := range n.r.pods[workload] {
			if peers[i].IPBlock != nil {
				if n.inBlock(peers[i].IPBlock, e) {
					return true
				}
			} else if s := n.scope(&peers[i]); n.r.selects(n.p.read.Cluster, &s.selects, e) {
				return true
			}
		}
	}
	return false
}

// inBlock reports whether an ipBlock may match a pod.
func (n *narrowing) inBlock(b *networkingv1.IPBlock, endpoint int) bool {
	profile := &n.r.m.Profile
	if !profile.IPBlockMatchesPods && profile.PodBlockDoubt == "" {
		return false
	}
	var p segment.Peer
	var err error
	if p.CIDR, err = netip.ParsePrefix(b.CIDR); err != nil || p.CIDR.Addr().Is4In6() {
		return true
	}
	for _, x := range b.Except {
		if except, err := netip.ParsePrefix(x); err == nil {
			p.Except = append(p.Except, except)
		}
	}
	return n.r.inBlock(&p, endpoint)
}

// scope is a peer that names pods.
type scope struct {
	selects    segment.PodSelector
	namespaces *metav1.LabelSelector // as written; nil: the policy's own
	pods       *metav1.LabelSelector // as written; nil: all
}

func (n *narrowing) scope(p *networkingv1.NetworkPolicyPeer) scope {
	s := scope{namespaces: p.NamespaceSelector, pods: p.PodSelector}
	if s.namespaces == nil {
		s.selects.InNamespace = n.p.read.Namespace
	}
	s.selects.Namespaces = read(s.namespaces)
	s.selects.Pods = read(s.pods)
	return s
}

func (s *scope) peer() networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{NamespaceSelector: s.namespaces, PodSelector: s.pods}
}

// everybody is what a rule without peers names, as a list. It is false, with the
// reason, where the network's blocks of addresses mean something else. That they match
// pods, too, is no harm where all pods stay.
func (n *narrowing) everybody(allPods bool) ([]networkingv1.NetworkPolicyPeer, string) {
	switch p := &n.r.m.Profile; {
	case allPods && (p.IPBlockMatchesPods || p.PodBlockDoubt != "") && !p.IPBlockSkipsNodes && p.NodeBlockDoubt == "":
	case p.IPBlockMatchesPods:
		return nil, "it names everybody, and of addresses outside only blocks could be listed, which match pods too on this network (" + p.Name + ")"
	case p.PodBlockDoubt != "":
		return nil, "it names everybody, and of addresses outside only blocks could be listed; whether they match pods is not known: " + p.PodBlockDoubt
	case p.IPBlockSkipsNodes:
		return nil, "it names everybody, nodes too, which no block matches on this network (" + p.Name + ")"
	case p.NodeBlockDoubt != "":
		return nil, "it names everybody, nodes too, and whether blocks match those is not known: " + p.NodeBlockDoubt
	}
	return []networkingv1.NetworkPolicyPeer{
		{NamespaceSelector: &metav1.LabelSelector{}},
		{IPBlock: &networkingv1.IPBlock{CIDR: "0.0.0.0/0"}},
		{IPBlock: &networkingv1.IPBlock{CIDR: "::/0"}},
	}, ""
}

// maxPeers bounds the peers that narrowing adds to a rule: a longer list is none
// that a person can review.
const maxPeers = 64

// without narrows peers to all others than those of the entries.
func (n *narrowing) without(peers []networkingv1.NetworkPolicyPeer, drop []entry) ([]networkingv1.NetworkPolicyPeer, *refusal) {
	public := false
	gone := make(map[int]bool, len(drop))
	for _, e := range drop {
		if e.peer == internet {
			public = true
		} else {
			gone[e.peer] = true
		}
	}
	if len(peers) == 0 {
		all, why := n.everybody(len(gone) == 0)
		if why != "" {
			return nil, &refusal{reason: why}
		}
		peers = all
	}
	var out []networkingv1.NetworkPolicyPeer
	for i := range peers {
		p := &peers[i]
		if p.IPBlock != nil {
			for _, e := range drop {
				if e.peer >= 0 && slices.ContainsFunc(n.r.pods[e.peer], func(pod int) bool { return n.inBlock(p.IPBlock, pod) }) {
					return nil, &refusal{reason: "the ipBlock " + p.IPBlock.CIDR + " may match addresses of " + n.r.ref(e.peer).Short()}
				}
			}
			if !public {
				out = append(out, *p)
				continue
			}
			inside, ok := withoutPublic(p.IPBlock)
			if !ok {
				return nil, &refusal{reason: "the ipBlock " + p.IPBlock.CIDR + " cannot be read"}
			}
			out = append(out, inside...)
			continue
		}
		s := n.scope(p)
		rest, err := n.narrow(&s, gone)
		if err != nil {
			return nil, err
		}
		if len(out)+len(rest) > len(peers)+maxPeers {
			return nil, tooMany()
		}
		out = append(out, rest...)
	}
	return out, nil
}

func tooMany() *refusal {
	return &refusal{reason: fmt.Sprintf("the rule would get more than %d peers more", maxPeers)}
}

// named tells what of a scope lies in one namespace.
type named struct {
	ns      int
	certain bool // the scope's namespaces hold it beyond doubt
	gone    []int
	others  bool
}

// spaces looks at every namespace that a scope may hold.
func (n *narrowing) spaces(s *scope, gone map[int]bool) []named {
	var out []named
	for i := range n.r.m.Namespaces {
		ns := &n.r.m.Namespaces[i]
		is := segment.Yes
		if s.selects.InNamespace == "" {
			is = inSpace(ns, s.selects.Namespaces)
		} else if s.selects.InNamespace != ns.Name {
			is = segment.No
		}
		if ns.Cluster != n.p.read.Cluster || is == segment.No {
			continue
		}
		x := named{ns: i, certain: is == segment.Yes}
		for _, e := range n.r.members[i] {
			if n.r.onHost(e) || !s.selects.Pods.Matches(n.r.m.Endpoints[e].Labels) {
				continue
			}
			if w := n.r.m.Endpoints[e].Workload; !gone[w] {
				x.others = true
			} else if !slices.Contains(x.gone, w) {
				x.gone = append(x.gone, w)
			}
		}
		out = append(out, x)
	}
	return out
}

// narrow returns the peers that name all that a scope names but some workloads.
func (n *narrowing) narrow(s *scope, gone map[int]bool) ([]networkingv1.NetworkPolicyPeer, *refusal) {
	spaces := n.spaces(s, gone)
	var hit, left, others int // namespaces: with pods to exclude, without, with pods that stay
	var names []string
	for _, x := range spaces {
		if x.others {
			others++
		}
		if len(x.gone) == 0 {
			left++
			continue
		}
		hit++
		names = append(names, n.r.m.Namespaces[x.ns].Name)
	}
	if hit > 0 && slices.ContainsFunc(spaces, func(x named) bool { return !x.certain }) {
		// Narrowed it would still name nobody, and is not known to.
		if _, ok := pick.Join(s.selects.Namespaces); !ok {
			return nil, contradicts(s)
		}
	}
	switch {
	case hit == 0:
		return []networkingv1.NetworkPolicyPeer{s.peer()}, nil
	case others == 0:
		n.note("new pods that a removed peer of " + n.p.read.Object() + " would have named are not among the peers")
		return nil, nil
	}
	var out []networkingv1.NetworkPolicyPeer
	if left > 0 {
		slices.Sort(names)
		elsewhere, _, ok := and(s.namespaces, segment.Selector{{Key: nameLabel, Op: segment.NotIn, Values: names}})
		if ok {
			out = append(out, networkingv1.NetworkPolicyPeer{NamespaceSelector: elsewhere, PodSelector: s.pods})
		}
	}
	for _, x := range spaces {
		if len(x.gone) == 0 {
			continue
		}
		if !x.others {
			n.note(newPod(n.r.m.Namespaces[x.ns].Name, s.selects.Pods) + " is not among the peers of " + n.p.read.Object())
			continue
		}
		namespaces := s.namespaces
		if left > 0 || hit > 1 {
			only := segment.Selector{{Key: nameLabel, Op: segment.In, Values: []string{n.r.m.Namespaces[x.ns].Name}}}
			if namespaces = (&metav1.LabelSelector{MatchLabels: map[string]string{nameLabel: n.r.m.Namespaces[x.ns].Name}}); !x.certain {
				var ok bool
				if namespaces, _, ok = and(s.namespaces, only); !ok {
					return nil, contradicts(s)
				}
			}
		}
		rest, err := n.exclude(s.pods, x)
		if err != nil {
			return nil, err
		}
		for _, pods := range rest {
			out = append(out, networkingv1.NetworkPolicyPeer{NamespaceSelector: namespaces, PodSelector: pods})
		}
	}
	return out, nil
}

// contradicts refuses a peer whose selector of namespaces nothing satisfies, whatever
// the labels are that are not known: no selector would be left of it, and none is the
// policy's own namespace.
func contradicts(s *scope) *refusal {
	return &refusal{reason: "its selector of namespaces (" + s.selects.Namespaces.String() + ") contradicts itself, and the labels of the namespaces are not in the input; remove the peer, which names nobody"}
}

// exclude narrows a selector of pods of one namespace to all but some workloads'.
// Parts that select nobody today are left out.
func (n *narrowing) exclude(pods *metav1.LabelSelector, x named) ([]*metav1.LabelSelector, *refusal) {
	one := []*metav1.LabelSelector{pods}
	all, err := n.minus(one, x.ns, x.gone)
	if err == nil {
		return all, nil
	}
	// Together they cannot be told from the others; perhaps one after the other.
	for _, w := range x.gone {
		if one, err = n.minus(one, x.ns, []int{w}); err != nil {
			return nil, err
		}
	}
	return one, nil
}

// minus takes workloads of a namespace out of what selectors select.
func (n *narrowing) minus(from []*metav1.LabelSelector, ns int, gone []int) ([]*metav1.LabelSelector, *refusal) {
	var out []*metav1.LabelSelector
	for _, pods := range from {
		if !n.populated(ns, read(pods), gone) {
			out = append(out, pods)
			continue
		}
		got := n.r.picker.Within(read(pods), gone)
		if len(got.Also) > 0 {
			return nil, inseparable(&got, gone, n.r)
		}
		if got.NamespaceWide {
			continue
		}
		n.note(newPod(n.r.m.Namespaces[ns].Name, got.Selector) + " is not among the peers of " + n.p.read.Object() + ", whoever creates it")
		for _, not := range pick.Not(got.Selector) {
			if rest, s, ok := and(pods, not); ok && n.populated(ns, s, nil) {
				out = append(out, rest)
			}
		}
		if len(out) > maxPeers {
			return nil, tooMany()
		}
	}
	return out, nil
}

// populated reports whether a selector selects pods of a namespace; of some
// workloads, unless there are none.
func (n *narrowing) populated(ns int, s segment.Selector, of []int) bool {
	return slices.ContainsFunc(n.r.members[ns], func(e int) bool {
		x := &n.r.m.Endpoints[e]
		return (of == nil || slices.Contains(of, x.Workload)) && s.Matches(x.Labels)
	})
}

func inseparable(p *pick.Pick, workloads []int, r *Rewriter) *refusal {
	return &refusal{also: p.Also, quarantine: p.Quarantine,
		reason: "labels cannot separate " + list(workloads, r) + " from " + short(p.Also)}
}

// keeps returns the rules that admit what an entry keeps of a rule.
func (n *narrowing) keeps(x *rule, e entry) ([]rule, *refusal) {
	ports, ok := n.r.kept(x.Ports, e.keep, n.destinations(e.peer))
	if !ok {
		return nil, &refusal{reason: "a named port means several numbers on pods, so what is to be kept of it cannot be written"}
	}
	if len(ports) == 0 {
		return nil, nil
	}
	peers, err := n.only(x.Peers, e.peer)
	if err != nil || len(peers) == 0 {
		return nil, err
	}
	return []rule{{peers, ports}}, nil
}

// only returns the peers that name the pods of one workload that some peers name,
// and no others.
func (n *narrowing) only(from []networkingv1.NetworkPolicyPeer, workload int) ([]networkingv1.NetworkPolicyPeer, *refusal) {
	if len(from) == 0 {
		from = []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}}
	}
	var out []networkingv1.NetworkPolicyPeer
	for i := range from {
		if from[i].IPBlock != nil {
			continue // that it does not match pods has been seen
		}
		s := n.scope(&from[i])
		for _, space := range n.spaces(&s, map[int]bool{workload: true}) {
			if len(space.gone) == 0 {
				continue
			}
			got := n.r.picker.Within(s.selects.Pods, []int{workload})
			if len(got.Also) > 0 {
				return nil, inseparable(&got, []int{workload}, n.r)
			}
			pods, _, _ := and(s.pods, got.Selector)
			p := networkingv1.NetworkPolicyPeer{PodSelector: pods}
			if ns := n.r.m.Namespaces[space.ns].Name; s.namespaces != nil {
				p.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{nameLabel: ns}}
				if !space.certain {
					var ok bool
					if p.NamespaceSelector, _, ok = and(s.namespaces, read(p.NamespaceSelector)); !ok {
						return nil, contradicts(&s)
					}
				}
			}
			out = append(out, p)
		}
	}
	return out, nil
}
