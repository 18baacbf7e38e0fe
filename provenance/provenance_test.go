package provenance_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance"
)

const hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func statement(predicateType, predicate string) string {
	return `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"registry.example/shop/web","digest":{"sha256":"` + hex + `"}}],"predicateType":"` + predicateType + `","predicate":` + predicate + `}`
}

func envelope(payload string) string {
	return `{"payloadType":"application/vnd.in-toto+json","payload":"` + base64.StdEncoding.EncodeToString([]byte(payload)) + `","signatures":[{"keyid":"","sig":"AAEC"}]}`
}

func Example() {
	raw := []byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://cyclonedx.org/bom",
		"subject":[{"name":"web","digest":{"sha256":"` + hex + `"}}],"predicate":{"bomFormat": "CycloneDX"}}`)
	image, _ := ident.ParseDigest("sha256:" + hex)

	a, err := provenance.Open(raw, provenance.Limits{})
	if err != nil || !a.Statement.Names(image) {
		fmt.Println("malformed, or about something else", err)
		return
	}
	document, ok, err := provenance.SBOM(a.Statement)
	fmt.Printf("%s %v %v\n", document, ok, err)
	// Output: {"bomFormat": "CycloneDX"} true <nil>
}

// TestExactBytes: the document is what stands in the statement, white space and all.
func TestExactBytes(t *testing.T) {
	doc := "{ \"spdxVersion\":\t\"SPDX-2.3\",\n\"name\" : \"\\u00e9\" }"
	for name, tc := range map[string]struct {
		raw, want string
		bundled   bool
	}{
		"bare":             {statement("https://spdx.dev/Document", doc), doc, false},
		"version":          {statement("https://spdx.dev/Document/v2.3", doc), doc, false},
		"envelope":         {envelope(statement("https://cyclonedx.org/bom", doc)), doc, false},
		"bundle":           {`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{},"dsseEnvelope":` + envelope(statement("https://cyclonedx.org/bom/v1.6", doc)) + `}`, doc, true},
		"older":            {statement("https://cyclonedx.org/bom", `{"Data":`+doc+`,"Timestamp":"x"}`), doc, false},
		"older, of text":   {statement("https://spdx.dev/Document", `{"Data":"SPDXVersion: SPDX-2.3\n","Timestamp":"x"}`), "SPDXVersion: SPDX-2.3\n", false},
		"text":             {statement("https://spdx.dev/Document", `"SPDXVersion: SPDX-2.3\n"`), "SPDXVersion: SPDX-2.3\n", false},
		"a name like Data": {statement("https://cyclonedx.org/bom", `{"Data":1,"bomFormat":"CycloneDX"}`), `{"Data":1,"bomFormat":"CycloneDX"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := provenance.Open([]byte(tc.raw), provenance.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			got, ok, err := provenance.SBOM(a.Statement)
			if err != nil || !ok || string(got) != tc.want || a.Bundled != tc.bundled {
				t.Errorf("%q, %v, %v, bundled %v", got, ok, err, a.Bundled)
			}
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	sub := `"subject":[{"digest":{"sha256":"` + hex + `"}}]`
	typ := `"_type":"https://in-toto.io/Statement/v1"`
	for raw, want := range map[string]struct {
		kind ident.Kind
		text string
	}{
		``:                                  {ident.KindUnsupported, "JSON object"},
		`[]`:                                {ident.KindUnsupported, "JSON object"},
		`{}`:                                {ident.KindUnsupported, "is no in-toto statement, DSSE"},
		`{"_type":"x","_type":"y"}`:         {ident.KindInvalid, "twice"},
		`{"_type":"x"}`:                     {ident.KindUnsupported, "_type"},
		`{` + typ + `,"predicateType":"p"}`: {ident.KindInvalid, "no subject"},
		`{` + typ + `,"predicateType":"p","subject":[]}`:                                       {ident.KindInvalid, "no subject"},
		`{` + typ + `,"predicateType":"p","subject":[{"name":"x"}]}`:                           {ident.KindInvalid, "no digest"},
		`{` + typ + `,"predicateType":"p","subject":[{"digest":{"sha256":"abc"}}]}`:            {ident.KindInvalid, "hexadecimal"},
		`{` + typ + `,"predicateType":"p","subject":[{"digest":{"sha256":"a","sha256":"b"}}]}`: {ident.KindInvalid, ""},
		`{` + typ + `,"predicateType":"p","subject":{}}`:                                       {ident.KindInvalid, ""},
		`{` + typ + `,` + sub + `}`:                                                            {ident.KindInvalid, "predicateType"},
		`{` + typ + `,"predicateType":1,` + sub + `}`:                                          {ident.KindInvalid, ""},
		`{` + typ + `,"predicateType":"p",` + sub + `,"payload":""}`:                           {ident.KindInvalid, "at once"},
		`{"payloadType":"x","payload":"AA==","signatures":[]}`:                                 {ident.KindInvalid, "no signature"},
		`{"payloadType":"x","payload":"AA==","signatures":[{"sig":""}]}`:                       {ident.KindInvalid, "empty"},
		`{"payloadType":"x","payload":"A\nA==","signatures":[{"sig":"AA=="}]}`:                 {ident.KindInvalid, "base64"},
		`{"payloadType":"x","payload":"AB==","signatures":[{"sig":"AA=="}]}`:                   {ident.KindInvalid, "base64"},
		`{"payloadType":"x","payload":{},"signatures":[{"sig":"AA=="}]}`:                       {ident.KindInvalid, "no text"},
		`{"payload":"AA==","signatures":[{"sig":"AA=="}]}`:                                     {ident.KindInvalid, "lacks"},
		`{"payloadType":"x","payload":"AA==","signatures":[{"sig":"AA=="}]}`:                   {ident.KindUnsupported, "around"},
		`{"dsseEnvelope":{}}`: {ident.KindUnsupported, "no DSSE envelope"},
		envelope("{}"):        {ident.KindUnsupported, "_type"},
	} {
		_, err := provenance.Open([]byte(raw), provenance.Limits{})
		if err == nil || ident.KindOf(err) != want.kind || !strings.Contains(err.Error(), want.text) {
			t.Errorf("%.80s: %v (kind %d), want %q of kind %d", raw, err, ident.KindOf(err), want.text, want.kind)
		}
	}
	for _, predicate := range []string{`null`, `1`, `[]`, `""`, `{"Data":"","Timestamp":"x"}`} {
		a, err := provenance.Open([]byte(statement("https://cyclonedx.org/bom", predicate)), provenance.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if doc, ok, err := provenance.SBOM(a.Statement); !ok || err == nil {
			t.Errorf("the predicate %s is the document %q", predicate, doc)
		}
	}
}

func TestLimits(t *testing.T) {
	many := `{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","subject":[` + strings.Repeat(`{"digest":{"sha1":"x"}},`, 9) + `{"digest":{"sha1":"x"}}]}`
	if _, err := provenance.Open([]byte(many), provenance.Limits{Subjects: 9}); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("ten subjects of at most nine: %v", err)
	}
	if _, err := provenance.Open([]byte(many), provenance.Limits{Bytes: 100}); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("%d bytes of at most 100: %v", len(many), err)
	}
	if _, err := provenance.Open([]byte(many), provenance.Limits{Subjects: 10}); err != nil {
		t.Error(err)
	}
}

