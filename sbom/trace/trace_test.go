package trace_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/trace"
)

func named(names ...string) *sbom.Document {
	d := &sbom.Document{}
	for _, n := range names {
		d.Components = append(d.Components, sbom.Component{Name: n, PURL: "pkg:maven/g/" + n + "@1.0?type=jar"})
	}
	return d
}

func edges(d *sbom.Document, list ...[3]int) *sbom.Document {
	for _, e := range list {
		d.Dependencies = append(d.Dependencies, sbom.Dependency{From: int32(e[0]), To: int32(e[1]), Kind: sbom.DependencyKind(e[2])})
	}
	return d
}

const (
	needs    = int(sbom.DependsOn)
	contains = int(sbom.Contains)
)

func Example() {
	d := edges(named("app", "log4j-core"), [3]int{-1, 0, contains}, [3]int{-1, 1, contains}, [3]int{0, 1, needs})
	for _, w := range trace.New(d).Ways(trace.Find(d, "pkg:maven/g/log4j-core"), 5) {
		for _, p := range w.Paths {
			for _, s := range p {
				fmt.Println(d.Components[s.Component].Name)
			}
		}
	}
	// Output:
	// app
	// log4j-core
}

func TestFind(t *testing.T) {
	d := named("a", "b")
	d.Components[1].Group = "org"
	d.Components = append(d.Components, sbom.Component{Name: "c", PURL: "pkg:npm/@s/c"})
	for text, want := range map[string][]int32{"a": {0}, "org/b": {1}, "org:b": {1}, "pkg:maven/g/a": {0}, "pkg:maven/g/a@1.0": {0}, "pkg:maven/g/a@1.0?type=jar": {0},
		"pkg:maven/g/a@2": nil, "pkg:maven/g": nil, "": nil, "pkg:npm/@s/c": {2}, "pkg:npm/": nil} {
		if got := trace.Find(d, text); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestWays(t *testing.T) {
	for _, c := range []struct {
		name     string
		doc      *sbom.Document
		of       int32
		recorded bool
		want     string
	}{
		{"nothing is recorded", named("a"), 0, false, "[[a!]]"},
		{"listed only", edges(named("a"), [3]int{-1, 0, contains}), 0, true, "[[a]]"},
		{"a need says more than the list", edges(named("a", "b"), [3]int{-1, 0, contains}, [3]int{-1, 1, contains}, [3]int{0, 1, needs}), 1, true, "[[a b]]"},
		{"a need of the subject is shortest", edges(named("a", "b"), [3]int{-1, 0, needs}, [3]int{-1, 1, needs}, [3]int{0, 1, needs}), 1, true, "[[b]]"},
		{"two ways", edges(named("a", "b", "c"), [3]int{-1, 0, needs}, [3]int{-1, 1, needs}, [3]int{0, 2, needs}, [3]int{1, 2, contains}), 2, true, "[[a c] [b c]]"},
		{"a circle that is only listed", edges(named("a", "b"), [3]int{-1, 0, contains}, [3]int{-1, 1, contains}, [3]int{0, 1, needs}, [3]int{1, 0, needs}), 1, true, "[[b]]"},
		{"without a subject", edges(named("a", "b"), [3]int{0, 1, needs}), 1, false, "[[a! b]]"},
		{"a circle without a subject", edges(named("a", "b"), [3]int{0, 1, needs}, [3]int{1, 0, needs}), 1, false, "[[a! b]]"},
		{"what the subject reaches counts", edges(named("a", "b", "c"), [3]int{-1, 0, needs}, [3]int{0, 2, needs}, [3]int{1, 2, needs}), 2, true, "[[a c]]"},
	} {
		w := trace.New(c.doc).Ways([]int32{c.of}, 10)[0]
		if got := show(c.doc, w); got != c.want || w.Recorded != c.recorded || w.Count != len(w.Paths) {
			t.Errorf("%s: %s recorded %v count %d, want %s", c.name, got, w.Recorded, w.Count, c.want)
		}
	}
}

func show(d *sbom.Document, w trace.Ways) string {
	var out [][]string
	for _, p := range w.Paths {
		var names []string
		for _, s := range p {
			n := d.Components[s.Component].Name
			if s.Begin {
				n += "!"
			}
			names = append(names, n)
		}
		out = append(out, names)
	}
	return fmt.Sprint(out)
}

func TestManyWaysAreCountedAndNotWalked(t *testing.T) {
	d := &sbom.Document{}
	const levels = 200
	for i := range 2 * levels {
		d.Components = append(d.Components, sbom.Component{Name: fmt.Sprint(i)})
	}
	edges(d, [3]int{-1, 0, needs}, [3]int{-1, 1, needs})
	for i := range levels - 1 {
		for _, from := range []int{0, 1} {
			edges(d, [3]int{2*i + from, 2*i + 2, needs}, [3]int{2*i + from, 2*i + 3, needs})
		}
	}
	w := trace.New(d).Ways([]int32{2*levels - 1}, 3)[0]
	if w.Count != trace.MaxCount || len(w.Paths) != 3 || len(w.Paths[0]) != levels {
		t.Errorf("%d ways, %d of them", w.Count, len(w.Paths))
	}
}

// TestWaysAgainstTheObviousSearch compares with all walks in order of length.
func TestWaysAgainstTheObviousSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "n")
		d := &sbom.Document{Components: make([]sbom.Component, n)}
		for range rapid.IntRange(0, 14).Draw(t, "edges") {
			edges(d, [3]int{rapid.IntRange(-1, n-1).Draw(t, "from"), rapid.IntRange(0, n-1).Draw(t, "to"), rapid.IntRange(0, 1).Draw(t, "kind")})
		}
		of := int32(rapid.IntRange(0, n-1).Draw(t, "of"))
		w := trace.New(d).Ways([]int32{of}, 1000)[0]
		if length, recorded := obvious(d, of); recorded != w.Recorded || recorded && length != len(w.Paths[0]) {
			t.Fatalf("%v: %v long, recorded %v; the obvious search finds %d, %v", d.Dependencies, w.Paths, w.Recorded, length, recorded)
		}
		if w.Count != len(w.Paths) {
			t.Fatalf("%d ways are counted and %d are there", w.Count, len(w.Paths))
		}
		seen := map[string]bool{}
		for _, p := range w.Paths {
			if k := fmt.Sprint(p); seen[k] || len(p) != len(w.Paths[0]) || p[len(p)-1].Component != of || p[0].Begin == w.Recorded {
				t.Fatalf("%v is no way of its own", p)
			} else {
				seen[k] = true
			}
			from := sbom.SubjectIndex
			for _, s := range p {
				if !s.Begin && !slices.Contains(d.Dependencies, sbom.Dependency{From: from, To: s.Component, Kind: s.Kind}) {
					t.Fatalf("%v takes a step that is not recorded", p)
				}
				from = s.Component
			}
		}
	})
}

// obvious relaxes the edges until nothing changes: first from those entries of the
// subject that say more than that it lists the component.
func obvious(d *sbom.Document, of int32) (length int, recorded bool) {
	led := map[int32]bool{}
	for _, e := range d.Dependencies {
		if e.From != sbom.SubjectIndex && e.From != e.To {
			led[e.To] = true
		}
	}
	dist := map[int32]int{}
	for _, listed := range []bool{false, true} {
		round := map[int32]int{}
		for _, e := range d.Dependencies {
			if e.From == sbom.SubjectIndex && (listed || e.Kind != sbom.Contains || !led[e.To]) && dist[e.To] == 0 {
				round[e.To] = 1
			}
		}
		for range d.Components {
			for _, e := range d.Dependencies {
				if round[e.From] > 0 && dist[e.To] == 0 && (round[e.To] == 0 || round[e.To] > round[e.From]+1) {
					round[e.To] = round[e.From] + 1
				}
			}
		}
		for c, n := range round {
			dist[c] = n
		}
	}
	return dist[of], dist[of] > 0
}
