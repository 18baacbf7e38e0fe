package provenance

import (
	"encoding/json"

	"github.com/cofferdam-io/cofferdam/ident"
)

// The types of predicates that are written as well as read.
const (
	SLSAProvenanceV1 = "https://slsa.dev/provenance/v1"
	CycloneDX        = "https://cyclonedx.org/bom"
	SPDX             = "https://spdx.dev/Document"
	OpenVEX          = "https://openvex.dev/ns"
	CosignVuln       = "https://cosign.sigstore.dev/attestation/vuln/v1"
	CosignSign       = "https://sigstore.dev/cosign/sign/v1" // an image is signed, and no more is said of it
	// MicroSegmentation is a map of an estate, in CycloneDX: what runs, and what may talk
	// to what (docs/pipelines.md).
	MicroSegmentation = "https://cofferdam.dev/attestation/micro-segmentation/v1"
)

// Write returns a statement as JSON, of version 1. The predicate's bytes are kept as
// they are, but for white space. A statement without a subject or a type, or whose
// predicate is no JSON object, is an error of KindInvalid.
func (s *Statement) Write() ([]byte, error) {
	type subject struct {
		Name   string            `json:"name,omitempty"`
		Digest map[string]string `json:"digest"`
	}
	var subjects []subject
	for _, x := range s.Subjects {
		d := map[string]string{}
		for _, h := range x.Digests {
			d[h.Algorithm] = h.Value
		}
		subjects = append(subjects, subject{x.Name, d})
	}
	raw, err := json.Marshal(struct {
		Type          string          `json:"_type"`
		Subject       []subject       `json:"subject"`
		PredicateType string          `json:"predicateType"`
		Predicate     json.RawMessage `json:"predicate"`
	}{StatementV1, subjects, s.PredicateType, s.Predicate})
	if err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the predicate is no JSON: %w", err)
	}
	if _, err := ParseStatement(raw, Limits{}); err != nil { // what is written can be read
		return nil, err
	}
	if len(s.Predicate) == 0 || raw[0] != '{' {
		return nil, ident.Errorf(ident.KindInvalid, "the statement has no predicate")
	}
	return raw, nil
}

// SubjectOf is a subject that one content digest names.
func SubjectOf(name string, d ident.Digest) Subject {
	return Subject{Name: name, Digests: []Hash{{d.Algorithm(), d.Hex()}}}
}
