package swid

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

const (
	// concise is the version of a CoSWID tag: the format has no other (RFC 9393, 2).
	concise = "rfc9393"
	// root is the rule of a tag's map, and begins its pointers.
	root = "/concise-swid-tag"

	tagCoSWID        = 0x53574944 // "SWID", RFC 9393, 8
	tagSelfDescribed = 55799      // RFC 8949, 3.4.6
	tagSign1         = 18         // RFC 9052, 2
	tagSign          = 98

	// maxWrappers bounds tags and envelopes around a tag: a tagged envelope around a tagged tag
	// has four, and says five where CBOR says that it is CBOR.
	maxWrappers = 8
	// maxLevels bounds how deep data items nest: a folder of a payload takes four of them.
	maxLevels = 4 * maxDepth
	// maxElements bounds an array: the files of one folder.
	maxElements = 1 << 20
	// maxPairs bounds a map. The model has fifteen items in its largest.
	maxPairs = 10_000
)

// label is the index of an item in a map, and its name (RFC 9393, 6.1).
type label struct {
	index int64
	name  string
}

var (
	tagID           = label{0, "tag-id"}
	softwareName    = label{1, "software-name"}
	entity          = label{2, "entity"}
	evidence        = label{3, "evidence"}
	link            = label{4, "link"}
	corpus          = label{8, "corpus"}
	patch           = label{9, "patch"}
	supplemental    = label{11, "supplemental"}
	tagVersion      = label{12, "tag-version"}
	softwareVersion = label{13, "software-version"}
	entityName      = label{31, "entity-name"}
	regID           = label{32, "reg-id"}
	role            = label{33, "role"}
	date            = label{35, "date"}
	href            = label{38, "href"}
	rel             = label{40, "rel"}
)

// The registered values of role and rel, each at its index (RFC 9393, 4.2 and 4.4).
var (
	roles = []string{1: "tagCreator", "softwareCreator", "aggregator", "distributor", "licensor", "maintainer"}
	rels  = []string{1: "ancestor", "component", "feature", "installationmedia", "packageinstaller", "parent", "patches", "requires", "see-also", "supersedes", "supplemental"}
)

// reading is how CBOR is read: names twice, text that is not UTF-8 and trailing bytes are faults.
var reading = func() cbor.DecMode {
	m, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels: maxLevels, MaxArrayElements: maxElements, MaxMapPairs: maxPairs}.DecMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return m
}()

// IsConcise reports whether bytes look like a CoSWID tag, signed or not. One that bears no
// CBOR tag of its own is known by its identifier and its name alone.
func IsConcise(data []byte) bool {
	if len(data) == 0 || !slices.Contains([]byte{majorArray, majorMap, majorTag}, data[0]&major) {
		return false
	}
	e, err := open(data)
	if e.tagged || err != nil {
		return e.tagged
	}
	m, err := items(e.body, root)
	return err == nil && m.has(tagID) && m.has(softwareName)
}

// DecodeConcise reads one CoSWID tag (RFC 9393): CBOR, tagged or not, alone or in the COSE
// envelope of one or of several signatures, which are not verified. What the standard does not
// define is passed over. Errors are *ident.Error, with the item they are about: KindInvalid for
// what is no CBOR, no tag or lacks its name or identifier, KindUnsupported for an envelope
// without its content, KindLimit beyond a limit.
func DecodeConcise(ctx context.Context, data []byte, o sbom.Limits) (*sbom.Document, error) {
	if err := o.Admit(data); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e, err := open(data)
	if err != nil {
		return nil, err
	}
	m, err := items(e.body, root)
	if err != nil {
		return nil, err
	}
	d := &conciseDecoder{begin(data, o, sbom.CBOR, concise, root), ctx}
	if d.doc.Details != nil {
		d.doc.Details.Signed = e.signed
	}
	for _, read := range []func(pairs) error{d.identity, d.kinds, d.entities, d.links, d.evidence} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := read(m); err != nil {
			return nil, err
		}
	}
	return d.doc, nil
}

