package cni

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Choose returns the profile that the input of an estate shows. Where its
// clusters run different networks, what those agree on is taken, and what they
// differ in is unknown: segment.Model has one profile.
func Choose(e *estate.Estate) segment.Profile {
	var found []segment.Profile
	var names []string
	for _, ev := range Gather(e) {
		p := Detect(ev)
		found = append(found, p)
		cluster := "the unnamed cluster"
		if ev.Cluster != "" {
			cluster = ev.Cluster
		}
		names = append(names, p.String()+" in "+cluster)
	}
	if len(found) == 0 {
		return segment.Generic()
	}
	p, same := found[0], true
	for _, q := range found[1:] {
		same = same && q.String() == p.String() && q == p
		p = join(p, q)
	}
	if !same {
		p.Name, p.Version, p.Origin, p.Note = strings.Join(names, ", "), "", "", "unknown where they differ"
	}
	return p
}

// Detect returns the profile of the network that evidence shows, and generic
// (assumed) where it shows none. It is "none" where only plugins were found that
// move packets and enforce nothing. Of several that enforce, what they agree on
// is taken, and what they differ in is unknown.
func Detect(ev Evidence) segment.Profile {
	var enforce []segment.Profile
	var idle []string // plugins that enforce nothing, with why
	for i := range ev.Agents {
		p, why := ev.profile(&ev.Agents[i])
		switch {
		case why != "":
			idle = append(idle, why)
		case !slices.Contains(enforce, p):
			enforce = append(enforce, p)
		}
	}
	switch len(enforce) {
	case 0:
		if len(idle) == 0 {
			return segment.Generic()
		}
		p := segment.None()
		p.Origin, p.Note = "detected", strings.Join(slices.Compact(slices.Sorted(slices.Values(idle))), ", ")
		return p
	case 1:
		return enforce[0]
	}
	slices.SortFunc(enforce, func(a, b segment.Profile) int { return strings.Compare(a.String(), b.String()) })
	p := enforce[0]
	var names, notes []string
	for i, q := range enforce {
		if i > 0 {
			p = join(p, q)
		}
		if t := title(&q); !slices.Contains(names, t) {
			names = append(names, t)
		}
		if q.Note != "" && !slices.Contains(notes, q.Note) {
			notes = append(notes, q.Note)
		}
	}
	p.Name, p.Version, p.Origin = strings.Join(names, " and "), "", "detected"
	p.Note = strings.Join(append(notes, "unknown where they differ"), ", ")
	return p
}

// profile returns what an agent enforces, or why it enforces nothing.
func (ev *Evidence) profile(a *Agent) (p segment.Profile, idle string) {
	v := version(a.Tag)
	switch a.Plugin {
	case Cilium:
		return ev.ciliumNodes(a, v), ""
	case Kindnet:
		return kindnet(a, v)
	case KubeNP:
		return kubeNetworkPolicies(a, v), ""
	case AWS:
		return ev.aws(a, v)
	case Calico:
		return ev.calico(a, v), ""
	case OVN:
		p = at(a.Plugin, v)
		p.Origin = "detected"
		return p, ""
	case flannel:
		return p, flannel + " enforces nothing"
	}
	// It enforces something; what, beside NetworkPolicy, no table says.
	p = segment.Generic()
	p.Note = a.Plugin + " is not modelled"
	p.ClusterNetworkPolicy, p.AdminNetworkPolicy = segment.Maybe, segment.Maybe
	why := "what " + a.Plugin + " does is not modelled"
	p.PodBlockDoubt, p.NodeBlockDoubt, p.BaselineDoubt, p.NodeToPodDoubt, p.PodToNodeDoubt = why, why, why, why, why
	p.NetworksDoubt, p.NodesDoubt, p.SidecarPortsDoubt = why, why, why
	return p, ""
}

// settings returns what a ConfigMap says, nil if it is not in the input, and
// whether it is there and could not be read.
func (ev *Evidence) settings(name string) (data map[string]string, unread bool) {
	for _, m := range ev.Settings {
		if m.Kind == "" && m.Name == name {
			data = m.Data
		}
	}
	for _, u := range ev.Unread {
		unread = unread || u == name || strings.HasSuffix(u, "/"+name)
	}
	return data, unread
}

// doubtKinds makes it unknown whether any policy has an effect.
func doubtKinds(p *segment.Profile, note string) {
	for _, k := range []*segment.Answer{&p.NetworkPolicy, &p.ClusterNetworkPolicy, &p.AdminNetworkPolicy, &p.CiliumNetworkPolicy} {
		if *k == segment.Yes {
			*k = segment.Maybe
		}
	}
	p.Note = note
}

