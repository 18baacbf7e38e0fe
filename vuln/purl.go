package vuln

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/ident"
)

// MaxPURLBytes bounds a package URL. The longest real ones carry a file name
// and several checksums and stay below two kilobytes.
const MaxPURLBytes = 16 << 10

// PURL is a package URL (ECMA-427) taken apart: every field is decoded, and
// normalised as the definition of its type asks for.
type PURL struct {
	Type       string // lower case
	Namespace  string // segments joined by "/"; "" if absent
	Name       string
	Version    string
	Qualifiers []Qualifier // sorted by key; without empty values
	Subpath    string
}

// Qualifier is one key=value pair of a package URL.
type Qualifier struct{ Key, Value string }

// Qualifier returns the value of a qualifier, or "".
func (p PURL) Qualifier(key string) string {
	for _, q := range p.Qualifiers {
		if q.Key == key {
			return q.Value
		}
	}
	return ""
}

// FullName returns namespace and name joined by "/".
func (p PURL) FullName() string {
	if p.Namespace == "" {
		return p.Name
	}
	return p.Namespace + "/" + p.Name
}

// ParsePURL reads a package URL as ECMA-427 section "How to parse a purl
// string in its components" does, and applies the rules of the type. A type
// that has no definition is accepted and left as written. The error is an
// ident.Error of KindInvalid.
func ParsePURL(s string) (PURL, error) {
	bad := func(reason string) (PURL, error) {
		return PURL{}, ident.Errorf(ident.KindInvalid, "%q is not a package URL: %s", clip(s), reason)
	}
	if len(s) > MaxPURLBytes {
		return bad("longer than 16 KiB")
	}
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || !strings.EqualFold(scheme, "pkg") {
		return bad(`it does not start with "pkg:"`)
	}
	var p PURL
	if i := strings.LastIndexByte(rest, '#'); i >= 0 {
		var reason string
		if p.Subpath, reason = decodeSegments(rest[i+1:], true); reason != "" {
			return bad("subpath: " + reason)
		}
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '?'); i >= 0 {
		var reason string
		if p.Qualifiers, reason = decodeQualifiers(rest[i+1:]); reason != "" {
			return bad(reason)
		}
		rest = rest[:i]
	}
	typ, rest, ok := strings.Cut(strings.TrimLeft(rest, "/"), "/")
	if !ok {
		return bad("there is no name after the type")
	}
	if !validType(typ) {
		return bad("the type is malformed")
	}
	p.Type = strings.ToLower(typ)
	rest = strings.Trim(rest, "/")
	// The version begins at the last "@", unless a "/" follows it: that is an
	// npm scope that was not encoded.
	if i := strings.LastIndexByte(rest, '@'); i >= 0 && !strings.Contains(rest[i:], "/") {
		if p.Version, ok = unescape(rest[i+1:]); !ok {
			return bad("the version is not percent-encoded UTF-8")
		}
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		var reason string
		if p.Namespace, reason = decodeSegments(rest[:i], false); reason != "" {
			return bad("namespace: " + reason)
		}
		rest = rest[i+1:]
	}
	if p.Name, ok = unescape(rest); !ok {
		return bad("the name is not percent-encoded UTF-8")
	}
	if reason := p.normalise(); reason != "" {
		return bad(reason)
	}
	return p, nil
}

// String returns the canonical form.
func (p PURL) String() string {
	var room [128]byte
	return string(p.AppendTo(room[:0]))
}

// AppendTo appends the canonical form, which is ASCII without control characters.
func (p *PURL) AppendTo(b []byte) []byte {
	b = append(append(b, "pkg:"...), p.Type...)
	if p.Namespace != "" {
		for seg := range strings.SplitSeq(p.Namespace, "/") {
			b = escape(append(b, '/'), seg)
		}
	}
	b = escape(append(b, '/'), p.Name)
	if p.Version != "" {
		b = escape(append(b, '@'), p.Version)
	}
	for i, q := range p.Qualifiers {
		b = append(append(append(b, "?&"[min(i, 1)]), q.Key...), '=')
		b = escape(b, q.Value)
	}
	if p.Subpath != "" {
		sep := byte('#')
		for seg := range strings.SplitSeq(p.Subpath, "/") {
			b = escape(append(b, sep), seg)
			sep = '/'
		}
	}
	return b
}

