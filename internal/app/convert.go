package app

import (
	"context"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
)

// SBOM reads the one document that a file holds, with the file's bytes.
func (l *Loader) SBOM(ctx context.Context, name string) (*sbom.Document, []byte, error) {
	raw, err := l.read(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	docs, err := decode.Bytes(ctx, name, raw, decode.Limits{Details: l.Details})
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		p := problemOf(name, err)
		return nil, nil, ident.Errorf(ident.KindFailure, "%s", p.String()).WithHint("%s", p.Hint)
	}
	if len(docs) != 1 {
		return nil, nil, ident.Errorf(ident.KindFailure, "holds %d documents: one is wanted", len(docs)).At(name).
			WithHint("cofferdam sbom show %s lists them", name)
	}
	return docs[0], raw, nil
}
