package csaf

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// maxEntries bounds products, groups and vulnerabilities of a document together; the
// largest public ones, of whole distributions, have some hundred thousand.
const maxEntries = 2_000_000

// Decode reads a document. name is for messages and for Statement.File. The error is an
// ident.Error: KindUnsupported for what is not CSAF, KindInvalid for a document that is
// broken or breaks a rule that its meaning hangs on, with the section of the standard,
// KindLimit beyond a limit; or it is the context's.
func Decode(ctx context.Context, name string, raw []byte) ([]vuln.Statement, []vuln.VEXFault, error) {
	p := &parser{ctx: ctx, file: name, d: &document{products: map[string]*product{}, groups: map[string][]string{}}, bound: map[string][]vuln.Product{}}
	p.r = jsonscan.New(raw, jsonscan.Options{StrictSkip: true})
	if p.r.Kind() != jsonscan.Object {
		return nil, nil, ident.Errorf(ident.KindUnsupported, "is no CSAF document: it is no JSON object").At(name)
	}
	p.document()
	if err := p.r.End(); err != nil && p.err == nil {
		p.err = err
	}
	if p.err == nil && p.d.version == "" {
		return nil, nil, ident.Errorf(ident.KindUnsupported, "is no CSAF document: it names no csaf_version").At(name)
	}
	if p.err == nil {
		p.rules()
	}
	p.d.relation = make(map[string]*relationship, len(p.d.related))
	for i := range p.d.related {
		p.d.relation[p.d.related[i].id] = &p.d.related[i]
	}
	if p.err != nil {
		var e *ident.Error
		if !errors.As(p.err, &e) {
			return nil, nil, p.err
		}
		where := name
		switch {
		case strings.HasPrefix(e.Where, "#"):
			where += e.Where
		case e.Where != "":
			where += " " + e.Where
		}
		return nil, nil, ident.Errorf(e.Kind, "%s", e.Message).At(where)
	}
	return p.statements()
}

type parser struct {
	ctx     context.Context
	file    string
	r       *jsonscan.Reader
	d       *document
	entries int
	refused int
	bound   map[string][]vuln.Product // by id of the product
	err     error
}

// begin counts an entry, and refuses the one beyond the limit.
func (p *parser) begin() {
	if p.entries++; p.entries > maxEntries && p.err == nil {
		p.err = ident.Errorf(ident.KindLimit, "the document has more than %d products, groups and vulnerabilities", maxEntries)
	}
	if p.entries%4096 == 0 && p.err == nil {
		p.err = p.ctx.Err()
	}
}

// mostTold are the reasons that are told why a document is refused.
const mostTold = 8

// refuse notes why the document means nothing that can be relied on.
func (p *parser) refuse(where, message string) {
	if p.refused++; p.err == nil {
		p.err = ident.Errorf(ident.KindInvalid, "%s", message).At("#/" + where)
	} else if e := new(ident.Error); p.refused <= mostTold && errors.As(p.err, &e) && e.Kind == ident.KindInvalid {
		p.err = ident.Errorf(ident.KindInvalid, "%s; %s", e.Message, message).At(e.Where)
	}
}

// groupsOf says which status a group of the standard gives. "recommended" gives none.
var groupsOf = []struct {
	status vuln.Status
	names  []string
}{
	{vuln.StatusAffected, []string{"known_affected", "first_affected", "last_affected"}},
	{vuln.StatusNotAffected, []string{"known_not_affected"}},
	{vuln.StatusFixed, []string{"fixed", "first_fixed"}},
	{vuln.StatusUnderInvestigation, []string{"under_investigation", "unknown"}},
}

// said is what makes one statement differ from another of the same status.
type said struct{ ids, justification, impact, action string }

func (p *parser) statements() ([]vuln.Statement, []vuln.VEXFault, error) {
	var out []vuln.Statement
	var faults []vuln.VEXFault
	products := 0
	for i := range p.d.vulnerabilities {
		v := &p.d.vulnerabilities[i]
		if len(v.ids)+len(v.partly) == 0 {
			faults = append(faults, vuln.VEXFault{File: p.file, Pointer: v.pointer, Message: "the vulnerability has no identifier"})
			continue
		}
		own := map[string][]string{}
		for _, m := range v.partly {
			for _, id := range p.about(m) {
				own[id] = append(own[id], m.label)
			}
		}
		why := p.remarks(v.flags, func(s *said, m remark) { s.justification = m.label })
		impact := p.remarks(v.threats, func(s *said, m remark) { s.impact = m.details })
		action := p.remarks(v.remediation, func(s *said, m remark) { s.action = m.details })
		for _, g := range groupsOf {
			at := map[said]int{}
			for _, name := range g.names {
				for _, id := range v.status[name] {
					s := said{action: action[id].action}
					if g.status == vuln.StatusNotAffected {
						s = said{justification: why[id].justification, impact: impact[id].impact}
					}
					ids := append(slices.Clip(v.ids), own[id]...)
					if len(ids) == 0 {
						continue // none of its identifiers is about this product
					}
					s.ids = strings.Join(own[id], "\x00")
					n, ok := at[s]
					if !ok {
						n = len(out)
						at[s] = n
						out = append(out, vuln.Statement{Vulnerability: ids, Status: g.status, Justification: s.justification, Impact: s.impact, Action: s.action,
							At: p.d.released, Author: p.d.publisher, Document: p.d.id, File: p.file, Pointer: v.pointer})
					}
					out[n].Products = append(out[n].Products, p.products(id, 0)...)
					if products += len(p.bound[id]); products > maxProducts {
						return nil, nil, ident.Errorf(ident.KindLimit, "the statements are about more than %d products", maxProducts).At(p.file)
					}
				}
			}
		}
	}
	return out, faults, p.ctx.Err()
}

