package redact_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/encode"
	"github.com/cofferdam-io/cofferdam/sbom/redact"
)

const raw = `{"bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79","version":1,
	"metadata":{"component":{"type":"application","bom-ref":"pkg:npm/shop@1","name":"shop","version":"1","purl":"pkg:npm/shop@1"}},
	"components":[{"type":"library","bom-ref":"pkg:npm/%40acme/secret-engine@4.2.1","group":"@acme","name":"secret-engine","version":"4.2.1","purl":"pkg:npm/%40acme/secret-engine@4.2.1",
	"cpe":"cpe:2.3:a:acme:secret-engine:4.2.1:*:*:*:*:*:*:*","supplier":{"name":"Acme Defence"},"hashes":[{"alg":"SHA-256","content":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}],"licenses":[{"license":{"id":"MIT"}}],
	"evidence":{"occurrences":[{"location":"/app/node_modules/@acme/secret-engine/package.json"}]}},
	{"type":"library","bom-ref":"lodash<secret-engine","name":"lodash","version":"4.17.21","purl":"pkg:npm/lodash@4.17.21","evidence":{"occurrences":[{"location":"/app/node_modules/@acme/secret-engine/node_modules/lodash"},{"location":"/lodash"}]}}],
	"dependencies":[{"ref":"pkg:npm/shop@1","dependsOn":["pkg:npm/%40acme/secret-engine@4.2.1"]},{"ref":"pkg:npm/%40acme/secret-engine@4.2.1","dependsOn":["lodash<secret-engine"]}]}`

var key = bytes.Repeat([]byte("k"), redact.MinKey)

func read(tb testing.TB, raw []byte) *sbom.Document {
	tb.Helper()
	docs, err := decode.Bytes(context.Background(), "shop-with-secret-engine.json", raw, decode.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	return docs[0]
}

func acme(c *sbom.Component) bool { return c.Group == "@acme" }

func Example() {
	docs, _ := decode.Bytes(context.Background(), "shop.cdx.json", []byte(raw), decode.Limits{})
	out, r, _ := redact.Document(docs[0], redact.Options{Chosen: acme, Key: key})
	var buf bytes.Buffer
	_, _ = encode.Document(context.Background(), &buf, out, encode.CycloneDX, encode.Options{})
	fmt.Println(r.Components, r.Locations, r.Leaks(buf.Bytes()), out.Components[0].Version)
	// Output: 1 1 [] withheld
}

func TestNothingLeaksAndTheRestStays(t *testing.T) {
	d := read(t, []byte(raw))
	before := *d
	out, r, err := redact.Document(d, redact.Options{Chosen: acme, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	if d.Components[0].Name != "secret-engine" || d.Serial != before.Serial || len(d.Components[1].Locations) != 2 {
		t.Error("the document that was given is another now")
	}
	for _, f := range encode.Formats() {
		var buf bytes.Buffer
		if _, err := encode.Document(context.Background(), &buf, out, f, encode.Options{}); err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{"acme", "secret", "4.2.1", "defence", "engine", "3e671687"} {
			if strings.Contains(strings.ToLower(buf.String()), s) {
				t.Errorf("%s says %s:\n%s", f, s, buf.String())
			}
		}
		if leaks := r.Leaks(buf.Bytes()); len(leaks) > 0 {
			t.Errorf("%s: %q", f, leaks)
		}
		again := read(t, buf.Bytes())
		c := again.Components[0]
		if again.Redacted != 1 || !strings.HasPrefix(c.Name, "redacted-") || c.Version != redact.Withheld || c.Supplier != redact.Withheld || len(c.Hashes) != 1 || len(c.Licenses) == 0 || c.Licenses[0].Expression != "MIT" {
			t.Errorf("%s: %d redacted, %+v", f, again.Redacted, c)
		}
		if len(again.Dependencies) < 2 || again.Components[1].Name != "lodash" {
			t.Errorf("%s: %+v", f, again.Dependencies)
		}
	}
}

func TestSubject(t *testing.T) {
	d := read(t, []byte(strings.ReplaceAll(raw, `"name":"shop"`, `"name":"blackbird"`)))
	d.Subject.References = append(d.Subject.References, ident.ImageRef{Registry: "registry.example", Repository: "blackbird", Tag: "1"})
	out, r, err := redact.Document(d, redact.Options{Key: key, Chosen: func(c *sbom.Component) bool { return c.Name == "blackbird" }})
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if _, err := encode.Document(context.Background(), &buf, out, encode.SPDX, encode.Options{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(buf.String(), "blackbird") || len(r.Leaks(buf.Bytes())) > 0 || out.Subject.Version != redact.Withheld {
		t.Errorf("%q %s", r.Leaks(buf.Bytes()), buf.String())
	}
}

func TestALeakIsSeen(t *testing.T) {
	d := read(t, []byte(raw))
	d.LicenseTexts = []sbom.LicenseText{{ID: "LicenseRef-x", Text: "This Secret-Engine belongs to us"}}
	out, r, err := redact.Document(d, redact.Options{Chosen: acme, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if _, err := encode.Document(context.Background(), &buf, out, encode.SPDX, encode.Options{}); err != nil {
		t.Fatal(err)
	}
	if got := r.Leaks(buf.Bytes()); fmt.Sprint(got) != "[secret-engine]" {
		t.Errorf("%q", got)
	}
}

func TestNamesAreStableAndKeyed(t *testing.T) {
	name := func(key []byte) string {
		out, _, err := redact.Document(read(t, []byte(raw)), redact.Options{Chosen: acme, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		return out.Components[0].Name
	}
	other := bytes.Repeat([]byte("o"), redact.MinKey)
	if first, again := name(key), name(key); first != again || first == name(other) {
		t.Error("names are not the key's")
	}
	if _, _, err := redact.Document(read(t, []byte(raw)), redact.Options{Chosen: acme, Key: key[1:]}); ident.KindOf(err) != ident.KindUsage {
		t.Errorf("a short key: %v", err)
	}
	if _, _, err := redact.Document(read(t, []byte(raw)), redact.Options{Chosen: func(*sbom.Component) bool { return false }, Key: key}); ident.KindOf(err) != ident.KindNotFound {
		t.Errorf("nothing chosen: %v", err)
	}
}

func TestNoDocumentLeaks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-zA-Z<>&"/\\é-]{1,9}`)
		d := &sbom.Document{Subject: sbom.Subject{Name: word.Draw(t, "subject")}}
		for range rapid.IntRange(1, 6).Draw(t, "components") {
			c := sbom.Component{ID: word.Draw(t, "id"), Group: word.Draw(t, "group"), Name: word.Draw(t, "name"), Version: word.Draw(t, "version"), Supplier: word.Draw(t, "supplier"), Locations: []string{"/" + word.Draw(t, "location")}}
			d.Components = append(d.Components, c)
		}
		n := rapid.IntRange(0, len(d.Components)-1).Draw(t, "which")
		secret := d.Components[n].Name
		out, _, err := redact.Document(d, redact.Options{Key: key, Chosen: func(c *sbom.Component) bool { return c.Name == secret }})
		if err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		f := rapid.SampledFrom(encode.Formats()).Draw(t, "format")
		if _, err := encode.Document(context.Background(), &buf, out, f, encode.Options{}); err != nil {
			t.Fatal(err)
		}
		again, err := decode.Bytes(context.Background(), "x", buf.Bytes(), decode.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range again[0].Components {
			if c.Name == secret && d.Components[i].Name == secret {
				t.Fatalf("%q is still called so", secret)
			}
		}
	})
}
