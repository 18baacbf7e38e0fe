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
			for id := range list[i].identifiers() {
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

// identifiers yields those of a finding, in upper case.
func (f *Finding) identifiers() iter.Seq[string] {
	return func(yield func(string) bool) {
		if !yield(strings.ToUpper(f.ID)) {
			return
		}
		for _, a := range f.Said.Aliases {
			if !yield(strings.ToUpper(a)) {
				return
			}
		}
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
		before := f.in.At(scope)
		now, turned := merged(before, slices.Clone(put[scope]), only, m)
		out.count(before, -1)
		out.count(now, 1)
		for id, is := range turned {
			if moves[id] == nil {
				moves[id] = map[string]bool{}
			}
			moves[id][scope] = is
		}
		if put[scope] = now; len(now) == 0 {
			delete(put, scope)
			gone = append(gone, scope)
		}
	}
	out.in = f.in.With(put, gone...)
	out.scopes = moveIn(f.scopes, func(yield func(string, bool) bool) {
		for _, scope := range out.moved {
			if _, is := out.in.Get(scope); !yield(scope, is) {
				return
			}
		}
	})
	about, silent := map[string][]string{}, []string(nil)
	for id, scopes := range moves {
		if about[id] = moveIn(f.about.At(id), maps.All(scopes)); len(about[id]) == 0 {
			delete(about, id)
			silent = append(silent, id)
		}
	}
	out.about = f.about.With(about, silent...)
	return out
}

// merged is a container's findings, those before without what some identifiers concern
// and those that are now, sorted; and which identifiers are there now and were not, or the
// other way round. What stays is the very same.
func merged(before, fresh []*Finding, only map[string]bool, m *matched) (now []*Finding, turned map[string]bool) {
	slices.SortFunc(fresh, (*Finding).place)
	touched := map[string]uint8{} // identifiers of findings that came or went, and where they are
	const was, is = 1, 2
	mark := func(list []*Finding, where uint8) {
		for _, x := range list {
			for id := range x.identifiers() {
				if at, ok := touched[id]; ok {
					touched[id] = at | where
				}
			}
		}
	}
	touch := func(x *Finding) {
		for id := range x.identifiers() {
			touched[id] = 0
		}
	}
	for _, x := range fresh {
		touch(x)
	}
	now = make([]*Finding, 0, len(before)+len(fresh))
	for _, x := range before {
		if concerned(only, x.ID, x.Said.Aliases) {
			if _, ok := m.Database.Lookup(x.ID); ok {
				touch(x)
				continue
			}
			if !x.Said.Unheard {
				silent := *x
				silent.Said.Unheard = true
				x = &silent
			}
		}
		for len(fresh) > 0 && fresh[0].place(x) <= 0 {
			now, fresh = append(now, fresh[0]), fresh[1:]
		}
		now = append(now, x)
	}
	now = append(now, fresh...)
	mark(before, was)
	mark(now, is)
	turned = map[string]bool{}
	for id, where := range touched {
		if where == was || where == is {
			turned[id] = where == is
		}
	}
	return now, turned
}

// moveIn is a sorted list with those texts that are to be in it, and without the others
// that are named; the list itself where nothing differs.
func moveIn(list []string, is iter.Seq2[string, bool]) []string {
	out, own := list, false
	for text, wanted := range is {
		at, there := slices.BinarySearch(out, text)
		if there == wanted {
			continue
		}
		if !own {
			out, own = slices.Clone(out), true
		}
		if wanted {
			out = slices.Insert(out, at, text)
		} else {
			out = slices.Delete(out, at, at+1)
		}
	}
	return out
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
