package survey

import (
	"context"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Any surveys bytes that d was not decoded from.
func Any(raw []byte, d *sbom.Document) {
	d.Digest = ident.SHA256(raw)
	_, _ = Document(context.Background(), raw, d)
}
