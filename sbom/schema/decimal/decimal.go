package decimal

import (
	"strconv"
	"strings"
)

// A Value is the exact value of a decimal number, ±0.digits × 10^exp, in one canonical form (no leading or trailing
// zeros, no digits for zero), so that == is numeric equality. The zero Value is zero.
type Value struct {
	digits   string
	exp      int64
	negative bool
}

// maxExponent bounds the exponents that are told apart; no bound in a schema comes near.
const maxExponent = 1 << 40

// Parse reads the lexeme of a JSON number (RFC 8259, section 6) or of an xs:decimal, which the caller has checked: an
// optional sign, digits with an optional point, and an optional exponent.
func Parse(s string) Value {
	var d Value
	switch {
	case strings.HasPrefix(s, "-"):
		d.negative = true
		s = s[1:]
	case strings.HasPrefix(s, "+"):
		s = s[1:]
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, err := strconv.ParseInt(s[i+1:], 10, 64)
		if err != nil || e > maxExponent || e < -maxExponent {
			e = maxExponent
			if strings.HasPrefix(s[i+1:], "-") {
				e = -maxExponent
			}
		}
		d.exp = e
		s = s[:i]
	}
	whole, frac, _ := strings.Cut(s, ".")
	d.digits = whole + frac
	d.exp += int64(len(whole))
	trimmed := strings.TrimLeft(d.digits, "0")
	d.exp -= int64(len(d.digits) - len(trimmed))
	d.digits = strings.TrimRight(trimmed, "0")
	if d.digits == "" {
		return Value{}
	}
	return d
}

// IsInteger reports whether the value has no fractional part: 1.0 is an integer.
func (d Value) IsInteger() bool { return int64(len(d.digits)) <= d.exp || d.digits == "" }

// Cmp returns -1, 0 or +1 as d is below, equal to or above o.
func (d Value) Cmp(o Value) int {
	switch {
	case d == o:
		return 0
	case d.sign() != o.sign():
		if d.sign() < o.sign() {
			return -1
		}
		return 1
	}
	c := strings.Compare(d.digits, o.digits) // both are fractions 0.digits, so text order is numeric order
	if d.exp != o.exp {
		c = 1
		if d.exp < o.exp {
			c = -1
		}
	}
	return c * d.sign()
}

func (d Value) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	}
	return 1
}

// FractionDigits returns the number of digits after the decimal point that the value needs.
func (d Value) FractionDigits() int64 { return max(0, int64(len(d.digits))-d.exp) }

// Key returns the digits and the exponent, for hashing: equal values of one sign have equal keys.
func (d Value) Key() (string, int64) { return d.digits, d.exp }
