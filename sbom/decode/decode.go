package decode

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/cyclonedx"
	"github.com/cofferdam-io/cofferdam/sbom/spdx"
	"github.com/cofferdam-io/cofferdam/sbom/swid"
	"github.com/cofferdam-io/cofferdam/sbom/syft"
	"github.com/cofferdam-io/cofferdam/sbom/trivy"
)

// Limits bound one input. Zero fields have the defaults.
type Limits struct {
	MaxBytes int // after decompression; default 512 MiB
	MaxRatio int // of decompressed to compressed bytes above 1 MiB; default 200
	// Digest is the SHA-256 of the input, where the caller has computed it.
	Digest ident.Digest
	// Seen is spdx.Options.Seen: what is remembered between inputs, for those that read many.
	Seen *spdx.Seen
	// Details asks for sbom.Details.
	Details bool
	// Released is that of spdx.Options and cyclonedx.Options: which bytes of the input nobody will look at again,
	// for those who want the memory of a large one back before all of it is read.
	Released func(from, to int)
	// Repeated is spdx.Options.Repeated, where the input is the SPDX document itself.
	Repeated func(spdx.Repeat)
	// Each is that of spdx.Options and cyclonedx.Options: what is handed components that the
	// documents are then without.
	Each func(*sbom.Component)
	// MaxHeld bounds the memory that a document takes whose form is read whole, in bytes,
	// about: longer ones are refused. 0: MaxBytes alone bounds them. With Each, SPDX 2 and
	// CycloneDX documents as JSON that stand alone are read piece by piece.
	MaxHeld int
}

const (
	defaultMaxBytes = 512 << 20
	// Real SBOMs compress to a tenth or less; 200 leaves room for very repetitive
	// ones and stops a bomb of a megabyte at 200 MiB.
	defaultMaxRatio = 200
	ratioFrom       = 1 << 20
	maxWrappers     = 4 // gzip around a bundle around DSSE around in-toto
)

// Bytes decodes one input, which can hold several documents where it is a list
// of reports. name is what messages and Document.File say. Errors are
// *ident.Error: KindUnsupported where the input is something else, with a hint
// what; KindInvalid and KindLimit as the codecs say.
func Bytes(ctx context.Context, name string, raw []byte, lim Limits) ([]*sbom.Document, error) {
	if lim.MaxBytes <= 0 {
		lim.MaxBytes = defaultMaxBytes
	}
	if lim.MaxRatio <= 0 {
		lim.MaxRatio = defaultMaxRatio
	}
	if lim.Digest.IsZero() {
		lim.Digest = ident.SHA256(raw)
	}
	d := decoder{ctx: ctx, lim: lim, digest: lim.Digest}
	docs, err := d.decode(raw, 0)
	if err != nil {
		return nil, err
	}
	for _, doc := range docs {
		doc.File, doc.Size = name, int64(len(raw))
		if lim.Details && doc.Details == nil {
			doc.Details = &sbom.DocumentDetails{} // its format has no words for them
		}
		if len(docs) == 1 {
			doc.Digest = d.digest // of the bytes as they were given, wrapper included
		}
	}
	return docs, nil
}

type decoder struct {
	ctx    context.Context
	lim    Limits
	digest ident.Digest
}

