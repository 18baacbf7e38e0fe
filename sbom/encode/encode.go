package encode

import (
	"context"
	"io"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/cyclonedx"
	"github.com/cofferdam-io/cofferdam/sbom/spdx"
)

// Format is a format that is written, as the command line spells it.
type Format string

// The formats. CycloneDX is its newest version that is written, 1.7.
const (
	CycloneDX   Format = "cyclonedx"
	CycloneDX16 Format = "cyclonedx1.6"
	SPDX        Format = "spdx" // 2.3
)

// Formats lists them.
func Formats() []Format { return []Format{CycloneDX, CycloneDX16, SPDX} }

// String is the name that people know: "CycloneDX 1.7".
func (f Format) String() string {
	switch f {
	case CycloneDX:
		return "CycloneDX 1.7"
	case CycloneDX16:
		return "CycloneDX 1.6"
	case SPDX:
		return "SPDX 2.3"
	}
	return string(f)
}

// Options are those of every format.
type Options struct {
	// Tool is added to the document's tools unless it is among them already.
	Tool sbom.Tool
	// At is the time of creation of a document that has none, where the format
	// cannot be without.
	At time.Time
}

// Document writes a document and lists what the format has no words for. The same
// document and options give the same bytes. Errors are those of w, the context's,
// and one of kind usage for a format that is not written.
func Document(ctx context.Context, w io.Writer, d *sbom.Document, f Format, o Options) ([]sbom.Loss, error) {
	switch f {
	case CycloneDX:
		return cyclonedx.Encode(ctx, w, d, cyclonedx.EncodeOptions{Version: cyclonedx.V17, Tool: o.Tool})
	case CycloneDX16:
		return cyclonedx.Encode(ctx, w, d, cyclonedx.EncodeOptions{Version: cyclonedx.V16, Tool: o.Tool})
	case SPDX:
		return spdx.Encode(ctx, w, d, spdx.EncodeOptions{Tool: o.Tool, At: o.At})
	}
	return nil, ident.Errorf(ident.KindUsage, "%q is no format that is written", string(f)).WithHint("one of: cyclonedx, cyclonedx1.6, spdx")
}
