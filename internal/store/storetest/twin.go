package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// twin is the obvious slow store: lists that are searched from the beginning.
type twin struct {
	documents []twinDocument
	artifacts uint32
	keys      map[string]uint32 // artifact by identity, ever
	entries   []string
	kind      store.StateKind // of its states
	states    []store.State
	latest    map[string]int // of a scope
	turns     map[string]int // of a scope: how often its states changed
}

type twinDocument struct {
	in              store.Intake
	artifact        uint32
	deleted, purged bool
	row             []string
}

func (w *twin) find(in *store.Intake) int {
	return slices.IndexFunc(w.documents, func(d twinDocument) bool {
		return !d.deleted && d.in.Tenant == in.Tenant && d.in.Original == in.Original && d.in.Subject.Fingerprint() == in.Subject.Fingerprint()
	})
}

// commit takes one document in and returns its number and whether it was known.
func (w *twin) commit(in store.Intake) (uint32, bool) {
	if i := w.find(&in); i >= 0 {
		return uint32(i), true // #nosec G115 -- small
	}
	for _, k := range in.Keys {
		if !slices.Contains(w.entries, k) {
			w.entries = append(w.entries, k)
		}
	}
	var known []uint32
	for _, k := range in.Subject.Identities() {
		if a, ok := w.keys[in.Tenant+"|"+k]; ok {
			known = append(known, a)
		}
	}
	artifact := w.artifacts
	if len(known) == 0 {
		w.artifacts++
	} else {
		artifact = slices.Min(known)
	}
	for i := range w.documents {
		if slices.Contains(known, w.documents[i].artifact) {
			w.documents[i].artifact = artifact
		}
	}
	for k, a := range w.keys {
		if slices.Contains(known, a) {
			w.keys[k] = artifact
		}
	}
	for _, k := range in.Subject.Identities() {
		w.keys[in.Tenant+"|"+k] = artifact
	}
	w.documents = append(w.documents, twinDocument{in: in, artifact: artifact, row: in.Keys})
	return uint32(len(w.documents) - 1), false // #nosec G115 -- small
}

func (w *twin) assert(kind store.StateKind, scope string, at int, rows []store.State) bool {
	if last, ok := w.latest[scope]; ok && at < last {
		return false
	}
	now := By(at).Time
	same := func(a, b store.State) bool {
		return a.Key == b.Key && a.Subject == b.Subject && string(a.Body) == string(b.Body)
	}
	var kept []store.State
	changed := false
	for _, s := range w.states {
		if s.Kind != kind || s.Scope != scope || !s.Until.IsZero() || slices.ContainsFunc(rows, func(r store.State) bool { return same(r, s) }) {
			kept = append(kept, s)
			continue
		}
		changed = true
		if s.Until = now; s.From.Before(now) {
			kept = append(kept, s)
		}
	}
	for _, r := range rows {
		if !slices.ContainsFunc(kept, func(s store.State) bool {
			return s.Kind == kind && s.Scope == scope && s.Until.IsZero() && same(r, s)
		}) {
			changed = true
			r.Kind, r.Scope, r.From = kind, scope, now
			kept = append(kept, r)
		}
	}
	w.states = kept
	if changed {
		w.latest[scope] = at
		w.turns[scope]++
	}
	return true
}

// amend is assert for what a scope has and something else; it may be late.
func (w *twin) amend(kind store.StateKind, c store.StateChange, at int) {
	var rows []store.State
	for _, s := range w.states {
		if s.Kind == kind && s.Scope == c.Scope && s.Until.IsZero() && !slices.ContainsFunc(c.Close, func(x store.State) bool { return x.Key == s.Key }) {
			rows = append(rows, store.State{Key: s.Key, Subject: s.Subject, Body: s.Body})
		}
	}
	w.assert(kind, c.Scope, max(at, w.latest[c.Scope]), append(rows, c.Open...))
}

