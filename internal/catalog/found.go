package catalog

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/overlay"
)

// foundRunning is what the last look at everything that runs found. It is immutable; what
// a look at a few vulnerabilities leaves as it is, it shares with the one before.
type foundRunning struct {
	seq     uint64    // the view
	loaded  time.Time // the advisories
	uploads *uploads  // the statements that were handed over; nil: not known

	scopes []string                        // sorted
	in     overlay.Map[string, []*Finding] // by scope, in the order of keys
	about  overlay.Map[string, []string]   // by every identifier, in upper case: the scopes, sorted
	counts map[foundKind]int               // of those that no statement clears
	moved  []string                        // scopes that a look at a few looked at, sorted
	base   *foundRunning                   // that it looked from; nil: it was at everything
}

// foundKind is how findings are counted.
type foundKind struct {
	severity ident.Severity
	kev      bool
}

// foundOf files findings, which are sorted.
func foundOf(list []Finding) *foundRunning {
	out := &foundRunning{counts: map[foundKind]int{}}
	nameAll(list)
	in, about := map[string][]*Finding{}, map[string][]string{}
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].scope == list[0].scope {
			n++
		}
		scope := list[0].scope
		out.scopes = append(out.scopes, scope)
		in[scope] = pointers(list[:n])
		for i := range n {
			for _, id := range list[i].identifiers() {
				if of := about[id]; len(of) == 0 || of[len(of)-1] != scope {
					about[id] = append(of, scope)
				}
			}
		}
		out.count(in[scope], 1)
		list = list[n:]
	}
	out.in, out.about = overlay.Of(in), overlay.Of(about)
	return out
}

// identifiers are those of a finding, in upper case: as nameAll filed them, or made now.
func (f *Finding) identifiers() []string {
	if f.names != nil {
		return f.names
	}
	names := make([]string, 0, 1+len(f.Said.Aliases))
	names = append(names, strings.ToUpper(f.ID))
	for _, a := range f.Said.Aliases {
		names = append(names, strings.ToUpper(a))
	}
	return names
}

// nameAll notes what findings go by, once for those that say the same.
func nameAll(list []Finding) {
	known := map[string]*Finding{}
	for i := range list {
		f := &list[i]
		if o := known[f.ID]; o != nil && slices.Equal(o.Said.Aliases, f.Said.Aliases) {
			f.names = o.names
			continue
		}
		f.names = nil
		f.names = f.identifiers()
		known[f.ID] = f
	}
}

func (f *foundRunning) count(list []*Finding, n int) {
	for i := range list {
		if s := &list[i].Said; !s.Status.Clears() {
			f.counts[foundKind{s.Severity, s.KEV}] += n
		}
	}
}

// all yields the findings by cluster, container and key.
func (f *foundRunning) all() iter.Seq[*Finding] {
	return func(yield func(*Finding) bool) {
		for _, scope := range f.scopes {
			for _, x := range f.in.At(scope) {
				if !yield(x) {
					return
				}
			}
		}
	}
}

// own are a container's findings, those of a vulnerability as copies that may be changed,
// and these alone.
func (f *foundRunning) own(scope, id string) (all, of []*Finding) {
	all = slices.Clone(f.in.At(scope))
	for i, x := range all {
		if x.ID == id {
			mine := *x
			all[i] = &mine
			of = append(of, &mine)
		}
	}
	return all, of
}

// with is what was found before of other vulnerabilities than those of some identifiers,
// and list of those. What is of advisories that are no longer loaded stays.
func (f *foundRunning) with(list []Finding, only map[string]bool, m *matched) *foundRunning {
	nameAll(list)
	these := onlyThe(only)
	fresh := map[string][]*Finding{}
	for i := range list {
		fresh[list[i].scope] = append(fresh[list[i].scope], &list[i])
	}
	put := maps.Clone(fresh)
	for id := range only {
		for _, scope := range f.about.At(id) {
			put[scope] = fresh[scope]
		}
	}
	out := &foundRunning{counts: maps.Clone(f.counts), base: f, moved: slices.Sorted(maps.Keys(put))}
	var gone []string
	moves := map[string]map[string]bool{} // by identifier and scope: whether it is there now
	for scope := range put {
		now := merged(f.in.At(scope), slices.Clone(put[scope]), &these, m)
		out.count(now.went, -1)
		out.count(now.came, 1)
		for id, is := range now.turned {
			if moves[id] == nil {
				moves[id] = map[string]bool{}
			}
			moves[id][scope] = is
		}
		if put[scope] = now.now; len(now.now) == 0 {
			delete(put, scope)
			gone = append(gone, scope)
		}
	}
	out.in = f.in.With(put, gone...)
	is := make(map[string]bool, len(out.moved))
	for _, scope := range out.moved {
		_, is[scope] = out.in.Get(scope)
	}
	out.scopes = moveIn(f.scopes, is)
	about, silent := map[string][]string{}, []string(nil)
	for id, scopes := range moves {
		if about[id] = moveIn(f.about.At(id), scopes); len(about[id]) == 0 {
			delete(about, id)
			silent = append(silent, id)
		}
	}
	out.about = f.about.With(about, silent...)
	return out
}

