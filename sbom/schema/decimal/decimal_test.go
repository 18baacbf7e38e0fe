package decimal_test

import (
	"fmt"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/sbom/schema/decimal"
)

func Example() {
	fmt.Println(decimal.Parse("1.50") == decimal.Parse("15e-1"))
	fmt.Println(decimal.Parse("1e999999999").Cmp(decimal.Parse("10")))
	fmt.Println(decimal.Parse("2.0").IsInteger())
	// Output:
	// true
	// 1
	// true
}

// lexeme draws JSON numbers, small enough for the twin.
func lexeme() *rapid.Generator[string] {
	return rapid.StringMatching(`-?(0|[1-9][0-9]{0,4})(\.[0-9]{1,4})?([eE][+-]?[0-9])?`)
}

// TestAgainstRationals compares with math/big, the obvious way.
func TestAgainstRationals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := lexeme().Draw(t, "a"), lexeme().Draw(t, "b")
		if rapid.Bool().Draw(t, "near") {
			b = a + "e0"
			if _, ok := new(big.Rat).SetString(b); !ok {
				b = a
			}
		}
		ra, _ := new(big.Rat).SetString(a)
		rb, _ := new(big.Rat).SetString(b)
		da, db := decimal.Parse(a), decimal.Parse(b)
		if got, want := da.Cmp(db), ra.Cmp(rb); got != want {
			t.Fatalf("Cmp(%s, %s) = %d, want %d", a, b, got, want)
		}
		if (da == db) != (ra.Cmp(rb) == 0) {
			t.Fatalf("%s == %s is %v", a, b, da == db)
		}
		if da.IsInteger() != ra.IsInt() {
			t.Fatalf("IsInteger(%s) = %v", a, da.IsInteger())
		}
		if (da.FractionDigits() == 0) != ra.IsInt() {
			t.Fatalf("FractionDigits(%s) = %d", a, da.FractionDigits())
		}
	})
}

func TestHugeExponents(t *testing.T) {
	huge, huger := decimal.Parse("1e99999999999999999999"), decimal.Parse("-1e-99999999999999999999")
	one := decimal.Parse("1")
	if huge.Cmp(one) != 1 || huger.Cmp(one) != -1 || huger.Cmp(decimal.Value{}) != -1 {
		t.Error("huge exponents are misordered")
	}
	if huger.IsInteger() || !huge.IsInteger() {
		t.Error("huge exponents are misjudged as integers")
	}
}
