package rewrite

import (
	"fmt"
	"reflect"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Hardening asks that one direction of a workload is left nothing of what it has
// with pods but what Allow lists, which must pass now: policies can only be asked
// to let less through. What its own pods have with each other stays as it is, and
// so do addresses outside the cluster (but see NotInternet), with them nodes and what they probe, the API
// server and the cloud's metadata.
type Hardening struct {
	Workload  ident.Ref
	Direction segment.Gress
	Allow     []Need // of other workloads
	// Names is true where the input does not show what resolves names: pods that do,
	// as is usual, stay within reach where they are now.
	Names bool
	// NotInternet also takes what addresses of the public internet may open; others
	// outside stay. It is for Ingress.
	NotInternet bool
}

// Hardened says what came of one.
type Hardened struct {
	Hardening Hardening
	// Done is true where the policies, with the changes, let pass what was asked for.
	Done bool
	// Reason says why it was left alone; "" where Done.
	Reason string
	// Also are neighbours that labels cannot separate from the workload, and
	// Quarantine is the label that would ("key=value").
	Also       []ident.Ref
	Quarantine string
}

// hardening is one that is worked on.
type hardening struct {
	workload int
	edge     int // its position after those of the edges
	allow    []rule
	names    *rule
	internet bool                        // is kept out
	host     *policy                     // whose rules take the list in
	fresh    *networkingv1.NetworkPolicy // what does where no policy can
	notes    []string
}

// prepare finds what is to take the list of a hardening in.
func (w *work) prepare(x *Hardening, edge int) (*hardening, *refusal) {
	r, d := w.r, x.Direction&1
	i, ok := r.index[x.Workload]
	switch {
	case !ok:
		return nil, &refusal{reason: "no workload " + x.Workload.String() + " is in the input"}
	case len(r.pods[i]) == 0:
		return nil, &refusal{reason: x.Workload.Short() + " has no pods in the input, and no template of one"}
	}
	deny := &Default{Workload: x.Workload, Direction: d, Allow: x.Allow, WithoutDNS: true}
	isolated := 0
	for _, pod := range r.pods[i] {
		if r.isolated(pod, d) {
			isolated++
		}
	}
	switch isolated {
	case len(r.pods[i]):
	case 0:
		deny.WithoutDNS = !x.Names
		deny.Allow = append(slices.Clone(deny.Allow), Need{Peer: x.Workload, Conns: segment.EveryPort()})
		blocks, why := (&narrowing{r: r}).everybody(false)
		if why != "" {
			return nil, &refusal{reason: "no NetworkPolicy isolates it, and one that does must let addresses outside through: " + why}
		}
		for _, b := range blocks {
			if b.IPBlock != nil && x.NotInternet {
				inside, _ := withoutPublic(b.IPBlock) // the whole of a family
				for _, p := range inside {
					deny.Allow = append(deny.Allow, Need{Peer: ident.Ref{CIDR: p.IPBlock.CIDR}, Conns: segment.EveryPort()})
				}
			} else if b.IPBlock != nil {
				deny.Allow = append(deny.Allow, Need{Peer: ident.Ref{CIDR: b.IPBlock.CIDR}, Conns: segment.EveryPort()})
			}
		}
	default:
		return nil, &refusal{reason: fmt.Sprintf("NetworkPolicies isolate %d of its %d pods for %s", isolated, len(r.pods[i]), d)}
	}
	got, err := r.denial(deny, w.names)
	switch {
	case err != nil:
		return nil, &refusal{reason: err.Error()}
	case len(got.Also) > 0:
		return nil, &refusal{also: got.Also, quarantine: got.Quarantine, reason: "labels cannot separate " + x.Workload.Short() + " from " + short(got.Also)}
	case len(got.Unwritten) > 0:
		return nil, &refusal{reason: got.Unwritten[0].Need.Peer.Short() + " is to be kept and cannot be written: " + got.Unwritten[0].Reason}
	}
	h := &hardening{workload: i, edge: edge, internet: x.NotInternet, notes: []string{"as a pod that the policy is about: " + got.NewPods}}
	if isolated == 0 {
		h.fresh = got.Policy
		return h, nil
	}
	if x.Names && d == segment.Egress {
		names := r.nameService(x.Workload.Cluster, got)
		h.names = &names
	}
	h.allow = rulesOf(&got.Policy.Spec, d)
	if h.host = w.host(i, d); h.host == nil {
		h.fresh = got.Policy
	} else {
		delete(w.names, [3]string{x.Workload.Cluster, got.Policy.Namespace, got.Policy.Name})
	}
	return h, nil
}

// host finds the policy that can take the list of a workload in: one that isolates
// all of its pods, and best nobody else's.
func (w *work) host(workload int, d segment.Gress) *policy {
	var found *policy
	ns := w.r.m.Endpoints[w.r.pods[workload][0]].Namespace
	for _, p := range w.r.among[ns] {
		if !p.read.Isolates[d] || len(w.r.selected(p.read, workload)) < len(w.r.pods[workload]) {
			continue
		}
		if _, made := p.typed.Policy.Management.MadeBy(); made {
			continue
		}
		alone := !slices.ContainsFunc(w.r.members[ns], func(e int) bool {
			return w.r.m.Endpoints[e].Workload != workload && w.r.selects(p.read.Cluster, &p.read.Subject, e)
		})
		if alone {
			return p
		}
		if found == nil {
			found = p
		}
	}
	return found
}

// reduced returns the rules that a policy keeps for a hardened workload: those for
// addresses outside, and the list where it is the one that takes it in.
func (n *narrowing) reduced(h *hardening) ([]rule, *refusal) {
	var out []rule
	if h.host == n.p {
		out = append(out, h.allow...)
	}
	names := false
	for i, x := range rulesOf(&n.p.typed.Object.Spec, n.d) {
		var blocks []networkingv1.NetworkPolicyPeer
		peers := x.Peers
		if len(peers) == 0 {
			all, why := n.everybody(false)
			if why != "" {
				return nil, &refusal{reason: fmt.Sprintf("%s, rule %d of %s: %s", n.p.read.Object(), i, n.d, why)}
			}
			peers = all
		}
		for _, p := range peers {
			if p.IPBlock == nil {
				names = names || h.names != nil && n.asksNames(&p, x.Ports)
				continue
			}
			for e := range n.r.m.Endpoints {
				if ns := &n.r.m.Namespaces[n.r.m.Endpoints[e].Namespace]; ns.Cluster == n.p.read.Cluster && !n.r.onHost(e) && n.inBlock(p.IPBlock, e) {
					return nil, &refusal{reason: fmt.Sprintf("%s, rule %d of %s: the ipBlock %s may match addresses of %s", n.p.read.Object(), i, n.d, p.IPBlock.CIDR, n.r.m.Endpoints[e].Ref.Short())}
				}
			}
			if !h.internet {
				blocks = append(blocks, p)
				continue
			}
			inside, ok := withoutPublic(p.IPBlock)
			if !ok {
				return nil, &refusal{reason: fmt.Sprintf("%s, rule %d of %s: the ipBlock %s cannot be read", n.p.read.Object(), i, n.d, p.IPBlock.CIDR)}
			}
			blocks = append(blocks, inside...)
		}
		if len(blocks) > 0 {
			out = append(out, rule{blocks, x.Ports})
		}
		own, err := n.only(x.Peers, h.workload)
		if err != nil {
			err.reason = fmt.Sprintf("%s, rule %d of %s: %s", n.p.read.Object(), i, n.d, err.reason)
			return nil, err
		}
		if len(own) > 0 {
			out = append(out, rule{own, x.Ports})
		}
	}
	if names {
		out = append(out, *h.names)
	}
	if reflect.DeepEqual(out, rulesOf(&n.p.typed.Object.Spec, n.d)) {
		return out, nil
	}
	n.touched[h.edge] = true
	for _, s := range h.notes {
		n.note(s)
	}
	return out, nil
}

// asksNames reports whether a peer names the pods that usually resolve names, on a
// port that they do it on.
func (n *narrowing) asksNames(p *networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) bool {
	s := n.scope(p)
	if s.selects.InNamespace != "" && s.selects.InNamespace != "kube-system" || !s.selects.Pods.Matches(map[string]string{"k8s-app": "kube-dns"}) {
		return false
	}
	ns := &segment.Namespace{Name: "kube-system", Labels: map[string]string{nameLabel: "kube-system"}}
	for i := range n.r.m.Namespaces {
		if x := &n.r.m.Namespaces[i]; x.Cluster == n.p.read.Cluster && x.Name == ns.Name {
			ns = x
		}
	}
	if s.selects.InNamespace == "" && inSpace(ns, s.selects.Namespaces) == segment.No {
		return false
	}
	if len(ports) == 0 {
		return true
	}
	for i := range ports {
		if ports[i].Port != nil && ports[i].Port.StrVal != "" {
			return true // a name that such a pod may have
		}
		if slices.ContainsFunc(n.r.portOn(&ports[i], -1), func(c segment.Conn) bool { return c.From <= nameServicePort && nameServicePort <= c.To }) {
			return true
		}
	}
	return false
}

// begin takes note of the hardenings, whose positions follow those of the edges.
func (w *work) begin(res *Result, edges int, hard []Hardening) error {
	for i := range hard {
		x := &hard[i]
		at, known := w.r.index[x.Workload]
		s := side{at, x.Direction & 1}
		if known && w.hard[s] != nil {
			return ident.Errorf(ident.KindUsage, "%s is to be reduced twice for %s", x.Workload, x.Direction)
		}
		h, why := w.prepare(x, edges+i)
		if why != nil {
			out := &res.Outcomes[edges+i]
			out.Reason, out.Also, out.Quarantine = why.reason, why.also, why.quarantine
			continue
		}
		w.hard[s] = h
		w.entries[s] = []entry{{edge: h.edge, subject: s.workload, peer: noPeer}}
	}
	return nil
}

// reduces reports whether a side is one that is hardened.
func (w *work) reduces(workload ident.Ref, d segment.Gress) bool {
	i, known := w.r.index[workload]
	return known && w.hard[side{i, d}] != nil
}

// fresh are the policies of their own that hardenings need.
func (w *work) fresh() []Change {
	var out []Change
	for s, h := range w.hard {
		if h.fresh != nil && w.hardenedOf(s.workload, s.d) != nil {
			out = append(out, Change{Cluster: w.r.ref(s.workload).Cluster, New: h.fresh, Edges: []int{h.edge}, NewPods: h.notes,
				Why: fmt.Sprintf("for %s, %s keeps what it needs, and nothing else in the cluster", s.d, w.r.ref(s.workload).Short())})
		}
	}
	slices.SortFunc(out, func(a, b Change) int { return a.Edges[0] - b.Edges[0] })
	return out
}

// hardenedOf returns what is to be hardened of a workload in one direction.
func (w *work) hardenedOf(workload int, d segment.Gress) *hardening {
	h := w.hard[side{workload, d}]
	if h == nil || !slices.ContainsFunc(w.entries[side{workload, d}], func(e entry) bool { return e.edge == h.edge }) {
		return nil // it was refused
	}
	return h
}

// redundant reports whether an object for a part would say nothing: its workloads
// are isolated by another one in all that it isolates, and it lets nothing through.
func (w *work) redundant(p *policy, x *part) bool {
	for d := range segment.Gress(2) {
		if !p.read.Isolates[d] {
			continue
		}
		if len(rulesOf(&x.spec, d)) > 0 {
			return false
		}
		for _, i := range x.workloads {
			if h := w.hardenedOf(i, d); h == nil || h.host == p {
				return false
			}
		}
	}
	return true
}
