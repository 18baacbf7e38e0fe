package vuln_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/vuln"
)

// madeRecords makes records about few packages under few identifiers, so that they meet:
// aliases that join and part, withdrawn ones, updates that mend several, releases that only
// one record is about, ranges that cannot be read.
func madeRecord(r *rand.Rand, number int) *vuln.Advisory {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	a := &vuln.Advisory{ID: fmt.Sprintf("%s-%d", pick("GHSA", "OSV"), number), Summary: fmt.Sprint(r.IntN(1000)), Modified: time.Unix(r.Int64N(50), 0)}
	if r.IntN(8) == 0 {
		a.ID = fmt.Sprintf("CVE-%d", r.IntN(12)) // also an alias of others
	}
	for range r.IntN(3) {
		a.Aliases = append(a.Aliases, fmt.Sprintf("CVE-%d", r.IntN(12)))
	}
	for range r.IntN(3) * r.IntN(2) {
		a.Upstream = append(a.Upstream, fmt.Sprintf("%s-%d", pick("CVE", "cve"), r.IntN(12)))
	}
	for range r.IntN(2) {
		a.Related = append(a.Related, fmt.Sprintf("CVE-%d", r.IntN(12)))
	}
	if r.IntN(6) == 0 {
		a.Withdrawn = time.Unix(1, 0)
	}
	for range 1 + r.IntN(2) {
		from, to := r.IntN(6), 1+r.IntN(7)
		af := vuln.Affected{Ecosystem: pick("npm", "PyPI", "Debian:11", "Debian:12", "Ubuntu:Pro:22.04:LTS", "Ubuntu:22.04:LTS", "Red Hat:rhel_eus:8.4::baseos", "Red Hat:openshift:4.1::el8"),
			Name: pick("one", "Two", "three"), Ranges: []vuln.Range{{Type: vuln.RangeEcosystem, Events: []vuln.Event{{Introduced: fmt.Sprint(from)}, {Fixed: fmt.Sprint(to)}}}}}
		if r.IntN(4) == 0 {
			af.Versions = []string{"3", "4"}
		}
		a.Affected = append(a.Affected, af)
	}
	return a
}

// said is everything that a database says of a made estate.
func said(t *testing.T, db *vuln.Database) []string {
	t.Helper()
	var out []string
	group := func(what string, g *vuln.Group) {
		var ids []string
		for _, a := range g.Advisories {
			ids = append(ids, a.ID+" "+a.Summary)
		}
		out = append(out, fmt.Sprint(what, " ", g.ID, g.Aliases, ids, g.Withdrawn))
	}
	var ids []string
	for i := range 12 {
		ids = append(ids, fmt.Sprintf("CVE-%d", i))
		for _, a := range db.RelatedTo(ids[i]) {
			out = append(out, ids[i]+" is related to "+a.ID)
		}
	}
	for i := range 40 {
		ids = append(ids, fmt.Sprintf("GHSA-%d", i), fmt.Sprintf("OSV-%d", i))
	}
	for _, id := range ids {
		if g, ok := db.Lookup(id); ok {
			group(id, g)
		}
	}
	for _, a := range db.Advisories() {
		group("of "+a.ID, db.GroupOf(a))
	}
	for _, f := range db.Faults() {
		out = append(out, fmt.Sprint("fault ", f.Advisory.ID, f.Affected, f.Reason))
	}
	for _, eco := range []string{"npm", "PyPI", "Debian:11", "Debian:12", "Ubuntu:22.04", "Ubuntu:24.04", "Red Hat:8.4", "Red Hat:8"} {
		out = append(out, fmt.Sprint(eco, db.Covers(eco)))
		for _, name := range []string{"one", "two", "three"} {
			for _, version := range []string{"0", "3", "5.1", "none of any order"} {
				matches, doubts := db.Match(vuln.Identity{Ecosystem: eco, Name: name, Version: version})
				for _, m := range matches {
					out = append(out, fmt.Sprint(eco, name, version, m.Advisory.ID, m.Affected, m.Range, m.Fixed))
				}
				for _, d := range doubts {
					out = append(out, fmt.Sprint(eco, name, version, d.Advisory.ID, d.Affected, d.Reason))
				}
			}
		}
	}
	return append(out, fmt.Sprint(db.Len(), db.AsOf().Unix()))
}

