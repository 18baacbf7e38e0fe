package layout

import (
	"encoding/hex"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/provenance"
)

// Limits of one document. A link lists every file of a tree; a layout is written by hand.
const (
	maxBytes      = 64 << 20
	maxSignatures = 64
	maxSteps      = 1000
	maxRules      = 10_000
)

// signature is one of a document's, by whomever.
type signature struct {
	keyID string
	bytes []byte
	// headers are what GnuPG signs beside the message (RFC 4880 section 5.2.4); nil: it is
	// not GnuPG's.
	headers     []byte
	certificate string // PEM; "": none
}

// signed is a document with what was signed of it.
type signed struct {
	body       map[string]any
	message    []byte
	signatures []signature
}

// The types of predicates that are links (in-toto attestation framework, predicate "link").
const (
	linkV1  = "https://in-toto.io/Link/v1"
	linkV03 = "https://in-toto.io/attestation/link/v0.3"
)

// parse reads metadata in the form of in-toto 0.9 and 1.0 ({"signed", "signatures"}, over
// canonical JSON), or in a DSSE envelope, around a layout, a link or a statement.
func parse(raw []byte) (*signed, error) {
	if len(raw) > maxBytes {
		return nil, ident.Errorf(ident.KindLimit, "metadata of %d bytes is larger than %d", len(raw), maxBytes)
	}
	tree, err := object(raw)
	if err != nil {
		return nil, err
	}
	if _, is := tree["payload"]; is {
		return enveloped(raw, tree)
	}
	body, ok := tree["signed"].(map[string]any)
	list, isList := tree["signatures"].([]any)
	if !ok || !isList {
		return nil, ident.Errorf(ident.KindUnsupported, "is neither in-toto metadata nor a DSSE envelope").WithHint("layouts and links as in-toto writes them: root.layout, STEP.KEYID.link")
	}
	if len(list) > maxSignatures {
		return nil, ident.Errorf(ident.KindLimit, "has %d signatures, more than %d", len(list), maxSignatures)
	}
	out := &signed{body: body}
	if out.message, err = canonical(body); err != nil {
		return nil, err
	}
	for _, x := range list {
		m, _ := x.(map[string]any)
		id, _ := m["keyid"].(string)
		text, _ := m["sig"].(string)
		if text == "" {
			text, _ = m["signature"].(string) // as in-toto calls GnuPG's
		}
		cert, _ := m["cert"].(string)
		sig, err := hex.DecodeString(text)
		headers, ok := gpgHeaders(m)
		if err != nil || len(sig) == 0 || !ok {
			continue // what cannot be read signs nothing
		}
		out.signatures = append(out.signatures, signature{id, sig, headers, cert})
	}
	return out, nil
}

// gpgHeaders reads the headers of a signature of GnuPG; nil where it is none. They are hexadecimal.
func gpgHeaders(m map[string]any) (headers []byte, ok bool) {
	v, is := m["other_headers"]
	if !is {
		return nil, true
	}
	text, _ := v.(string)
	headers, err := hex.DecodeString(text)
	return headers, err == nil && len(headers) > 0
}

func enveloped(raw []byte, tree map[string]any) (*signed, error) {
	e, err := provenance.ParseEnvelope(raw, provenance.Limits{Bytes: maxBytes})
	if err != nil {
		return nil, err
	}
	if e.PayloadType != provenance.InTotoPayload {
		return nil, ident.Errorf(ident.KindUnsupported, "is an envelope around %.120q and nothing of in-toto", e.PayloadType)
	}
	body, err := object(e.Payload)
	if err != nil {
		return nil, err
	}
	if len(e.Signatures) > maxSignatures {
		return nil, ident.Errorf(ident.KindLimit, "has %d signatures, more than %d", len(e.Signatures), maxSignatures)
	}
	out := &signed{body: body, message: e.SignedBytes()}
	list, _ := tree["signatures"].([]any)
	for i, s := range e.Signatures {
		var headers []byte
		if len(list) == len(e.Signatures) {
			m, _ := list[i].(map[string]any)
			var ok bool
			if headers, ok = gpgHeaders(m); !ok {
				continue
			}
		}
		out.signatures = append(out.signatures, signature{keyID: s.KeyID, bytes: s.Sig, headers: headers})
	}
	return out, nil
}

func object(raw []byte) (map[string]any, error) {
	r := jsonscan.New(raw, jsonscan.Options{MaxStringBytes: len(raw)})
	v := r.Any(func(text string) any {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
		return fraction(text)
	})
	if err := r.End(); err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, ident.Errorf(ident.KindInvalid, "is no JSON object")
	}
	return m, nil
}