type conciseDecoder struct {
	*tag
	ctx context.Context
}

func (d *conciseDecoder) identity(m pairs) error {
	id, err := m.identifier()
	if err != nil {
		return err
	}
	name, err := m.text(softwareName)
	if err != nil {
		return err
	}
	for _, must := range []struct {
		label
		value string
	}{{softwareName, name}, {tagID, id}} {
		if must.value == "" {
			return ident.Errorf(ident.KindInvalid, "the tag has no %s", must.name).At(root)
		}
	}
	version, err := m.text(softwareVersion)
	if err != nil {
		return err
	}
	d.identify(name, version, id)
	if raw, ok := m.of[tagVersion.index]; ok {
		var n int64
		if reading.Unmarshal(raw, &n) != nil || n < 0 || n > math.MaxInt32 {
			d.warn("its tag-version is no number that counts")
		} else {
			d.doc.Version = int(n)
		}
	}
	return nil
}

// kinds says what is told by no tag alone, and what every other one must tell (2.4).
func (d *conciseDecoder) kinds(m pairs) error {
	partial := false
	for _, l := range []label{patch, corpus, supplemental} {
		is, err := m.boolean(l)
		if err != nil {
			return err
		}
		if is {
			d.ofKind(l.name)
			partial = partial || l != corpus
		}
	}
	if !partial && d.doc.Subject.Version == "" {
		d.warn("it has no software-version, which only patches and supplemental tags may leave out")
	}
	return nil
}

func (d *conciseDecoder) entities(m pairs) error {
	creator := false
	err := d.each(m, entity, func(e pairs) error {
		name, err := e.text(entityName)
		if err != nil {
			return err
		}
		contact, err := e.text(regID)
		if err != nil {
			return err
		}
		as, err := e.values(role, roles)
		if err != nil {
			return err
		}
		creator = creator || slices.Contains(as, roles[1])
		d.entity(name, contact, slices.Values(as))
		return nil
	})
	if err == nil && !creator {
		d.warn("no entity is its tag creator, which every tag must name")
	}
	return err
}

func (d *conciseDecoder) links(m pairs) error {
	return d.each(m, link, func(l pairs) error {
		to, err := l.text(href)
		if err != nil {
			return err
		}
		as, err := l.values(rel, rels)
		if err != nil {
			return err
		}
		if len(as) != 1 {
			return l.fault(rel, "is not one relation")
		}
		if !d.link(as[0], to, link.name) {
			return ident.Errorf(ident.KindLimit, tooManyLinks, mostLinks).At(l.at)
		}
		return nil
	})
}

// each reads the maps of which an item has one or several.
func (d *conciseDecoder) each(m pairs, l label, read func(pairs) error) error {
	list, err := m.list(l)
	if err != nil {
		return err
	}
	for i, raw := range list {
		if i%1024 == 0 && d.ctx.Err() != nil {
			return d.ctx.Err()
		}
		one, err := items(raw, fmt.Sprintf("%s/%s/%d", root, l.name, i))
		if err != nil {
			return err
		}
		if err := read(one); err != nil {
			return err
		}
	}
	return nil
}

// evidence reads when it was gathered; what was found are files, and no components.
func (d *conciseDecoder) evidence(m pairs) error {
	raw, ok := m.of[evidence.index]
	if !ok {
		return nil
	}
	e, err := items(raw, root+"/"+evidence.name)
	if err != nil {
		return err
	}
	when, ok := e.of[date.index]
	if !ok {
		return nil
	}
	at, ok := timeOf(when)
	if !ok {
		d.warn("the date of its evidence is no time")
		return nil
	}
	d.doc.Created = at
	if d.doc.Details != nil {
		d.doc.Details.Timestamp = at.Format(time.RFC3339)
	}
	return nil
}

