package report

import (
	"fmt"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// who names an end of a connection for a person: "ns/name", or "internet" for
// the whole address space, or the CIDR.
func who(r ident.Ref) string {
	if r.IsCIDR() {
		return clean(place(r.CIDR))
	}
	s := clean(r.Short())
	if r.Cluster != "" {
		s = clean(r.Cluster) + ":" + s
	}
	return s
}

func place(cidr string) string {
	if cidr == "0.0.0.0/0" || cidr == "::/0" {
		return ident.Internet
	}
	return cidr
}

// ports writes connections shortly: "8080/TCP, 9000-9010/UDP", "any port".
func ports(conns []segment.Conn) string { return segment.Summary(conns, 6) }

func portRange(c segment.Conn) string {
	switch {
	case c.From <= 1 && c.To == 65535:
		return "any " + c.Protocol.String()
	case c.From == c.To:
		return fmt.Sprintf("%d/%s", c.From, c.Protocol)
	default:
		return fmt.Sprintf("%d-%d/%s", c.From, c.To, c.Protocol)
	}
}

// rule names a rule for a person: "NetworkPolicy shop/web, ingress rule 1".
// Rules are counted from one in text, as people count; JSON counts from zero.
func rule(r segment.RuleRef) string {
	if r.Default {
		if r.RuleName != "" {
			return clean(r.RuleName) // "a pod to itself": policies may select it
		}
		if r.Tier == "" && r.Kind == "" {
			return "no policy selects it"
		}
		return "default of the " + clean(r.Tier) + " tier"
	}
	name := r.Name
	if r.Namespace != "" {
		name = r.Namespace + "/" + name
	}
	s := clean(r.Kind + " " + name)
	list := r.Direction
	if r.Tier == segment.DenyTier.String() {
		list += "Deny" // the field of the object that lists it
	}
	switch {
	case r.RuleName != "":
		s += fmt.Sprintf(", %s rule %q", list, clean(r.RuleName))
	case r.Rule >= 0 && r.Direction != "":
		s += fmt.Sprintf(", %s rule %d", list, r.Rule+1)
	case r.Direction != "":
		s += ", " + list
	}
	return s
}

func rules(rr []segment.RuleRef) string {
	var parts []string
	for _, r := range rr {
		parts = append(parts, rule(r))
	}
	return strings.Join(parts, " · ")
}

// coverage is the last line of every table: what the answer rests on.
func (p *printer) coverage(c inventory.Coverage) {
	p.blank()
	p.linef("%s", p.dim(coverageLine(c)))
}

// reachCoverage is the last line of answers about connections alone, which
// search no SBOM: what was read and judged, and what was not seen.
func (p *printer) reachCoverage(c inventory.Coverage, unknowns int) {
	p.blank()
	parts := []string{fmt.Sprintf("judged %s under %s", plural(c.Workloads, "workload"), plural(c.Policies, "policy"))}
	parts = append(parts, restricted(c)...)
	parts = append(parts, enforced(c)...)
	if unknowns > 0 {
		parts = append(parts, plural(unknowns, "unknown"))
	}
	p.linef("%s", p.dim(strings.Join(parts, "; ")))
}

// restricted says that a selector hides rows, which hides nothing else.
func restricted(c inventory.Coverage) []string {
	if c.Selector == "" {
		return nil
	}
	return []string{fmt.Sprintf("listed: the %s that -l %s selects", plural(c.Selected, "workload"), clean(c.Selector))}
}

// withoutEffect names policies that nothing enforces: the first, how many more,
// and why.
func withoutEffect(list []segment.WithoutEffect) string {
	s := list[0].Object
	if n := len(list) - 1; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s + " (" + list[0].Reason + ")"
}

// enforced is what every answer about connections hangs on.
func enforced(c inventory.Coverage) []string {
	var parts []string
	if c.Enforcement != "" {
		parts = append(parts, "enforcement: "+clean(c.Enforcement))
	}
	if len(c.NotSeen) > 0 {
		parts = append(parts, "not seen: "+clean(strings.Join(c.NotSeen, ", ")))
	}
	if len(c.WithoutEffect) > 0 {
		parts = append(parts, "without effect: "+clean(withoutEffect(c.WithoutEffect)))
	}
	if c.Quarantined > 0 {
		parts = append(parts, plural(c.Quarantined, "input")+" quarantined")
	}
	return parts
}

// sameNode sums up in one standing line what hangs on which pods share a node.
// The rows are shown with --all, and JSON always has them.
func (p *printer) sameNode(n *inventory.SameNode) {
	if n == nil {
		return
	}
	p.blank()
	remark := "summed up here (--all lists them)"
	if p.o.All {
		remark = "listed above too"
	}
	p.linef("%s  %s on scheduling: a pod and its own node may talk whatever the policies say, and which pods share a node with %s is not in the input; %s",
		p.bold("SAME NODE"), p.yellow(hang(n.Edges)), affects(n.Hosts), p.dim(remark))
}

func hang(edges int) string {
	if edges == 1 {
		return "1 unknown edge depends"
	}
	return fmt.Sprintf("%d unknown edges depend", edges)
}

// unknowns lists what could change the answer.
func (p *printer) unknowns(us []inventory.Unknown) {
	if len(us) == 0 {
		return
	}
	p.heading("UNKNOWN", len(us), "each could change this answer")
	rows := make([][]string, 0, len(us))
	for _, u := range us {
		rows = append(rows, []string{p.yellow(clean(u.Object)), clean(u.Reason), affects(u.Affects)})
	}
	p.table([]column{{"OBJECT", 16}, {"REASON", 30}, {"TOUCHES", 12}}, rows)
}

func affects(refs []ident.Ref) string {
	const most = 3
	var names []string
	for i, r := range refs {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(refs)-most))
			break
		}
		names = append(names, who(r))
	}
	return strings.Join(names, ", ")
}

// trust colours what verification made of an SBOM.
func (p *printer) trust(word string) string {
	switch word {
	case inventory.SBOMVerified:
		return p.green(word)
	case inventory.SBOMInvalid, inventory.SBOMUnsigned:
		return p.red(word)
	}
	return p.yellow(word)
}

// matched words an SBOM's match: "by digest, unchecked".
func matched(m inventory.SBOMMatch) string {
	if m.Match == "" {
		return ""
	}
	s := "by " + m.Match
	if m.Trust != "" {
		s += ", " + m.Trust
	}
	return s
}
