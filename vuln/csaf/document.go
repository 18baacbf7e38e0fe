package csaf

import (
	"strings"
	"time"
)

// document is the part of a CSAF document that statements are made of.
type document struct {
	category, version string
	publisher         string
	id                string
	released          time.Time
	hasTree           bool
	products          map[string]*product
	order             []string // product ids as they were defined
	groups            map[string][]string
	related           []relationship
	relation          map[string]*relationship // by the product that it makes
	vulnerabilities   []vulnerability
}

// product is a full product name.
type product struct {
	name     string
	purls    []string
	hashes   []string // "sha256:…"
	cpe      string
	versions string // VERS range of the branch it stands in
	vague    bool   // its branch is a range of versions in words
}

// relationship makes a product out of others: a component on a platform, or (product
// paths of 2.1) on one after the other.
type relationship struct {
	id        string
	component string
	platforms []string
}

type vulnerability struct {
	pointer     string
	ids         []string
	partly      []remark            // identifiers of some of the products only (2.1)
	status      map[string][]string // group → product ids
	flags       []remark
	threats     []remark // of category impact
	remediation []remark
}

// remark is a flag, threat or remediation about products.
type remark struct {
	label            string
	details          string
	products, groups []string
}

func (p *parser) document() {
	p.r.Members(func(key string) {
		switch key {
		case "document":
			p.head()
		case "product_tree":
			p.d.hasTree = true
			p.tree()
		case "vulnerabilities":
			p.r.Items(func() {
				p.begin()
				p.d.vulnerabilities = append(p.d.vulnerabilities, p.vulnerability())
			})
		}
	})
}

func (p *parser) head() {
	p.r.Members(func(key string) {
		switch key {
		case "category":
			p.d.category = p.r.String()
		case "csaf_version":
			p.d.version = p.r.String()
		case "publisher":
			p.r.Members(func(key string) {
				if key == "name" {
					p.d.publisher = p.r.String()
				}
			})
		case "tracking":
			p.r.Members(func(key string) {
				switch key {
				case "id":
					p.d.id = p.r.String()
				case "current_release_date":
					t, err := time.Parse(time.RFC3339Nano, p.r.String())
					if err != nil {
						p.refuse("document/tracking/current_release_date", "the release date is no time in RFC 3339")
					}
					p.d.released = t.UTC()
				}
			})
		}
	})
}

func (p *parser) tree() {
	p.r.Members(func(key string) {
		switch key {
		case "branches":
			p.r.Items(p.branch)
		case "full_product_names":
			p.r.Items(p.fullName)
		case "relationships":
			p.r.Items(p.relationship)
		case "product_paths":
			p.r.Items(p.relationship)
		case "product_groups":
			p.r.Items(p.group)
		}
	})
}

// branch reads a branch of the tree. A range of versions holds for all products below
// it; its category may stand behind them.
func (p *parser) branch() {
	var category, name string
	from := len(p.d.order)
	p.r.Members(func(key string) {
		switch key {
		case "category":
			category = p.r.String()
		case "name":
			name = p.r.String()
		case "product":
			p.fullName()
		case "branches":
			p.r.Items(p.branch)
		}
	})
	if category != "product_version_range" {
		return
	}
	for _, id := range p.d.order[from:] {
		switch x := p.d.products[id]; {
		case x.versions != "" || x.vague: // of a branch within this one
		case strings.HasPrefix(name, "vers:"):
			x.versions = name
		default:
			x.vague = true
		}
	}
}

// fullName reads a full product name and defines the product.
func (p *parser) fullName() {
	p.begin()
	var x product
	id := ""
	p.r.Members(func(key string) {
		switch key {
		case "name":
			x.name = p.r.String()
		case "product_id":
			id = p.r.String()
		case "product_identification_helper":
			p.helper(&x)
		}
	})
	p.define(id, &x)
}