// known is what a caller of Amend believes of a scope.
type known struct {
	version uint64
	turn    int // of the twin, when it was so
	rows    []store.State
}

// drawChange is one from what the caller believes.
func drawChange(t *rapid.T, scope string, k known) store.StateChange {
	c := store.StateChange{Scope: scope, Version: k.version}
	for _, key := range []string{"a", "b", "c"} {
		at := slices.IndexFunc(k.rows, func(s store.State) bool { return s.Key == key })
		subject := rapid.SampledFrom([]string{"i", "j", "", "stay"}).Draw(t, "becomes")
		if subject == "stay" || at >= 0 && k.rows[at].Subject == subject || at < 0 && subject == "" {
			continue
		}
		if at >= 0 {
			c.Close = append(c.Close, k.rows[at])
		}
		if subject != "" {
			c.Open = append(c.Open, store.State{Key: key, Subject: subject})
		}
	}
	return c
}

// amends lets a caller change both scopes at once from what it believes of them, which
// may be what they were some time ago.
func (w *twin) amends(t *testing.T, rt *rapid.T, s store.Store, believed map[string]known) {
	at := rapid.IntRange(0, 6).Draw(rt, "time")
	var changes []store.StateChange
	stale := map[string]bool{}
	for _, scope := range rapid.SampledFrom([][]string{{"p"}, {"q"}, {"p", "q"}}).Draw(rt, "scopes") {
		changes = append(changes, drawChange(rt, scope, believed[scope]))
		if believed[scope].turn != w.turns[scope] {
			stale[scope] = true
		}
	}
	got, err := s.Amend(t.Context(), By(at), w.kind, changes)
	if moved := (*store.ScopesMoved)(nil); errors.As(err, &moved) {
		for scope, v := range moved.Versions {
			believed[scope] = known{v, w.turns[scope], w.openIn(t, s, scope)}
			delete(stale, scope)
		}
		if len(moved.Versions) == 0 || len(stale) > 0 {
			rt.Fatalf("%+v are other than %v", moved.Versions, stale)
		}
		return
	}
	if err != nil || len(stale) > 0 {
		rt.Fatalf("changed from what was so long ago (%v): %v", stale, err)
	}
	for i, c := range changes {
		if n := len(c.Open) + len(c.Close); n > 0 {
			if want := By(max(at, w.latest[c.Scope])).Time; !got[i].At.Equal(want) {
				rt.Fatalf("changed for %s, want %s", got[i].At, want)
			}
			w.amend(w.kind, c, at)
		}
		believed[c.Scope] = known{got[i].Version, w.turns[c.Scope], w.openIn(t, s, c.Scope)}
	}
}

// openIn are the states of a scope that hold.
func (w *twin) openIn(t *testing.T, s store.Reader, scope string) []store.State {
	return must(s.States(t.Context(), store.StateQuery{Kind: w.kind, Scope: scope, Limit: 100}))(t)
}

// small numbers, so that documents share bytes, names and identities, and the same
// comes again.
func drawIntake(t *rapid.T) store.Intake {
	n := rapid.IntRange(0, 5).Draw(t, "bytes")
	in := Doc(n)
	in.Mutation = By(rapid.IntRange(0, 100).Draw(t, "at"))
	in.Tenant = rapid.SampledFrom([]string{"acme", "umbrella"}).Draw(t, "tenant")
	in.Subject = store.Subject{Build: rapid.SampledFrom([]string{"", "b1", "b2"}).Draw(t, "build")}
	if rapid.Bool().Draw(t, "named") {
		in.Subject.Name, in.Subject.Version = rapid.SampledFrom([]string{"x", "y"}).Draw(t, "name"), rapid.SampledFrom([]string{"1", "2"}).Draw(t, "version")
	}
	for range rapid.IntRange(0, 3).Draw(t, "digests") {
		in.Subject.Digests = append(in.Subject.Digests, ident.RoledDigest{
			Role:   ident.DigestRole(rapid.IntRange(0, 4).Draw(t, "role")), // #nosec G115 -- a role
			Digest: Manifest(rapid.IntRange(0, 7).Draw(t, "digest"))})
	}
	keys := map[string]bool{}
	for range rapid.IntRange(0, 4).Draw(t, "components") {
		keys[fmt.Sprint("k", rapid.IntRange(0, 15).Draw(t, "component"))] = true
	}
	in.Keys = slices.Sorted(maps.Keys(keys))
	return in
}

