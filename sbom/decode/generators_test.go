package decode_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
)

func generated(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "generators", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestIdentitiesThatGeneratorsWrite: for what syft, bom and BuildKit really wrote,
// every identity that the document gives its image, and no other. The digests are
// computed from the manifests that were pushed; $name stands for one.
func TestIdentitiesThatGeneratorsWrite(t *testing.T) {
	var words []string
	word := func(name, file string) {
		d := ident.SHA256(generated(t, file))
		words = append(words, d.String(), "$"+name)
	}
	word("cellar", "images/cellar.manifest.json")
	word("cellarConfig", "images/cellar.config.json")
	word("greeter", "images/greeter.index.json")
	word("greeterAMD", "images/greeter.amd64.manifest.json")
	word("greeterARM", "images/greeter.arm64.manifest.json")
	word("builtAMD", "buildkit/greeter.amd64.manifest.json")
	word("builtARM", "buildkit/greeter.arm64.manifest.json")
	word("builtCellar", "buildkit/cellar.amd64.manifest.json")
	word("builtStages", "buildkit/stages.amd64.manifest.json")
	short := strings.NewReplacer(words...)

	const (
		cellar = "registry.local/shop/cellar:2.0"
		index  = "index $greeter, manifest $greeterAMD, manifest $greeterARM; registry.local/shop/greeter@$greeter, registry.local/shop/greeter@$greeterAMD, registry.local/shop/greeter@$greeterARM"
	)
	for name, want := range map[string][]string{
		"syft/cellar.cdx.json":   {"container registry.local/shop/cellar 2.0 [; " + cellar + "] debian 12"},
		"syft/cellar.cdx.xml":    {"container registry.local/shop/cellar 2.0 [; " + cellar + "] debian 12"},
		"syft/cellar.spdx.json":  {"container registry.local/shop/cellar 2.0 [manifest $cellar; " + cellar + "]"},
		"syft/cellar.spdx":       {"container registry.local/shop/cellar 2.0 [manifest $cellar; " + cellar + "]"},
		"syft/cellar.syft.json":  {"container " + cellar + " 2.0 [config $cellarConfig, manifest $cellar; " + cellar + ", registry.local/shop/cellar@$cellar] debian 12"},
		"syft/greeter.spdx.json": {"container registry.local/shop/greeter 1.4 [manifest $greeterAMD; registry.local/shop/greeter:1.4]"},

		"bom/cellar.spdx":              {"container $cellar [manifest $cellar; registry.local/shop/cellar@$cellar]"},
		"bom/cellar.spdx.json":         {"container $cellar [manifest $cellar; registry.local/shop/cellar@$cellar]"},
		"bom/greeter.spdx":             {"container registry.local/shop/greeter@$greeter [" + index + "]"},
		"bom/greeter.spdx.json":        {"container registry.local/shop/greeter@$greeter [" + index + "]"},
		"bom/cellar-archive.spdx":      {"cellar.tar [; ]"}, // the image's name stands in an identifier alone, where it cannot be told from other text
		"bom/cellar-archive.spdx.json": {"cellar.tar [; ]"},

		"buildkit/greeter.amd64.sbom.intoto.json": {"container registry.local/built/greeter 1.4 [manifest $builtAMD; registry.local/built/greeter:1.4@$builtAMD]"},
		"buildkit/greeter.arm64.sbom.intoto.json": {"container registry.local/built/greeter 1.4 [manifest $builtARM; registry.local/built/greeter:1.4@$builtARM]"},
		"buildkit/cellar.amd64.sbom.intoto.json":  {"container registry.local/built/cellar 2.0 [manifest $builtCellar; registry.local/built/cellar:2.0@$builtCellar]"},
		"buildkit/stages.amd64.sbom.intoto.json":  {"container registry.local/built/stages 1.0 [manifest $builtStages; registry.local/built/stages:1.0@$builtStages]"},
		// The build's context and a stage of it: the statements name the image, and the documents do not list it.
		"buildkit/stages.amd64.sbom-build.intoto.json":   {"directory sbom-build [; ] /subject"},
		"buildkit/stages.amd64.sbom-context.intoto.json": {"directory sbom-context [; ] /subject"},
		"buildkit/stages.imagetools.json":                {"directory sbom [; ] /SPDX", "directory sbom-build [; ] /AdditionalSPDXs/0", "directory sbom-context [; ] /AdditionalSPDXs/1"},
		"buildkit/unnamed.sbom.intoto.json":              {"directory sbom [; ] /subject"},
		"buildkit/folder.sbom.spdx.json":                 {"directory sbom [; ] /subject"},
		"buildkit/cellar.imagetools.json":                {"directory sbom [; ] /SPDX"},
		"buildkit/greeter.imagetools.json":               {"directory sbom [; ] /linux~1amd64/SPDX", "directory sbom [; ] /linux~1arm64/SPDX"},
	} {
		docs, err := decode.Bytes(context.Background(), name, generated(t, name), decode.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, d := range docs {
			s := d.Subject
			var digests, refs, warnings []string
			for _, g := range s.Digests {
				digests = append(digests, g.Role.String()+" "+g.Digest.String())
			}
			for _, r := range s.References {
				refs = append(refs, r.String())
			}
			for _, w := range d.Warnings {
				warnings = append(warnings, w.Pointer)
			}
			slices.Sort(digests)
			slices.Sort(refs)
			parts := []string{s.Kind, s.Name, s.Version, fmt.Sprintf("[%s; %s]", strings.Join(digests, ", "), strings.Join(refs, ", ")), s.OS.ID, s.OS.VersionID, strings.Join(warnings, " ")}
			got = append(got, short.Replace(strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " ")))
		}
		for i := range want { // names sort otherwise than the digests that they stand for
			want[i], got[i] = sortedWords(want[i]), sortedWords(got[i])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func sortedWords(s string) string {
	w := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" ,;[]", r) })
	slices.Sort(w)
	return strings.Join(w, " ")
}

// TestLayersAreNoPackages: bom lists a layer as a package that is named by its digest.
func TestLayersAreNoPackages(t *testing.T) {
	for _, name := range []string{"bom/cellar.spdx", "bom/cellar.spdx.json", "bom/cellar-archive.spdx"} {
		d := one(t, string(generated(t, name)))
		files, inLayer := 0, 0
		for _, c := range d.Components {
			switch {
			case c.Type == "file" && strings.HasPrefix(c.Name, "sha256:"):
				files++
			case c.Layer.String() == "sha256:"+bottomLayer(t):
				inLayer++
			}
		}
		if files != 2 || inLayer != 4 {
			t.Errorf("%s: %d layers, %d packages in the lower one", name, files, inLayer)
		}
	}
}

func bottomLayer(t *testing.T) string {
	var m struct {
		Layers []struct{ Digest ident.Digest }
	}
	if err := json.Unmarshal(generated(t, "images/cellar.manifest.json"), &m); err != nil || len(m.Layers) != 2 {
		t.Fatal(err, m)
	}
	return m.Layers[0].Digest.Hex()
}

// TestWhatStandsBesideAnSBOMIsNamed: the other things that BuildKit pushes are no
// SBOMs, and the message says what they are.
func TestWhatStandsBesideAnSBOMIsNamed(t *testing.T) {
	for name, want := range map[string]string{
		"buildkit/greeter.amd64.attestation.json":       "is the manifest of attestations and no SBOM",
		"buildkit/greeter.amd64.provenance.intoto.json": `is an in-toto statement of type "https://slsa.dev/provenance/v1" and no SBOM`,
		"buildkit/greeter.index.json":                   "is an OCI manifest and no SBOM",
		"buildkit/greeter.amd64.manifest.json":          "is an OCI manifest and no SBOM",
		"buildkit/greeter.amd64.config.json":            "is no SBOM in any format that is read",
	} {
		docs, err := decode.Bytes(context.Background(), name, generated(t, name), decode.Limits{})
		if ident.KindOf(err) != ident.KindUnsupported || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %d documents, %v", name, len(docs), err)
		}
	}
}

