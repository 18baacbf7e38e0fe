package decode_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
)

// What is read whole is refused where it would take more memory than may be held, and the
// refusal says how long a document may be and what to do; one that fits is read. What is
// read piece by piece is never refused so.
func TestWholeFormsAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		doc   string
		times int // 0: it is read piece by piece
	}{
		"CycloneDX in JSON":              {cdx, 0},
		"SPDX 2 in JSON":                 {spdxJSON, 0},
		"tags and values":                {tagValue, 5},
		"SPDX 3":                         {`{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[{"type":"CreationInfo","@id":"_:c","specVersion":"3.0.1","created":"2026-01-02T03:04:05Z"},{"type":"SpdxDocument","spdxId":"https://x.example/doc","creationInfo":"_:c"}]}`, 4},
		"SPDX 3 that also has a version": {`{"spdxVersion":"SPDX-2.3","@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[{"type":"CreationInfo","@id":"_:c","specVersion":"3.0.1","created":"2026-01-02T03:04:05Z"},{"type":"SpdxDocument","spdxId":"https://x.example/doc","creationInfo":"_:c"}]}`, 4},
		"syft":                           {syftJSON, 4},
		"Trivy":                          {trivyJSON, 7},
		"a SWID tag":                     {`<SoftwareIdentity xmlns="http://standards.iso.org/iso/19770/-2/2015/schema.xsd" name="x" tagId="y" version="1"><Entity name="z" role="tagCreator softwareCreator"/></SoftwareIdentity>`, 12},
		"a statement":                    {statement(spdxJSON), 7},
		"an envelope":                    {`{"payloadType":"application/vnd.in-toto+json","payload":"` + base64.StdEncoding.EncodeToString([]byte(statement(spdxJSON))) + `","signatures":[]}`, 7},
	} {
		read := func(held int) error {
			_, err := decode.Bytes(context.Background(), name, []byte(c.doc), decode.Limits{MaxHeld: held})
			return err
		}
		if c.times == 0 {
			if err := read(1); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err := read(c.times * len(c.doc)); err != nil {
			t.Errorf("%s, which fits: %v", name, err)
		}
		refused(t, name, read(c.times*len(c.doc)-1))
	}
	for name, doc := range map[string]string{"gzip": zipped(cdx), "XML": cdxXML} {
		read := func(held int) error {
			_, err := decode.Bytes(context.Background(), name, []byte(doc), decode.Limits{MaxHeld: held})
			return err
		}
		if err := read(1 << 20); err != nil {
			t.Errorf("%s, which fits: %v", name, err)
		}
		refused(t, name, read(1000))
	}
}

func refused(t *testing.T, name string, err error) {
	t.Helper()
	var e *ident.Error
	if !errors.As(err, &e) || e.Kind != ident.KindLimit || !strings.Contains(e.Hint, "cofferdam sbom convert") {
		t.Errorf("%s, which does not fit: %v", name, err)
	}
}
