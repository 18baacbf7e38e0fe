package provenance

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
)

// sbomPredicates are the predicate types whose predicate is an SBOM; versions and
// formats are appended to them with a slash.
var sbomPredicates = []string{
	"https://spdx.dev/Document",
	"https://cyclonedx.org/bom",
	"https://syft.dev/bom",
}

// IsSBOM reports whether predicates of a type are SBOMs.
func IsSBOM(predicateType string) bool {
	for _, p := range sbomPredicates {
		if rest, ok := strings.CutPrefix(predicateType, p); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// SBOM returns the SBOM document that a statement's predicate is: the predicate's
// exact bytes. Where the predicate is a text, as for SPDX in the form of tags and
// values, the document is that text; where it is cosign's older {"Data": …,
// "Timestamp": …}, it is what Data holds, read the same way. ok is false where the
// predicate is something else by its type.
func SBOM(s *Statement) (document []byte, ok bool, err error) {
	if !IsSBOM(s.PredicateType) {
		return nil, false, nil
	}
	if len(s.Predicate) == 0 {
		return nil, true, ident.Errorf(ident.KindInvalid, "the in-toto statement of type %.120q has no predicate", s.PredicateType)
	}
	document = s.Predicate
	data, err := older(document)
	if err != nil {
		return nil, true, err
	}
	if data != nil {
		document = data
	}
	switch document[0] {
	case '{':
		return document, true, nil
	case '"':
		r := jsonscan.New(document, jsonscan.Options{MaxStringBytes: len(document)})
		text := r.String()
		if err := r.End(); err != nil {
			return nil, true, err
		}
		if text == "" {
			return nil, true, ident.Errorf(ident.KindInvalid, "the predicate of the in-toto statement is an empty text")
		}
		return []byte(text), true, nil
	}
	return nil, true, ident.Errorf(ident.KindInvalid, "the predicate of the in-toto statement is neither a document nor a text")
}

// older returns what the member Data of cosign's older predicate holds; nil where the
// predicate is not of that form.
func older(predicate []byte) ([]byte, error) {
	r := jsonscan.New(predicate, jsonscan.Options{MaxStringBytes: len(predicate)})
	if r.Kind() != jsonscan.Object {
		return nil, r.Err()
	}
	var data []byte
	stamped, names := false, 0
	r.Object()
	for key, ok := r.NextKey(); ok && names < 3; key, ok = r.NextKey() {
		names++
		switch string(key) {
		case "Data":
			data = r.Raw()
		case "Timestamp":
			stamped = true
		}
	}
	if r.Err() != nil || data == nil || names > 2 || names == 2 && !stamped {
		return nil, r.Err()
	}
	return data, nil
}