// about wraps spdxJSON in a statement with these subjects; predicates of a scanned
// folder are what BuildKit has.
func about(folder bool, subjects ...string) string {
	doc := spdxJSON
	if folder {
		doc = strings.Replace(doc, `"packages":[`, `"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relatedSpdxElement":"SPDXRef-DocumentRoot-Directory-sbom","relationshipType":"DESCRIBES"}],
			"packages":[{"SPDXID":"SPDXRef-DocumentRoot-Directory-sbom","name":"sbom","downloadLocation":"NOASSERTION"},`, 1)
	}
	var list []string
	for _, s := range subjects {
		list = append(list, `{"name":"`+s+`","digest":{"sha1":"`+digestHex[:40]+`","sha256":"`+digestHex+`"}}`)
	}
	return `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","subject":[` + strings.Join(list, ",") + `],"predicate":` + doc + `}`
}

func TestSubjectsOfStatements(t *testing.T) {
	const d = "sha256:" + digestHex
	for name, c := range map[string]struct {
		raw, want string
		warnings  int
	}{
		"BuildKit on Docker Hub":   {about(true, "pkg:docker/nginx@1.27?platform=linux%2Farm64%2Fv8"), "container docker.io/library/nginx 1.27 nginx@1.27?platform=linux%2Farm64%2Fv8 [{manifest D}] [docker.io/library/nginx:1.27@D]", 0},
		"BuildKit, two names":      {about(true, "pkg:docker/r.example/a@1?platform=linux%2Famd64", "pkg:docker/r.example%3A5000/team/b@2?platform=linux%2Famd64"), "container r.example/a 1 r.example/a@1?platform=linux%2Famd64 [{manifest D}] [r.example/a:1@D r.example:5000/team/b:2@D]", 0},
		"a digest and no tag":      {about(true, "pkg:docker/r.example/a?digest=sha256:"+otherHex+"&platform=linux%2Famd64"), "container r.example/a r.example/a?digest=sha256:" + otherHex + "&platform=linux%2Famd64 [{manifest D}] [r.example/a@D]", 0},
		"cosign":                   {about(false, "index.docker.io/library/nginx"), " x [{unknown D}] [docker.io/library/nginx@D]", 0},
		"cosign of a folder":       {about(true, "r.example/team/app"), "container r.example/team/app [{unknown D}] [r.example/team/app@D]", 0},
		"cosign of an application": {strings.Replace(statement(cdx), `"type":"container"`, `"type":"application","purl":"pkg:npm/app@1"`, 1), "application registry.example/shop/web D pkg:npm/app@1 [{unknown D}] [registry.example/shop/web@D]", 0},
		"a word":                   {about(true, "_"), "directory sbom [{unknown D}] []", 0},
		"a file":                   {about(true, "usr/local/bin/app"), "directory sbom [] []", 1},
		"a path, but of no folder": {about(false, "team/app"), " x [{unknown D}] []", 0},
		"none":                     {about(true), "directory sbom [] []", 1},
		"no image package URL":     {about(true, "pkg:npm/lodash@4.17.20"), "directory sbom [] []", 1},
	} {
		doc := one(t, c.raw)
		s := doc.Subject
		got := strings.ReplaceAll(fmt.Sprintf("%s %s %s %s %v %v", s.Kind, s.Name, s.Version, strings.TrimPrefix(s.PURL, "pkg:docker/"), s.Digests, s.References), d, "D")
		if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(c.want), " ") || len(doc.Warnings) != c.warnings {
			t.Errorf("%s:\n got %s, %v\nwant %s", name, got, doc.Warnings, c.want)
		}
	}
	for name, raw := range map[string]string{
		"two subjects":      strings.Replace(about(true, "_"), `"subject"`, `"subject":[],"subject"`, 1),
		"two names":         strings.Replace(about(true, "_"), `"name":"_"`, `"name":"_","name":"x"`, 1),
		"two digests":       strings.Replace(about(true, "_"), `"sha1"`, `"sha256"`, 1),
		"two predicates":    strings.Replace(about(true, "_"), `"predicate":`, `"predicate":{},"predicate":`, 1),
		"without predicate": `{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://spdx.dev/Document","subject":[]}`,
		"cut off":           strings.TrimSuffix(about(true, "_"), "}"),
		"text behind it":    about(true, "_") + "x",
	} {
		if docs, err := decode.Bytes(context.Background(), "x", []byte(raw), decode.Limits{}); err == nil {
			t.Errorf("%s: %d documents", name, len(docs))
		}
	}
}