// number is an intake that gives some of its components by their numbers.
func (w *twin) number(t *rapid.T, in store.Intake) store.Intake {
	keys := in.Keys
	in.Keys = nil
	for _, k := range keys {
		id, how := slices.Index(w.entries, k), rapid.SampledFrom([]string{"key", "number", "both"}).Draw(t, "by")
		if how != "number" || id < 0 {
			in.Keys = append(in.Keys, k)
		}
		if how != "key" && id >= 0 {
			in.IDs = append(in.IDs, uint32(id)) // #nosec G115 -- small
		}
	}
	return in
}

// Twin does random things to a store and to a slow one and compares them.
func Twin(t *testing.T, open Open) {
	rapid.Check(t, func(rt *rapid.T) {
		d := &Dictionary{}
		s := open(t, d.Coding())
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		// States of runs are a row each, those of findings lie in leaves.
		w := &twin{kind: rapid.SampledFrom([]store.StateKind{store.StateRuns, store.StateFinding}).Draw(rt, "kind"), keys: map[string]uint32{}, latest: map[string]int{}, turns: map[string]int{}}
		believed := map[string]known{}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 6).Draw(rt, "step") {
			case 0, 1, 2:
				group := rapid.SliceOfN(rapid.Custom(drawIntake), 1, 4).Draw(rt, "group")
				for i := range group {
					// The very same again, live or deleted.
					if len(w.documents) > 0 && rapid.IntRange(0, 2).Draw(rt, "again") == 0 {
						group[i] = w.documents[rapid.IntRange(0, len(w.documents)-1).Draw(rt, "which")].in
					}
				}
				sent := make([]store.Intake, len(group))
				for i := range group {
					sent[i] = w.number(rt, group[i])
				}
				receipts, err := s.Commit(t.Context(), sent)
				if err != nil {
					rt.Fatal(err)
				}
				for i, in := range group {
					if id, known := w.commit(in); receipts[i].Document != id || receipts[i].Duplicate != known || !known && receipts[i].Components != len(in.Keys) {
						rt.Fatalf("receipt %+v, want document %d with %d components, known %t", receipts[i], id, len(in.Keys), known)
					}
				}
				if rapid.Bool().Draw(rt, "learns") {
					for _, r := range receipts {
						d.Learn(r.Added)
					}
				}
			case 3:
				ids := rapid.SliceOfN(rapid.Uint32Range(0, 12), 0, 4).Draw(rt, "deleted")
				if _, err := s.Delete(t.Context(), By(1), ids); err != nil {
					rt.Fatal(err)
				}
				for _, id := range ids {
					if int(id) < len(w.documents) {
						w.documents[id].deleted = true
					}
				}
			case 4:
				if _, err := s.Purge(t.Context(), By(1), 1<<62); err != nil {
					rt.Fatal(err)
				}
				for i := range w.documents {
					w.documents[i].purged = w.documents[i].deleted
				}
			case 5:
				scope, at := rapid.SampledFrom([]string{"p", "q"}).Draw(rt, "scope"), rapid.IntRange(0, 6).Draw(rt, "time")
				rows := map[string]store.State{}
				for range rapid.IntRange(0, 3).Draw(rt, "rows") {
					k := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "key")
					rows[k] = store.State{Key: k, Subject: rapid.SampledFrom([]string{"i", "j"}).Draw(rt, "subject")}
				}
				list := slices.Collect(maps.Values(rows))
				_, err := s.Assert(t.Context(), By(at), w.kind, scope, list)
				if taken := w.assert(w.kind, scope, at, list); taken != (err == nil) {
					rt.Fatalf("asserted for %d: %v, want it taken: %t", at, err, taken)
				}
			case 6:
				w.amends(t, rt, s, believed)
			}
		}
		w.compare(t, rt, s)
	})
}

