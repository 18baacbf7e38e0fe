package vuln

import (
	"strings"
	"testing"

	"github.com/google/osv-scalibr/semantic"
	"pgregory.net/rapid"
)

// keyed are the orders, with pieces of their versions: those that have keys, and those
// around which the comparators are odd.
var keyed = []struct {
	order  *order
	pieces []string
	plain  []string // what most versions look like, ascending: they have keys
}{
	{semverOrder, []string{"-", "+", "alpha", "Alpha", "rc.1", "-5", "x-y", "0a", "01"}, []string{"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-rc.2", "1.0.0-rc.10", "1.0.0", "v1.2", "10"}},
	{goOrder, []string{"-", "+incompatible", "rc.1", "-0.20150101000000-0123456789ab"}, []string{"v0.0.0-20150101000000-0123456789ab", "v1.0.0", "v1.0.1-0.20150101000000-0123456789ab", "v2.0.0+incompatible"}},
	{actionOrder, []string{"-", "+", "rc"}, []string{"v1.2.3-rc", "v1.2.3"}},
	{nugetOrder, []string{"-", "+", "Beta", "beta", "RC.2"}, []string{"1.0.0-Alpha", "1.0.0-beta", "1.0", "1.0.0.1"}},
	{pubOrder, []string{"-", "+", "+1", "dev"}, []string{"1.0.0-dev", "1.0.0", "1.0.0+1", "1.0.0+2"}},
	{hackageOrder, []string{".0", ".00"}, []string{"1", "1.0", "1.0.0", "1.0.1"}},
	{cranOrder, []string{"-", "-0", ".00"}, []string{"1.0", "1.0.0", "1.0-1", "1.10"}},
	{debianOrder, []string{"~", "+", "-", ":", "deb12u", "rc", "ubuntu0", "A", "z"}, []string{"1.0~rc1-1", "1.0-1", "1.0-1+b1", "1.0-1+deb12u2", "1.0+dfsg-1", "1:0.1-1"}},
	{alpineOrder, []string{"_p", "_pre", "_rc", "_alpha", "_cvs", "_git", "a", "-r", "~0f", ".01", ".1"}, []string{"1.2.3_rc1-r0", "1.2.3-r0", "1.2.3-r10", "1.2.3_p1-r0", "1.2.3a-r1"}},
	{rpmOrder, []string{"~", "^", "-", "_", "+", "el9", "a", "Z", ":"}, []string{"1.0~rc1-1", "1.0-1.el9", "1.0-1.el9_4", "1.0^git1-1", "1.0.1-2", "1:0.1-1"}},
	{mavenOrder, []string{"-", "alpha", "a", "M", "cr", "rc", "SNAPSHOT", "GA", "Final", "RELEASE", "sp", "jre", "-x", ".x", "_"}, []string{"1.0-alpha-1", "1.0-beta1", "1.0-M2", "1.0-RC1", "1.0-SNAPSHOT", "1.0.Final", "1.0-sp", "1.0-jre", "1.0-1", "1.0.1"}},
	{packagistOrder, []string{"-", "+", "dev", "alpha", "a", "beta", "RC", "rc", "p", "patch", "pl", "stable", "v"}, []string{"1.0.0-dev", "1.0.0-alpha1", "1.0.0-beta.2", "1.0.0-RC1", "1.0.0", "1.0.0-p1", "v1.0.0.1", "1.0.1"}},
	{pypiOrder, []string{"!", "a", "b", "rc", "c", "pre", "post", "r", "dev", ".dev", ".post", "-", "_", "+local", "v", "RC"}, []string{"1.0.dev1", "1.0a1.dev2", "1.0a1", "1.0rc1", "1.0", "1.0.post1.dev2", "1.0.post1", "1.1", "1!0.1"}},
	{gemOrder, []string{"rc", ".pre", ".a", "-x86_64-linux", ".00", "-"}, []string{"1.0.0.a", "1.0.0.pre.1", "1.0.0.rc1", "1.0.0", "1.0.0.1", "1.10"}},
}

