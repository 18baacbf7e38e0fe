package rewrite

import (
	"net/netip"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/segment"
)

// TestWithoutPublic asks of single addresses whether they stay: those that the block
// names and that are not of the public internet, and no others.
func TestWithoutPublic(t *testing.T) {
	names := func(b *networkingv1.IPBlock, a netip.Addr) bool {
		in := netip.MustParsePrefix(b.CIDR).Contains(a)
		for _, x := range b.Except {
			in = in && !netip.MustParsePrefix(x).Contains(a)
		}
		return in
	}
	type told struct{ stays, goes int }
	property := func(t *rapid.T) (n told) {
		special := segment.SpecialRanges()
		address := func(near netip.Prefix, label string) netip.Addr {
			raw := near.Addr().AsSlice()
			for i := range raw {
				if rapid.IntRange(0, 3).Draw(t, label) == 0 {
					raw[i] = rapid.Byte().Draw(t, label)
				}
			}
			a, _ := netip.AddrFromSlice(raw)
			return a
		}
		near := rapid.SampledFrom(special).Draw(t, "near")
		if near.Addr().Is4In6() {
			return n
		}
		base := address(near, "base")
		bits := rapid.IntRange(0, base.BitLen()).Draw(t, "bits")
		block := netip.PrefixFrom(base, bits).Masked()
		b := &networkingv1.IPBlock{CIDR: block.String()}
		for range rapid.IntRange(0, 3).Draw(t, "exceptions") {
			x := netip.PrefixFrom(address(near, "except"), rapid.IntRange(bits, base.BitLen()).Draw(t, "bits of it")).Masked()
			if block.Contains(x.Addr()) {
				b.Except = append(b.Except, x.String())
			}
		}
		got, ok := withoutPublic(b)
		if block.Addr().Is4In6() {
			if ok {
				t.Fatalf("%v was read", b)
			}
			return n
		}
		if !ok {
			t.Fatalf("%v was not read", b)
		}
		for range 20 {
			a := address(near, "address")
			if a.Is4In6() {
				continue
			}
			want, is := names(b, a) && !segment.Public(a), false
			for _, p := range got {
				is = is || names(p.IPBlock, a)
			}
			if is != want {
				t.Fatalf("%s of %v without the internet: %t, want %t (%v)", a, b, is, want, got)
			}
			if want {
				n.stays++
			} else {
				n.goes++
			}
		}
		if none := len(got) == 0; notPublic(b) && none && len(b.Except) == 0 {
			t.Fatalf("%v is lost", b)
		}
		return n
	}
	rapid.Check(t, func(t *rapid.T) { property(t) })
	// How much that tells is told by draws that are the same each time.
	var all told
	for seed := range 100 {
		n := rapid.Custom(property).Example(seed)
		all.stays, all.goes = all.stays+n.stays, all.goes+n.goes
	}
	if all.stays < 50 || all.goes < 50 {
		t.Errorf("%d addresses stay, %d go: too few to tell", all.stays, all.goes)
	}
}