// timeOf reads a time of a year that is written with four digits.
func timeOf(raw []byte) (time.Time, bool) {
	var at time.Time // and zero is what becomes of null and of no number
	err := reading.Unmarshal(raw, &at)
	at = at.UTC()
	return at, err == nil && !at.IsZero() && at.Year() >= 1 && at.Year() <= 9999
}

// The kinds of data items (RFC 8949, 3.1), as they stand in the first byte of one.
const (
	major      = 0xe0
	majorUint  = 0x00
	majorNint  = 0x20
	majorBytes = 0x40
	majorText  = 0x60
	majorArray = 0x80
	majorMap   = 0xa0
	majorTag   = 0xc0
	null       = 0xf6
)

// opened is what is left of a tag without tags and envelopes.
type opened struct {
	body   []byte
	tagged bool // as a CoSWID tag
	signed bool
}

// open takes off the tags and envelopes around a tag's map (RFC 9393, 7 and 8). With an error
// the rest says how far it came.
func open(data []byte) (opened, error) {
	e := opened{body: data}
	for range maxWrappers + 1 {
		if len(e.body) == 0 {
			return e, ident.Errorf(ident.KindInvalid, "the tag is empty")
		}
		switch e.body[0] & major {
		case majorTag:
			var t cbor.RawTag
			if err := reading.Unmarshal(e.body, &t); err != nil {
				e.tagged = e.tagged || claims(e.body)
				return e, damaged(err)
			}
			switch t.Number {
			case tagCoSWID:
				e.tagged = true
			case tagSelfDescribed, tagSign1, tagSign:
			default:
				return e, ident.Errorf(ident.KindInvalid, "CBOR tag %d stands around it, and no CoSWID tag has that", t.Number)
			}
			e.body = t.Content
		case majorArray:
			// Both envelopes begin with two headers, then their content (RFC 9052, 4.1 and 4.2).
			var parts []cbor.RawMessage
			if err := reading.Unmarshal(e.body, &parts); err != nil {
				return e, damaged(err)
			}
			if len(parts) != 4 || parts[0][0]&major != majorBytes || parts[1][0]&major != majorMap {
				return e, ident.Errorf(ident.KindInvalid, "an array stands around it that is no COSE envelope")
			}
			if parts[2][0] == null {
				return e, ident.Errorf(ident.KindUnsupported, "the signature's envelope is without its content").WithHint("give the tag itself, or sign with the content in the envelope")
			}
			var content []byte
			if err := reading.Unmarshal(parts[2], &content); err != nil || parts[2][0]&major != majorBytes {
				return e, ident.Errorf(ident.KindInvalid, "the content of the signature's envelope is no byte string")
			}
			e.body, e.signed = content, true
		default:
			return e, nil
		}
	}
	return e, ident.Errorf(ident.KindLimit, "more than %d tags and envelopes stand around it", maxWrappers)
}

// claims reports whether bytes begin with the CBOR tag of CoSWID, whatever comes then.
func claims(data []byte) bool {
	return strings.HasPrefix(string(data[:min(len(data), 5)]), "\xdaSWID")
}

// damaged is the fault of what cannot be read as CBOR at all.
func damaged(err error) *ident.Error {
	kind := ident.KindInvalid
	var levels *cbor.MaxNestedLevelError
	var elements *cbor.MaxArrayElementsError
	var many *cbor.MaxMapPairsError
	if errors.As(err, &levels) || errors.As(err, &elements) || errors.As(err, &many) {
		kind = ident.KindLimit
	}
	return ident.Errorf(kind, "the CBOR is not read: %s", strings.TrimPrefix(err.Error(), "cbor: "))
}

// pairs is a map: its items by their index, and where it stands.
type pairs struct {
	of map[int64]cbor.RawMessage
	at string
}

// key is what a map's item is called by: a number, or the text of a private attribute (2.5).
type key struct {
	index int64
	text  string
	named bool
}