// normalise applies the type's own rules and says what is missing, or "".
func (p *PURL) normalise() string {
	rule, defined := purlRules[p.Type]
	if p.Name == "" {
		return "it has no name"
	}
	if !defined {
		return ""
	}
	switch {
	case rule.namespace == required && p.Namespace == "":
		return "the type " + p.Type + " requires a namespace"
	case rule.namespace == prohibited && p.Namespace != "":
		return "the type " + p.Type + " has no namespace"
	}
	if rule.lowerNamespace {
		p.Namespace = strings.ToLower(p.Namespace)
	}
	if rule.lowerName {
		p.Name = strings.ToLower(p.Name)
	}
	if rule.lowerVersion {
		p.Version = strings.ToLower(p.Version)
	}
	switch p.Type {
	case "pypi":
		p.Name = strings.ReplaceAll(p.Name, "_", "-")
	case "pub":
		p.Name = strings.Map(func(r rune) rune {
			if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
				return r
			}
			return '_'
		}, p.Name)
	case "cpan":
		// The author of a distribution is written in capitals.
		p.Namespace = strings.ToUpper(p.Namespace)
		if strings.Contains(p.Name, "::") {
			return "a CPAN distribution name has no \"::\""
		}
	case "chrome-extension":
		if !validChromeID(p.Name) || !validChromeVersion(p.Version) {
			return "it names no Chrome extension: 32 letters a–p, and up to four numbers as version"
		}
	case "mlflow":
		// Databricks folds the case of model names, Azure ML does not.
		if strings.Contains(p.Qualifier("repository_url"), "databricks") {
			p.Name = strings.ToLower(p.Name)
		}
	case "julia":
		if p.Qualifier("uuid") == "" {
			return "the type julia requires the qualifier uuid"
		}
	case "swid":
		if p.Qualifier("tag_id") == "" {
			return "the type swid requires the qualifier tag_id"
		}
	case "conan":
		// Conan's recipe revision is told by user and channel together.
		if p.Namespace == "" && p.Qualifier("channel") != "" && p.Qualifier("user") == "" {
			return "a Conan channel without a user or namespace is ambiguous"
		}
		if p.Namespace != "" && len(p.Qualifiers) == 0 {
			return "a Conan namespace requires the qualifier channel"
		}
	}
	return ""
}

func validChromeID(s string) bool {
	return len(s) == 32 && strings.Trim(s, "abcdefghijklmnop") == ""
}

func validChromeVersion(s string) bool {
	return s == "" || strings.Trim(s, "0123456789.") == "" && strings.Count(s, ".") < 4
}

// validType is the grammar of a type: letters, digits, ".", "-"; it starts with a letter.
func validType(t string) bool {
	if t == "" || !isLetter(t[0]) {
		return false
	}
	for i := 0; i < len(t); i++ {
		if c := t[i]; !isLetter(c) && !isDigit(c) && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

func validKey(k string) bool {
	if k == "" || !isLetter(k[0]) {
		return false
	}
	for i := 0; i < len(k); i++ {
		if c := k[i]; !isLetter(c) && !isDigit(c) && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// decodeSegments decodes a namespace or subpath. Empty segments are dropped,
// and in a subpath "." and ".." too. A decoded namespace segment holds no "/".
func decodeSegments(s string, subpath bool) (joined, reason string) {
	if !strings.ContainsAny(s, "%.") && !strings.Contains(s, "//") && !strings.HasPrefix(s, "/") && !strings.HasSuffix(s, "/") {
		if !utf8.ValidString(s) {
			return "", "it is not UTF-8"
		}
		return s, ""
	}
	var kept []string
	for seg := range strings.SplitSeq(s, "/") {
		dec, ok := unescape(seg)
		if !ok {
			return "", "it is not percent-encoded UTF-8"
		}
		if strings.Contains(dec, "/") {
			return "", "a segment holds an encoded slash"
		}
		if dec == "" || subpath && (dec == "." || dec == "..") {
			continue
		}
		kept = append(kept, dec)
	}
	return strings.Join(kept, "/"), ""
}

func decodeQualifiers(s string) (out []Qualifier, reason string) {
	for pair := range strings.SplitSeq(s, "&") {
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		if !validKey(k) {
			return nil, "a qualifier's key is malformed"
		}
		dec, ok := unescape(v)
		if !ok {
			return nil, "a qualifier's value is not percent-encoded UTF-8"
		}
		if dec == "" {
			continue
		}
		out = append(out, Qualifier{strings.ToLower(k), dec})
	}
	slices.SortStableFunc(out, func(a, b Qualifier) int { return strings.Compare(a.Key, b.Key) })
	for i := 1; i < len(out); i++ {
		if out[i].Key == out[i-1].Key {
			return nil, "the qualifier " + out[i].Key + " stands twice"
		}
	}
	return out, ""
}

// unescape decodes percent-encoding; a "+" stays a plus.
func unescape(s string) (string, bool) {
	i := strings.IndexByte(s, '%')
	if i < 0 {
		return s, utf8.ValidString(s)
	}
	b := make([]byte, 0, len(s))
	b = append(b, s[:i]...)
	for ; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		hi, ok1 := unhex(s[i+1])
		lo, ok2 := unhex(s[i+2])
		if !ok1 || !ok2 {
			return "", false
		}
		b = append(b, hi<<4|lo)
		i += 2
	}
	return string(b), utf8.Valid(b)
}

func unhex(c byte) (byte, bool) {
	switch {
	case isDigit(c):
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// escape percent-encodes all but the unreserved characters and the colon
// (ECMA-427, "Character encoding").
func escape(b []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	plain := 0 // from where on nothing was encoded
	for i := range len(s) {
		if c := s[i]; !unreserved[c] {
			b = append(append(b, s[plain:i]...), '%', digits[c>>4], digits[c&15])
			plain = i + 1
		}
	}
	return append(b, s[plain:]...)
}

// unreserved are the characters that stand for themselves.
var unreserved = func() (t [256]bool) {
	for c := range len(t) {
		c := byte(c)
		t[c] = isLetter(c) || isDigit(c) || strings.IndexByte(".-_~:", c) >= 0
	}
	return t
}()

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// clip shortens foreign text for a message.
func clip(s string) string {
	const most = 120
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "�") + "…"
	}
	return s
}
