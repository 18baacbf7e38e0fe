// Package vex picks the codec of a document that states something about
// vulnerabilities in products: OpenVEX, CSAF or CycloneDX, by what it holds.
//
// It decodes nothing itself and reads no files; package vuln applies statements.
//
//	statements, faults, err := vex.Decode(ctx, "product.json", data)
//	known := &vuln.Intelligence{Statements: vuln.NewStatements(statements, trust)}
//	report, err := vuln.Scan(ctx, documents, db, known)
package vex

import (
	"bytes"
	"context"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/cdxvex"
	"github.com/cofferdam-io/cofferdam/vuln/csaf"
	"github.com/cofferdam-io/cofferdam/vuln/openvex"
)

// MaxBytes bounds a document; the largest public ones stay below 200 MiB.
const MaxBytes = 512 << 20

// Decode reads a document of any of the forms. name is for messages. The error is an
// ident.Error: KindUnsupported for a document of another kind, KindInvalid for a broken
// one, KindLimit beyond a limit; or it is the context's.
func Decode(ctx context.Context, name string, raw []byte) ([]vuln.Statement, []vuln.VEXFault, error) {
	if len(raw) > MaxBytes {
		return nil, nil, ident.Errorf(ident.KindLimit, "has more than %d MiB", MaxBytes>>20).At(name)
	}
	of := vuln.FormCycloneDX
	decode := cdxvex.Decode
	if !bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")), " \t\r\n"), []byte("<")) {
		switch form(raw) {
		case "bomFormat":
		case "document":
			of, decode = vuln.FormCSAF, csaf.Decode
		case "statements":
			of, decode = vuln.FormOpenVEX, openvex.Decode
		default:
			return nil, nil, notVEX(name)
		}
	}
	out, faults, err := decode(ctx, name, raw)
	for i := range out {
		out[i].Form = of
	}
	return out, faults, err
}

func notVEX(name string) error {
	return ident.Errorf(ident.KindUnsupported, "is no VEX document").At(name).
		WithHint("OpenVEX, CSAF and CycloneDX documents in JSON are read")
}

// form returns the first member that only one of the forms has; "" where none is there.
func form(raw []byte) string {
	r := jsonscan.New(raw, jsonscan.Options{})
	if r.Kind() != jsonscan.Object {
		return ""
	}
	for r.Object(); ; {
		key, ok := r.NextKey()
		if !ok {
			return ""
		}
		switch k := string(key); k {
		case "bomFormat", "document", "statements":
			return k
		}
		r.Skip()
	}
}
