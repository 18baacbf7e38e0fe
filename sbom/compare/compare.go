package compare

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/trace"
)

// Direction of a change of version.
type Direction string

// The directions. A version whose order the ecosystem does not tell is replaced.
const (
	Upgrade   Direction = "upgrade"
	Downgrade Direction = "downgrade"
	Replaced  Direction = "replaced"
)

// Change is one package that is in both documents and not the same.
type Change struct {
	Name      string    `json:"name"`
	Old       Package   `json:"old"`
	New       Package   `json:"new"`
	Direction Direction `json:"direction,omitempty"` // "" if the version is the same
	Licenses  bool      `json:"licenses"`            // they differ
	Supplier  bool      `json:"supplier"`            // both name one, and another
	// OtherBytes is true where the version is the same and the hashes are not: what
	// was built or published was replaced.
	OtherBytes bool `json:"otherBytes"`
}

// Addition is a package that only the new document has, and one way by which it
// came: the shortest that is recorded, from the subject; empty if none is.
type Addition struct {
	Package
	Way []string `json:"way"`
}

// Need is one recorded edge between two packages that both documents have.
type Need struct {
	From string `json:"from"`
	To   string `json:"to"`
	Kind string `json:"kind"` // "depends on", "contains" or "provides"
}

// Diff is how two documents differ. Lists are ordered by name and version.
type Diff struct {
	Added     []Addition `json:"added"`
	Removed   []Package  `json:"removed"`
	Changed   []Change   `json:"changed"`
	Unchanged int        `json:"unchanged"`
	// NewNeeds are between packages that were there before, and GoneNeeds between
	// packages that still are.
	NewNeeds  []Need `json:"newNeeds"`
	GoneNeeds []Need `json:"goneNeeds"`
	// Incomplete is true where a document says that its own list is: what is missing
	// from it may be there all the same.
	Incomplete bool `json:"incomplete"`
}

// Empty reports whether nothing differs.
func (d *Diff) Empty() bool {
	return len(d.Added)+len(d.Removed)+len(d.Changed)+len(d.NewNeeds)+len(d.GoneNeeds) == 0
}

// Documents compares two documents. The error is the context's.
func Documents(ctx context.Context, before, after *sbom.Document) (*Diff, error) {
	olds, oldOf, err := packages(ctx, before)
	if err != nil {
		return nil, err
	}
	news, newOf, err := packages(ctx, after)
	if err != nil {
		return nil, err
	}
	out := &Diff{Added: []Addition{}, Removed: []Package{}, Changed: []Change{}, NewNeeds: []Need{}, GoneNeeds: []Need{},
		Incomplete: before.Incomplete || after.Incomplete}
	pairs := pairAll(olds, news)
	var ways *trace.Graph
	for _, p := range pairs {
		switch {
		case p.new < 0:
			out.Removed = append(out.Removed, olds[p.old].Package)
		case p.old < 0:
			if ways == nil {
				ways = trace.New(after)
			}
			out.Added = append(out.Added, Addition{news[p.new].Package, way(after, ways, news[p.new].Components)})
		default:
			if c, differs := change(olds[p.old], news[p.new]); differs {
				out.Changed = append(out.Changed, c)
			} else {
				out.Unchanged++
			}
		}
	}
	out.NewNeeds, out.GoneNeeds = needs(before, after, olds, news, oldOf, newOf, pairs)
	out.sort()
	return out, ctx.Err()
}

// pairAll pairs by identity, and then what is left and one of the two documents
// gives no package URL of: by name, where nothing else has it.
func pairAll(olds, news []*entry) []pairing {
	type side struct{ old, new []int }
	group := func(key func(*entry) (identity, bool), oldLeft, newLeft []int) (order []identity, by map[identity]*side) {
		by = map[identity]*side{}
		put := func(e *entry, add func(*side)) {
			if k, ok := key(e); ok {
				s := by[k]
				if s == nil {
					s = &side{}
					by[k] = s
					order = append(order, k)
				}
				add(s)
			}
		}
		for _, i := range oldLeft {
			put(olds[i], func(s *side) { s.old = append(s.old, i) })
		}
		for _, j := range newLeft {
			put(news[j], func(s *side) { s.new = append(s.new, j) })
		}
		return order, by
	}
	var out []pairing
	var oldLeft, newLeft []int
	pick := func(list []*entry, at []int) []*entry {
		es := make([]*entry, len(at))
		for i, a := range at {
			es[i] = list[a]
		}
		return es
	}
	collect := func(s *side) {
		for _, p := range pairUp(pick(olds, s.old), pick(news, s.new)) {
			switch {
			case p.old < 0:
				newLeft = append(newLeft, s.new[p.new])
			case p.new < 0:
				oldLeft = append(oldLeft, s.old[p.old])
			default:
				out = append(out, pairing{s.old[p.old], s.new[p.new]})
			}
		}
	}
	order, by := group(func(e *entry) (identity, bool) { return e.id, true }, indices(len(olds)), indices(len(news)))
	for _, k := range order {
		collect(by[k])
	}
	byName := func(e *entry) (identity, bool) {
		return identity{"", strings.ToLower(e.Name)}, e.Name != ""
	}
	pendingOld, pendingNew := oldLeft, newLeft
	oldLeft, newLeft = nil, nil
	order, by = group(byName, pendingOld, pendingNew)
	paired := map[*side]bool{}
	for _, k := range order {
		if s := by[k]; len(s.old) > 0 && len(s.new) > 0 && oneKind(pick(olds, s.old), pick(news, s.new)) {
			paired[s] = true
			collect(s)
		}
	}
	for _, i := range pendingOld {
		k, ok := byName(olds[i])
		if !ok || !paired[by[k]] {
			oldLeft = append(oldLeft, i)
		}
	}
	for _, j := range pendingNew {
		k, ok := byName(news[j])
		if !ok || !paired[by[k]] {
			newLeft = append(newLeft, j)
		}
	}
	for _, i := range oldLeft {
		out = append(out, pairing{i, -1})
	}
	for _, j := range newLeft {
		out = append(out, pairing{-1, j})
	}
	return out
}

