package spdx_test

import (
	"context"
	"fmt"

	"github.com/cofferdam-io/cofferdam/sbom/spdx"
)

func ExampleDecode() {
	data := []byte(`{"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "packages": [{
		"SPDXID": "SPDXRef-zlib", "name": "zlib", "versionInfo": "1.3",
		"externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:generic/zlib@1.3"}]}]}`)
	doc, err := spdx.Decode(context.Background(), data, spdx.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range doc.Components {
		fmt.Println(c.PURL, c.Pointer)
	}
	// Output: pkg:generic/zlib@1.3 /packages/0
}
