package vuln

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// oddVersions are versions that the orders accept and that are easy to get wrong: equal
// under two spellings, before-releases, epochs, letters.
var oddVersions = map[string][]string{
	"npm":       {"0.0.0", "1.0.0-0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-rc.1", "1.0.0", "1.0", "v1.0.0", "1.0.0+build", "1.2.3", "1.10.0", "2.0.0-0", "2.0.0", "10.0.0"},
	"Go":        {"v0.0.0-20200101000000-abcdefabcdef", "v0.0.0-20210101000000-abcdefabcdef", "1.0.0", "v1.0.0", "v1.0.1-0.20210101000000-abcdefabcdef", "v1.0.1", "v2.0.0+incompatible", "2.0.0", "v10.0.0"},
	"PyPI":      {"0.9", "1.0.dev1", "1.0a1", "1.0rc1", "1.0", "1.0.0", "1.0.post1", "1.0-1", "1.0+local", "1.0rc1+local.2", "2.0+cu118", "1.1", "1!0.1", "2.0", "v2.0", "1.10"},
	"Maven":     {"1.0-alpha-1", "1.0-beta-4", "1.0-SNAPSHOT", "1.0", "1.0.0", "1.0.RELEASE", "1.0-jre", "1.0.1", "1.0-1", "1.10", "2.0-rc1", "2.0.Final", "31.1-jre"},
	"RubyGems":  {"1.0.0.pre", "1.0.0.rc1", "1.0.0", "1.0", "1.0.0.1", "1.15.4-x86_64-linux", "1.15.4", "2.0.a", "2.0"},
	"NuGet":     {"1.0.0-alpha", "1.0.0-beta.2", "1.0.0", "1.0.0.0", "1.0.0.1", "1.10.0", "2.0.0-rc", "2.0.0"},
	"Packagist": {"1.0.0-alpha1", "1.0.0-beta2", "1.0.0-RC1", "1.0.0", "v1.0.0", "1.0", "1.0-RC1", "1.0.0.0", "1.0.0-p1", "1.10.0", "1.0+x", "2", "2.0.0"},
	"CRAN":      {"0.9", "1.0", "1.0-1", "1.0.1", "1.0-10", "1.1", "2.0"},
	"Debian:12": {"1.0~rc1-1", "1.0-1", "1.0-1+deb12u1", "1.0-1+deb12u2", "1.0-1.1", "1.0-2", "1.0a-1", "1.10-1", "1:0.5-1", "0:1.0-1", "2.36-9+deb12u4"},
	"Alpine":    {"1.0_alpha1-r0", "1.0_rc1-r0", "1.0-r0", "1.0-r1", "1.0-r10", "1.0a-r0", "1.0_p1-r0", "1.0.1-r0", "1.10-r0", "2.0-r0"},
	"Red Hat":   {"1.0~rc1-1.el9", "1.0-1.el9", "1.0-1.el9_3", "1.0-2.el9", "1.0^git1-1.el9", "1.10-1.el9", "1:0.5-1.el9", "0:1.0-1.el9", "2.0-1"},
}

