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

	scopes []string                       // sorted
	in     overlay.Map[string, []Finding] // by scope, in the order of keys
	about  overlay.Map[string, []string]  // by every identifier, in upper case: the scopes, sorted
	counts map[foundKind]int              // of those that no statement clears
	moved  []string                       // scopes that a look at a few looked at, sorted
	base   *foundRunning                  // that it looked from; nil: it was at everything
}

// foundKind is how findings are counted.
type foundKind struct {
	severity ident.Severity
	kev      bool
}

// foundOf files findings, which are sorted.
func foundOf(list []Finding) *foundRunning {
	out := &foundRunning{counts: map[foundKind]int{}}
	in, about := map[string][]Finding{}, map[string][]string{}
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].scope == list[0].scope {
			n++
		}
		scope := list[0].scope
		out.scopes = append(out.scopes, scope)
		in[scope] = list[:n:n]
		for id := range identifiers(list[:n]) {
			about[id] = append(about[id], scope)
		}
		out.count(list[:n], 1)
		list = list[n:]
	}
	out.in, out.about = overlay.Of(in), overlay.Of(about)
	return out
}

// identifiers are those of findings, in upper case.
func identifiers(list []Finding) map[string]bool {
	out := map[string]bool{}
	for i := range list {
		out[strings.ToUpper(list[i].ID)] = true
		for _, a := range list[i].Said.Aliases {
			out[strings.ToUpper(a)] = true
		}
	}
	return out
}

func (f *foundRunning) count(list []Finding, n int) {
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
			list := f.in.At(scope)
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

// with is what was found before of other vulnerabilities than those of some identifiers,
// and list of those. What is of advisories that are no longer loaded stays.
func (f *foundRunning) with(list []Finding, only map[string]bool, m *matched) *foundRunning {
	fresh := map[string][]Finding{}
	for i := range list {
		fresh[list[i].scope] = append(fresh[list[i].scope], list[i])
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
		now := slices.Clone(put[scope])
		for i := range before {
			x := before[i]
			if concerned(only, x.ID, x.Said.Aliases) {
				if _, ok := m.Database.Lookup(x.ID); ok {
					continue
				}
				x.Said.Unheard = true
			}
			now = append(now, x)
		}
		slices.SortFunc(now, compareFindings)
		out.count(before, -1)
		out.count(now, 1)
		were, are := identifiers(before), identifiers(now)
		for _, ids := range []map[string]bool{were, are} {
			for id := range ids {
				if were[id] != are[id] {
					if moves[id] == nil {
						moves[id] = map[string]bool{}
					}
					moves[id][scope] = are[id]
				}
			}
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
