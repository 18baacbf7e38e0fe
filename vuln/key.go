package vuln

import (
	"slices"
	"strings"
)

// A key is a version as bytes whose own order is the order of the versions: of two keys of
// one order the lesser is the earlier version, and equal keys are equal versions. Keys
// exist for the common shapes, for which they take the place of the order's comparator:
// every keyer reads a part of its order's grammar and refuses what it has no key for.
//
// Numbers are written as how many digits they have, zeros in front aside, and those
// digits. Where a version may end or go on, what may stand there begins with bytes that
// sort as the ecosystem has it, the end among them.
type keyer func(dst []byte, s string) ([]byte, bool)

// maxKeyDigits bounds a number in a key: how many digits it has must fit beside the other
// bytes that may stand in its place.
const maxKeyDigits = 64

// digitsEnd returns where the digits of s that begin at i end.
func digitsEnd(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

// lettersEnd returns where the letters of s that begin at i end.
func lettersEnd(s string, i int) int {
	for i < len(s) && isLetter(s[i]) {
		i++
	}
	return i
}

// appendNumber writes a number that may stand beside bytes below base; false for more
// digits than a key has.
func appendNumber(dst []byte, base byte, digits string) ([]byte, bool) {
	for len(digits) > 0 && digits[0] == '0' {
		digits = digits[1:]
	}
	if len(digits) > maxKeyDigits {
		return dst, false
	}
	dst = append(dst, base+byte(len(digits)))
	return append(dst, digits...), true
}

// isZero reports whether digits are a number that is zero.
func isZero(digits string) bool { return strings.Trim(digits, "0") == "" }

// appendNumbers reads numbers with a separator between each two, up to most of them,
// and writes them without the zeros at the end. It returns how many there are, and where
// they end.
func appendNumbers(dst []byte, base byte, s string, i, most int, separators string) (out []byte, n, end int, ok bool) {
	kept := len(dst)
	for {
		j := digitsEnd(s, i)
		if i == j || n == most {
			return dst, n, i, false
		}
		if dst, ok = appendNumber(dst, base, s[i:j]); !ok {
			return dst, n, i, false
		}
		n++
		if dst[len(dst)-1] != base {
			kept = len(dst) // a number that is not zero ends in a digit, which is above every base
		}
		if j+1 >= len(s) || strings.IndexByte(separators, s[j]) < 0 || !isDigit(s[j+1]) {
			return dst[:kept], n, j, true
		}
		i = j + 1
	}
}

// semverKeyer makes keys of versions of least to most numbers, absent ones being zero, and
// identifiers of a pre-release (semver.org 2.0.0, section 11): without their case where
// fold says so, and with the text of the build behind them where that counts.
func semverKeyer(least, most int, fold, build bool) keyer {
	return func(dst []byte, s string) ([]byte, bool) {
		i := 0
		if strings.HasPrefix(s, "v") {
			i = 1
		}
		for n := 1; n <= most; n++ {
			j := digitsEnd(s, i)
			if i == j {
				return dst, false
			}
			var ok bool
			if dst, ok = appendNumber(dst, 0, s[i:j]); !ok {
				return dst, false
			}
			if i = j; i < len(s) && s[i] == '.' && n < most {
				i++
				continue
			}
			if n < least {
				return dst, false
			}
			for ; n < most; n++ {
				dst = append(dst, 0)
			}
		}
		const end, number, text, release = 0, 1, 0xfe, 0xff
		pre, after, built := strings.Cut(s[i:], "+")
		if built && (after == "" || !isIdentifiers(after)) {
			return dst, false
		}
		if pre == "" {
			dst = append(dst, release)
		} else if pre[0] != '-' {
			return dst, false
		} else {
			for id := range strings.SplitSeq(pre[1:], ".") {
				if !isIdentifiers(id) || id == "" || id[0] == '-' { // "-5" is a number to the comparator
					return dst, false
				}
				if digitsEnd(id, 0) == len(id) {
					var ok bool
					if dst, ok = appendNumber(dst, number, id); !ok {
						return dst, false
					}
					continue
				}
				dst = append(dst, text)
				if fold {
					dst = appendLower(dst, id)
				} else {
					dst = append(dst, id...)
				}
				dst = append(dst, 0)
			}
			dst = append(dst, end)
		}
		if build {
			dst = append(dst, after...)
		}
		return dst, true
	}
}

// isIdentifiers reports whether s has letters, digits, "-" and "." only.
func isIdentifiers(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// appendLower writes letters in lower case.
func appendLower(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// numbersKeyer makes keys of numbers alone; of two that differ in zeros at the end only,
// the one that has more of them is later.
func numbersKeyer(separators string) keyer {
	return func(dst []byte, s string) ([]byte, bool) {
		dst, n, end, ok := appendNumbers(dst, 1, s, 0, 200, separators)
		return append(dst, 0, byte(n)), ok && end == len(s)
	}
}

// appendEpoch writes the epoch before a colon, zero where there is none, and returns what
// is behind it.
func appendEpoch(dst []byte, s string) (out []byte, rest string, ok bool) {
	epoch, rest, ok := strings.Cut(s, ":")
	if !ok {
		epoch, rest = "", s
	} else if epoch == "" || digitsEnd(epoch, 0) != len(epoch) {
		return dst, s, false
	}
	dst, ok = appendNumber(dst, 0, epoch)
	return dst, rest, ok
}

// debianKey: epoch, upstream version and revision, each of the latter in turns of text,
// whose letters are before all else and "~" before its end, and numbers (deb-version(7)).
func debianKey(dst []byte, s string) ([]byte, bool) {
	dst, s, ok := appendEpoch(dst, s)
	if !ok || s == "" || !isDigit(s[0]) {
		return dst, false
	}
	revision := "0"
	if i := strings.LastIndexByte(s, '-'); i >= 0 {
		s, revision = s[:i], s[i+1:]
	}
	if dst, ok = appendDebian(dst, s); ok {
		dst, ok = appendDebian(dst, revision)
	}
	return dst, ok
}

func appendDebian(dst []byte, s string) ([]byte, bool) {
	const tilde, end = 1, 2
	for i := 0; ; {
		for ; i < len(s) && !isDigit(s[i]); i++ {
			switch c := s[i]; {
			case c == '~':
				dst = append(dst, tilde)
			case isLetter(c):
				dst = append(dst, c)
			case c == '+', c == '-', c == '.', c == ':':
				dst = append(dst, c+122)
			default:
				return dst, false
			}
		}
		j := digitsEnd(s, i)
		var ok bool
		if dst, ok = appendNumber(append(dst, end), 0, s[i:j]); !ok {
			return dst, false
		}
		if i = j; i == len(s) {
			return append(dst, end), true
		}
	}
}

// rpmKey: epoch, version and release as rpmvercmp has them: runs of digits after runs of
// letters, "^" before both, "~" before the end, all else only separates.
func rpmKey(dst []byte, s string) ([]byte, bool) {
	dst, s, ok := appendEpoch(dst, s)
	version, release, released := strings.Cut(s, "-")
	if !ok || version == "" || released && release == "" {
		return dst, false
	}
	if dst, ok = appendRPM(dst, version); !ok || !released {
		return append(dst, 0), ok
	}
	return appendRPM(append(dst, 1), release)
}

func appendRPM(dst []byte, s string) ([]byte, bool) {
	const tilde, end, caret, text, number = 1, 2, 3, 4, 5
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case isDigit(c):
			j := digitsEnd(s, i)
			var ok bool
			if dst, ok = appendNumber(dst, number, s[i:j]); !ok {
				return dst, false
			}
			i = j
			continue
		case isLetter(c):
			j := lettersEnd(s, i)
			dst = append(append(append(dst, text), s[i:j]...), 0)
			i = j
			continue
		case c == '~':
			dst = append(dst, tilde)
		case c == '^':
			dst = append(dst, caret)
		case c != '.' && c != '_' && c != '+':
			return dst, false
		}
		i++
	}
	return append(dst, end), true
}

// apkSuffixes are the suffixes of a version of apk, with what they weigh; without one it
// weighs as much as "cvs", which has no key.
var apkSuffixes = [...]struct {
	name   string
	weight byte
}{{"alpha", 0}, {"beta", 1}, {"pre", 2}, {"rc", 3}, {"svn", 6}, {"git", 7}, {"hg", 8}, {"p", 9}}

// apkKey: numbers, a letter, suffixes and the build. Numbers with a zero in front are
// compared as text, and have no key.
func apkKey(dst []byte, s string) ([]byte, bool) {
	for i := 0; i+2 < len(s) && (isDigit(s[i]) || s[i] == '.'); i++ {
		if s[i] == '.' && s[i+1] == '0' && isDigit(s[i+2]) {
			return dst, false
		}
	}
	const end, none, first = 0, 5, 10
	dst, _, i, ok := appendNumbers(dst, 1, s, 0, len(s), ".")
	if !ok {
		return dst, false
	}
	dst = append(dst, end)
	letter := byte(0)
	if i < len(s) && 'a' <= s[i] && s[i] <= 'z' {
		letter = s[i]
		i++
	}
	dst = append(dst, letter)
	for i < len(s) && s[i] == '_' {
		j := lettersEnd(s, i+1)
		at := 0
		for at < len(apkSuffixes) && apkSuffixes[at].name != s[i+1:j] {
			at++
		}
		if at == len(apkSuffixes) {
			return dst, false
		}
		dst = append(dst, apkSuffixes[at].weight)
		i = digitsEnd(s, j)
		if dst, ok = appendNumber(dst, 0, s[j:i]); !ok {
			return dst, false
		}
	}
	dst = append(dst, none)
	build := ""
	if strings.HasPrefix(s[i:], "-r") {
		if build = s[i+2:]; build == "" {
			return dst, false
		}
		i = digitsEnd(s, i+2)
	}
	if i != len(s) {
		return dst, false
	}
	return appendNumber(dst, first, build)
}

// mavenQualifiers are the qualifiers that Maven knows, in their order; the empty one is a
// release (ComparableVersion).
var mavenQualifiers = [...]string{"alpha", "beta", "milestone", "rc", "snapshot", "", "sp"}

const releaseQualifier = 5

// mavenKey: numbers, and behind them a qualifier, a number or both. What may follow the
// same is, in this order: a qualifier that is before the release, the end, "sp", another
// qualifier, a number behind "-", and one behind ".".
func mavenKey(dst []byte, s string) ([]byte, bool) {
	const end, other, behind, dotted = byte(1 + releaseQualifier), byte(1 + len(mavenQualifiers)), 20, 100
	dst, _, i, ok := appendNumbers(dst, dotted, s, 0, len(s), ".")
	if !ok {
		return dst, false
	}
	if len(dst) == 0 {
		dst = append(dst, dotted) // the first number stays, whatever it is
	}
	if i == len(s) {
		return append(dst, end), true
	}
	separator := byte(0)
	if s[i] == '-' || s[i] == '.' {
		separator = s[i]
		i++
	}
	j := lettersEnd(s, i)
	k := j
	if k+1 < len(s) && s[k] == '-' && j > i {
		k++
	}
	number := s[k:]
	if digitsEnd(s, k) != len(s) || i == len(s) || separator == 0 && i == j {
		return dst, false
	}
	q := strings.ToLower(s[i:j])
	if number != "" && k == j {
		switch q {
		case "a":
			q = "alpha"
		case "b":
			q = "beta"
		case "m":
			q = "milestone"
		}
	}
	if q == "cr" {
		q = "rc"
	}
	switch q {
	case "ga", "final", "release":
		return append(dst, end), number == ""
	case "":
		if separator == '.' {
			return dst, false
		}
	default:
		if at := slices.Index(mavenQualifiers[:], q); at >= 0 {
			dst = append(dst, byte(1+at)) //nolint:gosec // a position in it
		} else {
			dst = append(append(append(dst, other), q...), 0)
		}
	}
	if q != "" && separator == '.' {
		return dst, false
	}
	if isZero(number) {
		return append(dst, end), true
	}
	if dst, ok = appendNumber(dst, behind, number); !ok {
		return dst, false
	}
	return append(dst, end), true
}

// composerHas is how many numbers a version has to Composer, those that are not written
// being zero.
const composerHas = 4

// packagistKey: four numbers and a stability: what is unstable is before the end, a patch
// after all numbers.
func packagistKey(dst []byte, s string) ([]byte, bool) {
	const end, number, patch = 5, 6, 100
	i := 0
	if s != "" && (s[0] == 'v' || s[0] == 'V') {
		i = 1
	}
	for n := 1; ; n++ {
		j := digitsEnd(s, i)
		if i == j || n > composerHas || j-i > 18 { // beyond that they are no numbers to the comparator
			return dst, false
		}
		dst, _ = appendNumber(dst, number, s[i:j])
		if i = j; j+1 >= len(s) || s[j] != '.' || !isDigit(s[j+1]) {
			for ; n < composerHas; n++ {
				dst = append(dst, number)
			}
			break
		}
		i = j + 1
	}
	if i == len(s) {
		return append(dst, end), true
	}
	if s[i] == '-' || s[i] == '.' {
		i++
	}
	j := lettersEnd(s, i)
	switch s[i:j] {
	case "dev":
		dst = append(dst, 1)
	case "alpha", "a":
		dst = append(dst, 2)
	case "beta", "b":
		dst = append(dst, 3)
	case "RC", "rc":
		dst = append(dst, 4)
	case "p", "pl", "patch":
		dst = append(dst, patch)
	default:
		return dst, false
	}
	if j < len(s) && s[j] == '.' {
		j++
		if j == len(s) {
			return dst, false
		}
	}
	if digitsEnd(s, j) != len(s) || len(s)-j > 18 {
		return dst, false
	}
	if j < len(s) {
		dst, _ = appendNumber(dst, number, s[j:])
	}
	return append(dst, end), true
}

// pypiKey: epoch, release, pre-release, post-release and development release (PEP 440,
// "Summary of permitted suffixes and relative ordering"); local versions have no key.
func pypiKey(dst []byte, s string) ([]byte, bool) {
	i := 0
	if strings.HasPrefix(s, "v") {
		i = 1
	}
	epoch := ""
	if j := digitsEnd(s, i); j > i && j < len(s) && s[j] == '!' {
		epoch, i = s[i:j], j+1
	}
	dst, ok := appendNumber(dst, 0, epoch)
	if !ok {
		return dst, false
	}
	const end = 0
	dst, _, i, ok = appendNumbers(dst, 1, s, i, len(s), ".")
	if !ok {
		return dst, false
	}
	dst = append(dst, end)
	var pre byte
	var number [3]string // of pre-, post- and development release
	var has [3]bool
	for i < len(s) {
		if s[i] == '.' || s[i] == '-' || s[i] == '_' {
			i++
		}
		j := lettersEnd(s, i)
		at := 0
		switch s[i:j] {
		case "a", "alpha":
			pre = 'a'
		case "b", "beta":
			pre = 'b'
		case "c", "rc", "pre", "preview":
			pre = 'r'
		case "post", "rev", "r":
			at = 1
		case "dev":
			at = 2
		default:
			return dst, false
		}
		for later := at; later < len(has); later++ {
			if has[later] {
				return dst, false
			}
		}
		if j+1 < len(s) && (s[j] == '.' || s[j] == '-' || s[j] == '_') && isDigit(s[j+1]) {
			j++
		}
		i = digitsEnd(s, j)
		has[at], number[at] = true, s[j:i]
	}
	const before, after = 0, 0xff
	switch {
	case has[0]:
		if dst, ok = appendNumber(append(dst, pre), 0, number[0]); !ok {
			return dst, false
		}
	case has[2] && !has[1]:
		dst = append(dst, before)
	default:
		dst = append(dst, after)
	}
	if !has[1] {
		dst = append(dst, before)
	} else if dst, ok = appendNumber(dst, 1, number[1]); !ok {
		return dst, false
	}
	if !has[2] {
		return append(dst, after), true
	}
	return appendNumber(dst, 0, number[2])
}

// gemKey: numbers, absent ones being zero, and a word before all numbers with one behind it.
func gemKey(dst []byte, s string) ([]byte, bool) {
	const text, end, number = 1, 2, 3
	dst, n, i, ok := appendNumbers(dst, number, s, 0, len(s), ".")
	if !ok {
		return dst, false
	}
	if i == len(s) {
		return append(dst, end), true
	}
	if n == 1 && isLetter(s[i]) {
		return dst, false
	}
	for k := range i {
		if s[k] == '0' && (k == 0 || s[k-1] == '.') && isDigit(s[k+1]) && k+1 < i {
			return dst, false // "00" before a word stays, "0" does not
		}
	}
	if s[i] == '.' {
		i++
	}
	j := lettersEnd(s, i)
	if i == j {
		return dst, false
	}
	dst = append(append(append(dst, text), s[i:j]...), 0)
	if j+1 < len(s) && s[j] == '.' {
		j++
	}
	if digitsEnd(s, j) != len(s) {
		return dst, false
	}
	if !isZero(s[j:]) {
		if dst, ok = appendNumber(dst, number, s[j:]); !ok {
			return dst, false
		}
	}
	return append(dst, end), true
}

// keyMemory holds the bytes of many keys side by side. The zero value is ready; a nil one
// keeps each by itself.
type keyMemory struct{ chunk strings.Builder }

// mostKeyChunk is how much of it is got at once.
const mostKeyChunk = 16 << 10

// keep returns a text that stays what key is now.
func (m *keyMemory) keep(key []byte) string {
	if m == nil {
		return string(key)
	}
	from := m.room(len(key))
	m.chunk.Write(key)
	return m.chunk.String()[from:]
}

// keepText returns a copy of a text that may be a small part of a large one.
func (m *keyMemory) keepText(s string) string {
	from := m.room(len(s))
	m.chunk.WriteString(s)
	return m.chunk.String()[from:]
}

// room says where the next n bytes begin. What was kept is never moved.
func (m *keyMemory) room(n int) int {
	from := m.chunk.Len()
	if m.chunk.Cap()-from >= n {
		return from
	}
	next := max(n, min(2*m.chunk.Cap(), mostKeyChunk), 64)
	m.chunk = strings.Builder{}
	m.chunk.Grow(next)
	return 0
}
