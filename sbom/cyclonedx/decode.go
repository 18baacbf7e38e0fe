package cyclonedx

import (
	"bytes"
	"context"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Options limit what a document may hold. The zero value has the defaults.
type Options struct {
	MaxBytes        int
	MaxDepth        int
	MaxComponents   int
	MaxDependencies int
	MaxWarnings     int
	// Digest is the SHA-256 of the bytes, where the caller has computed it.
	Digest ident.Digest
	// Details asks for sbom.Details.
	Details bool
	// Released is told which bytes of a long JSON document will not be looked at again;
	// nil: nobody wants them back. See jsonscan.Reader.Release.
	Released func(from, to int)
	// Each is handed the components instead of the document, in their order, so that what
	// somebody asks of each is all that a long document leaves in memory. They and their
	// lists are used again for the next. The document has no components and no
	// dependencies then; what is wrong with these is said all the same. nil: the document
	// has all.
	Each func(*sbom.Component)

	// MaxHeld bounds the memory that reading an XML document takes, in bytes: it is read as
	// a tree, which is a dozen times as large as the text. 0: MaxBytes alone bounds it.
	MaxHeld int

	releaseAtOnce int // bytes of components; 0: releaseAtOnce
}

// The default limits: several times the largest SBOM of a real image.
const (
	defaultMaxBytes        = 512 << 20
	defaultMaxDepth        = 256
	defaultMaxComponents   = 2_000_000
	defaultMaxDependencies = 20_000_000
	defaultMaxWarnings     = 100
)

func (o Options) withDefaults() Options {
	set := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	set(&o.MaxBytes, defaultMaxBytes)
	set(&o.MaxDepth, defaultMaxDepth)
	set(&o.MaxComponents, defaultMaxComponents)
	set(&o.MaxDependencies, defaultMaxDependencies)
	set(&o.MaxWarnings, defaultMaxWarnings)
	set(&o.releaseAtOnce, releaseAtOnce)
	return o
}

// Decode reads one document, JSON or XML by its first byte. Errors are
// *ident.Error: KindInvalid for a broken document, KindLimit beyond a limit,
// KindUnsupported for what is not CycloneDX; or the context's.
func Decode(ctx context.Context, data []byte, o Options) (*sbom.Document, error) {
	b, err := newBuilder(ctx, data, o)
	if err != nil {
		return nil, err
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case bytes.HasPrefix(text, []byte("{")):
		b.doc.Encoding = sbom.JSON
		err = b.json(data)
	case bytes.HasPrefix(text, []byte("<")):
		b.doc.Encoding = sbom.XML
		err = b.xml(data)
	default:
		return nil, ident.Errorf(ident.KindUnsupported, "is neither JSON nor XML")
	}
	return b.result(err)
}

// DecodeWithin reads a document that is one value of another JSON text, such as
// a report object. outer reads that text from r, where a value of the wrong kind
// is told as a warning unless it is asked for by one of the Require methods, and
// calls document once, at the value that is the document. No name may occur
// twice in one object, anywhere in the text. Limits, digest and size are those of
// all of data, pointers begin at its root, errors are those of Decode.
func DecodeWithin(ctx context.Context, data []byte, o Options, outer func(r *jsonscan.Reader, document func())) (*sbom.Document, error) {
	b, err := newBuilder(ctx, data, o)
	if err != nil {
		return nil, err
	}
	b.doc.Encoding = sbom.JSON
	r, found := b.reader(data, true), false
	outer(r, func() {
		found = true
		b.document(r)
	})
	if err := r.End(); err == nil && !found {
		return nil, ident.Errorf(ident.KindInvalid, "holds no CycloneDX document where one is due")
	}
	return b.result(b.close(r))
}

func newBuilder(ctx context.Context, data []byte, o Options) (*builder, error) {
	o = o.withDefaults()
	if len(data) > o.MaxBytes {
		return nil, ident.Errorf(ident.KindLimit, "the document has %d bytes, more than %d", len(data), o.MaxBytes)
	}
	b := &builder{ctx: ctx, opt: o, doc: &sbom.Document{Format: sbom.CycloneDX, Size: int64(len(data))}, ids: map[string]int32{}}
	if o.Each != nil {
		b.handing = &handing{}
	}
	if o.Details {
		b.doc.Details = &sbom.DocumentDetails{}
	}
	b.doc.Digest = o.Digest
	if o.Digest.IsZero() {
		b.doc.Digest = ident.SHA256(data)
	}
	return b, nil
}

// result returns the document, unless reading it ended with err or met a limit.
func (b *builder) result(err error) (*sbom.Document, error) {
	if err == nil {
		err = b.err
	}
	if err != nil {
		return nil, err
	}
	b.finish()
	return b.doc, nil
}