// fraction is a number that canonical JSON has no form for.
type fraction string

// canonical writes a value in the canonical JSON that in-toto signs: names sorted by their
// bytes, no space, integers only, and in texts nothing but quotes and backslashes escaped.
func canonical(v any) ([]byte, error) { return appendCanonical(nil, v) }

func appendCanonical(b []byte, v any) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case fraction:
		return nil, ident.Errorf(ident.KindInvalid, "the number %.40q has no canonical form: it is no integer of 64 bits", string(v))
	case string:
		return appendText(b, v), nil
	case []any:
		b = append(b, '[')
		for i, x := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendCanonical(b, x); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case map[string]any:
		b = append(b, '{')
		for i, k := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendText(b, k), ':')
			if b, err = appendCanonical(b, v[k]); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	}
	return nil, ident.Errorf(ident.KindInvalid, "%T is no value of JSON", v)
}

func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

// Layout is what an owner lays down.
type Layout struct {
	Expires     time.Time
	Steps       []Step
	Inspections []Inspection
	keys        map[string]*Key
	unjudged    map[string]string // keys that cannot be judged by, and why
	authorities authorities       // of functionaries' certificates
}

// key returns a key by the layout's name of it, or what of a GPG key its subkey of this
// fingerprint is; nil where there is none.
func (l *Layout) key(id string) *Key {
	if k := l.keys[id]; k != nil {
		return k
	}
	for _, name := range slices.Sorted(maps.Keys(l.keys)) {
		if k := l.keys[name].only(id); k != nil {
			return k
		}
	}
	return nil
}

// Step is a part of the supply chain.
type Step struct {
	Name                string
	Threshold           int
	KeyIDs              []string
	Materials, Products []Rule
	// Certificates are constraints of which a functionary's certificate has to keep one.
	Certificates []Constraint
}

// Inspection is a command that the layout asks the verifier to run.
type Inspection struct {
	Name string
	Run  []string
}

// Artifacts are the files of a link by their names, with digests by algorithm.
type Artifacts map[string]map[string]string

// Link says what went into a step and came out of it.
type Link struct {
	Name                string
	Materials, Products Artifacts
}

func readLayout(body map[string]any) (*Layout, error) {
	if t, _ := body["_type"].(string); t != "layout" {
		return nil, ident.Errorf(ident.KindUnsupported, "is of the type %.60q and no layout", t)
	}
	l := &Layout{keys: map[string]*Key{}, unjudged: map[string]string{}}
	expires, _ := body["expires"].(string)
	var err error
	if l.Expires, err = time.Parse("2006-01-02T15:04:05Z", expires); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the layout does not say until when it holds: %.60q", expires)
	}
	keys, _ := body["keys"].(map[string]any)
	for id, v := range keys {
		m, _ := v.(map[string]any)
		k, err := readKey(m)
		if err == nil && isGPG(m) && !strings.EqualFold(k.parts[0].gpg.fingerprint, id) {
			err = ident.Errorf(ident.KindInvalid, "is a GPG key with another fingerprint: %s", k.Who)
		}
		if err != nil {
			l.unjudged[id] = err.Error()
			continue
		}
		l.keys[id] = k
	}
	if l.authorities, err = readAuthorities(body); err != nil {
		return nil, err
	}
	steps, _ := body["steps"].([]any)
	inspections, _ := body["inspect"].([]any)
	if len(steps) == 0 {
		return nil, ident.Errorf(ident.KindInvalid, "the layout has no step, and so asks for nothing")
	}
	if len(steps)+len(inspections) > maxSteps {
		return nil, ident.Errorf(ident.KindLimit, "the layout has more than %d steps", maxSteps)
	}
	names := map[string]bool{}
	for _, x := range append(slices.Clip(steps), inspections...) {
		m, _ := x.(map[string]any)
		name, _ := m["name"].(string)
		if name == "" || names[name] || strings.ContainsAny(name, "/\\") {
			return nil, ident.Errorf(ident.KindInvalid, "a step has no name, or that of another: %.60q", name)
		}
		names[name] = true
	}
	for _, x := range steps {
		s, err := readStep(x.(map[string]any), names) //nolint:forcetypeassert // the loop above found a name in it
		if err != nil {
			return nil, err
		}
		l.Steps = append(l.Steps, *s)
	}
	for _, x := range inspections {
		m := x.(map[string]any)                                                                           //nolint:forcetypeassert // as above
		l.Inspections = append(l.Inspections, Inspection{Name: m["name"].(string), Run: texts(m["run"])}) //nolint:forcetypeassert // as above
	}
	return l, nil
}

