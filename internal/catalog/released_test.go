package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
)

// packagesOf is an SPDX document of about n bytes, of packages only, a line each.
func packagesOf(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"packages","documentNamespace":"https://scanner.example/packages","creationInfo":{"created":"2026-01-02T03:04:05Z","creators":["Tool: made-1"]},` +
		`"packages":[`)
	for i := 0; b.Len() < n; i++ {
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, `{"SPDXID":"SPDXRef-%d","name":"package-%d","versionInfo":"1","sourceInfo":%q,"externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/package-%d@1"}]}`, i, i, strings.Repeat("long ", 300), i)
	}
	b.WriteString(`],"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-1"}]}`)
	return b.Bytes()
}

// The memory of a large document is given back while it is read. What is kept of it, and
// what is said of its faults, is the same.
func TestReleasedWhileItIsRead(t *testing.T) {
	c, end := open(t, embedded(t, t.TempDir()), catalog.Options{})
	defer end()
	ctx := context.Background()
	good := packagesOf(13 << 20) // three stretches
	r, err := c.Take(ctx, ci, catalog.Upload{Body: bytes.NewReader(good), Size: int64(len(good))})
	if err != nil {
		t.Fatal(err)
	}
	want, err := decode.Bytes(ctx, "", good, decode.Limits{})
	if err != nil || r.Components < 5000 || r.Components < len(want[0].Components) {
		t.Errorf("%d components of %d: %v", r.Components, len(want[0].Components), err)
	}
	body, _, err := c.Content(ctx, "", r.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := io.ReadAll(body); err != nil || !bytes.Equal(back, good) {
		t.Errorf("%d of %d bytes come back: %v", len(back), len(good), err)
	}
	bad := append(bytes.TrimSuffix(good, []byte("]}")), '!')
	_, fault := decode.Bytes(ctx, "", bad, decode.Limits{})
	var no *catalog.RejectedError
	if _, err = c.Take(ctx, ci, catalog.Upload{Body: bytes.NewReader(bad), Size: int64(len(bad))}); !errors.As(err, &no) || no.Err.Error() != fault.Error() || ident.KindOf(fault) != ident.KindInvalid {
		t.Fatalf("%v, want %v", err, fault)
	}
	if body, _, err = c.RejectedContent(ctx, "", no.ID); err != nil {
		t.Fatal(err)
	}
	if back, err := io.ReadAll(body); err != nil || !bytes.Equal(back, bad) {
		t.Errorf("%d of %d bytes are in quarantine: %v", len(back), len(bad), err)
	}
}