// TestRanksAreTheOrder: a range of a package with many of them holds a version by its
// rank where the range alone, compared as it stands, holds it.
func TestRanksAreTheOrder(t *testing.T) {
	ecosystems := make([]string, 0, len(oddVersions))
	for e := range oddVersions {
		ecosystems = append(ecosystems, e)
	}
	slices.Sort(ecosystems)
	rapid.Check(t, func(t *rapid.T) {
		ecosystem := rapid.SampledFrom(ecosystems).Draw(t, "ecosystem")
		asked, version := rapid.SampledFrom(oddVersions[ecosystem]), rapid.SampledFrom(oddVersions[ecosystem])
		if ecosystem == "PyPI" { // package indexes take no local versions, and advisories name none
			version = version.Filter(func(s string) bool { return !strings.Contains(s, "+") })
		}
		o := orderOf(ecosystem)
		var all []*Advisory
		for i := range rapid.IntRange(1, 8).Draw(t, "advisories") {
			a := Affected{Ecosystem: ecosystem, Name: "p"}
			for range rapid.IntRange(0, 2).Draw(t, "ranges") {
				e := Event{Introduced: "0"}
				if rapid.Bool().Draw(t, "from") {
					e.Introduced = version.Draw(t, "introduced")
				}
				r := Range{Type: RangeEcosystem, Events: []Event{e}}
				switch rapid.IntRange(0, 2).Draw(t, "end") {
				case 0:
					r.Events = append(r.Events, Event{Fixed: version.Draw(t, "fixed")})
				case 1:
					r.Events = append(r.Events, Event{LastAffected: version.Draw(t, "last")})
				}
				a.Ranges = append(a.Ranges, r)
			}
			a.Versions = rapid.SliceOfN(version, 0, 3).Draw(t, "listed")
			all = append(all, &Advisory{ID: "A-" + string(rune('a'+i)), Affected: []Affected{a}})
		}
		db, err := NewDatabase(all, Options{})
		if err != nil {
			t.Fatal(err)
		}
		id := Identity{ecosystem, "p", asked.Draw(t, "version")}
		matches, doubts := db.Match(id)
		v, err := o.parse(id.Version)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			want, fault := false, len(a.Affected[0].Ranges)+len(a.Affected[0].Versions) == 0
			for _, text := range a.Affected[0].Versions {
				w, err := o.parse(text)
				want = want || err == nil && o.against(v, w) == 0
			}
			var fixed []string
			for _, r := range a.Affected[0].Ranges {
				spans, err := spansOf(o, r)
				fault = fault || err != nil
				for _, s := range spans {
					want = want || err == nil && s.holds(o, v)
					if err == nil && s.fixed && o.against(v, *s.to) < 0 {
						fixed = append(fixed, s.to.text)
					}
				}
			}
			at := slices.IndexFunc(matches, func(m Match) bool { return m.Advisory == a })
			doubtful := slices.ContainsFunc(doubts, func(d Doubt) bool { return d.Advisory == a })
			if fault { // what is listed still counts, and the ranges are in doubt
				if at < 0 && !doubtful {
					t.Fatalf("%s of %s: %+v is neither a match nor in doubt", id.Version, ecosystem, a.Affected)
				}
				continue
			}
			if (at >= 0) != want || doubtful {
				t.Fatalf("%s of %s: %+v matches %t (doubtful %t), want %t", id.Version, ecosystem, a.Affected, at >= 0, doubtful, want)
			}
			if want && !slices.Equal(matches[at].Fixed, sortVersions(o, fixed)) {
				t.Fatalf("%s of %s: fixed %v, want %v", id.Version, ecosystem, matches[at].Fixed, fixed)
			}
		}
	})
}

// TestOrdersAreOrders: versions can be put on a scale at all.
func TestOrdersAreOrders(t *testing.T) {
	for ecosystem, texts := range oddVersions {
		o := orderOf(ecosystem)
		var vs []version
		for _, s := range texts {
			v, err := o.parse(s)
			if err != nil {
				t.Fatal(err)
			}
			vs = append(vs, v)
		}
		for _, a := range vs {
			for _, b := range vs {
				if o.compare(a, b) != -o.compare(b, a) {
					t.Errorf("%s: %s and %s", ecosystem, a.text, b.text)
				}
				for _, c := range vs {
					if o.compare(a, b) <= 0 && o.compare(b, c) <= 0 && o.compare(a, c) > 0 {
						t.Errorf("%s: %s ≤ %s ≤ %s, and the first is after the last", ecosystem, a.text, b.text, c.text)
					}
				}
			}
		}
	}
}

// TestListedVersionsMeanTheirBuilds: what is listed is affected under every spelling, and
// so are local builds of it.
func TestListedVersionsMeanTheirBuilds(t *testing.T) {
	for _, tt := range []struct {
		ecosystem, listed, asked string
		want                     bool
	}{
		{"PyPI", "2.0.1", "2.0.1+cu118", true},
		{"PyPI", "2.0.1", "2.0.1.0+cpu", true},
		{"PyPI", "2.0.1", "2.0.2+cu118", false},
		{"PyPI", "2.0.1+cpu", "2.0.1+cu118", false},
		{"PyPI", "2.0.1+cpu", "2.0.1", false},
		{"Packagist", "2.0", "v2.0.0", true},
		{"Packagist", "v2.0.0", "2", true},
		{"Packagist", "2.0", "2.0.1", false},
	} {
		db, err := NewDatabase([]*Advisory{{ID: "A", Affected: []Affected{{Ecosystem: tt.ecosystem, Name: "p", Versions: []string{"1.0", tt.listed, "3.0"}}}}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if matches, doubts := db.Match(Identity{tt.ecosystem, "p", tt.asked}); (len(matches) == 1) != tt.want || len(doubts) > 0 {
			t.Errorf("%s: %s where %s is listed: %d matches, want %t (doubts %v)", tt.ecosystem, tt.asked, tt.listed, len(matches), tt.want, doubts)
		}
	}
}
