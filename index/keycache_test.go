package index_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// dictionary is a naive one: keys by their places.
type dictionary struct {
	keys  []string
	asked int
}

func (d *dictionary) numbers(keys []string, ids []uint32, missing []int) []int {
	for i, k := range keys {
		d.asked++
		if at := slices.Index(d.keys, k); at >= 0 {
			ids[i] = uint32(at) // #nosec G115 -- a few
		} else {
			missing = append(missing, i)
		}
	}
	return missing
}

// of are the keys of what a cache gives.
func (d *dictionary) of(t *rapid.T, ids []uint32, keys []string) []string {
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Fatalf("%v are not sorted, each once", ids)
	}
	all := slices.Clone(keys)
	for _, id := range ids {
		all = append(all, d.keys[id])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// A cache gives the keys that are made without it, or the numbers of these, whatever came
// before and however little fits, of each dictionary its own.
func TestKeyCache(t *testing.T) {
	word := rapid.SampledFrom([]string{"", "a", "b", "ab", "pkg:npm/a@1", "pkg:deb/debian/a@1?arch=amd64", "file", "1"})
	component := rapid.Custom(func(t *rapid.T) sbom.Component {
		draw := func() string { return word.Draw(t, "word") }
		c := sbom.Component{Type: draw(), Group: draw(), Name: draw(), Version: draw(), PURL: draw(), Supplier: draw(), Source: sbom.SourcePackage{Name: draw(), Version: draw()}}
		for range rapid.IntRange(0, 2).Draw(t, "lists") {
			c.CPEs = append(c.CPEs, draw())
			c.Licenses = append(c.Licenses, sbom.License{Expression: draw(), Kind: sbom.LicenseKind(rapid.IntRange(0, 2).Draw(t, "kind")), Name: rapid.Bool().Draw(t, "name")}) //nolint:gosec // a kind
			c.Hashes = append(c.Hashes, sbom.Hash{Algorithm: rapid.SampledFrom([]string{"SHA-1", "other"}).Draw(t, "algorithm"), Value: rapid.SampledFrom([]string{"0b", "0c", "x"}).Draw(t, "value")})
		}
		return c
	})
	rapid.Check(t, func(t *rapid.T) {
		remembered := rapid.SliceOfN(component, 1, 3).Draw(t, "remembered")
		known := make([]sbom.Known, len(remembered))
		for i := range known {
			known[i].Component = remembered[i]
		}
		var dictionaries [3]dictionary
		var caches [3]*index.KeyCache
		for i := range caches {
			numbers := dictionaries[i].numbers
			if i == 2 {
				numbers = nil
			}
			caches[i] = index.NewKeyCache(rapid.SampledFrom([]int{0, 10_000, 1 << 20}).Draw(t, "bytes"), numbers)
		}
		for range rapid.IntRange(1, 20).Draw(t, "documents") {
			d := &sbom.Document{Components: rapid.SliceOfN(component, 0, 6).Draw(t, "components")}
			for i := range rapid.IntRange(0, 3).Draw(t, "seen before") {
				c := known[i%len(known)].Component
				c.Known = &known[i%len(known)]
				if rapid.IntRange(0, 3).Draw(t, "changed since") == 0 {
					c.Supplier = word.Draw(t, "supplier")
					c.Licenses = nil
				}
				d.Components = append(d.Components, c)
			}
			d.Subject.OS = sbom.Distro{ID: word.Draw(t, "os"), VersionID: word.Draw(t, "release")}
			which := rapid.IntRange(0, 2).Draw(t, "cache")
			in := &dictionaries[which]
			ids, keys := caches[which].Keys(d)
			want := index.KeysOf(d)
			if got := in.of(t, ids, keys); !slices.Equal(got, want) || !slices.IsSorted(keys) || len(slices.Compact(slices.Clone(keys))) != len(keys) {
				t.Fatalf("%q, of it %v and %q; want %q", got, ids, keys, want)
			}
			for _, k := range want { // it is committed, unless it is not
				if rapid.IntRange(0, 3).Draw(t, "kept") > 0 && !slices.Contains(in.keys, k) {
					in.keys = append(in.keys, k)
				}
			}
		}
	})
}

// A component that was changed since its reader remembered it has a key of its own, which
// is not put beside what is remembered.
func TestKeyCacheChanged(t *testing.T) {
	var in dictionary
	cache := index.NewKeyCache(1<<20, in.numbers)
	known := &sbom.Known{Component: sbom.Component{PURL: "pkg:npm/a@1", Supplier: "Somebody", Hashes: []sbom.Hash{{Algorithm: "SHA-1", Value: "0b"}}}}
	same, other, fewer := known.Component, known.Component, known.Component
	other.Supplier, fewer.Hashes = "Another", nil
	same.Known, other.Known, fewer.Known = known, known, known
	for round := range 5 {
		for i, c := range []sbom.Component{same, other, fewer, same} {
			d := &sbom.Document{Components: []sbom.Component{c}}
			ids, keys := cache.Keys(d)
			want := index.KeysOf(d)
			for _, id := range ids {
				keys = append(keys, in.keys[id])
			}
			if !slices.Equal(keys, want) {
				t.Fatalf("round %d, %d: %q, want %q", round, i, keys, want)
			}
			if !slices.Contains(in.keys, want[0]) {
				in.keys = append(in.keys, want...)
			}
		}
	}
}

// What came twice is known by its number: nobody is asked for it any more.
func TestKeyCacheLearns(t *testing.T) {
	for what, remembered := range map[string]bool{"remembered by its reader": true, "by nobody": false} {
		var in dictionary
		cache := index.NewKeyCache(1<<20, in.numbers)
		d := &sbom.Document{Components: []sbom.Component{{PURL: "pkg:npm/b@1"}, {PURL: "pkg:npm/a@1"}, {Name: "c"}}}
		for i := range d.Components {
			if remembered {
				d.Components[i].Known = &sbom.Known{Component: d.Components[i]}
			}
		}
		for round, asked := range []int{0, 3, 3, 3} { // made, learnt, known
			ids, keys := cache.Keys(d)
			if in.keys == nil {
				in.keys = keys
			}
			if want := map[bool]int{true: 3}[round > 0]; len(ids) != want || len(ids)+len(keys) != 3 || in.asked != asked {
				t.Errorf("%s, round %d: %v and %q, asked for %d", what, round, ids, keys, in.asked)
			}
		}
	}
}