func readStep(m map[string]any, names map[string]bool) (*Step, error) {
	s := &Step{Name: m["name"].(string), KeyIDs: texts(m["pubkeys"])} //nolint:forcetypeassert // the caller found it
	n, ok := m["threshold"].(int64)
	if !ok || n < 1 || n > maxSignatures {
		return nil, ident.Errorf(ident.KindInvalid, "the step %.60q has no threshold from 1 to %d", s.Name, maxSignatures)
	}
	s.Threshold = int(n)
	var err error
	if s.Certificates, err = readConstraints(m["cert_constraints"]); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the step %.60q: %w", s.Name, err)
	}
	if len(s.KeyIDs) == 0 && len(s.Certificates) == 0 {
		return nil, ident.Errorf(ident.KindInvalid, "nobody may carry out the step %.60q: it names no key and no certificate", s.Name)
	}
	for _, of := range []struct {
		name string
		into *[]Rule
	}{{"expected_materials", &s.Materials}, {"expected_products", &s.Products}} {
		list, _ := m[of.name].([]any)
		if len(list) > maxRules {
			return nil, ident.Errorf(ident.KindLimit, "the step %.60q has more than %d rules", s.Name, maxRules)
		}
		for _, x := range list {
			r, err := parseRule(texts(x))
			if err != nil {
				return nil, ident.Errorf(ident.KindInvalid, "the step %.60q: %w", s.Name, err)
			}
			if r.From != "" && !names[r.From] {
				return nil, ident.Errorf(ident.KindInvalid, "the step %.60q matches with the step %.60q, which the layout does not have", s.Name, r.From)
			}
			*of.into = append(*of.into, r)
		}
	}
	return s, nil
}

// readLink reads a link, as in-toto writes it or as the predicate of a statement.
func readLink(body map[string]any) (*Link, error) {
	l := &Link{}
	var err error
	switch t, _ := body["_type"].(string); t {
	case "link":
		l.Name, _ = body["name"].(string)
		if l.Materials, err = artifacts(body["materials"]); err == nil {
			l.Products, err = artifacts(body["products"])
		}
		return l, err
	case provenance.StatementV01, provenance.StatementV1:
	default:
		return nil, ident.Errorf(ident.KindUnsupported, "is of the type %.60q and no link", t)
	}
	predicate, _ := body["predicate"].(map[string]any)
	if l.Products, err = resources(body["subject"]); err != nil {
		return nil, err
	}
	l.Name, _ = predicate["name"].(string)
	switch t, _ := body["predicateType"].(string); t {
	case linkV1:
		l.Materials, err = artifacts(predicate["materials"])
	case linkV03:
		l.Materials, err = resources(predicate["materials"])
	default:
		return nil, ident.Errorf(ident.KindUnsupported, "is a statement of the type %.120q and no link", t)
	}
	return l, err
}

// artifacts reads {"name": {"sha256": "…"}}.
func artifacts(v any) (Artifacts, error) {
	m, ok := v.(map[string]any)
	if !ok && v != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the files of a link are no object")
	}
	out := Artifacts{}
	for name, d := range m {
		if err := out.add(name, d); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// resources reads [{"name": …, "digest": {"sha256": "…"}}].
func resources(v any) (Artifacts, error) {
	list, ok := v.([]any)
	if !ok && v != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the files of a link are no list")
	}
	out := Artifacts{}
	for _, x := range list {
		m, _ := x.(map[string]any)
		name, _ := m["name"].(string)
		if name == "" {
			name, _ = m["uri"].(string)
		}
		if err := out.add(name, m["digest"]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (a Artifacts) add(name string, digests any) error {
	m, _ := digests.(map[string]any)
	clean := path.Clean(name)
	if name == "" || len(m) == 0 {
		return ident.Errorf(ident.KindInvalid, "a file of a link has no name or no digest: %.120q", name)
	}
	if _, twice := a[clean]; twice {
		return ident.Errorf(ident.KindInvalid, "the file %.120q stands in a link twice", clean)
	}
	of := map[string]string{}
	for algorithm, v := range m {
		text, ok := v.(string)
		if !ok || text == "" {
			return ident.Errorf(ident.KindInvalid, "the digest of %.120q is no text", name)
		}
		of[algorithm] = strings.ToLower(text)
	}
	a[clean] = of
	return nil
}

func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, x := range list {
		s, _ := x.(string) // a word of another kind is none, and a rule with it has no meaning
		out = append(out, s)
	}
	return out
}
