package witness

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Result is what a document and its witnesses say of each other.
type Result struct {
	Matched int `json:"matched"` // components that a witness confirms
	// Omitted is what a witness lists and the document does not; Perhaps of that, what may
	// be rightly missing.
	Omitted []Omission `json:"omitted"`
	Perhaps []Omission `json:"perhapsOmitted"`
	// Added is what the document lists, of a type that a witness speaks of, and no witness does.
	Added    []Addition   `json:"added"`
	Versions []Difference `json:"versions"` // listed by both, at other versions
	// NotJudged counts components of types that no witness speaks of, or without a package URL.
	NotJudged int      `json:"notJudged"`
	Unknown   []string `json:"unknown"` // what witnesses leave open
}

// Omission is a package that a witness lists.
type Omission struct {
	Package string `json:"package"` // package URL
	Witness string `json:"witness"` // file, and line or pointer
	Why     string `json:"why,omitempty"`
}

// Addition is a component that only the document lists.
type Addition struct {
	Package string `json:"package"`
	Pointer string `json:"pointer"`
}

// Difference is a package that both list.
type Difference struct {
	Package string `json:"package"` // package URL, as the document has it
	Pointer string `json:"pointer"`
	Found   string `json:"found"` // version by the witness
	Witness string `json:"witness"`
}

type listed struct {
	p    Package
	list *List
	seen bool
}

// key is a package without its version.
type key struct{ kind, name string }

// Compare holds the components of a document against witnesses. Names are compared in
// their ecosystem's spelling, versions as text, without a leading "v" and with the epoch
// wherever it is written.
func Compare(d *sbom.Document, lists []*List) *Result {
	r := &Result{Omitted: []Omission{}, Perhaps: []Omission{}, Added: []Addition{}, Versions: []Difference{}, Unknown: []string{}}
	spoken := map[string]bool{}
	all := map[key][]*listed{}
	var order []*listed
	for _, l := range lists {
		spoken[l.Type] = true
		for _, u := range l.Unknown {
			r.Unknown = append(r.Unknown, l.Source+": "+u)
		}
		for i := range l.Packages {
			k := key{l.Type, spelled(l.Type, l.Packages[i].Name)}
			e := &listed{p: l.Packages[i], list: l}
			all[k] = append(all[k], e)
			order = append(order, e)
		}
	}
	type left struct {
		c *sbom.Component
		k key
		v string
	}
	var others []left
	for i := range d.Components {
		c := &d.Components[i]
		p, err := vuln.ParsePURL(c.PURL)
		if c.PURL == "" || err != nil || !spoken[p.Type] {
			r.NotJudged++
			continue
		}
		k := key{p.Type, spelled(p.Type, p.FullName())}
		if p.Type == "deb" || p.Type == "apk" || p.Type == "rpm" {
			k.name = spelled(p.Type, p.Name) // the namespace is the distribution
		}
		version := p.Version
		if e := p.Qualifier("epoch"); e != "" && !strings.Contains(version, ":") {
			version = e + ":" + version
		}
		if p.Type == "golang" && (k.name == "stdlib" || version == "" || version == "(devel)") {
			r.NotJudged++ // the toolchain and the main module are in no lock file
			continue
		}
		hit := false
		for _, e := range all[k] {
			if plain(e.p.Version) == plain(version) {
				e.seen, hit = true, true
			}
		}
		if hit {
			r.Matched++
		} else {
			others = append(others, left{c, k, version})
		}
	}
	for _, o := range others {
		if i := slices.IndexFunc(all[o.k], func(e *listed) bool { return !e.seen }); i >= 0 {
			e := all[o.k][i]
			e.seen = true
			r.Versions = append(r.Versions, Difference{o.c.PURL, o.c.Pointer, e.p.Version, e.where()})
			continue
		}
		r.Added = append(r.Added, Addition{o.c.PURL, o.c.Pointer})
	}
	r.omissions(order)
	return r
}

func (r *Result) omissions(order []*listed) {
	told := map[string]bool{}
	for _, e := range order {
		if e.seen || e.list.Silent {
			continue
		}
		o := Omission{Package: packageURL(e.list.Type, e.p.Name, e.p.Version), Witness: e.where(), Why: e.p.Perhaps}
		if told[o.Package] {
			continue // the same package at another place of the tree
		}
		told[o.Package] = true
		if e.list.Whole && o.Why == "" {
			r.Omitted = append(r.Omitted, o)
		} else {
			r.Perhaps = append(r.Perhaps, o)
		}
	}
	byPackage := func(a, b Omission) int { return cmp.Compare(a.Package, b.Package) }
	slices.SortFunc(r.Omitted, byPackage)
	slices.SortFunc(r.Perhaps, byPackage)
}

func (e *listed) where() string {
	if e.p.Line > 0 {
		return fmt.Sprintf("%s:%d", e.list.Source, e.p.Line)
	}
	return e.list.Source + e.p.Pointer
}

// plain takes from a version what tools write or leave out.
func plain(v string) string {
	v = strings.TrimPrefix(v, "v")
	if rest, ok := strings.CutPrefix(v, "0:"); ok {
		v = rest
	}
	return strings.TrimSuffix(v, "+incompatible")
}
