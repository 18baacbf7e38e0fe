package index

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// A key is the canonical byte string of one distinct component: what it is for
// every matcher (package URL, name, version, source package, distribution), and
// what is said about it (licences, supplier, hashes). Two occurrences that differ
// in any of these are two entries, so that none is hidden by the usual one.
//
//	key      = identity 0x00 attributes 0x00 hashes
//	identity = ( canonical package URL | 'n' name ) { 0x02 tag text }
//	attributes = { tag text 0x02 }
//	hashes   = { algorithm length value }      raw bytes
//
// Texts escape 0x00, 0x01 and 0x02 as 0x01 0x03, 0x01 0x04 and 0x01 0x05. Package
// URLs come first, so that sorted keys put the versions of a package side by side.
const (
	partEnd  = 0x00
	escape   = 0x01
	fieldEnd = 0x02
	escaped  = 3
)

// maxText bounds one text of a key. Longer ones, which are pasted licence texts
// and hostile documents, are cut and end with their SHA-256, so that distinct
// texts stay distinct. It is vuln.MaxPURLBytes: no query is longer.
const maxText = vuln.MaxPURLBytes

// MaxKeyBytes bounds a key, since a store keeps each as one row: a component with
// a thousand licences is refused by no decoder. What is longer is cut part by part,
// at whole fields, and names the whole by digest.
const MaxKeyBytes = 1 << 16

// How much of each part a key that is too long keeps. The first field of an identity
// is always kept: it has maxText bytes at most, doubled where all are escaped. The
// rest of MaxKeyBytes is for the digest.
const (
	cutIdentity   = 35 << 10
	cutAttributes = 20 << 10
	cutHashes     = 8 << 10
)

// The tags of an identity's fields.
const (
	tagRawPURL     = 'P' // a package URL that does not parse, as written
	tagGroup       = 'g'
	tagName        = 'n'
	tagVersion     = 'v'
	tagCPE         = 'c'
	tagType        = 't' // "file" is the one that scans treat apart
	tagSourceName  = 's'
	tagSourceText  = 'u' // version of the source package
	tagOS          = 'o'
	tagOSVersion   = 'r'
	tagFullName    = 'f' // the name is namespace/name of the package URL
	tagOwnName     = 'm' // the name is the package URL's, the group its namespace
	noPURL         = 'n' // begins the identity of a component without a package URL
	tagSupplier    = 'S'
	firstLicence   = 'a' // plus kind, plus licenceNameBit
	licenceNameBit = 4
)

// KeyOf returns the key of a component. subjectOS is the distribution that its
// document is about. Scope, locations and layer are of the occurrence and are not
// part of it; neither are CPEs where there is a package URL, by which everything
// is matched then. The bytes are not text: store them as such.
func KeyOf(c *sbom.Component, subjectOS sbom.Distro) string {
	return string(AppendKey(nil, c, subjectOS))
}