// TestManySubjects: a folder's statement names every file; time stays linear.
func TestManySubjects(t *testing.T) {
	var b strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&b, `%s{"name":"x%d","digest":{"sha256":"%064x"}}`, map[bool]string{true: ",", false: ""}[i > 0], i, i)
	}
	var d *sbom.Document
	used.Within(t, "200,000 subjects", 20*time.Second, func() {
		d = one(t, strings.Replace(about(true), `"subject":[]`, `"subject":[`+b.String()+`]`, 1))
	})
	if len(d.Subject.Digests) != 200_000 {
		t.Errorf("%d digests", len(d.Subject.Digests))
	}
	many := strings.Replace(about(true), `"subject":[]`, `"subject":[`+strings.Repeat(`{},`, 1<<20)+`{}]`, 1)
	if _, err := decode.Bytes(context.Background(), "x", []byte(many), decode.Limits{}); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("more than a million subjects: %v", err)
	}
}

func TestImagetools(t *testing.T) {
	for raw, want := range map[string]int{
		`{"SPDX":` + spdxJSON + `}`: 1,
		`{"SPDX":` + spdxJSON + `,"AdditionalSPDXs":[` + spdxJSON + `,` + spdxJSON + `]}`:    3,
		`{"linux/amd64":{"SPDX":` + spdxJSON + `},"linux/arm/v7":{"SPDX":` + spdxJSON + `}}`: 2,
		`{"linux/amd64":{},"windows(10.0.20348)/amd64":{"SPDX":` + spdxJSON + `}}`:           1,
		`{"linux/amd64":{}}`: 0,
		`{}`:                 0,
		`{"SPDX":{}}`:        0,
		`{"SPDX":[]}`:        0,
		`{"SPDX":` + spdxJSON + `,"SPDX":` + spdxJSON + `}`:         0,
		`{"linux/amd64":{"linux/amd64":{"SPDX":` + spdxJSON + `}}}`: 0,
		`{"linux/amd64":[` + spdxJSON + `]}`:                        0,
		`{"SPDX":` + spdxJSON:                                       0,
		`{"linux/amd64":{"SPDX":` + spdxJSON + `},"x":1}`:           0,
	} {
		docs, err := decode.Bytes(context.Background(), "x", []byte(raw), decode.Limits{})
		if len(docs) != want || want == 0 && err == nil {
			t.Errorf("%.60q: %d documents, %v", raw, len(docs), err)
		}
		digests := map[ident.Digest]bool{}
		for _, d := range docs {
			if len(d.Warnings) != 1 || len(d.Components) != 1 || d.Components[0].PURL != "pkg:npm/lodash@4.17.20" || d.Format != sbom.SPDX {
				t.Errorf("%.60q: %+v", raw, d)
			}
			digests[d.Digest] = true
		}
		if want == 1 && !digests[ident.SHA256([]byte(raw))] || want > 1 && !digests[ident.SHA256([]byte(spdxJSON))] {
			t.Errorf("%.60q: digests of documents %v", raw, digests)
		}
	}
}