// oneKind reports whether packages of one name may be one package: one side gives
// no package URL of any, and the other says one kind of package.
func oneKind(olds, news []*entry) bool {
	kinds := func(list []*entry) (kind string, one bool) {
		for i, e := range list {
			if i > 0 && e.id.kind != kind {
				return "", false
			}
			kind = e.id.kind
		}
		return kind, true
	}
	a, okA := kinds(olds)
	b, okB := kinds(news)
	return okA && okB && a != b && (a == "" || b == "")
}

func indices(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// change compares a package that is in both.
func change(a, b *entry) (Change, bool) {
	c := Change{Name: b.Name, Old: a.Package, New: b.Package}
	if a.Version != b.Version {
		switch n, sure := order(b.ecosystem, a.Version, b.Version); {
		case !sure:
			c.Direction = Replaced
		case n < 0:
			c.Direction = Upgrade
		default:
			c.Direction = Downgrade
		}
	} else if a.variant == b.variant {
		c.OtherBytes = otherBytes(a.Hashes, b.Hashes)
	}
	c.Licenses = !slices.Equal(a.Licenses, b.Licenses) || !slices.Equal(a.Concluded, b.Concluded)
	c.Supplier = !notKnown(a.Supplier) && !notKnown(b.Supplier) && a.Supplier != b.Supplier
	return c, c.Direction != "" || c.Licenses || c.Supplier || c.OtherBytes
}

// otherBytes reports whether some algorithm that both use gives no common value.
func otherBytes(a, b []sbom.Hash) bool {
	type state struct{ shared, common bool }
	by := map[string]*state{}
	mine := make(map[sbom.Hash]bool, len(a))
	for _, h := range a {
		mine[h], by[h.Algorithm] = true, &state{}
	}
	for _, h := range b {
		if s := by[h.Algorithm]; s != nil {
			s.shared = true
			s.common = s.common || mine[h]
		}
	}
	for _, s := range by {
		if s.shared && !s.common {
			return true
		}
	}
	return false
}

// way names the shortest recorded way to one of the components; a component that
// the document merely lists has none.
func way(d *sbom.Document, g *trace.Graph, components []int32) []string {
	out := []string{}
	for _, w := range g.Ways(components, 1) {
		if !w.Recorded || len(w.Paths) == 0 || len(w.Paths[0]) == 1 && w.Paths[0][0].Kind == sbom.Contains || len(out) > 0 && len(out) <= len(w.Paths[0]) {
			continue
		}
		out = out[:0]
		for _, s := range w.Paths[0] {
			out = append(out, fullName(&d.Components[s.Component]))
		}
	}
	return out
}

func fullName(c *sbom.Component) string {
	name := c.Name
	if c.Group != "" {
		name = c.Group + "/" + name
	}
	if c.Version != "" {
		name += " " + c.Version
	}
	return name
}

var kinds = [...]string{sbom.DependsOn: "depends on", sbom.Contains: "contains", sbom.Provides: "provides"}

// needs are the edges between packages of both documents that only one of them
// records. An end is the pair that a package belongs to, so that an upgrade of
// either end is no new edge.
func needs(before, after *sbom.Document, olds, news []*entry, oldOf, newOf []int32, pairs []pairing) (gained, gone []Need) {
	oldPair, newPair := make([]int32, len(olds)), make([]int32, len(news))
	both := make([]bool, len(pairs))
	for n, p := range pairs {
		at := int32(n) //nolint:gosec // decoders bound components far below
		both[n] = p.old >= 0 && p.new >= 0
		if p.old >= 0 {
			oldPair[p.old] = at
		}
		if p.new >= 0 {
			newPair[p.new] = at
		}
	}
	edges := func(d *sbom.Document, of, pair []int32) map[sbom.Dependency]bool {
		out := map[sbom.Dependency]bool{}
		for _, e := range d.Dependencies {
			if e.From < 0 || e.To < 0 || of[e.From] < 0 || of[e.To] < 0 {
				continue
			}
			x := sbom.Dependency{From: pair[of[e.From]], To: pair[of[e.To]], Kind: e.Kind}
			if x.From != x.To && both[x.From] && both[x.To] {
				out[x] = true
			}
		}
		return out
	}
	was, is := edges(before, oldOf, oldPair), edges(after, newOf, newPair)
	only := func(a, b map[sbom.Dependency]bool) []Need {
		out := []Need{}
		for e := range a {
			if !b[e] {
				out = append(out, Need{news[pairs[e.From].new].Name, news[pairs[e.To].new].Name, kinds[e.Kind]})
			}
		}
		slices.SortFunc(out, func(a, b Need) int {
			return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To), strings.Compare(a.Kind, b.Kind))
		})
		return slices.Compact(out)
	}
	return only(is, was), only(was, is)
}

func byName(a, b *Package) int {
	return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.Name, b.Name), natural(a.Version, b.Version), strings.Compare(a.Version, b.Version),
		strings.Compare(a.PURL, b.PURL))
}

func (d *Diff) sort() {
	slices.SortStableFunc(d.Added, func(a, b Addition) int { return byName(&a.Package, &b.Package) })
	slices.SortStableFunc(d.Removed, func(a, b Package) int { return byName(&a, &b) })
	slices.SortStableFunc(d.Changed, func(a, b Change) int { return cmp.Or(byName(&a.New, &b.New), byName(&a.Old, &b.Old)) })
}
