package cli

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/report"
)

const (
	xmlTag = `<SoftwareIdentity xmlns="http://standards.iso.org/iso/19770/-2/2015/schema.xsd" name="Ledger" tagId="example.com+Ledger-4.2.1" version="4.2.1"><Entity name="Example Corp" regid="example.com" role="tagCreator softwareCreator"/></SoftwareIdentity>`
	// cborTag says the same of another release (RFC 9393).
	cborTag = "\xdaSWID\xa5\x00\x78\x18example.com+Ledger-4.3.0\x01\x66Ledger\x0c\x00\x0d\x654.3.0\x02\xa3\x18\x1f\x6cExample Corp\x18\x20\x6bexample.com\x18\x21\x82\x01\x02"
)

// Software identification tags of a folder, in XML and in CBOR, go all the way: shown,
// taken in by a server, and given back byte by byte.
func TestSoftwareTags(t *testing.T) {
	s := served(t)
	t.Setenv("COFFERDAM_SERVER", s.url)
	s.file("tags/old.swidtag", xmlTag)
	file := s.file("tags/new.coswid", cborTag)

	out, _ := s.run(0, "sbom", "show", file)
	for _, want := range []string{"Ledger 4.3.0", "swid rfc9393 (cbor)"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out, _ = s.run(0, "push", filepath.Join(s.dir, "tags"), "-o", "json")
	var pushed report.Pushed
	if err := json.Unmarshal([]byte(out), &pushed); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	if len(pushed.Documents) != 2 || pushed.Refused != 0 {
		t.Fatal(out)
	}
	_, code, original := s.call(http.MethodGet, "/api/v1/documents/"+ident.SHA256([]byte(cborTag)).String()+"/content", "", nil)
	if code != http.StatusOK || original != cborTag {
		t.Errorf("%d %q", code, original)
	}

	bad := s.file("bad.coswid", cborTag[:40])
	if _, said := s.run(1, "sbom", "show", bad); !strings.Contains(said, "the CBOR is not read") {
		t.Error(said)
	}
	if out, _ := s.run(1, "push", bad, "-o", "json"); !strings.Contains(out, "the CBOR is not read") {
		t.Error(out)
	}
}