func (d *decoder) decode(raw []byte, wrappers int) ([]*sbom.Document, error) {
	if wrappers > maxWrappers {
		return nil, ident.Errorf(ident.KindLimit, "the document is wrapped more than %d times", maxWrappers)
	}
	if len(raw) > d.lim.MaxBytes {
		return nil, ident.Errorf(ident.KindLimit, "the document has %d bytes, more than %d", len(raw), d.lim.MaxBytes)
	}
	if err := d.ctx.Err(); err != nil {
		return nil, err
	}
	switch {
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, ident.Errorf(ident.KindInvalid, "the document is empty")
	case bytes.HasPrefix(raw, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "the gzip header is damaged: %w", err)
		}
		return d.inflate(z, len(raw), wrappers)
	case bytes.HasPrefix(raw, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(bytes.NewReader(raw), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(d.lim.MaxBytes)))
		if err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "the zstd frame is damaged: %w", err)
		}
		defer z.Close()
		return d.inflate(z, len(raw), wrappers)
	case bytes.HasPrefix(raw, []byte{0xff, 0xfe}), bytes.HasPrefix(raw, []byte{0xfe, 0xff}):
		return nil, ident.Errorf(ident.KindUnsupported, "the document is UTF-16").WithHint("iconv -f UTF-16 -t UTF-8")
	case bytes.HasPrefix(raw, []byte("PK\x03\x04")):
		return nil, ident.Errorf(ident.KindUnsupported, "is a zip archive, or a spreadsheet").WithHint("unpack it; spreadsheets are not read")
	case swid.IsConcise(raw): // no text begins with the bytes that it does
		if err := swidTag.Fits(len(raw), d.lim.MaxHeld); err != nil {
			return nil, err
		}
		return one(swid.DecodeConcise(d.ctx, raw, sbom.Limits{MaxBytes: d.lim.MaxBytes, Digest: d.digest, Details: d.lim.Details}))
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case len(text) == 0:
		return nil, ident.Errorf(ident.KindInvalid, "the document is empty")
	case text[0] == '{':
		return d.object(raw, wrappers)
	case text[0] == '[':
		return nil, ident.Errorf(ident.KindUnsupported, "is a JSON array, and no SBOM format is one")
	case text[0] == '<':
		if bytes.Contains(text[:min(len(text), 4096)], []byte("rdf:RDF")) {
			return one(spdx.Decode(d.ctx, raw, spdx.Options{MaxBytes: d.lim.MaxBytes, Digest: d.digest, Seen: d.lim.Seen, Details: d.lim.Details}))
		}
		if swid.Is(text) {
			if err := swidTag.Fits(len(raw), d.lim.MaxHeld); err != nil {
				return nil, err
			}
			return one(swid.Decode(d.ctx, raw, sbom.Limits{MaxBytes: d.lim.MaxBytes, Digest: d.digest, Details: d.lim.Details}))
		}
		return one(cyclonedx.Decode(d.ctx, raw, cyclonedx.Options{MaxBytes: d.lim.MaxBytes, Digest: d.digest, Details: d.lim.Details, MaxHeld: d.lim.MaxHeld}))
	case bytes.Contains(text[:min(len(text), 1<<16)], []byte("SPDXVersion:")):
		return one(spdx.Decode(d.ctx, raw, spdx.Options{MaxBytes: d.lim.MaxBytes, Digest: d.digest, Seen: d.lim.Seen, Details: d.lim.Details, MaxHeld: d.lim.MaxHeld}))
	case bytes.Contains(text[:min(len(text), 4096)], []byte("apiVersion:")):
		return nil, ident.Errorf(ident.KindUnsupported, "is a Kubernetes manifest and no SBOM").WithHint("give manifests with -f")
	}
	return nil, ident.Errorf(ident.KindUnsupported, "is no SBOM in any format that is read").
		WithHint("CycloneDX (JSON, XML), SPDX (JSON, tag-value, JSON-LD), syft JSON, Trivy JSON and SWID tags (XML, CBOR) are")
}

// What is read whole, as measured with documents of 256 MB in which all is packages. Of
// what is packed or wrapped, the document itself is one of the times.
var (
	syftJSON  = sbom.Whole{What: "a syft document", Times: 4}
	trivyJSON = sbom.Whole{What: "a Trivy report", Times: 7}
	swidTag   = sbom.Whole{What: "a SWID tag", Times: 12}
	wrapped   = sbom.Whole{What: "a document that is packed or in an envelope", Times: 7}
)

func one(doc *sbom.Document, err error) ([]*sbom.Document, error) {
	if err != nil {
		return nil, err
	}
	return []*sbom.Document{doc}, nil
}

// inflate reads a compressed stream within the limits on size and ratio.
func (d *decoder) inflate(r io.Reader, packed, wrappers int) ([]*sbom.Document, error) {
	most := min(d.lim.MaxBytes, max(ratioFrom, packed*d.lim.MaxRatio))
	if d.lim.MaxHeld > 0 {
		most = min(most, d.lim.MaxHeld/wrapped.Times)
	}
	out, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err := wrapped.Fits(len(out), d.lim.MaxHeld); err != nil {
		return nil, err
	}
	if len(out) > most {
		return nil, ident.Errorf(ident.KindLimit, "%d compressed bytes inflate to more than %d", packed, most)
	}
	if err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the compressed stream is damaged: %w", err)
	}
	return d.decode(out, wrappers+1)
}

// shape is what the top level of a JSON object shows.
type shape struct {
	keys  map[string]bool
	texts map[string]string
}

func (s shape) has(keys ...string) bool {
	for _, k := range keys {
		if !s.keys[k] {
			return false
		}
	}
	return true
}

// maxKeys bounds the names of an object's top level that are remembered: the
// formats have a dozen.
const maxKeys = 256

// look reads the names of the top level, and the short texts among its values,
// wherever in the document they stand; everything else is passed over.
func look(raw []byte) (shape, error) {
	s := shape{map[string]bool{}, map[string]string{}}
	r := jsonscan.New(raw, jsonscan.Options{})
	if r.Object() {
		for key, ok := r.NextKey(); ok && len(s.keys) < maxKeys; key, ok = r.NextKey() {
			k := string(key)
			s.keys[k] = true
			if r.Kind() == jsonscan.String {
				s.texts[k] = r.String()
			}
			if s.decided() {
				return s, nil
			}
		}
	}
	return s, r.Err()
}

