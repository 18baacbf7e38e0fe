package swid_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
	"github.com/cofferdam-io/cofferdam/sbom/swid"
)

const tag = `<?xml version="1.0" encoding="utf-8"?>
<!-- what an installer leaves -->
<SoftwareIdentity xmlns="http://standards.iso.org/iso/19770/-2/2015/schema.xsd" xmlns:SHA256="http://www.w3.org/2001/04/xmlenc#sha256"
  name="Ledger" tagId="example.com+Ledger-4.2.1" version="4.2.1" versionScheme="multipartnumeric" tagVersion="3">
  <Entity name="Example Corp" regid="example.com" role="tagCreator softwareCreator"/>
  <Entity name="Reseller" regid="http://invalid.unavailable" role="distributor"/>
  <Link rel="component" href="swid:example.com+Core-1.0"/>
  <Link rel="requires" href="swid:example.com+Runtime-8"/>
  <Link rel="requires" href="swid:example.com+Ledger-4.2.1"/>
  <Link rel="requires" href="https://example.com/else"/>
  <Link rel="license" href="https://example.com/licence"/>
  <Payload><Directory name="bin"><File name="ledger" size="10" SHA256:hash="a"/></Directory></Payload>
  <Evidence date="2026-01-02T03:04:05Z"/>
</SoftwareIdentity>`

func Example() {
	doc, err := swid.Decode(context.Background(), []byte(tag), sbom.Limits{Details: true})
	fmt.Println(doc.Components[0].Name, doc.Components[0].Version, doc.Components[0].Details.SWIDs[0].TagID, err)
	// Output: Ledger 4.2.1 example.com+Ledger-4.2.1 <nil>
}

func TestDecode(t *testing.T) {
	docs, err := decode.Bytes(context.Background(), "ledger.swidtag", []byte("\xef\xbb\xbf"+tag), decode.Limits{Details: true})
	if err != nil {
		t.Fatal(err)
	}
	d := docs[0]
	c := d.Components[0]
	if d.Format != sbom.SWIDTag || d.SpecVersion != "2015" || d.Version != 3 || d.Subject.Name != "Ledger" || d.Subject.Version != "4.2.1" || d.Created.Year() != 2026 {
		t.Errorf("%+v", d)
	}
	if c.Supplier != "Reseller" || c.Origin != "Example Corp" || c.Details.Contact != "example.com" || fmt.Sprint(d.Authors) != "[Example Corp]" || d.Details.AuthorContact != "example.com" {
		t.Errorf("%+v %+v %v", c, c.Details, d.Authors)
	}
	if len(d.Components) != 3 || d.Components[2].ID != "example.com+Runtime-8" || d.Components[2].Details.SWIDs[0].TagID != "example.com+Runtime-8" {
		t.Errorf("%+v", d.Components)
	}
	if got := fmt.Sprint(d.Dependencies); got != "[{0 1 1} {0 2 0}]" {
		t.Error(got)
	}
	if len(d.Warnings) != 1 || !strings.Contains(d.Warnings[0].Message, "leads to no tag identifier") {
		t.Errorf("%+v", d.Warnings)
	}
	r := quality.Score(d, quality.Options{})
	for _, check := range r.Policy.Checks {
		if check.ID == "missing-identifier" {
			t.Errorf("a tag is an identifier: %+v", check)
		}
	}
	automated := map[string]quality.Outcome{"ntia-2021/automation": quality.Present, "cisa-2026/sbom-data-format-name": quality.Absent}
	for _, p := range r.Profiles {
		for _, e := range p.Elements {
			if want, ok := automated[p.ID+"/"+e.ID]; ok && e.Outcome != want {
				t.Errorf("%s %s is %s, want %s", p.ID, e.ID, e.Outcome, want)
			}
			delete(automated, p.ID+"/"+e.ID)
		}
	}
	if len(automated) > 0 {
		t.Errorf("not judged: %v", automated)
	}
	plain, err := swid.Decode(context.Background(), []byte(tag), sbom.Limits{})
	if err != nil || plain.Details != nil || plain.Components[0].Details != nil || plain.Components[0].Name != "Ledger" {
		t.Errorf("%+v, %v", plain, err)
	}
}

func TestRefused(t *testing.T) {
	const open = `<SoftwareIdentity xmlns="http://standards.iso.org/iso/19770/-2/2015/schema.xsd" name="x" tagId="y">`
	for name, c := range map[string]struct {
		raw  string
		kind ident.Kind
		says string
	}{
		"entities that grow":  {`<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><SoftwareIdentity name="&b;" tagId="y"/>`, ident.KindUnsupported, "document type declarations"},
		"a file outside":      {`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><SoftwareIdentity name="&e;" tagId="y"/>`, ident.KindUnsupported, "document type declarations"},
		"an entity":           {`<SoftwareIdentity name="&b;" tagId="y"/>`, ident.KindInvalid, "well-formed"},
		"depth":               {open + strings.Repeat("<Directory>", 300), ident.KindLimit, "nested more than 256 deep"},
		"links":               {open + strings.Repeat(`<Link rel="requires" href="swid:z"/>`, 10_001) + `</SoftwareIdentity>`, ident.KindLimit, "more than 10000 other tags"},
		"no identifier":       {`<SoftwareIdentity name="x"/>`, ident.KindInvalid, "no tagId"},
		"no name":             {`<SoftwareIdentity tagId="x"/>`, ident.KindInvalid, "no name"},
		"cut off":             {open + "<Entity/>", ident.KindInvalid, ""},
		"two roots":           {open + "</SoftwareIdentity>" + open + "</SoftwareIdentity>", ident.KindInvalid, "more than one root"},
		"another root":        {"<bom/>", ident.KindInvalid, "SoftwareIdentity is wanted"},
		"the edition of 2009": {`<swid:software_identification_tag xmlns:swid="http://standards.iso.org/iso/19770/-2/2009/schema.xsd"/>`, ident.KindUnsupported, "another edition"},
		"another encoding":    {`<?xml version="1.0" encoding="iso-8859-1"?>` + open + "</SoftwareIdentity>", ident.KindUnsupported, "iso-8859-1"},
		"not UTF-8":           {open + "\xff</SoftwareIdentity>", ident.KindInvalid, "well-formed"},
	} {
		_, err := swid.Decode(context.Background(), []byte(c.raw), sbom.Limits{})
		if ident.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(c.raw, "oftware") && c.raw[0] == '<' && !strings.Contains(c.raw, "DOCTYPE") {
			if _, again := decode.Bytes(context.Background(), "x", []byte(c.raw), decode.Limits{}); ident.KindOf(again) != c.kind {
				t.Errorf("%s: found by content: %v", name, again)
			}
		}
	}
	if _, err := swid.Decode(context.Background(), []byte(tag), sbom.Limits{MaxBytes: 100}); ident.KindOf(err) != ident.KindLimit {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := swid.Decode(ctx, []byte(tag), sbom.Limits{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(tag))
	f.Add([]byte(`<SoftwareIdentity name="x" tagId="y" patch="true" tagVersion="99999999999999999999"><Link rel="component" href="swid:"/></SoftwareIdentity>`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := swid.Decode(context.Background(), raw, sbom.Limits{Details: true, MaxBytes: 1 << 20})
		if err != nil {
			if ident.KindOf(err) == ident.KindFailure {
				t.Errorf("%v", err)
			}
			return
		}
		checkTag(t, d)
	})
}