// TestSignedBytes is the example of the DSSE protocol's own text.
func TestSignedBytes(t *testing.T) {
	e := provenance.Envelope{PayloadType: "http://example.com/HelloWorld", Payload: []byte("hello world")}
	if got := string(e.SignedBytes()); got != "DSSEv1 29 http://example.com/HelloWorld 11 hello world" {
		t.Error(got)
	}
}

func TestNames(t *testing.T) {
	s, err := provenance.ParseStatement([]byte(`{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"p","subject":[
		{"name":"a","digest":{"gitCommit":"`+hex+`","sha256":"`+strings.ToUpper(hex)+`"}}]}`), provenance.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	is, _ := ident.ParseDigest("sha256:" + hex)
	not := ident.SHA256([]byte("another"))
	if !s.Names(is) || s.Names(not) || s.Names(ident.Digest{}) || len(s.Digests()) != 1 {
		t.Errorf("%+v", s.Subjects)
	}
}

// written are attestations that BuildKit wrote.
func written(tb testing.TB) [][]byte {
	tb.Helper()
	names, err := filepath.Glob("../sbom/decode/testdata/generators/buildkit/*.intoto.json")
	if err != nil || len(names) == 0 {
		tb.Fatal(err, "no attestations")
	}
	var out [][]byte
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

func TestWhatBuildKitWrote(t *testing.T) {
	sboms := 0
	for _, raw := range written(t) {
		a, err := provenance.Open(raw, provenance.Limits{})
		if err != nil {
			if strings.Contains(err.Error(), "no subject") {
				continue // unnamed.sbom.intoto.json: exported to a folder, about nothing
			}
			t.Fatal(err)
		}
		doc, ok, err := provenance.SBOM(a.Statement)
		if err != nil {
			t.Error(err)
		}
		if ok {
			sboms++
			if !json.Valid(doc) {
				t.Errorf("%.80s", doc)
			}
		}
	}
	if sboms < 5 {
		t.Errorf("%d SBOMs", sboms)
	}
}

// FuzzOpen: whatever comes, an answer comes; what is opened is what encoding/json,
// which knows nothing of the rules, sees in it.
func FuzzOpen(f *testing.F) {
	for _, b := range written(f) {
		f.Add(b)
		f.Add([]byte(envelope(string(b))))
	}
	f.Add([]byte(statement("https://cyclonedx.org/bom", `{"Data":{},"Timestamp":"x"}`)))
	f.Add([]byte(`{"mediaType":"x","dsseEnvelope":` + envelope(statement("https://spdx.dev/Document", `"x"`)) + `}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := provenance.Open(raw, provenance.Limits{Bytes: 1 << 20, Subjects: 100})
		if err != nil {
			return
		}
		if a.Envelope == nil {
			var twin struct {
				Type      string `json:"_type"`
				Predicate json.RawMessage
				Subject   []struct{ Digest map[string]string }
			}
			if json.Valid(raw) && json.Unmarshal(raw, &twin) == nil && twin.Type == a.Statement.Type && len(twin.Subject) != len(a.Statement.Subjects) {
				t.Errorf("%d subjects, the twin sees %d", len(a.Statement.Subjects), len(twin.Subject))
			}
		} else if len(a.Envelope.Signatures) == 0 {
			t.Error("an envelope without signatures was opened")
		}
		if len(a.Statement.Subjects) == 0 {
			t.Error("a statement about nothing was opened")
		}
		doc, ok, err := provenance.SBOM(a.Statement)
		if ok && err == nil && len(doc) == 0 {
			t.Errorf("no document in %q", a.Statement.Predicate)
		}
	})
}