func (w *twin) compare(t *testing.T, rt *rapid.T, s store.Store) {
	got := func(v any, err error) any {
		if err != nil {
			rt.Fatal(err)
		}
		return v
	}
	equal := func(what string, got, want any) {
		if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
			rt.Fatalf("%s: %s, want %s", what, g, w)
		}
	}
	var entries []string
	for _, e := range Entries(t, s) {
		entries = append(entries, e.Key)
	}
	equal("dictionary", entries, w.entries)
	rows := map[uint32][]string{}
	for _, c := range Changes(t, s, 0) {
		if c.Kind == store.ChangeAdded && c.Row != nil {
			for _, id := range DecodeRow(c.Row) {
				rows[c.Document] = append(rows[c.Document], entries[id])
			}
			slices.Sort(rows[c.Document])
		}
	}
	byArtifact, byName := map[uint32][]uint32{}, map[string][]uint32{}
	for i, d := range w.documents {
		id := uint32(i) // #nosec G115 -- small
		found := got(s.Documents(t.Context(), []uint32{id})).([]store.Document)
		if d.purged {
			equal("a purged document", len(found), 0)
			continue
		}
		if len(found) != 1 || found[0].Artifact != d.artifact || (found[0].Deleted > 0) != d.deleted || found[0].Tenant != d.in.Tenant {
			rt.Fatalf("document %d is %+v, want artifact %d, deleted %t", id, found, d.artifact, d.deleted)
		}
		equal("its row", strings.Join(rows[id], " "), strings.Join(d.row, " "))
		if !d.deleted {
			byArtifact[d.artifact] = append(byArtifact[d.artifact], id)
			for _, n := range d.in.Subject.Names() {
				k := fmt.Sprint(d.in.Tenant, n.Kind, n.Text)
				byName[k] = append(byName[k], id)
			}
		}
	}
	for a := range w.artifacts {
		equal(fmt.Sprint("documents of artifact ", a), got(s.ArtifactDocuments(t.Context(), a)), byArtifact[a])
	}
	for _, tenant := range []string{"acme", "umbrella"} {
		for kind, names := range map[store.NameKind][]string{store.ByBuild: {"b1", "b2"}, store.ByName: {"x", "y"}, store.ByDigest: {Manifest(0).String(), Manifest(3).String()}} {
			for _, name := range names {
				equal("named "+name, got(s.Named(t.Context(), tenant, kind, name, -1, 100)), byName[fmt.Sprint(tenant, kind, name)])
			}
		}
		for n := range 6 {
			_, err := s.Original(t.Context(), tenant, Doc(n).Original)
			kept := slices.ContainsFunc(w.documents, func(d twinDocument) bool {
				return !d.purged && d.in.Tenant == tenant && d.in.Original == Doc(n).Original
			})
			equal(fmt.Sprint("bytes of ", n), err == nil, kept)
		}
	}
	for at := -1; at < 8; at++ {
		var want []string
		for _, st := range w.states {
			if !st.From.After(By(at).Time) && (st.Until.IsZero() || st.Until.After(By(at).Time)) {
				want = append(want, st.Scope+st.Key+st.Subject)
			}
		}
		slices.Sort(want)
		var have []string
		for _, st := range got(s.States(t.Context(), store.StateQuery{Kind: w.kind, At: By(at).Time, Limit: 100})).([]store.State) {
			have = append(have, st.Scope+st.Key+st.Subject)
		}
		equal(fmt.Sprint("states at ", at), have, want)
	}
	if _, err := s.Audit(t.Context()); err != nil {
		rt.Fatal(err)
	}
}
