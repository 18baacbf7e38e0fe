package compare

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/vuln"
)

// order compares versions of one package: as its ecosystem does, else by digits
// and letters. sure is false in the latter case.
func order(ecosystem, a, b string) (c int, sure bool) {
	if a == b {
		return 0, true
	}
	if ecosystem != "" {
		if c, err := vuln.CompareVersions(ecosystem, a, b); err == nil && c != 0 {
			return c, true
		}
	}
	return natural(a, b), false
}

// natural compares runs of digits as numbers and everything else as text.
func natural(a, b string) int {
	for a != "" && b != "" {
		x, restA := run(a)
		y, restB := run(b)
		if isDigit(x[0]) && isDigit(y[0]) {
			m, n := strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if len(m) != len(n) {
				return len(m) - len(n)
			}
			if m != n {
				return strings.Compare(m, n)
			}
		}
		if x != y {
			return strings.Compare(x, y)
		}
		a, b = restA, restB
	}
	return len(a) - len(b)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// run cuts the first run of digits, or of anything else.
func run(s string) (first, rest string) {
	i := 1
	for i < len(s) && isDigit(s[i]) == isDigit(s[0]) {
		i++
	}
	return s[:i], s[i:]
}

// distance is how far apart two versions are: 4 less the leading numbers that
// they share, three at most, so that 1.9.2 is nearer to 1.9.5 than 2.0.0 is.
func distance(a, b string) int {
	d := 4
	a, b = strings.TrimPrefix(a, "v"), strings.TrimPrefix(b, "v")
	for d > 1 && a != "" && b != "" {
		x, restA := run(a)
		y, restB := run(b)
		if x != y {
			return d
		}
		if isDigit(x[0]) {
			d--
		}
		a, b = restA, restB
	}
	return d
}
