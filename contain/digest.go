package contain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// EstateDigest covers what bears on reachability: the profile, namespaces with
// their labels, workloads with the labels, ports and networks that their pods
// have, policies, ways in, and what is not known. It is the same for the same
// estate written otherwise, with other versions and status, and after a rollout
// that changes none of it; addresses and nodes of pods count where a policy or
// a pod on the host network makes them matter.
func EstateDigest(m *segment.Model) (ident.Digest, error) {
	selected := make(map[string]bool) // labels that some policy asks for
	addresses := false
	ask := func(s segment.PodSelector) {
		for _, r := range s.Pods {
			selected[r.Key] = true
		}
	}
	for i := range m.Policies {
		ask(m.Policies[i].Subject)
		for _, rules := range m.Policies[i].Rules {
			for _, r := range rules {
				for _, p := range r.Peers {
					ask(p.Pods)
					addresses = addresses || p.Kind == segment.PeerCIDR && p.MatchesPods
				}
			}
		}
	}
	hosts := slices.ContainsFunc(m.Endpoints, func(e segment.Endpoint) bool { return e.HostNetwork })
	var lines []string
	add := func(kind string, v any) error {
		text, err := json.Marshal(v)
		if err != nil {
			return ident.Errorf(ident.KindFailure, "cannot write the canonical form of the estate: %w", err)
		}
		lines = append(lines, kind+" "+string(text))
		return nil
	}
	type endpoint struct {
		Workload  ident.Ref
		Namespace string
		Labels    map[string]string
		Ports     []segment.NamedPort
		Host      bool
		Addresses any    `json:",omitempty"`
		Node      string `json:",omitempty"`
	}
	var errs []error
	profile := m.Profile
	profile.Origin, profile.Unseen = "", "" // how it was found out changes no verdict
	errs = append(errs, add("profile", profile))
	for _, n := range m.Namespaces {
		errs = append(errs, add("namespace", n))
	}
	for i := range m.Endpoints {
		e := &m.Endpoints[i]
		x := endpoint{Workload: m.Workloads[e.Workload].Ref, Namespace: m.Namespaces[e.Namespace].Name, Ports: e.Ports, Host: e.HostNetwork, Labels: make(map[string]string, len(e.Labels))}
		for k, v := range e.Labels {
			if !segment.RolloutLabel(k) || selected[k] {
				x.Labels[k] = v
			}
		}
		if addresses {
			x.Addresses = e.IPs
		}
		if hosts {
			x.Node = e.Node
		}
		errs = append(errs, add("endpoint", x))
	}
	for _, n := range m.Nodes {
		errs = append(errs, add("node", n))
	}
	for i := range m.Policies {
		errs = append(errs, add("policy", m.Policies[i]))
	}
	for _, t := range m.Taints {
		errs = append(errs, add("taint", t))
	}
	for _, e := range m.Entries {
		errs = append(errs, add("entry", struct {
			segment.Entry
			Of ident.Ref
		}{e, m.Workloads[e.Workload].Ref}))
	}
	errs = append(errs, add("not seen", m.NotSeen))
	for _, err := range errs {
		if err != nil {
			return ident.Digest{}, err
		}
	}
	slices.Sort(lines)
	var b bytes.Buffer
	for _, l := range slices.Compact(lines) {
		fmt.Fprintln(&b, l)
	}
	return ident.SHA256(b.Bytes()), nil
}

// policyDigests are those of the policies that were read, sorted by name; none
// without an estate.
func policyDigests(e *estate.Estate) []PolicyDigest {
	out := []PolicyDigest{}
	if e == nil {
		return out
	}
	for _, p := range e.Policies {
		out = append(out, PolicyDigest{Object: p.Kind + " " + ident.Ref{Cluster: p.Cluster, Namespace: p.Namespace, Name: p.Name}.String(), Digest: p.Digest})
	}
	slices.SortFunc(out, func(a, b PolicyDigest) int { return strings.Compare(a.Object, b.Object) })
	return out
}