// slowly parses as the order's comparator does.
func slowly(o *order, s string) (semantic.Version, bool) {
	if o.clean != nil {
		s = o.clean(s)
	}
	if !o.grammar.MatchString(s) {
		return nil, false
	}
	v, err := semantic.Parse(s, o.scalibr)
	return v, err == nil
}

// checkKeys compares what two keys say with what the comparator does.
func checkKeys(t interface{ Fatalf(string, ...any) }, o *order, a, b string) {
	var keys [2][]byte
	var parsed [2]semantic.Version
	for i, s := range []string{a, b} {
		k, ok := o.key(nil, s)
		v, is := slowly(o, s)
		if ok && !is {
			t.Fatalf("%q has a key, and is not %s", s, o.name)
		}
		if !ok {
			return
		}
		keys[i], parsed[i] = k, v
	}
	want, err := parsed[0].Compare(parsed[1])
	if got := strings.Compare(string(keys[0]), string(keys[1])); err != nil || got != want {
		t.Fatalf("%s: %q and %q are %d by their keys (%x, %x), %d by the comparator (%v)", o.name, a, b, got, keys[0], keys[1], want, err)
	}
}

// TestKeysAreTheOrder: two versions that have keys compare by them as the comparator has
// it, whatever they are made of.
func TestKeysAreTheOrder(t *testing.T) {
	for _, k := range keyed {
		rapid.Check(t, func(t *rapid.T) {
			piece := rapid.SampledFrom(append([]string{".", ".", "0", "1", "2", "9", "10", "20240101", "99999999999999999999"}, k.pieces...))
			draw := func(like string) string {
				if like == "" || rapid.Bool().Draw(t, "anew") {
					like = rapid.SampledFrom(k.plain).Draw(t, "like")
				}
				at := rapid.IntRange(0, len(like)).Draw(t, "at")
				to := rapid.IntRange(at, min(at+2, len(like))).Draw(t, "to")
				return like[:at] + strings.Join(rapid.SliceOfN(piece, 0, 3).Draw(t, "pieces"), "") + like[to:]
			}
			a := draw("")
			checkKeys(t, k.order, a, draw(a))
		})
	}
}

// TestPlainVersionsHaveKeys: what most versions look like is not left to the comparators,
// and stands in its order.
func TestPlainVersionsHaveKeys(t *testing.T) {
	for _, k := range keyed {
		for i, a := range k.plain {
			v, err := k.order.parse(a)
			if err != nil || v.key == "" {
				t.Errorf("%s: %q has no key (%v)", k.order.name, a, err)
			}
			for j, b := range k.plain {
				w, _ := k.order.parse(b)
				if c := k.order.compare(v, w); (c < 0) != (i < j) || (c > 0) != (i > j) {
					t.Errorf("%s: %q and %q compare as %d", k.order.name, a, b, c)
				}
				checkKeys(t, k.order, a, b)
			}
		}
	}
}

// TestEveryOrderHasKeys: an order that is added to the ecosystems is checked here too.
func TestEveryOrderHasKeys(t *testing.T) {
	known := map[*order]bool{}
	for _, k := range keyed {
		known[k.order] = true
	}
	for ecosystem, o := range orders {
		if !known[o] {
			t.Errorf("the order of %s is not among those whose keys are checked", ecosystem)
		}
	}
}

// TestKeysAreKept: a key in the common memory is what it was, however many come after it.
func TestKeysAreKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m keyMemory
		var kept, want []string
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 300), 0, 200).Draw(t, "lengths") {
			s := strings.Repeat(string(rune('a'+len(want)%26)), n)
			kept, want = append(kept, m.keep([]byte(s))), append(want, s)
		}
		for i := range want {
			if kept[i] != want[i] {
				t.Fatalf("%d of %d is %q", i, len(want), kept[i])
			}
		}
	})
}

// Keys must be the order of the comparators for any two texts.
func FuzzKeys(f *testing.F) {
	for i, k := range keyed {
		for j := range k.plain {
			f.Add(uint8(i), k.plain[j], k.plain[(j+1)%len(k.plain)]) //nolint:gosec // few
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, a, b string) {
		if len(a) > maxVersionBytes || len(b) > maxVersionBytes {
			return
		}
		checkKeys(t, keyed[int(i)%len(keyed)].order, a, b)
	})
}