// TestWithIsRebuild: after any changes a database says what one says that is made of its
// records, and everything that it says of a vulnerability differently is in the change.
func TestWithIsRebuild(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 5))
		var first []*vuln.Advisory
		for i := range 25 {
			first = append(first, madeRecord(r, i))
		}
		db, err := vuln.NewDatabase(first, vuln.Options{})
		if err != nil {
			t.Fatal(err)
		}
		before := said(t, db)
		for range 12 {
			var put []*vuln.Advisory
			var drop []string
			have := db.Advisories()
			for range r.IntN(3) {
				a := madeRecord(r, r.IntN(40))
				if len(have) > 0 && r.IntN(3) == 0 { // the same identifier says something else
					a.ID = have[r.IntN(len(have))].ID
				}
				put = append(put, a)
			}
			for range r.IntN(3) {
				if len(have) > 0 {
					drop = append(drop, have[r.IntN(len(have))].ID)
				}
			}
			next, x, err := db.With(put, drop...)
			if err != nil {
				t.Fatal(err)
			}
			want, err := vuln.NewDatabase(next.Advisories(), vuln.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := said(t, next), said(t, want); !slices.Equal(got, want) {
				i := 0
				for i < min(len(got), len(want)) && got[i] == want[i] {
					i++
				}
				t.Fatalf("seed %d, line %d: %q; a database made of the records says %q", seed, i, got[min(i, len(got)-1)], want[min(i, len(want)-1)])
			}
			if after := said(t, db); !slices.Equal(before, after) {
				t.Fatal("the database changed that the other was made from")
			}
			unchanged(t, db, next, x)
			db, before = next, said(t, next)
		}
	}
}

// unchanged checks that what a change does not name is as it was.
func unchanged(t *testing.T, was, now *vuln.Database, x *vuln.Change) {
	t.Helper()
	groups := func(db *vuln.Database) map[string]string {
		out := map[string]string{}
		for _, a := range db.Advisories() {
			g := db.GroupOf(a)
			records := fmt.Sprint(g.Withdrawn)
			for _, b := range g.Advisories {
				records += fmt.Sprintf(" %p", b)
			}
			out[strings.ToUpper(g.ID)+fmt.Sprint(g.Withdrawn)] = fmt.Sprint(g.Aliases, records)
		}
		return out
	}
	a, b := groups(was), groups(now)
	for _, pair := range []struct{ x, y map[string]string }{{a, b}, {b, a}} {
		for id, what := range pair.x {
			if pair.y[id] != what && !x.IDs[strings.TrimSuffix(strings.TrimSuffix(id, "true"), "false")] {
				t.Fatalf("%s is another group and not in the change %v", id, slices.Sorted(maps.Keys(x.IDs)))
			}
		}
	}
}

// TestDifferencesLead: a database with its differences to another one has the records of
// that, and a record differs by whatever it says.
func TestDifferencesLead(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	made := func(from, to int) *vuln.Database {
		var all []*vuln.Advisory
		for i := from; i < to; i++ {
			all = append(all, madeRecord(r, i))
		}
		db, err := vuln.NewDatabase(all, vuln.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	a, b := made(0, 30), made(10, 40)
	put, drop := a.Differences(b)
	c, _, err := a.With(put, drop...)
	if err != nil {
		t.Fatal(err)
	}
	if put, drop := c.Differences(b); len(put)+len(drop) > 0 || c.Len() != b.Len() {
		t.Errorf("%d records and %d identifiers differ still", len(put), len(drop))
	}

	full := func() *vuln.Advisory {
		return &vuln.Advisory{ID: "A-1", Aliases: []string{"B"}, Severity: []vuln.Score{{Type: "CVSS_V3", Base: math.NaN()}},
			Affected: []vuln.Affected{{Ecosystem: "npm", Name: "x", Versions: []string{"1"}, Ranges: []vuln.Range{{Type: vuln.RangeSemver, Events: []vuln.Event{{Introduced: "0"}}}}, Severity: []vuln.Score{{Type: "t"}}}}}
	}
	differ := func(x, y *vuln.Advisory) bool {
		p, err := vuln.NewDatabase([]*vuln.Advisory{x}, vuln.Options{})
		if err != nil {
			t.Fatal(err)
		}
		q, err := vuln.NewDatabase([]*vuln.Advisory{y}, vuln.Options{})
		if err != nil {
			t.Fatal(err)
		}
		put, _ := p.Differences(q)
		return len(put) > 0
	}
	if differ(full(), full()) {
		t.Error("two that say the same differ")
	}
	// Every field counts, those of an affected package too.
	each := func(of func(*vuln.Advisory) reflect.Value) {
		for i := range of(full()).NumField() {
			x := full()
			v := of(x)
			name := v.Type().Field(i).Name
			if name == "ID" || name == "Source" {
				continue // another record, and where it was read
			}
			switch f := v.Field(i); f.Kind() {
			case reflect.String:
				f.SetString("else")
			case reflect.Slice:
				f.Set(reflect.MakeSlice(f.Type(), 3, 3))
			case reflect.Struct:
				f.Set(reflect.ValueOf(time.Unix(7, 0)))
			default:
				t.Fatalf("%s is a %s", name, f.Kind())
			}
			if !differ(full(), x) {
				t.Errorf("another %s is no difference", name)
			}
		}
	}
	each(func(a *vuln.Advisory) reflect.Value { return reflect.ValueOf(a).Elem() })
	each(func(a *vuln.Advisory) reflect.Value { return reflect.ValueOf(&a.Affected[0]).Elem() })
}