// UnmarshalCBOR refuses every other kind of data item before anything is made of it.
func (k *key) UnmarshalCBOR(raw []byte) error {
	switch raw[0] & major {
	case majorUint, majorNint:
		return reading.Unmarshal(raw, &k.index)
	case majorText:
		k.named = true
		return reading.Unmarshal(raw, &k.text)
	}
	return errors.New("an item is called by what is neither a number nor text")
}

// items reads a map. Of private attributes nothing is kept.
func items(raw []byte, at string) (pairs, error) {
	if len(raw) == 0 || raw[0]&major != majorMap {
		return pairs{}, ident.Errorf(ident.KindInvalid, "is no map").At(at)
	}
	var all map[key]cbor.RawMessage
	if err := reading.Unmarshal(raw, &all); err != nil {
		return pairs{}, damaged(err).At(at)
	}
	m := pairs{make(map[int64]cbor.RawMessage, len(all)), at}
	for k, v := range all {
		if !k.named {
			m.of[k.index] = v
		}
	}
	return m, nil
}

func (m pairs) has(l label) bool { _, ok := m.of[l.index]; return ok }

func (m pairs) fault(l label, what string) *ident.Error {
	return ident.Errorf(ident.KindInvalid, "%s %s", l.name, what).At(m.at)
}

// text is an item of text without blanks around it; "" where there is none.
func (m pairs) text(l label) (string, error) {
	raw, ok := m.of[l.index]
	if !ok {
		return "", nil
	}
	if raw[0]&major != majorText {
		return "", m.fault(l, "is no text")
	}
	var s string
	if err := reading.Unmarshal(raw, &s); err != nil {
		return "", damaged(err).At(m.at + "/" + l.name) // the whole was well-formed: it is no UTF-8
	}
	return strings.TrimSpace(s), nil
}

func (m pairs) boolean(l label) (bool, error) {
	raw, ok := m.of[l.index]
	if !ok {
		return false, nil
	}
	var b bool
	if err := reading.Unmarshal(raw, &b); err != nil || raw[0] == null {
		return false, m.fault(l, "is neither true nor false")
	}
	return b, nil
}

// identifier is the tag's: text, or the sixteen bytes of a UUID (2.3), which links write as text.
func (m pairs) identifier() (string, error) {
	raw, ok := m.of[tagID.index]
	if !ok || raw[0]&major != majorBytes {
		return m.text(tagID)
	}
	var b []byte
	if err := reading.Unmarshal(raw, &b); err != nil || len(b) != 16 {
		return "", m.fault(tagID, fmt.Sprintf("has %d bytes, and a UUID has 16", len(b)))
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// list is one item, or an array of several (2); nil where there is none.
func (m pairs) list(l label) ([]cbor.RawMessage, error) {
	raw, ok := m.of[l.index]
	if !ok {
		return nil, nil
	}
	if raw[0]&major != majorArray {
		return []cbor.RawMessage{raw}, nil
	}
	var list []cbor.RawMessage
	if err := reading.Unmarshal(raw, &list); err != nil {
		return nil, damaged(err).At(m.at + "/" + l.name)
	}
	return list, nil
}

// values are one or several of a registry, by index or by name. One that is not registered is
// passed over as the standard asks (2): private ones are numbers below 0 and names.
func (m pairs) values(l label, names []string) ([]string, error) {
	list, err := m.list(l)
	if err != nil {
		return nil, err
	}
	out := make([]string, 0, len(list))
	for _, raw := range list {
		var name string
		var index int64
		switch raw[0] & major {
		case majorText:
			err = reading.Unmarshal(raw, &name)
		case majorUint, majorNint:
			err = reading.Unmarshal(raw, &index)
			if index > 0 && index < int64(len(names)) {
				name = names[index]
			}
		default:
			return nil, m.fault(l, "is neither a number nor a name")
		}
		if err != nil {
			return nil, damaged(err).At(m.at + "/" + l.name)
		}
		out = append(out, name)
	}
	return out, nil
}
