package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Withheld is what stands where a version or a supplier was.
const Withheld = "withheld"

// MinKey is how many bytes a key has at least.
const MinKey = 32

// Options of Document.
type Options struct {
	// Chosen says what is redacted; the subject is asked about too, as a component.
	Chosen func(c *sbom.Component) bool
	Key    []byte // at least MinKey bytes that nobody else has
}

// Report says what was done.
type Report struct {
	Components int // redacted, the subject included
	Locations  int // of other components, left out because a redacted name is in them
	secrets    []string
}

// Document returns a copy with the chosen components redacted. Errors are of kind usage
// for a key that is too short, of kind not found where nothing is chosen.
func Document(d *sbom.Document, o Options) (*sbom.Document, *Report, error) {
	if len(o.Key) < MinKey {
		return nil, nil, ident.Errorf(ident.KindUsage, "a key of %d bytes is too short to hide names behind", len(o.Key)).WithHint("openssl rand -out redact.key %d", MinKey)
	}
	out := *d
	out.Components = slices.Clone(d.Components)
	r := &Report{}
	chosen := make([]bool, len(d.Components))
	found, kept := map[string]bool{}, map[string]bool{}
	for i := range d.Components {
		c := &d.Components[i]
		if chosen[i] = o.Chosen(c); chosen[i] {
			collect(found, c)
		} else {
			collect(kept, c)
		}
	}
	subject := d.Subject.Described()
	hidden := (d.Subject.Name != "" || d.Subject.PURL != "") && o.Chosen(&subject)
	if hidden {
		collect(found, &subject)
		for _, ref := range d.Subject.References {
			found[fold(ref.String())] = true
		}
		if d.Name != "" {
			found[fold(d.Name)] = true
		}
	} else {
		collect(kept, &subject)
	}
	for s := range found {
		if !kept[s] {
			r.secrets = append(r.secrets, s)
		}
	}
	slices.Sort(r.secrets)
	ids := map[string]bool{}
	for i := range out.Components {
		c := &out.Components[i]
		c.Details = nil
		if chosen[i] {
			r.Components++
			hide(c, o.Key, ids)
			continue
		}
		if r.tells(c.ID) {
			c.ID = unused(opaque(o.Key, c.ID), ids)
		}
		n := len(c.Locations)
		c.Locations = slices.DeleteFunc(slices.Clone(c.Locations), r.tells)
		r.Locations += n - len(c.Locations)
		if r.tells(c.Source.Name) {
			c.Source = sbom.SourcePackage{}
		}
	}
	if hidden {
		r.Components++
		hideSubject(&out, &subject, o.Key, ids)
	} else if c := d.Subject.Component; c != nil {
		kept := *c
		kept.Details = nil
		out.Subject.Component = &kept
		if r.tells(out.Subject.ID) {
			out.Subject.ID = unused(opaque(o.Key, out.Subject.ID), ids)
			out.Subject.Component.ID = out.Subject.ID
		}
	}
	if r.Components == 0 {
		return nil, nil, ident.Errorf(ident.KindNotFound, "no component is chosen: nothing would be redacted")
	}
	if r.tells(out.Name) {
		out.Name = ""
	}
	out.Redacted = d.Redacted + r.Components
	out.Serial, out.File, out.Warnings, out.Details = "", "", nil, nil
	return &out, r, nil
}

// collect gathers what would tell which component it is. A version alone does not.
func collect(into map[string]bool, c *sbom.Component) {
	add := func(texts ...string) {
		for _, s := range texts {
			if s = fold(s); s != "" && s != "noassertion" && s != "none" && s != Withheld {
				into[s] = true
			}
		}
	}
	add(c.Name, c.Group, c.PURL, c.Supplier, c.Origin, c.Source.Name)
	add(c.CPEs...)
	add(c.Locations...)
	if p, err := vuln.ParsePURL(c.PURL); c.PURL != "" && err == nil {
		add(p.FullName(), p.Name)
	}
	if d := c.Details; d != nil {
		add(d.Manufacturer, d.Contact)
		add(d.PURLs...)
		for _, s := range d.SWIDs {
			add(s.TagID, s.Name)
		}
		for _, ref := range d.References {
			add(ref.URL)
		}
	}
}

func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// shortest is the length from which a text is looked for inside others: shorter ones
// are in everything, and are only looked for as the whole of a text.
const shortest = 4

func (r *Report) tells(text string) bool {
	text = fold(text)
	if text == "" {
		return false
	}
	for _, s := range r.secrets {
		if text == s || len(s) >= shortest && strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// opaque names something by the key: the first 80 bits of an HMAC-SHA256, which do not
// collide among the components of an organisation.
func opaque(key []byte, parts ...string) string {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return "redacted-" + hex.EncodeToString(h.Sum(nil)[:10])
}

// unused is the name, or with a number where it is taken: documents list one thing
// twice.
func unused(name string, taken map[string]bool) string {
	id := name
	for n := 2; taken[id]; n++ {
		id = name + "-" + strconv.Itoa(n)
	}
	taken[id] = true
	return id
}

// hide replaces what tells a component; its hashes, licences, type, scope and layer stay.
func hide(c *sbom.Component, key []byte, ids map[string]bool) {
	name := opaque(key, c.Group, c.Name, c.Version, c.PURL)
	*c = sbom.Component{ID: unused(name, ids), Type: c.Type, Name: name, Version: Withheld, Supplier: Withheld,
		Hashes: c.Hashes, Licenses: c.Licenses, Scope: c.Scope, Layer: c.Layer, Pointer: c.Pointer}
}

func hideSubject(d *sbom.Document, c *sbom.Component, key []byte, ids map[string]bool) {
	hide(c, key, ids)
	s := &d.Subject
	d.Subject = sbom.Subject{Kind: s.Kind, Name: c.Name, Version: Withheld, ID: c.ID, Digests: s.Digests, OS: s.OS}
	if s.Component != nil {
		d.Subject.Component = c
	}
	d.Name = ""
}

// Leaks lists the redacted texts that are in an encoded document all the same, in a
// licence's text for example: it must not be handed out. It looks at every text of the
// JSON that is a value, without regard to case; members are named by the formats.
func (r *Report) Leaks(encoded []byte) []string {
	found := map[string]bool{}
	look := func(text string) {
		text = fold(text)
		for _, s := range r.secrets {
			if text == s || len(s) >= shortest && strings.Contains(text, s) {
				found[s] = true
			}
		}
	}
	var v any
	if err := json.Unmarshal(encoded, &v); err != nil {
		look(string(encoded))
	}
	var walk func(v any)
	walk = func(v any) {
		switch x := v.(type) {
		case string:
			look(x)
		case []any:
			for _, e := range x {
				walk(e)
			}
		case map[string]any:
			for _, e := range x {
				walk(e)
			}
		}
	}
	walk(v)
	return slices.Sorted(maps.Keys(found))
}
