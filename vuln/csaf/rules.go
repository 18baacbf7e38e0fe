package csaf

import (
	"fmt"
	"slices"

	"github.com/cofferdam-io/cofferdam/vuln"
)

// profileVEX is the category whose documents section 6.1.27 asks for more.
const profileVEX = "csaf_vex"

// rules refuses a document that breaks what the meaning of a status hangs on.
func (p *parser) rules() {
	p.references()
	p.circles()
	if p.d.category == profileVEX {
		if !p.d.hasTree {
			p.refuse("", "a VEX document has no product_tree (6.1.27.4)")
		}
		if len(p.d.vulnerabilities) == 0 {
			p.refuse("", "a VEX document has no vulnerabilities (6.1.27.11)")
		}
	}
	for i := range p.d.vulnerabilities {
		v := &p.d.vulnerabilities[i]
		at := v.pointer[1:]
		p.contradictions(v, at)
		p.justifications(v, at)
		if p.d.category == profileVEX {
			p.profile(v, at)
		}
	}
}

// references checks that every product and group that is named is defined (6.1.1, 6.1.4).
func (p *parser) references() {
	product := func(where, id string) {
		if _, ok := p.d.products[id]; !ok {
			p.refuse(where, "the product "+clip(id)+" is not defined (6.1.1)")
		}
	}
	for _, r := range p.d.related {
		product("product_tree/relationships", r.component)
		for _, on := range r.platforms {
			product("product_tree/relationships", on)
		}
	}
	for _, ids := range p.d.groups {
		for _, id := range ids {
			product("product_tree/product_groups", id)
		}
	}
	for i := range p.d.vulnerabilities {
		v := &p.d.vulnerabilities[i]
		at := v.pointer[1:]
		for _, ids := range v.status {
			for _, id := range ids {
				product(at, id)
			}
		}
		for _, m := range slices.Concat(v.flags, v.threats, v.remediation, v.partly) {
			for _, id := range m.products {
				product(at, id)
			}
			for _, g := range m.groups {
				if _, ok := p.d.groups[g]; !ok {
					p.refuse(at, "the product group "+clip(g)+" is not defined (6.1.4)")
				}
			}
		}
	}
}

// circles refuses products that are made of themselves (6.1.3).
func (p *parser) circles() {
	const open, done = 1, 2
	of := make(map[string][]string, len(p.d.related))
	for _, r := range p.d.related {
		of[r.id] = append([]string{r.component}, r.platforms...)
	}
	state := map[string]uint8{}
	for _, r := range p.d.related {
		// Depth first, by hand: the chain is as long as a stranger made it.
		stack := []string{r.id}
		for len(stack) > 0 {
			id := stack[len(stack)-1]
			if state[id] != 0 {
				state[id] = done
				stack = stack[:len(stack)-1]
				continue
			}
			state[id] = open
			for _, next := range of[id] {
				if state[next] == done {
					continue
				}
				if state[next] == open {
					p.refuse("product_tree/relationships", "the product "+clip(next)+" is made of itself (6.1.3)")
					return
				}
				if _, made := of[next]; made {
					stack = append(stack, next)
				}
			}
		}
	}
}

// contradictions refuses products with two statuses in one vulnerability (6.1.6).
func (p *parser) contradictions(v *vulnerability, at string) {
	seen := map[string]vuln.Status{}
	for _, g := range groupsOf {
		for _, name := range g.names {
			for _, id := range v.status[name] {
				if was, ok := seen[id]; ok && was != g.status {
					p.refuse(at+"/product_status", fmt.Sprintf("the product %s is both %s and %s (6.1.6)", clip(id), was, g.status))
				}
				seen[id] = g.status
			}
		}
	}
}

// justifications refuses products with two justifications (6.1.33).
func (p *parser) justifications(v *vulnerability, at string) {
	seen := map[string]bool{}
	for _, f := range v.flags {
		own := map[string]bool{}
		for _, id := range p.about(f) {
			if seen[id] && !own[id] {
				p.refuse(at+"/flags", "the product "+clip(id)+" has several justifications (6.1.33)")
			}
			seen[id], own[id] = true, true
		}
	}
}

// profile is what a vulnerability of a VEX document needs (6.1.27.7 to 6.1.27.10).
func (p *parser) profile(v *vulnerability, at string) {
	named := 0
	for _, group := range []string{"fixed", "known_affected", "known_not_affected", "under_investigation", "unknown"} {
		named += len(v.status[group])
	}
	if named == 0 {
		p.refuse(at, "the vulnerability gives no product a status (6.1.27.7)")
	}
	if p.unnamed(v) {
		p.refuse(at, "the vulnerability has no identifier for all of its products (6.1.27.8)")
	}
	reasons, actions := map[string]bool{}, map[string]bool{}
	for _, m := range v.flags {
		for _, id := range p.about(m) {
			reasons[id] = true
		}
	}
	for _, m := range v.threats {
		for _, id := range p.about(m) {
			reasons[id] = reasons[id] || m.label == "impact"
		}
	}
	for _, m := range v.remediation {
		for _, id := range p.about(m) {
			actions[id] = true
		}
	}
	for _, id := range v.status["known_not_affected"] {
		if !reasons[id] {
			p.refuse(at, "nothing says why the product "+clip(id)+" is not affected (6.1.27.9)")
		}
	}
	for _, id := range v.status["known_affected"] {
		if !actions[id] {
			p.refuse(at, "nothing says what to do about the product "+clip(id)+", which is affected (6.1.27.10)")
		}
	}
}

// unnamed reports whether a vulnerability has a product for which it has no identifier,
// or none at all.
func (p *parser) unnamed(v *vulnerability) bool {
	if len(v.ids) > 0 {
		return false
	}
	named := map[string]bool{}
	for _, m := range v.partly {
		for _, id := range p.about(m) {
			named[id] = true
		}
	}
	for _, ids := range v.status {
		for _, id := range ids {
			if !named[id] {
				return true
			}
		}
	}
	return len(named) == 0
}
