package app

import (
	"context"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/schema"
)

// Exists reports whether a file or folder of that name can be found.
func (l *Loader) Exists(name string) bool {
	_, err := l.stat(name)
	return err == nil || name == stdinName
}

// Raw returns the bytes of one file.
func (l *Loader) Raw(ctx context.Context, name string) ([]byte, error) { return l.read(ctx, name) }

// Validate judges every file behind paths by the official schemas, or for SPDX in
// JSON by rules written from the specification. A file that
// cannot be opened is an error; one that is no CycloneDX document is invalid.
func (l *Loader) Validate(ctx context.Context, paths []string) ([]report.Validation, error) {
	v := schema.New(schema.Limits{})
	var out []report.Validation
	for _, arg := range paths {
		files, err := l.expand(arg, hasExt(".json", ".xml"))
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, ident.Errorf(ident.KindFailure, "holds no document to judge").At(arg).WithHint("of folders, .json and .xml files are judged")
		}
		for i, f := range files {
			l.progress("judging documents", i, len(files))
			data, err := l.read(ctx, f.name)
			if ident.KindOf(err) == ident.KindLimit {
				out = append(out, report.Validation{File: f.name, Violations: []report.Violation{}, NotJudged: problemOf(f.name, err).Message})
				continue
			}
			if err != nil {
				return nil, err
			}
			d, err := judge(ctx, v, f.name, data)
			if err != nil {
				return nil, err
			}
			out = append(out, d)
		}
	}
	return out, nil
}

// other tells a broken document from one of a format that no schema is embedded
// for.
func other(ctx context.Context, d report.Validation, name string, data []byte) (report.Validation, error) {
	docs, err := decode.Bytes(ctx, name, data, decode.Limits{})
	switch {
	case ctx.Err() != nil:
		return d, ctx.Err()
	case err != nil:
		d.Violations = append(d.Violations, report.Violation{Message: err.Error(), Rule: "type detection by content"})
	default:
		d.Format, d.SpecVersion, d.Encoding = string(docs[0].Format), docs[0].SpecVersion, string(docs[0].Encoding)
		d.NotJudged = "is read, and is not judged in this version: rules of CycloneDX and of SPDX in JSON are embedded, and no others"
	}
	return d, nil
}

func judge(ctx context.Context, v *schema.Validator, name string, data []byte) (report.Validation, error) {
	d := report.Validation{File: name, Violations: []report.Violation{}}
	var vs []schema.Violation
	var err error
	if encoding, version, ok := schema.Detect(data); ok {
		d.Format, d.SpecVersion, d.Encoding = "CycloneDX", version, encoding
		d.Rules = "official schema of CycloneDX " + version
		if encoding == schema.EncodingXML {
			vs, err = v.XML(ctx, version, data)
		} else {
			vs, err = v.JSON(ctx, version, data)
		}
	} else if version, ok := schema.DetectSPDX(data); ok {
		d.Format, d.SpecVersion, d.Encoding, d.Rules = "SPDX", version, schema.EncodingJSON, schema.SPDXRules(version)
		vs, err = v.SPDXJSON(ctx, data)
	} else {
		return other(ctx, d, name, data)
	}
	if err != nil {
		if ctx.Err() != nil {
			return d, ctx.Err()
		}
		switch ident.KindOf(err) {
		case ident.KindInvalid, ident.KindLimit, ident.KindUnsupported:
			d.Violations = append(d.Violations, report.Violation{Message: err.Error()})
			return d, nil
		}
		return d, err
	}
	for _, x := range vs {
		d.Violations = append(d.Violations, report.Violation{Pointer: x.Pointer, Line: x.Line, Column: x.Column, Message: x.Message, Rule: x.Rule})
	}
	d.Valid = len(vs) == 0
	return d, nil
}