// remarks says of each product what remarks say of it.
func (p *parser) remarks(ms []remark, set func(*said, remark)) map[string]said {
	out := map[string]said{}
	for _, m := range ms {
		for _, id := range p.about(m) {
			s := out[id]
			set(&s, m)
			out[id] = s
		}
	}
	return out
}

// about lists the products of a remark, those of its groups included.
func (p *parser) about(m remark) []string {
	out := slices.Clone(m.products)
	for _, g := range m.groups {
		out = append(out, p.d.groups[g]...)
	}
	return out
}

// Limits of what products come to: a few lines can name very many of them.
const (
	maxChain    = 16        // relationships that a product is made of, one in another
	maxJoined   = 4096      // names of one product on one platform
	maxProducts = 5_000_000 // of all statements
)

// products is product, remembered.
func (p *parser) products(id string, depth int) []vuln.Product {
	out, ok := p.bound[id]
	if !ok {
		out = p.product(id, depth)
		p.bound[id] = out
	}
	return out
}

// product says what a product is for binding: one for each of its package URLs, or
// one that is bound to nothing and says why.
func (p *parser) product(id string, depth int) []vuln.Product {
	x := p.d.products[id]
	unbound := func(why string) []vuln.Product { return []vuln.Product{{Name: x.name, Unbound: why}} }
	if rel := p.d.relation[id]; rel != nil && len(x.purls)+len(x.hashes) == 0 {
		if depth == maxChain {
			return unbound("its relationships are nested too deeply")
		}
		out := p.products(rel.component, depth+1)
		for _, on := range rel.platforms {
			out = p.joined(x, out, p.products(on, depth+1), p.d.products[on])
		}
		return out
	}
	var digests []ident.Digest
	for _, h := range x.hashes {
		if d, err := ident.ParseDigest(h); err == nil {
			digests = append(digests, d)
		}
	}
	var out []vuln.Product
	for _, u := range x.purls {
		one := vuln.Product{Name: x.name, PURL: u, Versions: x.versions, Digests: digests}
		if x.vague && !strings.Contains(u, "@") {
			one.Unbound = "the range of its versions is in words"
		}
		out = append(out, one)
	}
	switch {
	case len(out) > 0:
		return out
	case len(digests) > 0:
		return []vuln.Product{{Name: x.name, Digests: digests}}
	}
	return unbound("the product is named by no package URL and no digest")
}

// joined is a component on a platform: within it where that can be told from others by
// itself, or on a release of a distribution.
func (p *parser) joined(x *product, components, platforms []vuln.Product, platform *product) []vuln.Product {
	if len(components)*len(platforms) > maxJoined {
		return []vuln.Product{{Name: x.name, Unbound: "it has too many names"}}
	}
	distro, release := distribution(platform.cpe)
	var out []vuln.Product
	for _, c := range components {
		c.Name = x.name
		if c.Unbound == "" && (len(c.Subcomponents) > 0 || c.Platform != "") {
			c = vuln.Product{Name: x.name, Unbound: "it is made of more than two products"}
		}
		if c.Unbound != "" {
			out = append(out, c)
			continue
		}
		if distro != "" {
			c.Platform, c.Release = distro, release
			out = append(out, c)
			continue
		}
		for _, on := range platforms {
			switch {
			case on.Unbound != "":
				out = append(out, vuln.Product{Name: x.name, Unbound: "the platform it is on is named by no package URL and no digest"})
			case c.PURL == "" || c.Versions != "":
				out = append(out, vuln.Product{Name: x.name, Unbound: "the component of the platform is named by no package URL of one version"})
			default:
				on.Name = x.name
				on.Subcomponents = append(slices.Clone(on.Subcomponents), c.PURL)
				out = append(out, on)
			}
		}
	}
	return out
}

// distribution reads a CPE of a distribution whose packages are named by its releases:
// its identifier in os-release(5), and the release.
func distribution(cpe string) (id, release string) {
	parts := strings.Split(cpe, ":")
	switch {
	case strings.HasPrefix(cpe, "cpe:/") && len(parts) >= 5:
		parts = parts[2:]
	case strings.HasPrefix(cpe, "cpe:2.3:") && len(parts) >= 6:
		parts = parts[3:]
	default:
		return "", ""
	}
	update := ""
	if len(parts) > 3 {
		update = parts[3]
	}
	switch parts[0] + ":" + parts[1] {
	case "redhat:enterprise_linux":
		major, _, _ := strings.Cut(parts[2], ".")
		return "rhel", major
	case "suse:sles":
		if sp, ok := strings.CutPrefix(strings.ToLower(update), "sp"); ok {
			return "sles", parts[2] + "." + sp
		}
		return "sles", parts[2]
	}
	return "", ""
}