// flag returns the value of --name=value or --name value among arguments; a flag
// without a value is "true".
func flag(args []string, name string) (string, bool) {
	value, found := "", false
	for i, a := range args {
		rest, ok := strings.CutPrefix(a, "--"+name)
		switch {
		case !ok:
		case strings.HasPrefix(rest, "="):
			value, found = rest[1:], true
		case rest == "" && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-"):
			value, found = args[i+1], true
		case rest == "":
			value, found = "true", true
		}
	}
	return value, found
}

// join returns what two profiles agree on; what they differ in is unknown.
func join(p, q segment.Profile) segment.Profile {
	if !p.Enforced && !q.Enforced {
		return p
	}
	p, q = asKinds(p, &q), asKinds(q, &p)
	why := fmt.Sprintf("%s and %s differ in it", title(&p), title(&q))
	for _, k := range [][2]*segment.Answer{{&p.NetworkPolicy, &q.NetworkPolicy}, {&p.ClusterNetworkPolicy, &q.ClusterNetworkPolicy},
		{&p.AdminNetworkPolicy, &q.AdminNetworkPolicy}, {&p.CiliumNetworkPolicy, &q.CiliumNetworkPolicy},
		{&p.EstablishedCut, &q.EstablishedCut}} {
		if *k[0] != *k[1] {
			*k[0] = segment.Maybe
		}
	}
	for _, b := range []struct {
		is, other     *bool
		doubt, theirs *string
		what          string
	}{
		{&p.Isolating, &q.Isolating, &p.IsolatingDoubt, &q.IsolatingDoubt, "whether pods are isolated that no policy selects"},
		{&p.IPBlockMatchesPods, &q.IPBlockMatchesPods, &p.PodBlockDoubt, &q.PodBlockDoubt, "whether an ipBlock is compared with the addresses of pods"},
		{&p.IPBlockSkipsNodes, &q.IPBlockSkipsNodes, &p.NodeBlockDoubt, &q.NodeBlockDoubt, "whether an ipBlock is compared with the addresses of nodes"},
		{&p.BaselineDirectionBlind, &q.BaselineDirectionBlind, &p.BaselineDoubt, &q.BaselineDoubt, "whether the Baseline tier is then skipped in both directions"},
		{&p.NodeToPodFree, &q.NodeToPodFree, &p.NodeToPodDoubt, &q.NodeToPodDoubt, "whether traffic from a node to the pods that run on it is policed"},
		{&p.PodToNodeFree, &q.PodToNodeFree, &p.PodToNodeDoubt, &q.PodToNodeDoubt, "whether traffic from a pod to the node that it runs on is policed"},
		{&p.SidecarPortsUnnamed, &q.SidecarPortsUnnamed, &p.SidecarPortsDoubt, &q.SidecarPortsDoubt, "whether the names that sidecars give to ports are known"},
		{&p.PortNamesUnread, &q.PortNamesUnread, &p.PortNamesDoubt, &q.PortNamesDoubt, "whether the port names of NetworkPolicies are read"},
	} {
		switch {
		case *b.doubt != "":
		case *b.theirs != "":
			*b.doubt = *b.theirs
		case *b.is != *b.other:
			*b.doubt = b.what + " is not known: " + why
		}
	}
	p.PodToNodeCut = cmp.Or(p.PodToNodeCut, q.PodToNodeCut)
	p.NetworksDoubt = cmp.Or(p.NetworksDoubt, q.NetworksDoubt)
	p.BaselineTierDoubt = cmp.Or(p.BaselineTierDoubt, q.BaselineTierDoubt)
	p.NodesDoubt = cmp.Or(p.NodesDoubt, q.NodesDoubt)
	p.CiliumBlockDoubt = cmp.Or(p.CiliumBlockDoubt, q.CiliumBlockDoubt)
	if q.Unseen != "" && q.Unseen != p.Unseen {
		p.Unseen = strings.TrimPrefix(p.Unseen+", "+q.Unseen, ", ")
	}
	return p
}

// asKinds expresses that nothing is enforced by the kinds, so that it can be
// compared with a profile that enforces some. What bears on the kinds alone is
// that profile's.
func asKinds(p segment.Profile, other *segment.Profile) segment.Profile {
	if p.Enforced {
		return p
	}
	out := *other
	out.Name, out.Version, out.Origin, out.Note, out.Unseen = p.Name, p.Version, p.Origin, p.Note, p.Unseen
	out.Isolating, out.IsolatingDoubt = false, ""
	out.NetworkPolicy, out.ClusterNetworkPolicy, out.AdminNetworkPolicy, out.CiliumNetworkPolicy = segment.No, segment.No, segment.No, segment.No
	return out
}