// KeysOf returns the keys of everything in a document that can be asked for,
// sorted and each once: its components, and its subject where that is itself a
// package of an ecosystem.
func KeysOf(d *sbom.Document) []string {
	keys := make([]string, 0, len(d.Components)+1)
	var buf []byte
	add := func(c *sbom.Component) {
		buf = AppendKey(buf[:0], c, d.Subject.OS)
		keys = append(keys, string(buf))
	}
	for i := range d.Components {
		add(&d.Components[i])
	}
	if c, ok := vuln.SubjectPackage(d); ok {
		add(c)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// AppendKey is KeyOf, appended to dst.
func AppendKey(dst []byte, c *sbom.Component, subjectOS sbom.Distro) []byte {
	start := len(dst)
	dst, ofOS := appendWhole(dst, c)
	if ofOS {
		dst = insertOS(dst, start, subjectOS)
	}
	if len(dst)-start > MaxKeyBytes {
		return cutKey(dst, start)
	}
	return dst
}

// appendWhole appends a key of any length. ofOS says that the distribution of the
// component's document belongs into it (insertOS).
func appendWhole(dst []byte, c *sbom.Component) (_ []byte, ofOS bool) {
	dst, ofOS = appendIdentity(dst, c)
	dst = append(dst, partEnd)
	dst = appendAttributes(dst, c)
	dst = append(dst, partEnd)
	return appendHashes(dst, c), ofOS
}

// insertOS adds a distribution to the identity of the key at dst[start:].
func insertOS(dst []byte, start int, os sbom.Distro) []byte {
	if os == (sbom.Distro{}) {
		return dst
	}
	var room [128]byte
	fields := appendField(appendField(room[:0], tagOS, os.ID), tagOSVersion, os.VersionID)
	return slices.Insert(dst, start+bytes.IndexByte(dst[start:], partEnd), fields...)
}

// appendField appends a field of an identity, unless its text is empty.
func appendField(dst []byte, tag byte, text string) []byte {
	if text == "" {
		return dst
	}
	return appendText(append(dst, fieldEnd, tag), text)
}

// cutKey keeps the fields of an oversized key that fit, and names all of it by digest:
// as one more licence, by free text, so that two keys that were cut stay distinct.
func cutKey(dst []byte, start int) []byte {
	key := bytes.Clone(dst[start:])
	sum := sha256.Sum256(key)
	// Fields hold no partEnd, hashes may: a key of AppendKey always has three parts.
	end := bytes.IndexByte(key, partEnd)
	identity, rest := key[:end], key[end+1:]
	end = bytes.IndexByte(rest, partEnd)
	attributes, hashes := rest[:end], rest[end+1:]
	dst = dst[:start]
	if len(identity) > cutIdentity {
		identity = identity[:bytes.LastIndexByte(identity[:cutIdentity+1], fieldEnd)] // a field begins with fieldEnd
	}
	dst = append(append(dst, identity...), partEnd)
	if len(attributes) > cutAttributes {
		attributes = attributes[:bytes.LastIndexByte(attributes[:cutAttributes], fieldEnd)+1] // an attribute ends with it
	}
	dst = append(dst, attributes...)
	dst = appendText(append(dst, firstLicence+licenceNameBit), "sha256:"+hex.EncodeToString(sum[:]))
	dst = append(dst, fieldEnd, partEnd)
	kept := 0
	for kept < len(hashes) {
		n := hashLen(hashes[kept:])
		if kept+n > cutHashes {
			break
		}
		kept += n
	}
	return append(dst, hashes[:kept]...)
}

// hashLen is how many bytes the first hash of a key's last part takes.
func hashLen(b []byte) int {
	if b[0] == 0 {
		return 3 + int(b[1])<<8 + int(b[2])
	}
	return 2 + int(b[1])
}

// appendIdentity appends the identity without the document's distribution, and reports
// whether that belongs to it.
func appendIdentity(dst []byte, c *sbom.Component) (_ []byte, ofOS bool) {
	field := func(tag byte, text string) { dst = appendField(dst, tag, text) }
	if c.PURL == "" {
		dst = appendText(append(dst, noPURL), c.Name)
		field(tagGroup, c.Group)
		field(tagVersion, c.Version)
		field(tagSourceName, c.Source.Name)
		field(tagSourceText, c.Source.Version)
		for _, cpe := range sortedOnce(c.CPEs, strings.Compare) {
			field(tagCPE, cpe)
		}
		if c.Type == "file" {
			field(tagType, c.Type)
		}
		return dst, false
	}
	p, err := vuln.ParsePURL(c.PURL)
	start := len(dst)
	if err == nil {
		// It needs no escapes: nothing in it is at most fieldEnd.
		if dst = p.AppendTo(dst); len(dst)-start > maxText {
			err = ident.Errorf(ident.KindLimit, "the canonical package URL is longer than %d bytes", maxText)
		}
	}
	if err != nil {
		dst = appendText(append(dst[:start], noPURL), c.Name)
		field(tagRawPURL, c.PURL)
		field(tagGroup, c.Group)
		field(tagVersion, c.Version)
	} else {
		switch {
		case c.Group == "" && c.Name == p.FullName():
			dst = append(dst, fieldEnd, tagFullName)
		case c.Group == p.Namespace && c.Name == p.Name:
			dst = append(dst, fieldEnd, tagOwnName)
		default:
			field(tagGroup, c.Group)
			field(tagName, c.Name)
		}
		if c.Version != p.Version {
			field(tagVersion, c.Version)
		}
	}
	if err != nil || c.Source.Version != "" || c.Source.Name != impliedSource(p) {
		field(tagSourceName, c.Source.Name)
		field(tagSourceText, c.Source.Version)
	}
	return dst, err != nil || ofDistribution(p.Type) && !namesRelease(p.Qualifier("distro"))
}

// ofDistribution reports whether advisories about a type go by release and source package.
func ofDistribution(typ string) bool {
	switch typ {
	case "deb", "rpm", "apk", "alpine":
		return true
	}
	return false
}

// impliedSource returns the source package that the qualifier "upstream" names
// as plainly as Component.Source would, or "".
func impliedSource(p vuln.PURL) string {
	up := p.Qualifier("upstream")
	if !ofDistribution(p.Type) || strings.ContainsAny(up, "@,") || strings.HasSuffix(up, ".rpm") || p.Qualifier("sourceversion") != "" {
		return ""
	}
	return up
}

// namesRelease reports whether a qualifier "distro" gives a release by itself
// ("debian-12", "3.18.4"), so that the document's own distribution is not asked.
func namesRelease(distro string) bool {
	for i := range len(distro) {
		if '0' <= distro[i] && distro[i] <= '9' && (i == 0 || distro[i-1] == '-') {
			return true
		}
	}
	return false
}

// appendAttributes writes licences and supplier, each licence once, sorted.
func appendAttributes(dst []byte, c *sbom.Component) []byte {
	for _, l := range sortedOnce(c.Licenses, compareLicences) {
		if l.Expression == "" {
			continue
		}
		tag := firstLicence + byte(l.Kind&3)
		if l.Name {
			tag += licenceNameBit
		}
		dst = append(appendText(append(dst, tag), l.Expression), fieldEnd)
	}
	if c.Supplier != "" {
		dst = append(appendText(append(dst, tagSupplier), c.Supplier), fieldEnd)
	}
	return dst
}

func compareLicences(a, b sbom.License) int {
	return cmp.Or(strings.Compare(a.Expression, b.Expression), int(a.Kind)-int(b.Kind), boolRank(a.Name)-boolRank(b.Name))
}

func compareHashes(a, b sbom.Hash) int {
	return cmp.Or(strings.Compare(a.Algorithm, b.Algorithm), strings.Compare(a.Value, b.Value))
}

// sortedOnce returns a list in order and each once: the list itself where it is so, which
// most are, and otherwise a copy.
func sortedOnce[T comparable](list []T, compare func(a, b T) int) []T {
	for i := 1; i < len(list); i++ {
		if compare(list[i-1], list[i]) >= 0 {
			list = slices.Clone(list)
			slices.SortFunc(list, compare)
			return slices.Compact(list)
		}
	}
	return list
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// hashNames are the algorithms that a key spells with one byte. The order is
// part of the format: append only.
var hashNames = [...]string{"", "SHA-1", "SHA-256", "SHA-384", "SHA-512", "MD5", "SHA3-256", "SHA3-384", "SHA3-512",
	"BLAKE2b-256", "BLAKE2b-384", "BLAKE2b-512", "BLAKE3", "SHA-224", "MD2", "MD4", "MD6", "ADLER32", "Streebog-256", "Streebog-512"}

// appendHashes writes each hash once, sorted. One that is no hexadecimal of at
// most 127 bytes, or of an algorithm without a number, is written as text.
func appendHashes(dst []byte, c *sbom.Component) []byte {
	for _, h := range sortedOnce(c.Hashes, compareHashes) {
		alg := slices.Index(hashNames[1:], h.Algorithm) + 1
		if alg > 0 && len(h.Value) < 256 {
			before := len(dst)
			var whole bool
			if dst, whole = appendLowerHex(append(dst, byte(alg), byte(len(h.Value)/2)), h.Value); whole {
				continue
			}
			dst = dst[:before]
		}
		text := strings.ReplaceAll(h.Algorithm, ":", "-") + ":" + h.Value
		text = clipText(text)
		dst = append(dst, 0, byte(len(text)>>8), byte(len(text)))
		dst = append(dst, text...)
	}
	return dst
}

// appendLowerHex appends the bytes of hexadecimal, and reports whether s was that and will
// be the same text when they are written so again.
func appendLowerHex(dst []byte, s string) (_ []byte, whole bool) {
	var wrong byte
	for i := 0; i+1 < len(s); i += 2 {
		high, low := lowerHex[s[i]], lowerHex[s[i+1]]
		wrong |= high | low
		dst = append(dst, high<<4|low&15)
	}
	return dst, wrong < 16 && len(s)%2 == 0
}

// lowerHex are the values of digits, and 255 for what is none.
var lowerHex = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i, c := range []byte("0123456789abcdef") {
		t[c] = byte(i) //nolint:gosec // below 16
	}
	return t
}()

func clipText(s string) string {
	if len(s) <= maxText {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return s[:maxText] + "…sha256:" + hex.EncodeToString(sum[:])
}

func appendText(dst []byte, s string) []byte {
	s = clipText(s)
	from := 0
	for i := range len(s) {
		if s[i] <= fieldEnd {
			dst = append(append(dst, s[from:i]...), escape, s[i]+escaped)
			from = i + 1
		}
	}
	return append(dst, s[from:]...)
}

// readText undoes appendText.
func readText(b []byte) (string, error) {
	if bytes.IndexByte(b, escape) < 0 {
		return string(b), nil
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == escape {
			if i++; i == len(b) || b[i] < escaped || b[i] > escaped+fieldEnd {
				return "", damaged("a text of a component key ends within an escape")
			}
			out = append(out, b[i]-escaped)
			continue
		}
		out = append(out, b[i])
	}
	return string(out), nil
}

// splitKey cuts a key into its three parts.
func splitKey[T string | []byte](key T) (identity, attributes, hashes T, err error) {
	cut := func(s T) (T, T, bool) {
		for i := range len(s) {
			if s[i] == partEnd {
				return s[:i], s[i+1:], true
			}
		}
		return s, s[:0], false
	}
	identity, rest, ok := cut(key)
	if ok {
		attributes, hashes, ok = cut(rest)
	}
	if !ok {
		return identity, attributes, hashes, damaged("a component key has not three parts")
	}
	return identity, attributes, hashes, nil
}

// ParseKey returns the component that a key stands for, and the distribution of
// its document where matching needs it. Every matcher answers for it as for the
// component that the key was made of.
func ParseKey(key []byte) (sbom.Component, sbom.Distro, error) {
	identity, attributes, hashes, err := splitKey(key)
	if err != nil {
		return sbom.Component{}, sbom.Distro{}, err
	}
	c, _, os, err := parseIdentity(identity)
	if err == nil {
		err = parseAttributes(attributes, &c)
	}
	if err == nil {
		c.Hashes, err = parseHashes(hashes)
	}
	if err != nil {
		return sbom.Component{}, sbom.Distro{}, err
	}
	return c, os, nil
}

// parseIdentity returns the component of an identity, its package URL with the component's
// version where it has none, and the distribution of its document. A component without a
// package URL that parses has the zero one.
func parseIdentity(b []byte) (c sbom.Component, p vuln.PURL, os sbom.Distro, err error) {
	main, rest, _ := bytes.Cut(b, []byte{fieldEnd})
	text, err := readText(main)
	if err != nil {
		return c, p, os, err
	}
	switch {
	case strings.HasPrefix(text, "pkg:"):
		c.PURL = text
	case strings.HasPrefix(text, string(noPURL)):
		c.Name = text[1:]
	default:
		return c, p, os, damaged("a component key begins neither with a package URL nor with a name")
	}
	parsed := c.PURL != ""
	if parsed {
		if p, err = vuln.ParsePURL(c.PURL); err != nil {
			return c, p, os, damaged("the package URL of a component key does not parse: %v", err)
		}
		c.Version = p.Version
	}
	for len(rest) > 0 {
		var f []byte
		f, rest, _ = bytes.Cut(rest, []byte{fieldEnd})
		if len(f) == 0 {
			return c, p, os, damaged("a field of a component key is empty")
		}
		text, err := readText(f[1:])
		if err != nil {
			return c, p, os, err
		}
		switch f[0] {
		case tagFullName:
			c.Name = p.FullName()
		case tagOwnName:
			c.Group, c.Name = p.Namespace, p.Name
		case tagGroup:
			c.Group = text
		case tagName:
			c.Name = text
		case tagVersion:
			c.Version = text
		case tagRawPURL:
			c.PURL = text
		case tagCPE:
			c.CPEs = append(c.CPEs, text)
		case tagType:
			c.Type = text
		case tagSourceName:
			c.Source.Name = text
		case tagSourceText:
			c.Source.Version = text
		case tagOS:
			os.ID = text
		case tagOSVersion:
			os.VersionID = text
		default:
			return c, p, os, damaged("field %q of a component key is unknown", f[0])
		}
	}
	if parsed && c.Source == (sbom.SourcePackage{}) {
		c.Source.Name = impliedSource(p) // AppendKey left it out
	}
	if parsed && p.Version == "" {
		p.Version = c.Version
	}
	return c, p, os, nil
}

// appendIdentityWords appends the words that an identity can be asked for by:
// vuln.CandidateWords of its component, for less.
func appendIdentityWords(dst []string, identity []byte) ([]string, error) {
	main, rest, _ := bytes.Cut(identity, []byte{fieldEnd})
	text, err := readText(main)
	if err != nil {
		return dst, err
	}
	if strings.HasPrefix(text, string(noPURL)) {
		return vuln.AppendWords(dst, nil, text[1:]), nil
	}
	p, err := vuln.ParsePURL(text)
	if err != nil {
		return dst, damaged("the package URL of a component key does not parse: %v", err)
	}
	name := ""
	for len(rest) > 0 {
		var f []byte
		f, rest, _ = bytes.Cut(rest, []byte{fieldEnd})
		if len(f) == 0 {
			return dst, damaged("a field of a component key is empty")
		}
		switch f[0] {
		case tagFullName:
			name = p.FullName()
		case tagOwnName:
			name = p.Name
		case tagName:
			if name, err = readText(f[1:]); err != nil {
				return dst, err
			}
		}
	}
	return vuln.AppendWords(dst, &p, name), nil
}

func parseAttributes(b []byte, c *sbom.Component) error {
	for len(b) > 0 {
		f, rest, ok := bytes.Cut(b, []byte{fieldEnd})
		if !ok || len(f) == 0 {
			return damaged("an attribute of a component key has no end")
		}
		text, err := readText(f[1:])
		if err != nil {
			return err
		}
		switch n := f[0] - firstLicence; {
		case f[0] == tagSupplier:
			c.Supplier = text
		case f[0] >= firstLicence && n < 8 && n&3 < 3:
			c.Licenses = append(c.Licenses, sbom.License{Expression: text, Kind: sbom.LicenseKind(n & 3), Name: n&licenceNameBit != 0})
		default:
			return damaged("attribute %q of a component key is unknown", f[0])
		}
		b = rest
	}
	return nil
}

func parseHashes(b []byte) (out []sbom.Hash, err error) {
	for len(b) > 0 {
		alg, rest := b[0], b[1:]
		switch {
		case alg == 0 && len(rest) >= 2:
			n := int(rest[0])<<8 | int(rest[1])
			if len(rest) < 2+n {
				return nil, damaged("a hash of a component key is cut off")
			}
			name, value, ok := strings.Cut(string(rest[2:2+n]), ":")
			if !ok {
				return nil, damaged("a hash of a component key names no algorithm")
			}
			out = append(out, sbom.Hash{Algorithm: name, Value: value})
			b = rest[2+n:]
		case alg > 0 && int(alg) < len(hashNames) && len(rest) >= 1 && len(rest) > int(rest[0]):
			n := int(rest[0])
			out = append(out, sbom.Hash{Algorithm: hashNames[alg], Value: hex.EncodeToString(rest[1 : 1+n])})
			b = rest[1+n:]
		default:
			return nil, damaged("a hash of a component key is cut off, or of an unknown algorithm")
		}
	}
	return out, nil
}

// damaged is the error of stored bytes that are not what was written.
func damaged(format string, args ...any) *ident.Error {
	return ident.Errorf(ident.KindInvalid, format, args...).
		WithHint("the index is derived: rebuild it from the documents' rows")
}
