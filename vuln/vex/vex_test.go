package vex_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln/vex"
)

const small = `{"author":"Example","statements":[{"vulnerability":"CVE-2026-1","products":["pkg:npm/a@1"],"status":"fixed"}]}`

func Example() {
	statements, faults, err := vex.Decode(context.Background(), "product.json", []byte(small))
	fmt.Println(len(statements), statements[0].Status, len(faults), err)
	// Output: 1 fixed 0 <nil>
}

func TestFormIsToldByContent(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		kind ident.Kind
		ok   bool
	}{
		"OpenVEX":              {small, 0, true},
		"CSAF":                 {`{"document":{"csaf_version":"2.0","category":"csaf_base"}}`, 0, true},
		"CycloneDX":            {`{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"vulnerabilities":[{"id":"CVE-1","analysis":{"state":"resolved"}}]}`, 0, true},
		"CycloneDX in XML":     {`<bom/>`, ident.KindUnsupported, false},
		"an SBOM without VEX":  {`{"bomFormat":"CycloneDX","specVersion":"1.5","version":1}`, ident.KindUnsupported, false},
		"something else":       {`{"id":"GO-2023-2102","affected":[]}`, ident.KindUnsupported, false},
		"nothing":              {``, ident.KindUnsupported, false},
		"OpenVEX with a fault": {`{"statements":[{}}`, ident.KindInvalid, false},
	} {
		_, _, err := vex.Decode(context.Background(), "f", []byte(c.text))
		if (err == nil) != c.ok || err != nil && ident.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}