func (p *parser) helper(x *product) {
	p.r.Members(func(key string) {
		switch key {
		case "purl":
			x.purls = append(x.purls, p.r.String())
		case "purls":
			x.purls = append(x.purls, p.r.Strings()...)
		case "cpe":
			x.cpe = p.r.String()
		case "hashes":
			p.r.Items(func() {
				p.r.Members(func(key string) {
					if key == "file_hashes" {
						p.r.Items(func() { p.hash(x) })
					}
				})
			})
		}
	})
}

func (p *parser) hash(x *product) {
	var algorithm, value string
	p.r.Members(func(key string) {
		switch key {
		case "algorithm":
			algorithm = p.r.String()
		case "value":
			value = p.r.String()
		}
	})
	x.hashes = append(x.hashes, strings.ReplaceAll(strings.ToLower(algorithm), "-", "")+":"+value)
}

func (p *parser) relationship() {
	p.begin()
	var rel relationship
	var x product
	p.r.Members(func(key string) {
		switch key {
		case "product_reference", "beginning_product_reference":
			rel.component = p.r.String()
		case "relates_to_product_reference":
			rel.platforms = append(rel.platforms, p.r.String())
		case "subpaths":
			p.r.Items(func() {
				p.r.Members(func(key string) {
					if key == "next_product_reference" {
						rel.platforms = append(rel.platforms, p.r.String())
					}
				})
			})
		case "full_product_name":
			p.r.Members(func(key string) {
				switch key {
				case "name":
					x.name = p.r.String()
				case "product_id":
					rel.id = p.r.String()
				case "product_identification_helper":
					p.helper(&x)
				}
			})
		}
	})
	p.define(rel.id, &x)
	p.d.related = append(p.d.related, rel)
}

func (p *parser) group() {
	p.begin()
	var id string
	var members []string
	p.r.Members(func(key string) {
		switch key {
		case "group_id":
			id = p.r.String()
		case "product_ids":
			members = p.r.Strings()
		}
	})
	if _, ok := p.d.groups[id]; ok {
		p.refuse("product_tree/product_groups", "the product group "+clip(id)+" is defined twice (6.1.5)")
	}
	p.d.groups[id] = members
}

func (p *parser) define(id string, x *product) {
	if _, ok := p.d.products[id]; ok {
		p.refuse("product_tree", "the product "+clip(id)+" is defined twice (6.1.2)")
	}
	p.d.products[id] = x
	p.d.order = append(p.d.order, id)
}

func (p *parser) vulnerability() vulnerability {
	v := vulnerability{pointer: p.r.Pointer(), status: map[string][]string{}}
	p.r.Members(func(key string) {
		switch key {
		case "cve":
			if s := p.r.String(); s != "" {
				v.ids = append([]string{s}, v.ids...)
			}
		case "ids":
			p.r.Items(func() {
				switch m := p.remark("text"); {
				case m.label == "":
				case len(m.products)+len(m.groups) == 0:
					v.ids = append(v.ids, m.label)
				default:
					v.partly = append(v.partly, m)
				}
			})
		case "product_status":
			p.r.Members(func(key string) { v.status[key] = p.r.Strings() })
		case "flags":
			p.r.Items(func() { v.flags = append(v.flags, p.remark("label")) })
		case "threats":
			p.r.Items(func() {
				if t := p.remark("category"); t.label == "impact" {
					v.threats = append(v.threats, t)
				} else {
					v.threats = append(v.threats, remark{products: t.products, groups: t.groups})
				}
			})
		case "remediations":
			p.r.Items(func() { v.remediation = append(v.remediation, p.remark("category")) })
		}
	})
	return v
}

func (p *parser) remark(label string) remark {
	var m remark
	p.r.Members(func(key string) {
		switch key {
		case label:
			m.label = p.r.String()
		case "details":
			m.details = p.r.String()
		case "product_ids":
			m.products = p.r.Strings()
		case "group_ids":
			m.groups = p.r.Strings()
		}
	})
	return m
}

func clip(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "�") + "…"
	}
	return s
}
