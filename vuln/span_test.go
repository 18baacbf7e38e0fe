package vuln

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// naive is the OSV schema's evaluation of a range over versions that are plain
// numbers: walk up to the version, and let every event that is passed switch the
// state. Odd positions lie just after a version, where last_affected takes effect.
func naive(v int, events []Event, at map[string]int) bool {
	limited, before := false, false
	for _, e := range events {
		if e.Limit != "" {
			limited = true
			before = before || e.Limit == "*" || v < at[e.Limit]
		}
	}
	if limited && !before {
		return false
	}
	state := false
	for position := -1; position <= 2*v; position++ {
		for _, e := range events {
			switch {
			case e.Introduced == "0" && position == -1, e.Introduced != "" && e.Introduced != "0" && 2*at[e.Introduced] == position:
				state = true
			case e.Fixed != "" && 2*at[e.Fixed] == position, e.LastAffected != "" && 2*at[e.LastAffected]+1 == position:
				state = false
			}
		}
	}
	return state
}

func TestSpansAgreeWithTheSchemasAlgorithm(t *testing.T) {
	property := func(t *rapid.T) (accepted bool) {
		const top = 12
		at := map[string]int{}
		write := func(n int) string {
			s := fmt.Sprintf("1.%d.0", n)
			at[s] = n
			return s
		}
		end := rapid.SampledFrom([]string{"fixed", "last"}).Draw(t, "end")
		events := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Event {
			n := rapid.IntRange(0, top).Draw(t, "n")
			switch rapid.IntRange(0, 9).Draw(t, "kind") {
			case 0, 1, 2:
				return Event{Introduced: write(n)}
			case 3:
				return Event{Introduced: "0"}
			case 4:
				return Event{Limit: rapid.SampledFrom([]string{write(n), "*"}).Draw(t, "limit")}
			}
			if end == "last" {
				return Event{LastAffected: write(n)}
			}
			return Event{Fixed: write(n)}
		}), 1, 7).Draw(t, "events")
		spans, err := spansOf(semverOrder, Range{Type: RangeSemver, Events: events})
		if err != nil {
			return false // what is refused is unmatched, and TestSpansRefuse says what is
		}
		for n := 0; n <= top; n++ {
			v, err := semverOrder.parse(write(n))
			if err != nil {
				t.Fatal(err)
			}
			got := false
			for _, s := range spans {
				got = got || s.holds(semverOrder, v)
			}
			if want := naive(n, events, at); got != want {
				t.Fatalf("1.%d.0 in %+v: %v, want %v (%v)", n, events, got, want, spans)
			}
		}
		return true
	}
	rapid.Check(t, func(t *rapid.T) { property(t) })
	// That ranges are accepted is told by draws that are the same each time.
	accepted := 0
	for seed := range 50 {
		if rapid.Custom(property).Example(seed) {
			accepted++
		}
	}
	if accepted < 10 {
		t.Errorf("%d of 50 ranges were accepted: too few to tell", accepted)
	}
}

func TestSpansRefuse(t *testing.T) {
	for name, events := range map[string][]Event{
		"no events":            {},
		"no introduced":        {{Fixed: "1.0.0"}},
		"inverted":             {{Introduced: "2.0.0"}, {Fixed: "1.0.0"}},
		"overlapping":          {{Introduced: "0"}, {Introduced: "1.0.0"}, {Fixed: "2.0.0"}},
		"empty":                {{Introduced: "1.0.0"}, {Fixed: "1.0.0"}},
		"two keys":             {{Introduced: "0", Fixed: "1.0.0"}},
		"no key":               {{Introduced: "0"}, {}},
		"fixed and last":       {{Introduced: "0"}, {Fixed: "1.0.0"}, {LastAffected: "2.0.0"}},
		"no version":           {{Introduced: "0"}, {Fixed: "soon"}},
		"limit only":           {{Limit: "1.0.0"}},
		"unparsable limit":     {{Introduced: "0"}, {Limit: "x"}},
		"unparsable beginning": {{Introduced: "x"}},
	} {
		if spans, err := spansOf(semverOrder, Range{Type: RangeSemver, Events: events}); err == nil {
			t.Errorf("%s: accepted as %v", name, spans)
		}
	}
}

// Every comparator must be an order on what its grammar lets through, or a
// range would hold a version by the accident of where it was compared.
func TestOrdersAreConsistent(t *testing.T) {
	samples := map[*order][]string{
		semverOrder:    {"0", "0.0.1", "0.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-rc.1+b", "1.0.0", "v1.0.1", "1.10.0", "2"},
		pypiOrder:      {"0", "1.0.dev1", "1.0a1", "1.0a2.dev3", "1.0b1", "1.0rc1", "1.0", "1.0+local.1", "1.0.post1", "1.1", "1!0.5"},
		debianOrder:    {"0~1", "0", "1.0~rc1-1", "1.0-1", "1.0-1+b1", "1.0-1+deb11u1", "1.0-2", "1.0.1", "1:0.1"},
		rpmOrder:       {"1.0~rc1-1", "1.0-1.el8", "1.0-1.el8_1", "1.0-2.el8", "1.0^git1-1", "1.1-1", "1:0.1-1"},
		alpineOrder:    {"1.0_alpha", "1.0_rc1", "1.0", "1.0-r1", "1.0_p1", "1.0.1", "1.0.1a", "1.1"},
		mavenOrder:     {"1-alpha-1", "1-beta", "1-rc1", "1-SNAPSHOT", "1", "1-sp", "1.0.1", "1.1", "2.0"},
		gemOrder:       {"0.9", "1.0.0.pre", "1.0.0.rc1", "1.0.0", "1.0.1", "1.1"},
		packagistOrder: {"1.0.0-dev", "1.0.0-alpha1", "1.0.0-beta1", "1.0.0-RC1", "1.0.0", "1.0.0-p1", "v1.0.1"},
		nugetOrder:     {"1.0.0-alpha", "1.0.0-Beta", "1.0.0", "1.0.0.1", "1.0.1"},
	}
	for o, texts := range samples {
		for i, a := range texts {
			va, err := o.parse(a)
			if err != nil {
				t.Errorf("%s: %v", o.name, err)
				continue
			}
			for j, b := range texts {
				vb, err := o.parse(b)
				if err != nil {
					continue
				}
				if c := o.compare(va, vb); (c < 0) != (i < j) || (c > 0) != (i > j) {
					t.Errorf("%s: %s and %s compare as %d", o.name, a, b, c)
				}
			}
		}
	}
}