// decided reports whether one of the marks has been met that no other format bears.
func (s shape) decided() bool {
	return s.texts["bomFormat"] != "" || s.texts["spdxVersion"] != ""
}

func (d *decoder) object(raw []byte, wrappers int) ([]*sbom.Document, error) {
	s, err := look(raw)
	if err != nil && !s.decided() {
		return nil, err
	}
	spdxOptions := spdx.Options{MaxBytes: d.lim.MaxBytes, Digest: d.digest, Seen: d.lim.Seen, Details: d.lim.Details, MaxHeld: d.lim.MaxHeld}
	cyclonedxOptions := cyclonedx.Options{MaxBytes: d.lim.MaxBytes, Digest: d.digest, Details: d.lim.Details}
	if wrappers == 0 { // otherwise raw is no part of the input, and perhaps one document of several
		spdxOptions.Released, spdxOptions.Repeated, spdxOptions.Each = d.lim.Released, d.lim.Repeated, d.lim.Each
		cyclonedxOptions.Released, cyclonedxOptions.Each = d.lim.Released, d.lim.Each
	}
	switch {
	case s.texts["bomFormat"] != "":
		return one(cyclonedx.Decode(d.ctx, raw, cyclonedxOptions))
	case s.has("spdxVersion"), s.has("SPDXID"), s.has("@context") && (s.has("@graph") || strings.Contains(s.texts["@context"], "spdx")), s.has("sbom"):
		return one(spdx.Decode(d.ctx, raw, spdxOptions))
	}
	of := wrapped
	var read func() ([]*sbom.Document, error)
	switch {
	case s.has("_type") && s.has("predicateType"):
		read = func() ([]*sbom.Document, error) { return d.statement(raw, wrappers) }
	case s.has("payload", "payloadType"), s.has("dsseEnvelope"):
		read = func() ([]*sbom.Document, error) { return d.envelopes(raw, wrappers) }
	case s.imagetools():
		read = func() ([]*sbom.Document, error) { return d.imagetools(raw, wrappers) }
	case s.has("artifacts") && (s.has("descriptor") || s.has("source") || s.has("schema")):
		of = syftJSON
		read = func() ([]*sbom.Document, error) {
			return one(syft.Decode(d.ctx, raw, syft.Options{MaxBytes: d.lim.MaxBytes, Digest: d.digest}))
		}
	case s.has("SchemaVersion") && (s.has("Results") || s.has("ArtifactName")):
		of = trivyJSON
		read = func() ([]*sbom.Document, error) {
			return one(trivy.Decode(d.ctx, raw, trivy.Options{MaxBytes: d.lim.MaxBytes, Digest: d.digest}))
		}
	case s.texts["kind"] == "SbomReport", s.texts["kind"] == "ClusterSbomReport":
		read = func() ([]*sbom.Document, error) {
			return one(trivy.DecodeReport(d.ctx, raw, trivy.Options{MaxBytes: d.lim.MaxBytes, Digest: d.digest, Details: d.lim.Details}))
		}
	default:
		return nil, noSBOM(s, raw)
	}
	if err := of.Fits(len(raw), d.lim.MaxHeld); err != nil {
		return nil, err
	}
	return read()
}

// noSBOM says what a JSON object is that is no SBOM.
func noSBOM(s shape, raw []byte) error {
	what, hint := "is no SBOM in any format that is read", ""
	switch {
	case s.has("apiVersion", "kind"):
		what, hint = "is a Kubernetes object and no SBOM", "give manifests with -f"
	case s.has("$schema", "runs"), s.has("runs", "version"):
		what, hint = "is a SARIF log and no SBOM", "findings are no list of components"
	case s.has("matches", "descriptor"):
		what, hint = "is a Grype report and no SBOM", "syft makes the SBOM that Grype read"
	case s.has("id", "affected"):
		what, hint = "is an OSV advisory and no SBOM", "give advisories with --advisories"
	case s.has("statements"):
		what, hint = "is an OpenVEX document and no SBOM", ""
	case s.has("schemaVersion", "layers") && bytes.Contains(raw, []byte(`"in-toto.io/predicate-type"`)):
		what, hint = "is the manifest of attestations and no SBOM", "give the blob of its layer whose in-toto.io/predicate-type is an SBOM's: crane blob NAME@sha256:…"
	case s.has("schemaVersion", "manifests"), s.has("schemaVersion", "layers"):
		what, hint = "is an OCI manifest and no SBOM", "give manifests with --image-map"
	}
	e := ident.Errorf(ident.KindUnsupported, "%s", what)
	if hint != "" {
		e = e.WithHint("%s", hint)
	}
	return e
}