func enveloped(payload string, alphabet *base64.Encoding) string {
	return `{"payloadType":"application/vnd.in-toto+json","payload":"` + alphabet.EncodeToString([]byte(payload)) + `","signatures":[]}`
}

// TestEnvelopes: cosign writes the attestations of an image one on a line, gh writes
// bundles so; what is no SBOM among them is left aside.
func TestEnvelopes(t *testing.T) {
	std, slashed := base64.StdEncoding, strings.Replace(statement(spdxJSON), `"https://spdx.dev/Document"`, `"https://spdx.dev/Document/v2.3"`, 1)+strings.Repeat("\n", 3)+" "
	provenance := enveloped(string(generated(t, "buildkit/greeter.amd64.provenance.intoto.json")), std)
	plain := enveloped(statement(spdxJSON), std)
	built := enveloped(string(generated(t, "buildkit/cellar.amd64.sbom.intoto.json")), base64.URLEncoding)
	bundle := func(s string) string {
		return `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{},"dsseEnvelope":` + s + `}`
	}
	for name, c := range map[string]struct {
		raw  string
		docs int
		err  ident.Kind
	}{
		"one":                         {plain, 1, 0},
		"URL-safe alphabet":           {enveloped(slashed, base64.URLEncoding), 1, 0},
		"bundle":                      {bundle(plain), 1, 0},
		"over several lines":          {strings.ReplaceAll(plain, ",", ",\n"), 1, 0},
		"lines":                       {plain + "\n" + provenance + "\n\n" + built + "\n", 2, 0},
		"a bare statement among them": {plain + "\n" + strings.ReplaceAll(statement(spdxJSON), "\n", ""), 2, 0},
		"lines of bundles":            {bundle(provenance) + "\n" + bundle(built) + "\n", 1, 0},
		"provenance alone":            {provenance, 0, ident.KindUnsupported},
		"lines without an SBOM":       {provenance + "\n" + provenance, 0, ident.KindUnsupported},
		"a damaged line":              {plain + "\n" + strings.Replace(plain, `"payload":"`, `"payload":"*`, 1), 0, ident.KindInvalid},
		"a line cut off":              {plain + "\n" + plain[:len(plain)-1], 0, ident.KindInvalid},
		"two payloads":                {strings.Replace(plain, `"payload"`, `"payload":"","payload"`, 1), 0, ident.KindInvalid},
		"two documents on a line":     {plain + plain, 0, ident.KindInvalid},
		"a payload that is none":      {`{"payloadType":"x","payload":{}}`, 0, ident.KindInvalid},
		"an empty bundle":             {`{"dsseEnvelope":null}`, 0, ident.KindUnsupported},
		"bundles within bundles":      {bundle(bundle(bundle(bundle(bundle(plain))))), 0, ident.KindLimit},
	} {
		docs, err := decode.Bytes(context.Background(), "x", []byte(c.raw), decode.Limits{})
		if len(docs) != c.docs || c.docs == 0 && ident.KindOf(err) != c.err {
			t.Errorf("%s: %d documents, %v", name, len(docs), err)
		}
		if len(docs) == 2 && docs[0].Digest == docs[1].Digest {
			t.Errorf("%s: two documents with one digest", name)
		}
	}
}
