package contain

import (
	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment/intent"
)

// maxNeeds bounds the pairs that a file of needs means.
const maxNeeds = 1 << 20

// Needs are the connections that rules declare necessary: each allow rule, between
// every workload of its sides. Other rules, and sides that select no workload, are
// errors of kind usage: a need that means nothing would protect nothing.
func Needs(rules []intent.Rule, members []estate.Member) ([]Need, error) {
	var out []Need
	for _, r := range rules {
		if r.Verb != intent.Allow && r.Verb != intent.AllowOnly || r.Transitively {
			return nil, ident.Errorf(ident.KindUsage, "line %d: %q declares no need", r.Line, r.Text).WithHint("allow shop/web -> payments/api tcp/8443")
		}
		from, err := side(&r, &r.From, members)
		if err != nil {
			return nil, err
		}
		to, err := side(&r, &r.To, members)
		if err != nil {
			return nil, err
		}
		if len(out)+len(from)*len(to) > maxNeeds {
			return nil, ident.Errorf(ident.KindLimit, "line %d: the needs mean more than %d pairs of workloads", r.Line, maxNeeds)
		}
		for _, a := range from {
			for _, b := range to {
				if a != b {
					out = append(out, Need{Src: a, Dst: b, Conns: r.Ports, Why: r.Text})
				}
			}
		}
	}
	return out, nil
}

func side(r *intent.Rule, s *intent.Side, members []estate.Member) ([]ident.Ref, error) {
	if !s.Address.IsZero() {
		return []ident.Ref{s.Address}, nil // outside: no plan cuts it
	}
	var out []ident.Ref
	for i := range members {
		if s.Selector.Matches(&members[i]) {
			out = append(out, members[i].Ref)
		}
	}
	if len(out) == 0 {
		return nil, ident.Errorf(ident.KindUsage, "line %d: %s selects no workload", r.Line, s.Text).WithHint("a need that selects nothing protects nothing: cofferdam map shows zones and names")
	}
	return out, nil
}
