package spdx

import (
	"bytes"
	"context"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Defaults of Options.
const (
	DefaultMaxBytes        = 512 << 20 // a hundred times the largest image seen
	DefaultMaxPackages     = 1 << 20   // the largest monorepo seen lists 60,000
	DefaultMaxDependencies = 8 << 20
	DefaultMaxWarnings     = 200 // of one document; the rest is counted
)

// Options are the limits of Decode. Zero values are the defaults.
type Options struct {
	MaxBytes        int
	MaxDepth        int // of JSON; 0: jsonscan.DefaultMaxDepth
	MaxPackages     int
	MaxDependencies int
	MaxWarnings     int
	// Digest is the SHA-256 of the bytes, if the caller has it already.
	Digest ident.Digest
	// Seen remembers packages between documents; nil: nothing is remembered. The lists of
	// components (CPEs, Hashes, Licenses, Locations) and their Details are then shared between
	// documents and may not be changed in place.
	Seen *Seen
	// Repeated is told of each package whose text Seen had and, in SPDX 2 as JSON, of the
	// packages' identifiers in relationships: of what Seen looked at. Of both in the order of
	// the input, of packages first. nil: nobody wants to know.
	Repeated func(Repeat)
	// Details asks for sbom.Details.
	Details bool
	// Released is told which bytes of a long JSON document will not be looked at again;
	// nil: nobody wants them back. See jsonscan.Reader.Release.
	Released func(from, to int)
	// Each is handed packages instead of the document: those about which nothing more is to
	// be found out, so that what somebody asks of each is all that a long document leaves in
	// memory. They and their lists are used again for the next. The document has no
	// dependencies then, and of its components those that were not handed over: all of them
	// where it is not SPDX 2 as JSON. nil: the document has all.
	Each func(*sbom.Component)
	// MaxHeld bounds the memory that a document takes which is not SPDX 2 as JSON, in bytes:
	// longer ones are refused. 0: MaxBytes alone bounds it.
	MaxHeld int
}

// What is read whole, as measured with documents of 256 MB in which all is packages.
var (
	tagsAndValues = sbom.Whole{What: "an SPDX document of tags and values", Times: 5}
	graph3        = sbom.Whole{What: "an SPDX 3 document", Times: 4}
)

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		v   *int
		def int
	}{
		{&o.MaxBytes, DefaultMaxBytes}, {&o.MaxPackages, DefaultMaxPackages},
		{&o.MaxDependencies, DefaultMaxDependencies}, {&o.MaxWarnings, DefaultMaxWarnings},
	} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	return o
}

const byteOrderMark = "\uFEFF"

// Decode reads one SPDX document of any encoding that the package knows.
//
// Errors are ident.Errors: KindInvalid for what is not SPDX or malformed beyond
// reading, KindUnsupported for encodings and versions that are not decoded,
// KindLimit where a limit of o was met. The document does not alias data.
func Decode(ctx context.Context, data []byte, o Options) (*sbom.Document, error) {
	o = o.withDefaults()
	if len(data) > o.MaxBytes {
		return nil, ident.Errorf(ident.KindLimit, "an SPDX document of %d bytes is larger than %d", len(data), o.MaxBytes)
	}
	b := newBuilder(ctx, o, len(data))
	text := bytes.TrimLeft(bytes.TrimPrefix(data, []byte(byteOrderMark)), " \t\r\n")
	var err error
	switch {
	case len(text) == 0:
		return nil, ident.Errorf(ident.KindInvalid, "the document is empty")
	case text[0] == '{':
		if err = b.readJSON(data); b.passedOver {
			// Nothing was handed over: what is wrong is said as it is found when all is read.
			o.Each = nil
			b = newBuilder(ctx, o, len(data))
			err = b.readJSON(data)
		}
	case bytes.HasPrefix(text, []byte("PK\x03\x04")):
		return nil, refuse("a spreadsheet or zip archive")
	case text[0] == '<' && bytes.Contains(text[:min(len(text), sniffBytes)], []byte("rdf:RDF")):
		return nil, refuse("RDF/XML")
	case !utf8.Valid(data):
		return nil, ident.Errorf(ident.KindInvalid, "the document is not UTF-8")
	case isYAML(text):
		return nil, refuse("YAML")
	case isTagValue(text):
		if err = tagsAndValues.Fits(len(data), o.MaxHeld); err == nil {
			err = b.readTagValue(data)
		}
	default:
		return nil, ident.Errorf(ident.KindInvalid, "not an SPDX document: neither JSON nor tag-value").
			WithHint("an SPDX document begins with { or with SPDXVersion:")
	}
	if err != nil {
		return nil, err
	}
	doc, err := b.finish()
	if err != nil {
		return nil, err
	}
	if doc.Digest = o.Digest; doc.Digest.IsZero() {
		doc.Digest = ident.SHA256(data)
	}
	doc.Size = int64(len(data))
	return doc, nil
}

func refuse(what string) error {
	return ident.Errorf(ident.KindUnsupported, "SPDX as %s is not read", what).
		WithHint("convert it to JSON, for example with pyspdxtools --infile IN --outfile OUT.spdx.json")
}

// isYAML recognises SPDX YAML by its keys, which are those of the JSON encoding.
func isYAML(text []byte) bool {
	for line := range bytes.Lines(text[:min(len(text), sniffBytes)]) {
		line = bytes.TrimLeft(line, " \t")
		for _, key := range []string{"spdxVersion:", "SPDXID: \"SPDXRef-DOCUMENT\"", "'@graph':", "\"@graph\":"} {
			if bytes.HasPrefix(line, []byte(key)) {
				return true
			}
		}
	}
	return false
}

// sniffBytes is how far a tag-value or YAML document is searched for its version line.
const sniffBytes = 64 << 10

// isTagValue looks for the tag that SPDX 2.3 section 6.1 puts first; comments and
// other tags may precede it in practice.
func isTagValue(text []byte) bool {
	for line := range bytes.Lines(text[:min(len(text), sniffBytes)]) {
		tag, _, ok := bytes.Cut(line, []byte{':'})
		if ok && bytes.EqualFold(bytes.TrimSpace(tag), []byte("SPDXVersion")) {
			return true
		}
	}
	return false
}

// readJSON reads both JSON shapes in one pass: which one it is may show only late.
func (b *builder) readJSON(data []byte) error {
	r := jsonscan.New(data, jsonscan.Options{
		MaxDepth: b.opt.MaxDepth,
		Released: b.opt.Released,
		Tolerate: func(r *jsonscan.Reader, want, got jsonscan.Kind) {
			b.warn(r.Pointer(), "%s where %s is due; ignored", got, want)
		},
	})
	j := &jsonDocument{builder: b, r: r}
	if b.opt.Released == nil {
		b.ids.in = data // which stays until all is read
	}
	if r.Kind() == jsonscan.Object && r.Object() {
		j.top(true)
	}
	if b.err != nil {
		return b.err // a limit or the context ended the reading halfway
	}
	if err := r.End(); err != nil {
		b.passedOver = b.opt.Each != nil
		return err
	}
	return j.close()
}