// onlyThese are identifiers, in upper case, that findings are asked for.
type onlyThese struct {
	all map[string]bool
	few []string // the same, where they are few
}

func onlyThe(all map[string]bool) onlyThese {
	o := onlyThese{all: all}
	if len(all) <= 8 {
		o.few = slices.Collect(maps.Keys(all))
	}
	return o
}

func (o *onlyThese) has(id string) bool {
	if o.few != nil {
		return slices.Contains(o.few, id)
	}
	return o.all[id]
}

// concern reports whether a finding has one of them.
func (o *onlyThese) concern(f *Finding) bool { return slices.ContainsFunc(f.identifiers(), o.has) }

// mergedFindings are a container's findings after a look at a few vulnerabilities.
type mergedFindings struct {
	now        []*Finding // sorted
	came, went []*Finding
	turned     map[string]bool // identifiers that are there now and were not, or the other way round
}

// merged is a container's findings, those before without what some identifiers concern
// and those that are now. What stays is the very same.
func merged(before, fresh []*Finding, only *onlyThese, m *matched) mergedFindings {
	slices.SortFunc(fresh, (*Finding).place)
	out := mergedFindings{now: make([]*Finding, 0, len(before)+len(fresh)), came: fresh}
	const was, is = 1, 2
	touched, other := map[string]uint8{}, false // identifiers of findings that came or went, and where they are
	touch := func(x *Finding, where uint8) {
		for _, id := range x.identifiers() {
			touched[id] |= where
			other = other || !only.has(id)
		}
	}
	for _, x := range fresh {
		touch(x, is)
	}
	var silent []*Finding
	for _, x := range before {
		if only.concern(x) {
			if _, ok := m.Database.Lookup(x.ID); ok {
				touch(x, was)
				out.went = append(out.went, x)
				continue
			}
			if !x.Said.Unheard {
				unheard := *x
				unheard.Said.Unheard = true
				x = &unheard
			}
			silent = append(silent, x)
		}
		out.now = append(out.now, x)
	}
	// What stays has its identifiers before and now. They are looked at where any of them can
	// be one that came or went: only's concern none but the silent ones.
	stay := silent
	if other {
		stay = out.now
	}
	for _, x := range stay {
		for _, id := range x.identifiers() {
			if where, ok := touched[id]; ok {
				touched[id] = where | was | is
			}
		}
	}
	for _, x := range fresh {
		at, _ := slices.BinarySearchFunc(out.now, x, (*Finding).place)
		out.now = slices.Insert(out.now, at, x)
	}
	out.turned = make(map[string]bool, len(touched))
	for id, where := range touched {
		if where != was|is {
			out.turned[id] = where == is
		}
	}
	return out
}

// moveIn is a sorted list with those texts that are to be in it, and without the others
// that are named; the list itself where nothing differs.
func moveIn(list []string, is map[string]bool) []string {
	var differ []string
	for text, wanted := range is {
		if _, there := slices.BinarySearch(list, text); there != wanted {
			differ = append(differ, text)
		}
	}
	if len(differ) == 0 {
		return list
	}
	slices.Sort(differ)
	out := make([]string, 0, len(list)+len(differ))
	for _, text := range differ {
		at, there := slices.BinarySearch(list, text)
		out, list = append(out, list[:at]...), list[at:]
		if there {
			list = list[1:]
		} else {
			out = append(out, text)
		}
	}
	return append(out, list...)
}

// differing are the scopes whose findings may not be those of an earlier look, sorted.
func (f *foundRunning) differing(was *foundRunning) []string {
	if f.base == was {
		return f.moved
	}
	all := slices.Concat(was.scopes, f.scopes)
	slices.Sort(all)
	return slices.Compact(all)
}

// withUnheard adds what was found before, of images that still run, and is of
// advisories that are no longer loaded.
func withUnheard(list []Finding, was *foundRunning, v *view, m *matched) []Finding {
	n := len(list)
	for x := range was.all() {
		if _, ok := m.Database.Lookup(x.ID); ok {
			continue
		}
		if f := *x; slices.ContainsFunc(v.running.images[f.Said.Image], func(w Workload) bool { return w.Cluster == f.Cluster && w.key() == f.Container }) {
			f.Said.Unheard = true
			list = append(list, f)
		}
	}
	if len(list) > n {
		slices.SortFunc(list, compareFindings)
	}
	return list
}
